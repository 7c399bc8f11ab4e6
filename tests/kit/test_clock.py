"""Clocks tell UTC, and one that is moved by hand moves only forward."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.clock import ManualClock, SystemClock, rfc3339

FIRST, LAST = datetime(1970, 1, 1), datetime(2200, 1, 1)  # noqa: DTZ001 - the strategy gives them their zone
moments = st.datetimes(FIRST, LAST, timezones=st.just(UTC))
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
steps = st.timedeltas(timedelta(0), timedelta(days=400))


def test_the_system_clock_tells_utc_and_goes_on() -> None:
    clock = SystemClock()
    first, second = clock.now(), clock.now()
    assert first.tzinfo is UTC
    assert timedelta(0) <= second - first < timedelta(minutes=1)


@given(moments, st.lists(steps, max_size=10))
def test_a_manual_clock_stands_still_until_it_is_moved(start: datetime, moves: list[timedelta]) -> None:
    clock = ManualClock(start)
    for move in moves:
        before = clock.now()
        assert clock.advance(move) == before + move == clock.now() == clock.now()
    assert clock.now() == start + sum(moves, timedelta(0))


@given(moments, st.timedeltas(timedelta(days=-400), timedelta(microseconds=-1)))
def test_a_clock_never_goes_back(start: datetime, back: timedelta) -> None:
    clock = ManualClock(start)
    with pytest.raises(AssertionError):
        clock.advance(back)
    assert clock.now() == start


def test_a_clock_needs_to_know_its_zone() -> None:
    with pytest.raises(AssertionError):
        ManualClock(datetime(2026, 11, 22))  # noqa: DTZ001 - the point


@given(moments, zones)
def test_moments_are_written_in_utc_to_the_millisecond(moment: datetime, zone: timezone) -> None:
    text = rfc3339(moment.astimezone(zone))
    assert text == rfc3339(moment)
    assert len(text) == len("2026-11-22T08:00:00.000Z") and text.endswith("Z")
    assert timedelta(0) <= moment - datetime.fromisoformat(text) < timedelta(milliseconds=1)


@given(moments, moments)
def test_written_moments_sort_as_moments_do(one: datetime, other: datetime) -> None:
    assert one > other or rfc3339(one) <= rfc3339(other)
