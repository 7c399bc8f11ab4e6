"""The order of events when a test clock is advanced: go to the next due row's time, run it, and on to the target."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from recoup.db import Database
from recoup.kit.clock import Clock, rfc3339
from recoup.kit.refusals import conflict, invalid
from recoup.merchants.core import Merchant
from recoup.testclock import store

STEPS_MAX: Final = 10_000
"""The most due rows that one call runs."""
JUMP_MAX: Final = timedelta(days=1100)
"""The furthest that one call moves a clock: three years and a bit."""
HELD_FOR: Final = timedelta(minutes=6)
"""How long a clock is kept between two steps: longer than a worker's lease."""


class Stepper(Protocol):
    """Finds and runs due rows of one merchant in order (the worker)."""

    async def next_due(self, merchant_id: UUID) -> datetime | None:
        """The time of the merchant's earliest row."""
        ...

    async def work_next(self, merchant: Merchant, *, until: datetime) -> datetime | None:
        """Run the earliest row due by `until`; its time, or None where there is none."""
        ...


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
    ) -> None:
        self._database = database
        self._clock = clock
        self._stepper = stepper
        self._moved = moved

    async def advance(self, merchant: Merchant, to: datetime) -> tuple[Merchant, int]:
        """Move the merchant's time to `to` and run everything due up to then; the merchant anew, and how much ran."""
        now = merchant.now(self._clock.now())
        if to < now:
            raise invalid(
                "clock_goes_back", f"The clock shows {rfc3339(now)}; it moves forward only.", param="to"
            )
        if to - now > JUMP_MAX:
            raise invalid("clock_jumps_too_far", f"Move at most {JUMP_MAX.days} days at a time.", param="to")
        wall = self._clock.now()
        offset = await store.begin(self._database, merchant_id=merchant.id, wall=wall, until=wall + HELD_FOR)
        if offset is None:
            raise conflict("clock_is_moving", "The clock is being moved by another request.", retry_after_s=1)
        merchant = replace(merchant, clock_offset=offset)
        try:
            return await self._run(merchant, to)
        finally:
            await self._let_go(merchant)

    async def _run(self, merchant: Merchant, to: datetime) -> tuple[Merchant, int]:
        for ran in range(STEPS_MAX):
            due_at = await self._stepper.next_due(merchant.id)
            if due_at is None or due_at > to:
                return await self._at(merchant, to, hold=False), ran
            merchant = await self._at(merchant, due_at, hold=True)
            await self._stepper.work_next(merchant, until=to)
        raise conflict(
            "too_much_is_due",
            f"{STEPS_MAX} things ran and more are due; ask again with the same time to go on.",
        )

    async def _at(self, merchant: Merchant, moment: datetime, *, hold: bool) -> Merchant:
        wall = self._clock.now()
        offset = max(merchant.clock_offset, moment - wall)
        until = wall + HELD_FOR if hold else None
        await store.move(self._database, merchant_id=merchant.id, offset=offset, until=until)
        merchant = replace(merchant, clock_offset=offset)
        await self._moved(merchant, merchant.now(wall))
        return merchant

    async def _let_go(self, merchant: Merchant) -> None:
        await self._database.execute(
            "update merchants set clock_moving_until = null where id = %(merchant_id)s",
            {"merchant_id": merchant.id},
        )
