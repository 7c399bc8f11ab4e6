"""Runs what is due: claims rows by lease, calls their handlers, and gives the rows back.

`HANDLERS` in `recoup.app` maps each kind of row to its handler; that map is where to look for what happens after a
decline. A handler re-reads the truth under the object's own lock, so that running twice does no harm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

import structlog

from recoup.db import Database, Grouped, due
from recoup.db.due import Due
from recoup.db.together import Together
from recoup.kit.clock import Clock
from recoup.merchants.core import Merchant
from recoup.testclock import store as clocks

LEASE: Final = timedelta(minutes=5)
"""How long a claim is good unless told: longer than the longest handler, which asks processors one after the other.
What a dead worker had claimed waits as long."""
CLAIMED_AT_ONCE: Final = 4
"""Rows taken from each slot at a time: together no more than can be begun long before their lease ends, though every
handler took its longest."""
CLAIMED_TOGETHER: Final = 16
"""The same after a round of nothing but rows that are worked together: those are begun at once, and a statement costs
much the same for a few as for many."""
RUNNING_MAX: Final = 32
"""Handlers that run at once."""
TOGETHER_MAX: Final = 2
"""Groups of rows that are worked together, each in a transaction, at once: one computes while the other writes."""
AHEAD_MAX: Final = 1000
"""Test merchants with a moved clock that are looked at in one round."""
FAILURE_WAIT_MAX: Final = timedelta(minutes=5)
_DOUBLINGS_MAX: Final = 16

Handler = Callable[[Merchant, UUID, datetime], Awaitable[datetime | None]]
"""Given the merchant, the object and the merchant's now: when to run again, or None when nothing more is due."""
ManyHandler = Callable[[Merchant, Sequence[UUID], datetime], Awaitable[Mapping[UUID, datetime | None]]]
"""The same for objects that are worked together; those are left out whose row was put anew, or dropped, with what was
done."""
Chore = tuple[str, float, Callable[[], Awaitable[object]]]
"""What a server does again and again beside its work: its name, how many seconds apart, and what."""

_log: Final = structlog.get_logger("recoup.worker")


class Worker:
    """Works due rows, in the background and, for the test clock, in order of their time."""

    def __init__(
        self,
        database: Database,
        *,
        handlers: Mapping[str, Handler],
        merchant: Callable[[UUID], Awaitable[Merchant | None]],
        clock: Clock,
        poll_s: float,
        lease: timedelta = LEASE,
        at_once: Mapping[str, ManyHandler] = MappingProxyType({}),
    ) -> None:
        """`at_once`: by kind, what works rows of a merchant together that were claimed together. Where it fails each is
        worked by its handler, so that one that cannot be worked fails alone."""
        self._database = database
        self._handlers = handlers
        self._merchant = merchant
        self._clock = clock
        self._poll_s = poll_s
        self._lease = lease
        self._at_once = at_once
        self._slots = asyncio.Semaphore(RUNNING_MAX)
        self._together = asyncio.Semaphore(TOGETHER_MAX)
        self._claimed_at_once = CLAIMED_AT_ONCE
        self._given_back = Grouped(database, due.GIVE_BACK, name="due")
        self._merchants: Together[UUID, Merchant] = Together(self._look_up, name="merchants")
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish what is begun."""
        while not stop.is_set():
            found = 0
            try:
                found = await self.round(stop)
            except Exception:  # noqa: BLE001 - the worker outlives every fault
                _log.exception("worker.round_failed")
            if not found:
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self._poll_s)
        await self.idle()

    async def idle(self) -> None:
        """Wait until what is begun is finished."""
        if self._running:
            await asyncio.wait(self._running)

    async def round(self, stop: asyncio.Event | None = None) -> int:
        """Claim what is due and start its handlers; how many rows there were. Those not begun at `stop` go back."""
        rows = await self._claim()
        together = bool(rows) and all(row.kind in self._at_once for row in rows)
        self._claimed_at_once = CLAIMED_TOGETHER if together else CLAIMED_AT_ONCE
        for group in self._groups(rows):
            await self._slots.acquire()
            if stop is not None and stop.is_set():
                self._slots.release()
                for row in group:
                    await self.leave(row)
                continue
            task = asyncio.create_task(self._work_in_slot(group), name=f"due {group[0].kind}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return len(rows)

    async def _claim(self) -> list[Due]:
        wall = self._clock.now()
        lease = wall + self._lease
        async with self._database.connection() as connection:
            rows = list(await due.claim(connection, now=wall, lease=lease, limit=self._claimed_at_once))
            for merchant_id, offset in await clocks.ahead(connection, wall=wall, limit=AHEAD_MAX):
                rows += await due.claim_of(
                    connection,
                    merchant_id=merchant_id,
                    now=wall + offset,
                    wall=wall,
                    lease=lease,
                    limit=CLAIMED_AT_ONCE,
                )
        return rows

    def _groups(self, rows: Iterable[Due]) -> Iterable[Sequence[Due]]:
        """Those that are worked together; every other by itself."""
        groups: dict[tuple[UUID, str, UUID | None], list[Due]] = {}
        for row in rows:
            alone = None if row.kind in self._at_once else row.object_id
            groups.setdefault((row.merchant_id, row.kind, alone), []).append(row)
        return groups.values()

    async def _work_in_slot(self, rows: Sequence[Due]) -> None:
        kind, merchant_id = rows[0].kind, rows[0].merchant_id
        try:
            merchant = await self._merchants.get(merchant_id, merchant_id)
            if merchant is None:
                return
            if kind in self._at_once:
                await self._work_together(merchant, rows, self._at_once[kind])
            else:
                for row in self._still_ours(rows):
                    await self.work(merchant, row)
        except Exception:  # noqa: BLE001 - its lease ends, and it is claimed again
            _log.exception("worker.row_failed", kind=kind)
        finally:
            self._slots.release()

    async def _work_together(self, merchant: Merchant, rows: Sequence[Due], many: ManyHandler) -> None:
        async with self._together:
            ours = self._still_ours(rows)
            now = merchant.now(self._clock.now())
            try:
                again = await many(merchant, [row.object_id for row in ours], now) if ours else {}
            except Exception:  # noqa: BLE001 - whose fault it was is seen when each is worked by itself
                _log.exception("worker.group_failed", kind=rows[0].kind, rows=len(ours))
                for row in ours:
                    await self.work(merchant, row)
                return
        back = [(row, again[row.object_id]) for row in ours if row.object_id in again]
        await asyncio.gather(*(self._give_back(row, again_at, tries=0) for row, again_at in back))

    def _still_ours(self, rows: Sequence[Due]) -> Sequence[Due]:
        """Those whose lease has not ended: they may have waited long for their turn."""
        now = self._clock.now()
        return [row for row in rows if row.leased_until > now]

    async def work(self, merchant: Merchant, row: Due) -> None:
        """Call the row's handler and give the row back; a handler that fails is called again, ever later."""
        now = merchant.now(self._clock.now())
        again_at, tries = await self._handled(merchant, row, now)
        await self._give_back(row, again_at, tries=tries)

    async def _look_up(self, merchant_id: UUID, _: Sequence[UUID]) -> Mapping[UUID, Merchant]:
        """The merchant of rows that are begun at once, read once for all of them."""
        found = await self._merchant(merchant_id)
        return {} if found is None else {merchant_id: found}

    async def _give_back(self, row: Due, again_at: datetime | None, *, tries: int) -> None:
        await self._given_back.write(row.merchant_id, due.given_back(row, again_at=again_at, tries=tries))

    async def _handled(self, merchant: Merchant, row: Due, now: datetime) -> tuple[datetime | None, int]:
        """When to call the handler again, and how often it was tried in vain."""
        handler = self._handlers.get(row.kind)
        if handler is None:
            _log.error("worker.no_handler", kind=row.kind)
            return now + FAILURE_WAIT_MAX, row.tries
        try:
            return await handler(merchant, row.object_id, now), 0
        except Exception:  # noqa: BLE001 - tried again later
            _log.exception("worker.handler_failed", kind=row.kind, tries=row.tries)
            wait = timedelta(seconds=2 ** min(row.tries, _DOUBLINGS_MAX))
            return now + min(wait, FAILURE_WAIT_MAX), row.tries

    async def run_news(
        self, merchant: Merchant, *, kinds: Sequence[str], object_id: UUID, lease: datetime
    ) -> None:
        """Work rows that were written with `lease` by their own caller, before it answers."""
        for kind in kinds:
            row = Due(due.slot_of(object_id), merchant.id, kind, object_id, lease, lease, 1)
            await self.work(merchant, row)

    async def work_next(self, merchant: Merchant, *, until: datetime) -> datetime | None:
        """Work the merchant's earliest row that is due by `until`, in the merchant's time; its time, or None."""
        row = await self.take_next(merchant, until=until)
        if row is None:
            return None
        await self.work(merchant, row)
        return row.due_at

    async def take_next(self, merchant: Merchant, *, until: datetime) -> Due | None:
        """Claim the merchant's earliest row that is due by `until`, in the merchant's time; None where there is none.

        A row that somebody else works at the moment is waited for: order is what the test clock promises.
        """
        while True:
            wall = self._clock.now()
            async with self._database.connection() as connection:
                row, is_ours = await due.take_first(
                    connection, merchant_id=merchant.id, until=until, wall=wall, lease=wall + self._lease
                )
            if row is None or is_ours:
                return row
            await asyncio.sleep(self._poll_s / 10)

    async def leave(self, row: Due) -> None:
        """Give a claimed row back as it was, for somebody else."""
        await self._give_back(row, row.due_at, tries=row.tries - 1)

    async def next_due(self, merchant_id: UUID) -> datetime | None:
        """The time of the merchant's earliest row, in the merchant's time."""
        async with self._database.connection() as connection:
            row = await due.next_of(connection, merchant_id=merchant_id)
        return None if row is None else row.due_at
