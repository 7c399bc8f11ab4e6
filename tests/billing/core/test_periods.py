"""Periods: they tile the time line, whatever happens to their grid, and each is due at one instant."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.billing.core import drawn

from recoup.billing.core.periods import (
    Interval,
    Paused,
    Period,
    Phases,
    Unit,
    begun,
    billed_from,
    due_at,
    lengthened,
    period,
    period_at,
    period_of,
    re_anchored,
    whole_of,
)

DAY = timedelta(days=1)
MONTHLY = Interval(Unit.MONTH)


def _first(phases: Phases, *, count: int) -> list[Period]:
    start = phases[0].first_number
    return [period(phases, number) for number in range(start, start + count)]


@given(drawn.phases(), st.integers(0, 40))
def test_periods_tile_the_time_line_and_their_numbers_never_repeat(phases: Phases, further: int) -> None:
    """Every day belongs to one period, and periods come one after another without a number left out."""
    numbers = range(phases[0].first_number, phases[-1].first_number + further + 2)
    periods = [period(phases, number) for number in numbers]
    assert periods[0].start == phases[0].starts_on
    assert all(one.start < one.end for one in periods)
    assert all(earlier.end == later.start for earlier, later in pairwise(periods))
    assert {phase.starts_on for phase in phases} <= {one.start for one in periods}
    for one in periods:
        assert one.number == period_at(phases, one.start).number
        step = max(one.days // 7, 1)
        inside = [one.start + DAY * n for n in (*range(0, one.days, step), one.days - 1)]
        assert {period_at(phases, day) for day in inside} == {one}


@given(drawn.days | drawn.ends_of_months, drawn.intervals)
def test_a_grid_goes_on_from_its_anchor_as_a_person_would_count(anchor: date, interval: Interval) -> None:
    """Months are counted on a calendar, one at a time; a day that a month lacks is its last, and comes back later."""
    year, month, day = anchor.year, anchor.month, anchor
    for one in _first(begun(anchor, interval), count=14):
        assert one.start == day
        if interval.unit in (Unit.DAY, Unit.WEEK):
            for _ in range(interval.count * (7 if interval.unit is Unit.WEEK else 1)):
                day += DAY
            continue
        for _ in range(interval.count * (12 if interval.unit is Unit.YEAR else 1)):
            year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        first = date(year, month, 1)
        lasts = [first + DAY * n for n in range(31) if (first + DAY * n).month == month]
        day = lasts[min(anchor.day, len(lasts)) - 1]


def test_the_31st_is_the_28th_in_february_and_the_31st_again_in_march() -> None:
    starts = [one.start for one in _first(begun(date(2027, 1, 31), MONTHLY), count=4)]
    assert starts == [date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]
    leap = [one.start for one in _first(begun(date(2028, 2, 29), Interval(Unit.YEAR)), count=5)]
    assert leap == [date(2028, 2, 29), *(date(year, 2, 28) for year in (2029, 2030, 2031)), date(2032, 2, 29)]


@given(drawn.phases(), st.integers(0, 6))
def test_the_whole_that_a_price_is_for_holds_the_beginning_of_its_period(
    phases: Phases, further: int
) -> None:
    number = phases[-1].first_number + further
    one, whole = period(phases, number), whole_of(phases, number)
    assert whole.start <= one.start < whole.end
    assert further == 0 or (one.start, one.end) == (whole.start, whole.end)


def test_another_billing_date_leaves_what_was_paid_alone_and_bills_the_days_between() -> None:
    before = begun(date(2027, 1, 10), MONTHLY)
    after = re_anchored(before, on=period(before, 2).end, anchor=date(2027, 1, 25))
    assert _first(after, count=2) == _first(before, count=2)
    assert period(after, 3) == Period(3, date(2027, 3, 10), date(2027, 3, 25))
    assert whole_of(after, 3) == Period(3, date(2027, 2, 25), date(2027, 3, 25))
    assert period(after, 4) == Period(4, date(2027, 3, 25), date(2027, 4, 25))


def test_another_billing_date_within_what_was_paid_cuts_it_there() -> None:
    before = begun(date(2027, 1, 10), MONTHLY)
    after = re_anchored(before, on=date(2027, 2, 25), anchor=date(2027, 2, 25))
    assert period(after, 2) == Period(2, date(2027, 2, 10), date(2027, 2, 25))
    assert period(after, 3) == Period(3, date(2027, 2, 25), date(2027, 3, 25))
    again = re_anchored(after, on=date(2027, 3, 25), anchor=date(2027, 1, 10))
    assert period(again, 5).start == date(2027, 4, 10), "a change can be undone by another"


def test_a_trial_is_a_period_of_its_own_and_can_be_cut_or_made_longer() -> None:
    phases = begun(date(2027, 1, 31), MONTHLY, trial_days=14)
    assert _first(phases, count=2) == [
        Period(1, date(2027, 1, 31), date(2027, 2, 14)),
        Period(2, date(2027, 2, 14), date(2027, 3, 14)),
    ]
    longer = lengthened(phases, 1, until=date(2027, 2, 28))
    assert _first(longer, count=2)[1] == Period(2, date(2027, 2, 28), date(2027, 3, 28))
    cut = re_anchored(phases, on=date(2027, 2, 5), anchor=date(2027, 2, 5))
    assert _first(cut, count=2)[1] == Period(2, date(2027, 2, 5), date(2027, 3, 5))


@given(drawn.phases(), drawn.pauses(), st.integers(0, 12))
def test_a_day_is_billed_or_paused_as_its_period_began(
    phases: Phases, pauses: list[Paused], number: int
) -> None:
    """A pause shifts nothing: whoever walks through the days bills from the first that is not paused, to the end."""
    one = period(phases, phases[0].first_number + number)
    walked = [one.start + DAY * n for n in range(one.days)]
    free = [
        day
        for day in walked
        if not any(pause.start <= day and (pause.end is None or day < pause.end) for pause in pauses)
    ]
    assert billed_from(one, pauses) == (free[0] if free else None)


@given(drawn.phases(), st.integers(1, 3), st.integers(1, 80))
def test_days_that_are_given_back_move_all_that_follows(phases: Phases, further: int, by: int) -> None:
    number = phases[-1].first_number + further
    given = lengthened(phases, number, until=period(phases, number).end + DAY * by)
    assert [period(given, one) for one in range(1, number)] == [
        period(phases, one) for one in range(1, number)
    ]
    assert period(given, number).days == period(phases, number).days + by
    assert period(given, number + 1).start == given[-1].anchor == period(given, number).end


def _first_shown(day: date, zone: str, hour: int) -> datetime:
    """The first instant at which the clock shows the hour of a day or more, a quarter of an hour at a time."""
    instant = datetime(day.year, day.month, day.day, tzinfo=UTC) - DAY
    while True:
        shown = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        if shown >= datetime(day.year, day.month, day.day, hour):  # noqa: DTZ001 - a clock on a wall
            return instant
        instant += timedelta(minutes=15)


@given(
    drawn.days
    | st.sampled_from([date(2027, 3, 14), date(2011, 12, 30), date(2018, 11, 4), date(2027, 11, 7)]),
    drawn.zones.filter(lambda zone: zone != "America/St_Johns"),
    drawn.hours,
)
def test_a_period_is_due_when_the_clock_first_shows_its_hour(day: date, zone: str, hour: int) -> None:
    """Also where that hour is skipped, comes twice, or where the whole day is skipped."""
    assert due_at(Period(1, day, day + DAY), zone, hour) == _first_shown(day, zone, hour)


instants = st.datetimes(datetime(2006, 1, 1), datetime(2034, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zones are drawn
changes_of_clocks = st.tuples(
    st.sampled_from(
        [
            datetime(2010, 11, 7, 2, 31, tzinfo=UTC),
            datetime(2011, 12, 30, 10, tzinfo=UTC),
            datetime(2018, 2, 18, 2, tzinfo=UTC),
            datetime(2027, 11, 7, 6, tzinfo=UTC),
            datetime(2027, 3, 28, 1, tzinfo=UTC),
        ]
    ),
    st.integers(-7200, 7200),
).map(lambda drawn_: drawn_[0] + timedelta(seconds=drawn_[1]))


@given(drawn.phases(), instants | changes_of_clocks, drawn.zones, drawn.hours)
def test_each_instant_belongs_to_one_period(phases: Phases, instant: datetime, zone: str, hour: int) -> None:
    """The one that was due last: the next one comes later. So a clock that jumps leaves none out."""
    one = period_of(phases, instant, zone=zone, hour=hour)
    if one is None:
        assert instant < due_at(period(phases, phases[0].first_number), zone, hour)
        return
    assert due_at(one, zone, hour) <= instant
    assert instant < due_at(period(phases, one.number + 1), zone, hour)


def test_what_is_no_grid_is_refused() -> None:
    phases = begun(date(2027, 1, 10), MONTHLY, first_number=3)
    for wrong in (
        lambda: Interval(Unit.YEAR, 4),
        lambda: period(phases, 2),
        lambda: period_at(phases, date(2027, 1, 9)),
        lambda: lengthened(phases, 3, until=date(2027, 1, 10)),
    ):
        with pytest.raises(AssertionError):
            wrong()
