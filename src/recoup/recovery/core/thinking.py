"""Thoughts led to their end: a thought that wants a plan on its way hands its case over, and gets the plan."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from recoup.recovery.core.planning import gating, plan
from recoup.recovery.core.records import Case, Plan, Thinking

T = TypeVar("T")


def alone(thinking: Thinking[T], now: datetime) -> T:
    """What a thought comes to, where it is the only one: what it wants planned is planned at once."""
    try:
        case = next(thinking)
        while True:
            case = thinking.send(plan(case, now))
    except StopIteration as done:
        result: T = done.value
        return result


def gate(case: Case, now: datetime) -> Plan | None:
    """Asked on fresh facts just before a try that is due: None where it may be made, else what is done instead."""
    return alone(gating(case, now), now)
