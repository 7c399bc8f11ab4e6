"""The order of events when a test clock is advanced: go to the next due row's time, run it, and on to the target."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from recoup.db import Database
from recoup.kit.clock import Clock, rfc3339
from recoup.kit.refusals import Refusal, conflict, invalid
from recoup.merchants.core import Merchant
from recoup.testclock import store

STEPS_MAX: Final = 10_000
"""The most due rows that one call runs."""
JUMP_MAX: Final = timedelta(days=1100)
"""The furthest that one call moves a clock: three years and a bit."""
HELD_FOR: Final = timedelta(minutes=6)
"""How long a clock is held for a step unless told. Who needs longer loses it, and is told so; what a dead process was
moving stands still as long."""
_MILLISECOND: Final = timedelta(milliseconds=1)


class Stepper(Protocol):
    """Finds and runs due rows of one merchant in order (the worker)."""

    async def next_due(self, merchant_id: UUID) -> datetime | None:
        """The time of the merchant's earliest row."""
        ...

    async def work_next(self, merchant: Merchant, *, until: datetime) -> datetime | None:
        """Run the earliest row due by `until`; its time, or None where there is none."""
        ...


@dataclass(slots=True)
class Moving:
    """A clock on its way: the merchant with its present offset, and until when the clock is held for us."""

    merchant: Merchant
    held: datetime


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
            return await self._run(moving, to)
        finally:
            await store.let_go(self._database, merchant_id=merchant.id, held=moving.held)

    async def _run(self, moving: Moving, to: datetime) -> tuple[datetime, int]:
        ran = 0
        for _ in range(self._steps_max):
            due_at = await self._stepper.next_due(moving.merchant.id)
            if due_at is None or due_at > to:
                return await self._set(moving, to), ran
            await self._set(moving, due_at)
            # Never beyond what the clock shows, though the earliest row may be gone meanwhile.
            ran += await self._stepper.work_next(moving.merchant, until=due_at) is not None
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
        until = wall + self._held_for
        if not await store.move(
            self._database, merchant_id=moving.merchant.id, offset=offset, held=moving.held, until=until
        ):
            raise _is_moving()
        moving.held = until
        moving.merchant = replace(moving.merchant, clock_offset=offset)
        shows = moving.merchant.now(wall)
        await self._moved(moving.merchant, shows)
        return shows


def _refuse_jump(now: datetime, to: datetime) -> None:
    if to < now:
        raise invalid(
            "clock_goes_back", f"The clock shows {rfc3339(now)}; it moves forward only.", param="to"
        )
    if to - now > JUMP_MAX:
        raise invalid("clock_jumps_too_far", f"Move at most {JUMP_MAX.days} days at a time.", param="to")


def _is_moving() -> Refusal:
    return conflict("clock_is_moving", "The clock is being moved by another request.", retry_after_s=1)
