"""Paydays: when the money of the next one can be used.

Pay that falls on a weekend or a bank holiday is taken to come on the working day before: that is the custom in most
countries, and where pay comes later instead, a try that was early is followed by others, while one that is late finds
the money spent. The last day of the month is day 31, so the last working day of the month is, too.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import count
from typing import Final, assert_never
from zoneinfo import ZoneInfo

import holidays
import holidays.countries  # all of them now, half a second, so that no payment waits for it later

from recoup.vault.core import Payday

USABLE_AT: Final = time(6)
"""The local time from which the pay of a day is counted on. Banks book it just after midnight or in the small hours;
by six it is there, and the day's spending has not begun."""
CYCLE_DAYS_MAX: Final = 31
"""No cycle is longer than a month."""
MOVED_DAYS_MAX: Final = 14
"""No payday is moved further than this: longer than any country's longest run of days off."""

_WEEKEND: Final = frozenset({5, 6})
_BANKS_CLOSE: Final = frozenset({"public", "bank"})


@dataclass(frozen=True, slots=True)
class Weekly:
    """Paid every week; 0 is Monday."""

    weekday: int


@dataclass(frozen=True, slots=True)
class Biweekly:
    """Paid every other week; `anchor` is any one of the paydays."""

    anchor: date


@dataclass(frozen=True, slots=True)
class SemiMonthly:
    """Paid twice a month, on these days; a day that a month lacks is its last."""

    first: int
    second: int


@dataclass(frozen=True, slots=True)
class Monthly:
    """Paid once a month, on this day; a day that a month lacks is its last."""

    day: int


PayCycle = Weekly | Biweekly | SemiMonthly | Monthly
"""How often somebody is paid, and when."""


def cycle_of(payday: Payday) -> PayCycle:
    """What a customer's record says of their paydays. The vault has checked that each cycle has what it needs."""
    match payday.cycle:
        case "weekly":
            assert payday.weekday is not None, "a weekly payday has its weekday"
            return Weekly(payday.weekday)
        case "biweekly":
            assert payday.anchor_date is not None, "a biweekly payday has an anchor"
            return Biweekly(payday.anchor_date)
        case "semi_monthly":
            assert payday.day_of_month and payday.second_day_of_month, "a semi-monthly payday has two days"
            return SemiMonthly(payday.day_of_month, payday.second_day_of_month)
        case "monthly":
            assert payday.day_of_month, "a monthly payday has its day"
            return Monthly(payday.day_of_month)
        case _:
            assert_never(payday.cycle)


def described(cycle: PayCycle) -> dict[str, str | int]:
    """A cycle in the words of a customer's record, to be stored with what was decided by it."""
    match cycle:
        case Weekly(weekday):
            return {"cycle": "weekly", "weekday": weekday}
        case Biweekly(anchor):
            return {"cycle": "biweekly", "anchor_date": anchor.isoformat()}
        case SemiMonthly(first, second):
            return {"cycle": "semi_monthly", "day_of_month": first, "second_day_of_month": second}
        case Monthly(day):
            return {"cycle": "monthly", "day_of_month": day}
        case _:
            assert_never(cycle)


def next_payday(cycle: PayCycle, after: datetime, *, zone: str, country: str | None) -> datetime:
    """The first moment after `after`, in UTC, at which the pay of a payday can be used.

    `zone` is the IANA name of the customer's time zone; `country` (ISO 3166-1 alpha-2) says when banks are closed.
    """
    assert after.tzinfo is not None, "a payday needs an aware time"
    local = ZoneInfo(zone)
    for day in _nominal_days(cycle, after.astimezone(local).date()):
        usable = datetime.combine(_working_day(day, country), USABLE_AT, local).astimezone(UTC)
        if usable > after:
            return usable
    raise AssertionError("paydays have no end")


def _nominal_days(cycle: PayCycle, start: date) -> Iterator[date]:
    """The paydays from `start` on, in order, as the cycle says them."""
    match cycle:
        case Weekly(weekday):
            first = start + timedelta(days=(weekday - start.weekday()) % 7)
            return (first + timedelta(weeks=n) for n in count())
        case Biweekly(anchor):
            first = start + timedelta(days=(anchor - start).days % 14)
            return (first + timedelta(weeks=2 * n) for n in count())
        case SemiMonthly(first_day, second_day):
            return (day for day in _days_of_months(start, (first_day, second_day)) if day >= start)
        case Monthly(day_of_month):
            return (day for day in _days_of_months(start, (day_of_month,)) if day >= start)
        case _:
            assert_never(cycle)


def _days_of_months(start: date, days: tuple[int, ...]) -> Iterator[date]:
    for month in count(start.month - 1):
        year, index = start.year + month // 12, month % 12 + 1
        last = monthrange(year, index)[1]
        yield from (date(year, index, min(day, last)) for day in days)


def _working_day(day: date, country: str | None) -> date:
    """The day itself, or the working day before it."""
    for back in range(MOVED_DAYS_MAX + 1):
        moved = day - timedelta(days=back)
        if is_working_day(moved, country):
            return moved
    return day


def is_working_day(day: date, country: str | None) -> bool:
    """Whether banks book pay on that day."""
    calendar = None if country is None else _calendar(country)
    return day.weekday() not in _WEEKEND if calendar is None else calendar.is_working_day(day)


@cache
def _calendar(country: str) -> holidays.HolidayBase | None:
    """The days on which banks are closed in a country; None where nobody keeps them."""
    try:
        supported = holidays.country_holidays(country).supported_categories
    except NotImplementedError:
        return None
    closed = tuple(category for category in supported if category in _BANKS_CLOSE)
    return holidays.country_holidays(country, categories=closed)
