"""What is on an account: it is filled on payday, and living drains it until the next one.

On payday an account is brought to the pay and a cushion (what was left over goes to savings); so a balance is a
function of the last payday, and of what was charged since. Until the next payday a share of that is spent, faster at
the beginning; some spend more than there is and are at zero before payday. Everything is lazy: a balance is known at
one moment and rolled forward when somebody asks, and rolling in one step or in several gives the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from recoup.sandbox.core.chance import below
from recoup.sandbox.core.paydays import Interval
from recoup.sandbox.core.people import Person

DORMANT_MAX: Final = 900
"""What may lie on an account that nobody pays into."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What is there to spend at a moment, in the smallest unit of the account's currency; below zero is overdrawn."""

    minor: int
    at: datetime


def balance(who: Person, known: Balance | None, now: datetime) -> Balance:
    """What is there now. `known` is what was there at an earlier moment, where something happened since the seed."""
    interval = who.paydays.around(now)
    if interval is None:
        return Balance(known.minor if known else below(DORMANT_MAX, who.seed, "left", who.index), now)
    if known is None or known.at < interval.start:
        assert interval.paid, "whoever moved the payday knew the balance"
        known = Balance(_filled(who, interval), interval.start)
    spent = max(0, _spent(who, interval, now) - _spent(who, interval, known.at))
    return Balance(max(known.minor - spent, min(known.minor, 0)), now)


def spends_per_cycle(who: Person) -> int:
    """What living costs from one payday to the next, about."""
    return who.pay * who.spends_per_cent // 100


def _filled(who: Person, interval: Interval) -> int:
    """What is there right after payday."""
    cushion = who.pay * below(16, who.seed, "cushion", who.index, interval.start.date()) // 100
    return who.pay + cushion


def _spent(who: Person, interval: Interval, now: datetime) -> int:
    """What living has cost from the interval's start to a moment in it: of the whole, f * (2 - f) after the part f."""
    more = below(11, who.seed, "lives", who.index, interval.start.date()) - 5
    whole = who.pay * (who.spends_per_cent + more) // 100
    length = _milliseconds(interval.start, interval.end)
    passed = min(_milliseconds(interval.start, now), length)
    return whole * (2 * passed * length - passed * passed) // (length * length)


def _milliseconds(start: datetime, end: datetime) -> int:
    passed = end - start
    return (passed.days * 86_400 + passed.seconds) * 1000 + passed.microseconds // 1000
