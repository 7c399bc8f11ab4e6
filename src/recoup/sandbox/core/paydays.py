"""When a cardholder is paid: a cycle of days, in the cardholder's own time zone, credited just after midnight."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import count, takewhile
from typing import Final
from zoneinfo import ZoneInfo

_SATURDAY: Final = 5
_HALF_MONTH_DAYS: Final = 15


class Cycle(StrEnum):
    """How often somebody is paid."""

    WEEKLY = "weekly"
    BIWEEKLY = "biweekly"
    SEMIMONTHLY = "semimonthly"
    MONTHLY = "monthly"
    NONE = "none"
    """Never: a dormant account that no timing helps."""


STEP_DAYS: Final = {Cycle.WEEKLY: 7, Cycle.BIWEEKLY: 14}
PER_YEAR: Final = {Cycle.WEEKLY: 52, Cycle.BIWEEKLY: 26, Cycle.SEMIMONTHLY: 24, Cycle.MONTHLY: 12}


@dataclass(frozen=True, slots=True)
class Interval:
    """From one payday to the next. `paid` is False where somebody moved the next payday: nothing came at `start`."""

    start: datetime
    end: datetime
    paid: bool = True


@dataclass(frozen=True, slots=True)
class Paydays:
    """Somebody's paydays.

    `anchor` is a payday itself, and tells the weekday or the day of the month. Money comes `minutes` after midnight.
    A day of the month that a month lacks is its last day; one on a weekend moves to the Friday before. With `since`,
    there are no paydays between that moment and the anchor: somebody moved the next payday.
    """

    cycle: Cycle
    anchor: date
    time_zone: str
    minutes: int
    since: datetime | None = None

    def around(self, moment: datetime) -> Interval | None:
        """The interval that a moment is in (its start belongs to it); None for those who are never paid."""
        if self.cycle is Cycle.NONE:
            return None
        first = self._credited(self.anchor) if self.since is not None else None
        if self.since is not None and first is not None and self.since <= moment < first:
            return Interval(self.since, first, paid=False)
        last = first if first is not None and first <= moment else None
        for day in self._days(moment):
            credited = self._credited(day)
            if credited > moment:
                assert last is not None, "the days begin well before the moment"
                return Interval(last, credited)
            last = credited if last is None else max(last, credited)
        raise AssertionError("there is always a next payday")

    def following(self, moment: datetime) -> Iterator[datetime]:
        """The paydays after a moment, without end."""
        while interval := self.around(moment):
            moment = interval.end
            yield moment

    def between(self, after: datetime, until: datetime) -> list[datetime]:
        """The paydays after one moment, up to and with another."""
        return list(takewhile(lambda payday: payday <= until, self.following(after)))

    def _credited(self, day: date) -> datetime:
        midnight = datetime.combine(day, time(), ZoneInfo(self.time_zone)).astimezone(UTC)
        return midnight + timedelta(minutes=self.minutes)

    def _days(self, moment: datetime) -> Iterator[date]:
        """Paydays in order, from at least one cycle before the moment."""
        if step_days := STEP_DAYS.get(self.cycle):
            behind = (moment.date() - self.anchor).days // step_days - 2
            return (self.anchor + timedelta(days=step_days * (behind + n)) for n in count())
        return (day for n in count(-2) for day in self._of_month(moment.year, moment.month + n))

    def _of_month(self, year: int, month: int) -> list[date]:
        """The paydays that belong to a month, which is counted on from another year's."""
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        days = {self.anchor.day}
        if self.cycle is Cycle.SEMIMONTHLY:
            early = (self.anchor.day - 1) % _HALF_MONTH_DAYS + 1 if self.anchor.day < 31 else 16
            days = {early, early + _HALF_MONTH_DAYS}
        last = monthrange(year, month)[1]
        return [self._working(date(year, month, min(day, last))) for day in sorted(days)]

    def _working(self, day: date) -> date:
        if day == self.anchor:
            return day
        return day - timedelta(days=max(0, day.weekday() - _SATURDAY + 1))
