"""What is believed of paydays: habits by country, what approvals and declines tell, and the customer's own clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.paydays.core import Biweekly, Monthly, PayCycle, SemiMonthly, Weekly, beliefs, next_payday
from recoup.paydays.core.habits import CYCLES, HABITS, MONTHLY_AT, prior

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
cycles = st.one_of(
    st.builds(Weekly, st.integers(0, 6)),
    st.builds(Biweekly, st.dates(date(2020, 1, 1), date(2030, 1, 1))),
    st.integers(1, 15).flatmap(lambda first: st.builds(SemiMonthly, st.just(first), st.integers(16, 31))),
    st.builds(Monthly, st.integers(1, 31)),
)
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 6, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zones are drawn
places = st.sampled_from(
    [("US", "America/New_York"), ("GB", "Europe/London"), ("JP", "Asia/Tokyo"), (None, "UTC")]
)


def _calendar(country: str | None, zone: str, cycle: PayCycle | None = None) -> beliefs.Calendar:
    _, *pair = beliefs.place_of(cycle)
    return beliefs.calendar_of([country], [zone], pairs=np.asarray([pair]), now_s=NOW.timestamp())


def _there(calendar: beliefs.Calendar, moment: datetime) -> beliefs.Floats:
    """By depth and cycle."""
    there: beliefs.Floats = calendar.there(np.asarray([[moment.timestamp()]]))[0, 0]
    return there.reshape(-1, len(beliefs.DEPTHS_DAYS)).T


@pytest.mark.parametrize("country", [*HABITS, "DE", "FR", "IN", None])
def test_habits_are_shares(country: str | None) -> None:
    assert prior(country).sum() == pytest.approx(1)
    assert (prior(country) >= 0).all()


@given(cycles, places, moments)
def test_money_is_there_from_the_morning_of_every_payday(
    cycle: PayCycle, place: tuple[str | None, str], after: datetime
) -> None:
    """The arrays say the same as the calendar of a single customer, holidays and clocks' changes included."""
    country, zone = place
    payday = next_payday(cycle, after, zone=zone, country=country)
    there = _there(_calendar(country, zone, cycle), payday)
    assert (there[1:, beliefs.place_of(cycle)[0]] > 0.9).all()
    assert there[0, beliefs.place_of(cycle)[0]] > 0.4


@given(cycles, places, moments)
def test_a_local_moment_and_back(cycle: PayCycle, place: tuple[str | None, str], moment: datetime) -> None:
    calendar = _calendar(*place, cycle)
    morning = next_payday(cycle, moment, zone=place[1], country=place[0])
    day, second = calendar.local(np.asarray([[morning.timestamp()]]))
    assert second[0, 0] == 6 * 3600
    assert calendar.moments(day, np.asarray([6 * 3600.0]))[0, 0] == morning.timestamp()


def test_the_more_days_the_less_money_is_left() -> None:
    after_arrival = beliefs.LASTING[8:]
    assert (np.diff(after_arrival, axis=0) <= 0).all()
    assert (np.diff(after_arrival, axis=1) >= 0).all()


def _believed(approved: list[datetime], declined: list[datetime]) -> beliefs.Floats:
    calendar = _calendar("DE", "Europe/Berlin")
    at = np.asarray([[one.timestamp() for one in approved + declined]])
    was = np.asarray([[True] * len(approved) + [False] * len(declined)])
    fits = beliefs.likelihood(calendar.there(at), was, np.full(at.shape, 0.9))
    believed: beliefs.Floats = beliefs.cycles_believed(beliefs.prior_of(["DE"], np.asarray([-1])) * fits)[0]
    return believed


def test_approvals_just_after_the_25th_raise_that_cycle() -> None:
    approved = [datetime(2026, month, 26, 8, tzinfo=UTC) for month in (8, 10)]
    place = MONTHLY_AT + 24
    assert CYCLES[place] == Monthly(25)
    nothing, seen = _believed([], []), _believed(approved, [])
    assert seen[place] > nothing[place]
    assert seen[place] / seen[MONTHLY_AT + 9] > nothing[place] / nothing[MONTHLY_AT + 9]


def test_a_decline_on_the_morning_of_a_payday_lowers_it() -> None:
    declined = [datetime(2026, 11, 25, 8, tzinfo=UTC)]
    assert _believed([], declined)[MONTHLY_AT + 24] < _believed([], [])[MONTHLY_AT + 24]


def test_a_stated_payday_outweighs_every_habit() -> None:
    for cycle in (Weekly(2), Biweekly(date(2026, 11, 6)), SemiMonthly(4, 19), Monthly(13)):
        place, *_ = beliefs.place_of(cycle)
        believed = beliefs.cycles_believed(beliefs.prior_of(["US"], np.asarray([place])))[0]
        assert believed[place] > 0.8
        assert believed.sum() == pytest.approx(1)


def test_what_lies_outside_the_calendar_is_not_known() -> None:
    calendar = _calendar("US", "America/New_York")
    far = NOW - timedelta(days=2000)
    known = calendar.known(np.asarray([[NOW.timestamp(), far.timestamp(), np.nan]]))
    assert known.tolist() == [[True, False, False]]
