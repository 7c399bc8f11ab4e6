"""One change of a dispute in one transaction: its row, the ledger, what is due, and its events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from recoup.db import Connection, due
from recoup.disputes import store
from recoup.disputes.core import concluding
from recoup.disputes.core.postings import transfers
from recoup.disputes.core.records import AnswerState, Dispute
from recoup.disputes.core.walking import placed_at, read_at
from recoup.disputes.objects import dispute_object
from recoup.events.core import NewEvent
from recoup.events.store import append
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import not_found
from recoup.ledger import flow as ledger
from recoup.merchants.core import Merchant

REMIND: Final = "dispute.evidence_due"
"""The kind of due row that says: the day by which to answer is near."""
REREAD: Final = "dispute.reread"
"""The kind of due row that says: ask the processor how this dispute stands."""
ANSWER: Final = "dispute.answer"
"""The kind of due row that says: see what became of the answer that was sent."""
PLACE: Final = "dispute.place"
"""The kind of due row that says: look again of which payment this dispute is."""
STOPS: Final = "event:dispute.stops"
"""The kind of due row that tells later subjects: nothing may be tried on the card of this dispute any more."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes changes. `reminders`: how long before the day by which to answer the merchant is reminded;
    `asked_every`: how soon the processor is asked, where nothing is heard."""

    new_id: Callable[[], UUID]
    reminders: Sequence[timedelta]
    asked_every: timedelta

    async def write(
        self,
        connection: Connection,
        merchant: Merchant,
        before: Dispute,
        after: Dispute,
        *,
        now: datetime,
        told: tuple[str, ...] | None = None,
        answer_due: datetime | None = None,
    ) -> tuple[Dispute, tuple[str, ...]]:
        """Write a dispute whose row this transaction holds, and what follows; the dispute then, and its events.

        `told` are the events where they do not follow from the change. `answer_due`: when to look at our answer.
        """
        after = replace(after, version=before.version, updated_at=before.updated_at)
        happened = concluding.happened(before, after) if told is None else told
        if before == after and not happened and answer_due is None:
            return before, ()
        after = replace(
            after,
            version=before.version + 1,
            events_count=before.events_count + len(happened),
            updated_at=now if happened else before.updated_at,
        )
        await store.save(connection, after)
        await self._put_due(connection, merchant, before, after, now=now, answer_due=answer_due)
        await ledger.post(connection, merchant.id, transfers(before.booked, after, now))
        await append(connection, merchant.id, self._events(merchant, after, happened, now))
        return after, happened

    async def _put_due(
        self,
        connection: Connection,
        merchant: Merchant,
        before: Dispute,
        after: Dispute,
        *,
        now: datetime,
        answer_due: datetime | None,
    ) -> None:
        merchant_id, dispute_id = merchant.id, after.id
        if before.reminder_at != after.reminder_at:
            await put_or_drop(connection, merchant_id, REMIND, dispute_id, after.reminder_at)
        if answer_due is not None:
            await put_or_drop(connection, merchant_id, ANSWER, dispute_id, answer_due)
        elif _is_undecided(before) and not _is_undecided(after):
            await put_or_drop(connection, merchant_id, ANSWER, dispute_id, None)
        if before.status is not after.status or not before.events_count:
            read = read_at(after, now, self.asked_every)
            await put_or_drop(connection, merchant_id, REREAD, dispute_id, read)
        if not before.events_count or before.charge_reference != after.charge_reference:
            await put_or_drop(connection, merchant_id, PLACE, dispute_id, placed_at(after, now))
        cards_known = before.card == after.card
        if after.stops and not (before.stops and cards_known):
            await put_or_drop(connection, merchant_id, STOPS, dispute_id, now)

    def _events(
        self, merchant: Merchant, after: Dispute, happened: Sequence[str], now: datetime
    ) -> list[NewEvent]:
        shown = msgspec.json.encode(dispute_object(after, livemode=merchant.livemode)) if happened else b""
        first = after.events_count - len(happened) + 1
        return [
            NewEvent(self.new_id(), type_, after.id, first + place, shown, now)
            for place, type_ in enumerate(happened)
        ]


async def put_or_drop(
    connection: Connection, merchant_id: UUID, kind: str, object_id: UUID, at: datetime | None
) -> None:
    """Say when an object is due, or that it is not any more."""
    if at is None:
        await due.drop(connection, merchant_id=merchant_id, kind=kind, object_id=object_id)
    else:
        await due.put(connection, merchant_id=merchant_id, kind=kind, object_id=object_id, due_at=at)


def _is_undecided(dispute: Dispute) -> bool:
    answer = dispute.answer
    return answer is not None and answer.state in (AnswerState.SENDING, AnswerState.UNKNOWN)


async def held(connection: Connection, merchant: Merchant, dispute_id: UUID) -> Dispute:
    """One dispute, held until the transaction ends; refuses with 404."""
    return there(await store.lock(connection, merchant_id=merchant.id, dispute_id=dispute_id), dispute_id)


def there(dispute: Dispute | None, dispute_id: UUID) -> Dispute:
    """A dispute that was found; refuses with 404."""
    if dispute is None or not dispute.version:
        raise not_found("dispute", render(Kind.DISPUTE, dispute_id))
    return dispute
