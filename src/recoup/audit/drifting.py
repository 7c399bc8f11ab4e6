"""Sums up who confirms what we hold, as it happens: follows events, and what second sources say between them.

A batch's payments are looked at as they are now; how each counted before is taken out of the sums, and how it counts
now is put in, in one transaction with the place reached. Who does so holds the merchant's place. So several processes
may follow the same merchant and die anywhere, and whoever sees a payment twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from recoup.audit import store as cases
from recoup.audit.core import Case, CaseKind
from recoup.audit.core.drift import (
    AgeSum,
    Standing,
    bounds,
    changes,
    day_of,
    days_from,
    hours_from,
)
from recoup.audit.store import drift as store
from recoup.audit.store.drift import Unmatched
from recoup.db import Connection, Database
from recoup.disputes.core.walking import Walk
from recoup.events.following import MERCHANTS_AT_ONCE, Rounds
from recoup.events.store import Pointer, pointers
from recoup.kit.clock import Clock
from recoup.merchants.core import Merchant
from recoup.settlements.core.reasons import Reason

EVERY_S: Final = 1.0
"""How often what is new is summed up."""
EVENTS_AT_ONCE: Final = 300
WORDS_AT_ONCE: Final = 100
LINES_AT_ONCE: Final = 100
"""A payment costs some 50 us of our own: what else this process does waits a few milliseconds for a batch."""
BATCHES_AT_ONCE: Final = 20
"""Batches of one merchant before the next merchant has its turn."""
BATCHES_BEFORE_AN_ANSWER: Final = 2
UNMATCHED_MAX: Final = 10_000
"""Up to how many open exceptions of settlements are counted, for each reason."""
CASES_SHOWN: Final = 100
_FIRST: Final = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Report:
    """What is confirmed and what differs. `events`: up to which event it goes. `unasked`: accounts whose disputes could
    not be asked for."""

    events: int
    sums: Sequence[AgeSum]
    unmatched: Sequence[Unmatched]
    cases: Sequence[Case]
    unasked: Sequence[Walk]


class Drift:
    """Keeps the sums, and answers from them."""

    def __init__(
        self,
        database: Database,
        *,
        merchant: Callable[[UUID], Awaitable[Merchant | None]],
        unasked: Callable[[Merchant], Awaitable[Sequence[Walk]]],
        clock: Clock,
    ) -> None:
        self._database = database
        self._merchant = merchant
        self._unasked = unasked
        self._clock = clock
        self._looked_at = _FIRST
        self.rounds = Rounds(database, store.PLACES, self.follow, name="drift")

    async def go(self) -> int:
        """Sum up what is new of the next merchants; how many payments were looked at."""
        done = await self.rounds.go()
        news, last = await store.with_news(self._database, after=self._looked_at, limit=MERCHANTS_AT_ONCE)
        self._looked_at = last or _FIRST
        return done + sum([await self.rounds.follow(one) for one in news])

    async def follow(self, merchant_id: UUID, *, batches: int = BATCHES_AT_ONCE) -> int:
        """Sum up what is new of one merchant, up to a limit; how many payments were looked at."""
        merchant = await self._merchant(merchant_id)
        if merchant is None:
            return 0
        looked_at = 0
        for _ in range(batches):
            found = await self._database.retrying(partial(self._batch, merchant=merchant))
            if found is None:
                break
            looked_at += found
        return looked_at

    async def report(
        self, merchant: Merchant, *, account_id: UUID | None, currency: str | None, now: datetime
    ) -> Report:
        """What is confirmed and what differs, after what is new was summed up, up to a limit."""
        by = partial(self.follow, batches=BATCHES_BEFORE_AN_ANSWER)
        await self.rounds.follow(merchant.id, by)
        database, whose = self._database, {"merchant_id": merchant.id}
        return Report(
            await store.place(database, **whose),
            await store.sums(database, **whose, bounds=bounds(now), account_id=account_id, currency=currency),
            await store.unmatched(
                database, [one.value for one in Reason], **whose, account_id=account_id, most=UNMATCHED_MAX
            ),
            await cases.open_of_kind(database, CaseKind.CONTRADICTION, **whose, limit=CASES_SHOWN),
            [one for one in await self._unasked(merchant) if account_id in (None, one.account_id)],
        )

    async def _batch(self, connection: Connection, *, merchant: Merchant) -> int | None:
        """One batch; None where there was nothing new."""
        place = await store.lock(connection, merchant_id=merchant.id)
        events = await pointers(
            connection, merchant_id=merchant.id, after=place.sequence, limit=EVENTS_AT_ONCE
        )
        found = await _payments_of(connection, merchant.id, events)
        words = await store.uncounted(connection, merchant_id=merchant.id, limit=WORDS_AT_ONCE)
        lines = await store.next_lines(connection, merchant_id=merchant.id, limit=LINES_AT_ONCE)
        if not events and not words and lines is None:
            return None
        reports = [one.object_id for one in events if one.type == "settlement.completed"]
        if reports:
            await store.begin_reports(connection, reports, merchant_id=merchant.id)
        payments = sorted({*found, *words, *(lines or ())})
        await self._count(connection, merchant, payments, folded=place.folded)
        if events:
            await store.move_on(connection, merchant_id=merchant.id, sequence=events[-1].sequence)
        return len(payments)

    async def _count(
        self,
        connection: Connection,
        merchant: Merchant,
        payment_ids: Sequence[UUID],
        *,
        folded: datetime | None,
    ) -> None:
        today = day_of(merchant.now(self._clock.now()))
        if folded is None or today > folded:
            await store.fold(
                connection,
                merchant_id=merchant.id,
                day=today,
                hours=hours_from(today),
                days=days_from(today),
            )
        else:
            today = folded  # another process's clock may be ahead, and has folded by it
        before = await store.counted(connection, payment_ids, merchant_id=merchant.id)
        now = [
            one
            for one in await store.present(connection, payment_ids, merchant_id=merchant.id)
            if one != before.get(one.payment_id)
            and (one.payment_id in before or one.standing is not Standing.NOTHING)
        ]
        if not now:
            return
        changed = changes(((before.get(one.payment_id), one) for one in now), today)
        if changed:
            await store.add(connection, changed, merchant_id=merchant.id)
        await store.write_counted(connection, now, merchant_id=merchant.id)


async def _payments_of(connection: Connection, merchant_id: UUID, events: Sequence[Pointer]) -> set[UUID]:
    """The payments that events are about."""
    found = {one.object_id for one in events if one.type.startswith("payment.")}
    refunds = {one.object_id for one in events if one.type.startswith("refund.")}
    if refunds:
        found.update(await store.payments_of_refunds(connection, sorted(refunds), merchant_id=merchant_id))
    return found
