"""Billing periods: which days a subscription's money is for, and at which instant each is due.

Time is days first. A *phase* is a grid of local dates: its anchor, and the anchor moved by whole intervals, always
computed from the anchor itself, so that the 31st is the 28th in February and the 31st again in March. A period is what
lies between two neighbours on the grid. It starts on a date of the customer's, and is *due* at the subscription's hour
of that date, by the clock on their wall.

What changes the grid (another billing date, another interval, the end of a trial) never rewrites a phase: it ends one
and begins another. So phases tile the time line, periods tile the phases, and a number counts periods through all of
them and is never used for two that were billed.

Where the new grid does not begin on the day on which the new phase begins, the days until it does are a period of
their own, a short one, billed by its days. The other way, to make the period before them longer, would rewrite what
an invoice was already sent for. The short period falls due on a day that was due anyhow, for less than was due; from
then on the new date holds.

Pauses shift nothing (as at Stripe): periods go on, and what is paused is not billed (`billed_from`). A merchant who
rather gives the paused days back lengthens the period that was paused (`lengthened`).
"""

from __future__ import annotations

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import Final, assert_never
from zoneinfo import ZoneInfo

COUNT_MAX: Final = {"day": 1096, "week": 156, "month": 36, "year": 3}
"""How many of a unit an interval may have: no period is longer than three years."""
PHASES_MAX: Final = 1_000
"""How many phases a subscription may have: its grid was changed that often."""
_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)


class Unit(StrEnum):
    """What an interval is counted in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


@dataclass(frozen=True, slots=True)
class Interval:
    """How long a period is: three months are `Interval(Unit.MONTH, 3)`."""

    unit: Unit
    count: int = 1

    def __post_init__(self) -> None:
        assert 1 <= self.count <= COUNT_MAX[self.unit], f"an interval has 1 to {COUNT_MAX[self.unit]}"


@dataclass(frozen=True, slots=True)
class Phase:
    """A grid of dates, from `starts_on` until the next phase starts; its first period has the number `first_number`."""

    first_number: int
    anchor: date
    starts_on: date
    interval: Interval

    def __hash__(self) -> int:
        """Of what mostly tells phases apart: periods are remembered by their phases, and looked up often."""
        return hash((self.first_number, self.anchor))


Phases = tuple[Phase, ...]
"""At least one, in order of both their numbers and their days; the last has no end."""


@dataclass(frozen=True, slots=True)
class Period:
    """The local days from `start` to the day before `end`."""

    number: int
    start: date
    end: date

    @property
    def days(self) -> int:
        """How many days it has: at least one."""
        return (self.end - self.start).days


@dataclass(frozen=True, slots=True)
class Paused:
    """The local days on which nothing is billed: from `start` to the day before `end`; None: until further notice."""

    start: date
    end: date | None = None


def begun(
    on: date, interval: Interval, *, anchor: date | None = None, trial_days: int = 0, first_number: int = 1
) -> Phases:
    """The phases of a new subscription. A trial is a period of its own; the grid is anchored where it ends.

    With an `anchor` of its own, the days until the grid begins are a short period.
    """
    after = on + timedelta(days=trial_days)
    paid = Phase(first_number, anchor or after, after, interval)
    if not trial_days:
        return (paid,)
    trial = Phase(first_number, on, on, Interval(Unit.DAY, trial_days))
    return (trial, replace(paid, first_number=first_number + 1))


@lru_cache(maxsize=4096)
def period(phases: Phases, number: int) -> Period:
    """The period of that number; every number from the first phase's on has one."""
    place = _place_of_number(phases, number)
    phase = phases[place]
    assert number >= phase.first_number, f"there is no period before {phase.first_number}"
    return _natural(phase, number, _until(phases, place, number))


def period_at(phases: Phases, day: date) -> Period:
    """The period that a local day belongs to; every day from the first phase's start on belongs to one."""
    place = bisect_right(phases, day, key=_starts_on) - 1
    assert place >= 0, f"nothing is billed before {phases[0].starts_on}"
    phase = phases[place]
    number = phase.first_number + _index(phase, day) - _index(phase, phase.starts_on)
    if place + 1 < len(phases):
        number = min(number, phases[place + 1].first_number - 1)
    return _natural(phase, number, _until(phases, place, number))


def whole_of(phases: Phases, number: int) -> Period:
    """The full stretch of the grid in which a period begins, which the price is for; mostly the period itself."""
    phase = phases[_place_of_number(phases, number)]
    index = _index(phase, phase.starts_on) + number - phase.first_number
    return Period(number, _date(phase, index), _date(phase, index + 1))


def due_at(period: Period, zone: str, hour: int) -> datetime:
    """When a period is due, in UTC: the first instant of its first day at which the clock shows the hour or more.

    So an hour that comes twice is its first coming, and one that is skipped is the instant of the skip.
    """
    return instant_at(period.start, zone, time(hour))


@lru_cache(maxsize=8192)
def instant_at(day: date, zone: str, wall: time) -> datetime:
    """The first instant, in UTC, at which the clock on a zone's walls shows that time of that day or later."""
    shown = datetime.combine(day, wall)
    local = ZoneInfo(zone)
    early, late = (shown.replace(tzinfo=local, fold=fold).astimezone(UTC) for fold in (1, 0))
    if late.astimezone(local).replace(tzinfo=None) == shown:
        return late
    while late - early > _SECOND:
        middle = early + (late - early) // 2
        skipped = middle.astimezone(local).replace(tzinfo=None) >= shown
        early, late = (early, middle) if skipped else (middle, late)
    return late.replace(microsecond=0)


def period_of(phases: Phases, instant: datetime, *, zone: str, hour: int) -> Period | None:
    """The period whose turn it is at an instant: due by then, the next not yet. None before the first."""
    assert instant.tzinfo is not None, "an instant is aware"
    today = instant.astimezone(ZoneInfo(zone)).date()
    near = (today + _DAY, today, today - _DAY)  # clocks that are put back may show yesterday again
    day = next(day for day in near if instant_at(day, zone, time(hour)) <= instant)
    return None if day < phases[0].starts_on else period_at(phases, day)


def re_anchored(phases: Phases, *, on: date, anchor: date, interval: Interval | None = None) -> Phases:
    """The phases with a new grid from the local day `on`, which begins a period.

    `on` must be later than the start of the last period that was billed. At the end of that period nothing paid is
    touched, and the days until the new anchor are a short period. Within it, the period is cut: credit what it was paid
    for beyond (`proration.unused`). What would have begun on `on` or later has never been.
    """
    kept = tuple(phase for phase in phases if phase.starts_on < on)
    if not kept:
        return (Phase(phases[0].first_number, anchor, on, interval or phases[-1].interval),)
    number = period_at(kept, on - _DAY).number + 1
    return checked((*kept, Phase(number, anchor, on, interval or phases[-1].interval)))


def lengthened(phases: Phases, number: int, *, until: date) -> Phases:
    """The phases with one period that ends on another day, at which what follows is anchored anew.

    For days that are given: those of a pause, or a longer trial. No period after it may have been billed.
    """
    kept = tuple(phase for phase in phases if phase.first_number <= number)
    return checked((*kept, Phase(number + 1, until, until, phases[-1].interval)))


def billed_from(period: Period, pauses: Sequence[Paused]) -> date | None:
    """The first day of a period that is billed: its start, or where a pause that held the start ends within it.

    None: it is paused altogether, and not billed. A pause that begins within a period takes nothing back from it.
    """
    day: date = period.start
    for pause in sorted(pauses, key=lambda one: one.start):
        if pause.start <= day and (pause.end is None or day < pause.end):
            day = pause.end or period.end
    return day if day < period.end else None


def checked(phases: Phases) -> Phases:
    """The same phases, which are proved to tile the time line."""
    assert 0 < len(phases) <= PHASES_MAX, "a subscription has at least one phase, and not very many"
    for earlier, later in pairwise(phases):
        assert earlier.first_number < later.first_number, "every phase has a period"
        last = _natural(earlier, later.first_number - 1, later.starts_on)
        assert last.start < later.starts_on, "a period has at least a day"
    return phases


def _natural(phase: Phase, number: int, until: date | None) -> Period:
    index = _index(phase, phase.starts_on) + number - phase.first_number
    start = phase.starts_on if number == phase.first_number else _date(phase, index)
    return Period(number, start, until or _date(phase, index + 1))


def _until(phases: Phases, place: int, number: int) -> date | None:
    """Where the last period of a phase ends because the next phase begins; None: as the grid says."""
    if place + 1 == len(phases) or number + 1 < phases[place + 1].first_number:
        return None
    return phases[place + 1].starts_on


def _place_of_number(phases: Phases, number: int) -> int:
    return max(bisect_right(phases, number, key=_first_number) - 1, 0)


def _first_number(phase: Phase) -> int:
    return phase.first_number


def _starts_on(phase: Phase) -> date:
    return phase.starts_on


def _index(phase: Phase, day: date) -> int:
    """The last place on the grid that is not after a day; the anchor's is 0."""
    anchor, count = phase.anchor, phase.interval.count
    match phase.interval.unit:
        case Unit.DAY:
            return (day - anchor).days // count
        case Unit.WEEK:
            return (day - anchor).days // (7 * count)
        case Unit.MONTH | Unit.YEAR:
            months = (day.year - anchor.year) * 12 + day.month - anchor.month
            index = months // _months(phase.interval)
            return index if _date(phase, index) <= day else index - 1
        case _:
            assert_never(phase.interval.unit)


def _date(phase: Phase, index: int) -> date:
    """The date at a place on the grid; a day that its month lacks is the month's last."""
    anchor, count = phase.anchor, phase.interval.count
    match phase.interval.unit:
        case Unit.DAY:
            return anchor + timedelta(days=index * count)
        case Unit.WEEK:
            return anchor + timedelta(weeks=index * count)
        case Unit.MONTH | Unit.YEAR:
            years, month = divmod(anchor.month - 1 + index * _months(phase.interval), 12)
            year = anchor.year + years
            day = anchor.day if anchor.day <= 28 else min(anchor.day, monthrange(year, month + 1)[1])
            return date(year, month + 1, day)
        case _:
            assert_never(phase.interval.unit)


def _months(interval: Interval) -> int:
    return interval.count * (12 if interval.unit is Unit.YEAR else 1)
