"""How people are paid, country by country: what is believed of a customer who told nothing, with sources."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.paydays.core.cycles import Biweekly, Monthly, PayCycle, SemiMonthly, Weekly

_ANCHOR: Final = date(2024, 1, 1)
"""A Monday."""
PAIRS: Final = ((1, 15), (5, 20), (7, 22), (10, 25), (15, 31))
"""Pairs of days on which people are usually paid twice a month."""

CYCLES: Final[tuple[PayCycle, ...]] = (
    *(Weekly(weekday) for weekday in range(7)),
    *(Biweekly(_ANCHOR + timedelta(days=n)) for n in range(14)),
    *(SemiMonthly(first, second) for first, second in PAIRS),
    *(Monthly(day) for day in range(1, 32)),
)
"""Every cycle that is thought possible; day 31 is the last working day of the month."""
MONTHLY_AT: Final = len(CYCLES) - 31
"""Where `Monthly(1)` is among them."""

_OWN: Final = "own estimate, for want of a published figure"
_BLS: Final = "US Bureau of Labor Statistics, How frequently do private businesses pay workers? (2014-05)"
_CIPP: Final = (
    "CIPP surveys of 2019: 96 % run a monthly payroll; over 75 % pay on the last day, the 28th or the 25th"
)
_CUSTOM: Final = "own estimate from the custom of salaries between the 25th and the 1st"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """How people are paid in a country: shares of each kind of cycle, and where each kind usually falls.

    `days` are the weights of days of the month for whoever is paid monthly; `others` is the share of all days not
    named.
    """

    weekly: float
    biweekly: float
    semi_monthly: float
    monthly: float
    source: str
    days: Mapping[int, float]
    others: float = 0.25
    pairs: tuple[float, ...] = (0.3, 0.1, 0.05, 0.05, 0.5)
    weekdays: tuple[float, ...] = (0.04, 0.05, 0.12, 0.17, 0.6, 0.01, 0.01)


_LATE_MONTH: Final = {25: 0.2, 26: 0.05, 27: 0.08, 28: 0.1, 30: 0.12, 31: 0.25, 1: 0.2}

HABITS: Final[Mapping[str, Habit]] = {
    "US": Habit(
        weekly=0.324,
        biweekly=0.365,
        semi_monthly=0.198,
        monthly=0.113,
        source=_BLS,
        days={1: 0.35, 3: 0.2, 15: 0.1, 31: 0.35},
    ),
    "CA": Habit(
        weekly=0.15,
        biweekly=0.55,
        semi_monthly=0.2,
        monthly=0.1,
        source=_OWN,
        days={1: 0.4, 15: 0.2, 31: 0.4},
    ),
    "GB": Habit(
        weekly=0.1,
        biweekly=0.05,
        semi_monthly=0.0,
        monthly=0.85,
        source=_CIPP,
        days={31: 0.45, 28: 0.3, 25: 0.25},
    ),
    "AU": Habit(
        weekly=0.3, biweekly=0.5, semi_monthly=0.0, monthly=0.2, source=_OWN, days={15: 0.5, 31: 0.5}
    ),
    "NZ": Habit(
        weekly=0.35, biweekly=0.45, semi_monthly=0.0, monthly=0.2, source=_OWN, days={20: 0.5, 31: 0.5}
    ),
    "MX": Habit(
        weekly=0.3, biweekly=0.05, semi_monthly=0.6, monthly=0.05, source=_OWN, days={15: 0.3, 31: 0.7}
    ),
    "BR": Habit(
        weekly=0.02,
        biweekly=0.03,
        semi_monthly=0.25,
        monthly=0.7,
        source=_OWN,
        days={5: 0.5, 7: 0.2, 31: 0.3},
    ),
    "JP": Habit(
        weekly=0.0,
        biweekly=0.0,
        semi_monthly=0.02,
        monthly=0.98,
        source=_OWN,
        days={25: 0.6, 31: 0.3, 15: 0.1},
    ),
}
_EUROPE: Final = Habit(
    weekly=0.03, biweekly=0.02, semi_monthly=0.02, monthly=0.93, source=_CUSTOM, days=_LATE_MONTH
)
_ELSEWHERE: Final = Habit(
    weekly=0.12, biweekly=0.18, semi_monthly=0.15, monthly=0.55, source=_OWN, days=_LATE_MONTH
)
_EUROPEAN_CODES: Final = """
    AD AT BE BG CH CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE SI SK SM
"""
_EUROPEAN: Final = frozenset(_EUROPEAN_CODES.split())


def habit_of(country: str | None) -> Habit:
    """What is believed of people in a country (ISO 3166-1 alpha-2)."""
    if country is None:
        return _ELSEWHERE
    return HABITS.get(country) or (_EUROPE if country in _EUROPEAN else _ELSEWHERE)


@cache
def prior(country: str | None) -> npt.NDArray[np.float64]:
    """How likely each of `CYCLES` is for somebody in a country of whom nothing is known; they sum to one."""
    habit = habit_of(country)
    weekdays, pairs = _scaled(habit.weekdays), _scaled(habit.pairs)
    days = np.full(31, habit.others / 31)
    for day, weight in habit.days.items():
        days[day - 1] += weight * (1 - habit.others) / sum(habit.days.values())
    return _scaled(
        np.concatenate(
            [
                habit.weekly * weekdays,
                habit.biweekly * np.tile(weekdays, 2) / 2,
                habit.semi_monthly * pairs,
                habit.monthly * days,
            ]
        )
    )


def _scaled(weights: npt.ArrayLike) -> npt.NDArray[np.float64]:
    given = np.asarray(weights, dtype=np.float64)
    scaled: npt.NDArray[np.float64] = given / given.sum()
    return scaled
