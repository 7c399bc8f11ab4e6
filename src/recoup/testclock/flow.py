"""The order of events when a test clock is advanced: go to the next due row's time, run it, and on to the target."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from psycopg import Error

from recoup.db import Database
from recoup.db.due import Due
from recoup.kit.clock import Clock, rfc3339
from recoup.kit.refusals import Refusal, conflict, invalid
from recoup.merchants.core import Merchant
from recoup.testclock import store

STEPS_MAX: Final = 10_000
"""The most due rows that one call runs."""
JUMP_MAX: Final = timedelta(days=1100)
"""The furthest that one call moves a clock: three years and a bit."""
HELD_FOR: Final = timedelta(seconds=10)
"""How long a clock is held unless told, and how long what a dead process was moving stands still. Who moves a clock
renews this; who could not for so long has lost it, and is told so."""
RENEWALS: Final = 3
"""How often the hold is renewed before it ends."""
_MILLISECOND: Final = timedelta(milliseconds=1)


class Stepper(Protocol):
    """Finds and runs due rows of one merchant in order (the worker)."""

    async def take_next(self, merchant: Merchant, *, until: datetime) -> Due | None:
        """Claim the earliest row due by `until`; None where there is none. What somebody else works is waited for."""
        ...

    async def work(self, merchant: Merchant, row: Due) -> None:
        """Work a row that was claimed."""
        ...

    async def leave(self, row: Due) -> None:
        """Give a claimed row back as it was."""
        ...


@dataclass(slots=True)
class Moving:
    """A clock on its way: the merchant with its present offset, and until when the clock is held for us; `changing`
    is held by whoever moves the clock or renews the hold."""

    merchant: Merchant
    held: datetime
    is_lost: bool = False
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)


class TestClocks:
    """Moves test merchants' clocks."""

    __test__ = False  # a name that pytest would take for a test

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        stepper: Stepper,
        moved: Callable[[Merchant, datetime], Awaitable[None]],
        steps_max: int = STEPS_MAX,
        held_for: timedelta = HELD_FOR,
    ) -> None:
        self._database = database
        self._clock = clock
        self._stepper = stepper
        self._moved = moved
        self._steps_max = steps_max
        self._held_for = held_for

    async def shown(self, merchant: Merchant) -> datetime | None:
        """What the clock shows; None while it is being moved."""
        row, wall = await store.read(self._database, merchant_id=merchant.id), self._clock.now()
        if row is None or (row.held_until is not None and row.held_until >= wall):
            return None
        return wall + row.offset

    async def advance(self, merchant: Merchant, to: datetime) -> tuple[datetime, int]:
        """Move the merchant's time to `to`, running what is due on the way; what it then shows, and how much ran."""
        wall = self._clock.now()
        held = wall + self._held_for
        offset = await store.begin(self._database, merchant_id=merchant.id, wall=wall, until=held)
        if offset is None:
            raise _is_moving()
        moving = Moving(replace(merchant, clock_offset=offset), held)
        try:
            _refuse_jump(moving.merchant.now(wall), to)
            async with self._renewed(moving):
                return await self._run(moving, to)
        finally:
            await store.let_go(self._database, merchant_id=merchant.id, held=moving.held)

    @asynccontextmanager
    async def _renewed(self, moving: Moving) -> AsyncIterator[None]:
        """Keep the clock held meanwhile, however long a step takes."""
        done = asyncio.Event()
        renewing = asyncio.create_task(self._renew(moving, done), name="test clock held")
        try:
            yield
        finally:
            done.set()
            await renewing

    async def _renew(self, moving: Moving, done: asyncio.Event) -> None:
        while not (done.is_set() or moving.is_lost):
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), self._held_for / timedelta(seconds=RENEWALS))
                return
            async with moving.changing:
                with suppress(Error):  # a database that is away for a moment is asked again in time
                    moving.is_lost = not await self._hold(moving, moving.merchant.clock_offset)

    async def _run(self, moving: Moving, to: datetime) -> tuple[datetime, int]:
        ran = 0
        while ran < self._steps_max:
            row = await self._stepper.take_next(moving.merchant, until=to)
            if row is None:
                return await self._set(moving, to), ran
            try:
                await self._set(moving, row.due_at)
            except Refusal:
                await self._stepper.leave(row)
                raise
            await self._stepper.work(moving.merchant, row)
            ran += 1
        raise conflict(
            "too_much_is_due",
            f"{self._steps_max} things ran and more are due; ask again with the same time to go on.",
        )

    async def _set(self, moving: Moving, moment: datetime) -> datetime:
        """Move the clock to a moment, or leave it where it is further on; what it shows."""
        wall = self._clock.now()
        ahead = (
            -((wall - moment) // _MILLISECOND) * _MILLISECOND
        )  # kept in milliseconds, so never short of the moment
        offset = max(moving.merchant.clock_offset, ahead)
        async with moving.changing:
            if moving.is_lost or not await self._hold(moving, offset):
                raise _is_moving()
        shows = moving.merchant.now(wall)
        await self._moved(moving.merchant, shows)
        return shows

    async def _hold(self, moving: Moving, offset: timedelta) -> bool:
        """Set the clock and hold it on; False where somebody else has taken it over."""
        until = self._clock.now() + self._held_for
        held = await store.move(
            self._database, merchant_id=moving.merchant.id, offset=offset, held=moving.held, until=until
        )
        if held:
            moving.held = until
            moving.merchant = replace(moving.merchant, clock_offset=offset)
        return held


def _refuse_jump(now: datetime, to: datetime) -> None:
    if to < now:
        raise invalid(
            "clock_goes_back", f"The clock shows {rfc3339(now)}; it moves forward only.", param="to"
        )
    if to - now > JUMP_MAX:
        raise invalid("clock_jumps_too_far", f"Move at most {JUMP_MAX.days} days at a time.", param="to")


def _is_moving() -> Refusal:
    return conflict("clock_is_moving", "The clock is being moved by another request.", retry_after_s=1)
