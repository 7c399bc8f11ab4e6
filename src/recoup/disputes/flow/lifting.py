"""Lifts the stop that a report of fraud left on a card: a person has found out that the card is its holder's after all.

What was lifted, when and why stands on the dispute and in its events. Where the dispute moves on, it is judged anew.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from recoup.db import Connection
from recoup.disputes.core.concluding import STOP_LIFTED, stops
from recoup.disputes.core.records import Dispute, Lifted
from recoup.disputes.flow.writing import Writer, held
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant


class Lifting:
    """Lifts stops."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def lift(
        self, connection: Connection, merchant: Merchant, dispute_id: UUID, *, why: str, now: datetime
    ) -> Dispute:
        """Let the card of a dispute be tried again, in the caller's transaction. Refuses while it is open."""
        before = await held(connection, merchant, dispute_id)
        if before.is_open:
            message = "Nothing is tried on a card while its dispute is open: the stop ends with the dispute."
            raise conflict("dispute_open", message)
        if not before.stops:
            raise conflict("dispute_stops_nothing", "This dispute stops nothing.")
        after = replace(before, lifted=Lifted(now, why))
        after = replace(after, stops=stops(after))
        written, _ = await self._writer.write(
            connection, merchant, before, after, now=now, told=(STOP_LIFTED,)
        )
        return written
