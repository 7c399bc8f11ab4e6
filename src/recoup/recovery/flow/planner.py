"""Leads thoughts of recoveries to their end: the plans that many of them want at the same time are made together.

A plan costs a fraction of the time where it is made with others. What is wanted while the event loop goes round once is
made at once, by those who found it wanted; nobody waits on purpose, and a lone plan is made in the next moment.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeVar

from recoup.recovery.core import Case, Plan, Thinking, plans_at

T = TypeVar("T")

TOGETHER_MAX: Final = 32
"""How many plans are made before others are let on: so many hold up everything for some thirty milliseconds."""


@dataclass(frozen=True, slots=True, eq=False)
class _Wanted:
    case: Case
    now: datetime
    answer: asyncio.Future[Plan]


class Planner:
    """Makes plans. Belongs to one event loop."""

    def __init__(self, *, together_max: int = TOGETHER_MAX) -> None:
        assert together_max > 0, "limits are positive"
        self._together_max = together_max
        self._wanted: deque[_Wanted] = deque()

    async def led(self, thinking: Thinking[T], now: datetime) -> T:
        """What a thought comes to. It fails alone: what another case raises is the other's."""
        try:
            case = next(thinking)
            while True:
                case = thinking.send(await self._planned(case, now))
        except StopIteration as done:
            result: T = done.value
            return result

    async def _planned(self, case: Case, now: datetime) -> Plan:
        loop = asyncio.get_running_loop()
        wanted = _Wanted(case, now, loop.create_future())
        if not self._wanted:
            loop.call_soon(self._plan)
        self._wanted.append(wanted)
        return await wanted.answer

    def _plan(self) -> None:
        """Plan for as many as wait, and leave the rest to the next round of the loop."""
        several = [self._wanted.popleft() for _ in range(min(len(self._wanted), self._together_max))]
        if self._wanted:
            asyncio.get_running_loop().call_soon(self._plan)
        _answer([one for one in several if not one.answer.done()])


def _answer(several: Sequence[_Wanted]) -> None:
    """Give each its plan; where one cannot be planned, its own exception."""
    try:
        plans = plans_at([(one.case, one.now) for one in several])
    except Exception as error:  # noqa: BLE001 - whatever it was, who waits must hear of it
        if len(several) == 1:
            several[0].answer.set_exception(error)
            return
        for one in several:
            _answer([one])
    else:
        for one, plan in zip(several, plans, strict=True):
            one.answer.set_result(plan)
