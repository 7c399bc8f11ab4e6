"""Opens cases about what processors told: against what we hold, in two ways under one name, or not to be read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from recoup.audit.core import Case, CaseKind, CaseState
from recoup.audit.flow import Audit
from recoup.db import Connection, Database
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.webhooks.core.inbox import TO_A_PERSON, Inbound, Result, Told

_COMPARE: Final = (
    "Look up at the processor which of the two is true; the first was used, the second was not. Then ask for the "
    "payment's present state: POST /v1/payments/{payment}/sync."
)
_REPLAY: Final = (
    "See the reason in the log, mend it, and have it read again: POST /v1/inbound/{inbound}/replay."
)


class Journal(Protocol):
    """What audit asks of the inbox."""

    async def get(self, merchant: Merchant, inbound_id: UUID) -> Inbound:
        """One delivery; refuses with 404."""
        ...


class InboundCases:
    """Hears of deliveries that need a person."""

    def __init__(
        self, database: Database, *, audit: Audit, journal: Journal, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._audit = audit
        self._journal = journal
        self._new_id = new_id

    async def on_inbound(self, merchant: Merchant, inbound_id: UUID, now: datetime) -> datetime | None:
        """A delivery was read that needs a person: open a case for each thing in it that does."""
        inbound = await self._journal.get(merchant, inbound_id)
        cases = [
            _case(one, inbound, self._new_id(), now) for one in inbound.told if one.result in TO_A_PERSON
        ]

        async def work(connection: Connection) -> None:
            for case in cases:
                await self._audit.open(connection, merchant, case, now=now)

        await self._database.retrying(work)
        return None


def _case(told: Told, inbound: Inbound, id_: UUID, now: datetime) -> Case:
    shown = render(Kind.INBOUND, inbound.id)
    account = render(Kind.PROCESSOR_ACCOUNT, inbound.account_id)
    match told.result:
        case Result.CONTRADICTION:
            kind, subject = CaseKind.CONTRADICTION, f"{told.object_name}:{told.held}:{told.said}"
            summary = f"{account} says that {told.object_name} is {told.said}; here it is {told.held}."
            remedy = told.why or _REPLAY.format(inbound=shown)
        case Result.CONFLICT:
            kind, subject = CaseKind.WEBHOOK_CONFLICT, f"{account}:{told.event_id}"
            summary = f"{account} sent two webhooks under one name that say different things: {told.why}."
            remedy = _COMPARE
        case _:
            kind, subject = CaseKind.WEBHOOK_FAILED, shown
            summary, remedy = f"A webhook of {account}: {told.why}.", _REPLAY.format(inbound=shown)
    return Case(
        id=id_,
        kind=kind,
        subject=subject,
        state=CaseState.OPEN,
        object_id=told.payment_id,
        summary=summary,
        remedy=remedy,
        details={
            "inbound": shown,
            "processor_account": account,
            "event": told.event_id,
            "reference": told.reference,
            "object": told.object_name,
            "held": told.held,
            "told": told.said,
            "occurred_at": None if told.occurred_at is None else rfc3339(told.occurred_at),
        },
        opened_at=now,
    )
