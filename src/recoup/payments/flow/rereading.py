"""What is looked at after a payment's end: it is read again some times, and a hold is watched until it lapses.

Refunds bounce and approvals reverse, and not every processor tells. So the events are followed, far from the hot path,
and rows of due work are written: `payment.reread` for whatever ended, `payment.hold` for what is held. Both ask the
processor as a notice would make us ask, by the same rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from msgspec.structs import replace

from recoup.db import Connection
from recoup.events.following import Rounds
from recoup.events.store import Pointer, pointers
from recoup.merchants.core import Merchant
from recoup.payments import store as payments
from recoup.payments.core import Snapshot
from recoup.payments.core.lapse import WARNED_BEFORE, capture_before, read_again_at
from recoup.payments.core.step import Step
from recoup.payments.core.steps import ask_at_of
from recoup.payments.flow.heard import NotYet
from recoup.payments.flow.reviewing import Reviewing
from recoup.payments.flow.settling import Settling
from recoup.payments.flow.tools import Tools
from recoup.payments.store import rereading as store
from recoup.payments.store.rereading import Later
from recoup.payments.writes import Along

REREAD: Final = "payment.reread"
HOLD: Final = "payment.hold"
"""The kinds of due rows."""
EXPIRING: Final = "payment.authorization_expiring"
EVERY_S: Final = 5.0
"""How often new events are followed: nothing is due before the first span, which is a minute at least."""
EVENTS_AT_ONCE: Final = 1000
BATCHES_AT_ONCE: Final = 20
_DAY: Final = timedelta(days=1)
_MONTH: Final = timedelta(days=31)
_ENDS: Final = frozenset(
    {
        "payment.authorized",
        "payment.partially_captured",
        "payment.captured",
        "payment.capture_failed",
        "payment.cancel_failed",
        "payment.declined",
        "payment.failed",
        "payment.canceled",
        "payment.refunded",
    }
)
_HOLDS: Final = frozenset({"payment.authorized", "payment.partially_captured", "payment.capture_failed"})

_log: Final = structlog.get_logger("recoup.payments")


class Rereading:
    """Follows events, and works what they made due."""

    def __init__(
        self, tools: Tools, settling: Settling, reviewing: Reviewing, *, spans: Sequence[timedelta]
    ) -> None:
        assert spans, "what ends is read again once at least"
        self._tools = tools
        self._settling = settling
        self._reviewing = reviewing
        self._spans = spans
        self.rounds = Rounds(tools.database, store.PLACES, self.follow, name="rereading")

    async def follow(self, merchant_id: UUID) -> int:
        """Follow what is new of one merchant, up to a limit."""
        made = 0
        for _ in range(BATCHES_AT_ONCE):
            after = await store.followed(self._tools.database, merchant_id=merchant_id)
            events = await pointers(
                self._tools.database, merchant_id=merchant_id, after=after, limit=EVENTS_AT_ONCE
            )
            if not events:
                break
            later = self._later(events)

            async def write(
                connection: Connection,
                upto: int = events[-1].sequence,
                after: int = after,
                later: list[Later] = later,
            ) -> int:
                if not await store.move_on(connection, merchant_id=merchant_id, after=after, upto=upto):
                    return 0
                if later:
                    await store.put(connection, later, merchant_id=merchant_id)
                return len(later)

            made += await self._tools.database.retrying(write)
        return made

    def _later(self, events: Sequence[Pointer]) -> list[Later]:
        """The last end of each payment counts; what ended so long ago that it is not read any more is left alone."""
        wall, rows = self._tools.clock.now(), dict[tuple[str, UUID], Later]()
        for event in events:
            if event.created_at < wall - max(self._spans[-1], _MONTH):
                continue
            if event.type in _ENDS:
                at = event.created_at + self._spans[0]
                rows[REREAD, event.object_id] = Later(REREAD, event.object_id, at)
            if event.type in _HOLDS:
                rows[HOLD, event.object_id] = Later(HOLD, event.object_id, event.created_at + _DAY)
        return list(rows.values())

    async def reread(self, merchant: Merchant, payment_id: UUID, now: datetime) -> datetime | None:
        """The handler of `payment.reread`: ask about all that ended, and say when to do so again."""
        snapshot = await payments.load(self._tools.database, merchant_id=merchant.id, payment_id=payment_id)
        if snapshot is None:
            return None
        waiting = self._settling.under_way_until(snapshot, now)
        if waiting is not None:
            return waiting
        heard = await self._reviewing.all(merchant, snapshot)
        next_one = read_again_at(snapshot.payment.updated_at, now, self._spans)
        sooner = [one.again_at for one in heard if isinstance(one, NotYet)]
        return min([*sooner, *([] if next_one is None else [next_one])], default=None)

    async def watch(self, merchant: Merchant, payment_id: UUID, now: datetime) -> datetime | None:
        """The handler of `payment.hold`: warn before a hold lapses; after that ask, ever more seldom, until it is gone.

        Time alone lets go of nothing: the processor must say so."""
        snapshot = await payments.load(self._tools.database, merchant_id=merchant.id, payment_id=payment_id)
        until = None if snapshot is None else capture_before(snapshot)
        if snapshot is None or until is None:
            return None
        if now < until - WARNED_BEFORE:
            return until - WARNED_BEFORE
        if now < until:
            await self._warn(merchant, snapshot)
            return until
        attempt = snapshot.open_attempt
        assert attempt is not None, "what is held is held by an attempt"
        await self._reviewing.attempt(merchant, snapshot, attempt, told=None)
        fresh = await self._tools.load(merchant, payment_id)
        return None if capture_before(fresh) is None else now + max(_DAY, now - until)

    async def _warn(self, merchant: Merchant, snapshot: Snapshot) -> None:
        """Once of each hold."""
        held = snapshot.open_attempt
        assert held is not None and held.finished_at is not None, "a hold has its time"
        told = await store.was_told(
            self._tools.database,
            merchant_id=merchant.id,
            payment_id=snapshot.payment.id,
            type_=EXPIRING,
            since=held.finished_at,
        )
        if told:
            return

        def plan(fresh: Snapshot) -> Step | None:
            if capture_before(fresh) is None:
                return None
            now, payment = self._tools.now(merchant), fresh.payment
            told = replace(payment, version=payment.version + 1, events_count=payment.events_count + 1)
            after = replace(fresh, payment=told)
            return Step(fresh, after, (EXPIRING,), ask_at_of(after, now))

        await self._tools.commit(merchant, plan, snapshot, Along())
