"""The processors' end of the chain: they ask the network for authorisations, and tell it what has happened since.

Silence is answered as acquirers do: the charge is declined with 91, and a reversal goes out for whatever the issuer may
have made of it. What is told is first kept in the transaction of what it tells of, so it is told whatever dies between.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from recoup.connectors.base import iso8583
from recoup.db import Connection, Database
from recoup.kit.clock import Clock
from recoup.sandbox.chain import messages, store
from recoup.sandbox.chain.forwarding import Forwarding
from recoup.sandbox.chain.lines import Line, Silent
from recoup.sandbox.chain.messages import Advice, Judgement, Request, advice_message, request_message
from recoup.sandbox.chain.store import Holder
from recoup.sandbox.core.cardfile import brand_of

_REFUSED: Final = "30"


class Acquirers:
    """Asks and tells the network for all three processors."""

    def __init__(self, database: Database, clock: Clock, line: Line, *, timeout_s: float) -> None:
        self._database = database
        self._clock = clock
        self._line = line
        self._timeout_s = timeout_s
        self.forwarding = Forwarding(database, Holder.ACQUIRER, self._tell)

    async def authorise(
        self, request: Request, *, mark: str = "", within_s: float | None = None
    ) -> Judgement | None:
        """What the card's issuer says; None where nobody knows, so that it must be reversed."""
        sent = self._clock.now()
        message = request_message(request, trace=self._line.trace(), sent=sent, mark=mark)
        heard = await self._line.ask(message, within_s=within_s or self._timeout_s)
        if isinstance(heard, Silent):
            return None
        if isinstance(heard, Mapping):
            return messages.judgement_of(heard)
        return messages.not_available(brand_of(request.number))

    async def keep(self, connection: Connection, advice: Advice) -> None:
        """Make sure that it will be told, if the transaction ends well."""
        await store.keep(connection, advice, Holder.ACQUIRER, now=self._clock.now())

    async def tell(self, advice: Advice) -> None:
        """Tell what is kept now; where nobody hears it, later."""
        await self.forwarding.told(advice)

    async def _tell(self, advice: Advice) -> bool:
        message = advice_message(advice, trace=self._line.trace(), sent=self._clock.now())
        heard = await self._line.ask(message, within_s=self._timeout_s)
        # What is not understood will not be understood the next time either.
        return isinstance(heard, Mapping) and heard.get("39") in (iso8583.APPROVED, _REFUSED)
