"""When people are paid, and what is on their accounts in between."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.sandbox.core.balances import Balance, balance
from recoup.sandbox.core.paydays import Cycle, Paydays
from recoup.sandbox.core.people import POPULATION, Person, moved_payday, person

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
moments = st.integers(0, 16 * 365 * 86_400).map(
    lambda seconds: datetime(2024, 6, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)
people = st.builds(
    person, st.integers(0, 2**53), st.integers(0, POPULATION - 1), born=st.integers(2024, 2030)
)
paid = people.filter(lambda who: not who.dormant)
spans = st.integers(0, 90 * 86_400_000).map(lambda ms: timedelta(milliseconds=ms))


def local_days(paydays: Paydays, count: int, *, after: datetime = NOW) -> list[date]:
    zone = ZoneInfo(paydays.time_zone)
    return [moment.astimezone(zone).date() for moment in islice(paydays.following(after), count)]


@given(who=paid, now=moments)
def test_a_moment_lies_between_its_paydays(who: Person, now: datetime) -> None:
    interval = who.paydays.around(now)
    assert interval is not None
    assert interval.start <= now < interval.end
    assert interval.end - interval.start <= timedelta(days=35)
    again = who.paydays.around(interval.end)
    assert again is not None
    assert again.start == interval.end, "no payday lies in between"


@given(who=paid, now=moments)
def test_money_comes_just_after_local_midnight(who: Person, now: datetime) -> None:
    for moment in islice(who.paydays.following(now), 8):
        local = moment.astimezone(ZoneInfo(who.paydays.time_zone))
        assert time(0, 1) <= local.time() <= time(0, 30)
        assert local.weekday() < 5


@given(who=paid, now=moments)
def test_there_are_as_many_paydays_as_the_cycle_says(who: Person, now: datetime) -> None:
    per_year = {Cycle.WEEKLY: 52, Cycle.BIWEEKLY: 26, Cycle.SEMIMONTHLY: 24, Cycle.MONTHLY: 12}
    found = len(who.paydays.between(now, now + timedelta(days=365)))
    assert abs(found - per_year[who.paydays.cycle]) <= 1


@pytest.mark.parametrize(
    ("cycle", "anchor", "days"),
    [
        (Cycle.WEEKLY, date(2024, 1, 5), [date(2026, 11, 27), date(2026, 12, 4), date(2026, 12, 11)]),
        (Cycle.BIWEEKLY, date(2024, 1, 5), [date(2026, 12, 4), date(2026, 12, 18), date(2027, 1, 1)]),
        (Cycle.MONTHLY, date(2024, 1, 31), [date(2026, 11, 30), date(2026, 12, 31), date(2027, 1, 29)]),
        (Cycle.MONTHLY, date(2024, 1, 1), [date(2026, 12, 1), date(2027, 1, 1), date(2027, 2, 1)]),
        (Cycle.SEMIMONTHLY, date(2024, 1, 15), [date(2026, 11, 30), date(2026, 12, 15), date(2026, 12, 30)]),
        (Cycle.SEMIMONTHLY, date(2024, 1, 31), [date(2026, 11, 30), date(2026, 12, 16), date(2026, 12, 31)]),
    ],
)
def test_the_cycles(cycle: Cycle, anchor: date, days: list[date]) -> None:
    """Short months and weekends move a payday back, never on."""
    assert local_days(Paydays(cycle, anchor, "America/New_York", 5), 3) == days


def test_a_payday_is_local() -> None:
    east = Paydays(Cycle.MONTHLY, date(2024, 1, 1), "Australia/Sydney", 5)
    west = Paydays(Cycle.MONTHLY, date(2024, 1, 1), "America/Los_Angeles", 5)
    assert next(west.following(NOW)) - next(east.following(NOW)) == timedelta(hours=19)


@given(who=paid, now=moments, days=st.integers(1, 60))
def test_a_moved_payday_is_the_next_one_and_the_cycle_goes_on_from_it(
    who: Person, now: datetime, days: int
) -> None:
    anchor = (now + timedelta(days=days + 1)).date()
    moved = moved_payday(who, anchor=anchor, since=now).paydays
    first, second = islice(moved.following(now), 2)
    assert first.astimezone(ZoneInfo(moved.time_zone)).date() == anchor
    assert timedelta(days=5) < second - first <= timedelta(days=34)
    interval = moved.around(now)
    assert interval is not None
    assert (interval.start, interval.end, interval.paid) == (now, first, False)


@given(
    who=people, now=moments, steps=st.lists(spans, min_size=1, max_size=5), start=st.integers(-10_000, 10**7)
)
def test_looking_more_often_changes_nothing(
    who: Person, now: datetime, steps: list[timedelta], start: int
) -> None:
    """A balance is rolled forward whenever somebody asks; asking must not be seen."""
    known: Balance = Balance(start, now)
    at_once = balance(who, known, now + sum(steps, timedelta()))
    for step in steps:
        known = balance(who, known, known.at + step)
    assert known == at_once


@given(who=paid, now=moments)
def test_money_is_there_after_payday_and_drains_until_the_next(who: Person, now: datetime) -> None:
    interval = who.paydays.around(now)
    assert interval is not None
    length = interval.end - interval.start
    levels = [balance(who, None, interval.start + length * part / 10).minor for part in range(10)]
    assert levels[0] >= who.pay
    assert all(later <= earlier for earlier, later in pairwise(levels))
    assert levels[-1] < levels[0] * 2 // 3
    assert min(levels) >= 0
    assert balance(who, None, interval.end).minor >= who.pay


@given(who=people, now=moments, amount=st.integers(1, 10**6))
def test_what_was_charged_is_gone_until_payday(who: Person, now: datetime, amount: int) -> None:
    before = balance(who, None, now)
    charged = Balance(before.minor - amount, now)
    assert balance(who, charged, now).minor == before.minor - amount
    interval = who.paydays.around(now)
    if interval is None:
        assert balance(who, charged, now + timedelta(days=400)).minor == before.minor - amount
    else:
        assert balance(who, charged, interval.end) == balance(who, None, interval.end)


def test_nobody_pays_into_a_dormant_account() -> None:
    who = next(one for one in (person(7, index, born=2026) for index in range(POPULATION)) if one.dormant)
    assert who.paydays.around(NOW) is None
    assert list(who.paydays.following(NOW)) == []
    assert balance(who, None, NOW).minor == balance(who, None, NOW + timedelta(days=900)).minor < 1000


def test_the_last_day_before_payday_is_the_poorest() -> None:
    """The reason for recovering on payday: many cannot pay before it, and can after it."""
    crowd = [person(7, index, born=2026) for index in range(POPULATION)]
    poor = poor_after = 0
    for who in crowd:
        if (interval := who.paydays.around(NOW)) is None:
            continue
        price = who.pay // 5
        poor += balance(who, None, interval.end - timedelta(hours=1)).minor < price
        poor_after += balance(who, None, interval.end + timedelta(hours=1)).minor < price
    assert 300 < poor < 700
    assert poor_after == 0


def test_a_mended_clock_gives_no_money() -> None:
    """A wall clock may be set back a little: what was spent stays spent."""
    who = replace(person(7, 0, born=2026), pay=100_000)
    known = Balance(5000, NOW)
    assert balance(who, known, NOW - timedelta(seconds=5)).minor == 5000
