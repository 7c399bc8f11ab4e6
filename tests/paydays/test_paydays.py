"""Paydays: the laws of `next_payday` for every cycle, time zone and country, and the days that people argue about."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import holidays
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.countries import COUNTRIES
from recoup.paydays.core import (
    CYCLE_DAYS_MAX,
    MOVED_DAYS_MAX,
    USABLE_AT,
    Biweekly,
    Monthly,
    PayCycle,
    SemiMonthly,
    Weekly,
    cycle_of,
    described,
    local_zone,
    next_payday,
)
from recoup.vault.core import Payday

ZONES: Final = (
    "UTC",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "Europe/Berlin",
    "Europe/London",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "America/Sao_Paulo",
    "Africa/Cairo",
)

days = st.integers(1, 31)
cycles = st.one_of(
    st.builds(Weekly, st.integers(0, 6)),
    st.builds(Biweekly, st.dates(date(2020, 1, 1), date(2030, 1, 1))),
    st.builds(SemiMonthly, st.integers(1, 15), st.integers(16, 31)),
    st.builds(Monthly, days),
)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2032, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - zones are drawn
zones = st.sampled_from(ZONES)
countries = st.one_of(st.none(), st.sampled_from(sorted(COUNTRIES)))


def _works(day: date, country: str | None) -> bool:
    if country is None:
        return day.weekday() < 5
    return holidays.country_holidays(country).is_working_day(day)


class TestLaws:
    @given(cycles, moments, zones, countries)
    def test_it_comes_after_and_within_a_cycle(
        self, cycle: PayCycle, after: datetime, zone: str, country: str | None
    ) -> None:
        payday = next_payday(cycle, after, zone=zone, country=country)
        assert after < payday <= after + timedelta(days=CYCLE_DAYS_MAX + MOVED_DAYS_MAX + 1)
        assert payday.tzinfo is UTC

    @given(cycles, moments, zones, countries, st.floats(0, 1, exclude_max=True))
    def test_none_is_passed_over(
        self, cycle: PayCycle, after: datetime, zone: str, country: str | None, part: float
    ) -> None:
        """Until a payday has come, it stays the next one."""
        payday = next_payday(cycle, after, zone=zone, country=country)
        between = after + (payday - after) * part
        assert (
            next_payday(cycle, min(between, payday - timedelta.resolution), zone=zone, country=country)
            == payday
        )
        assert next_payday(cycle, payday, zone=zone, country=country) > payday

    @given(cycles, moments, zones, countries)
    def test_it_is_a_morning_where_the_customer_lives(
        self, cycle: PayCycle, after: datetime, zone: str, country: str | None
    ) -> None:
        """Also on the days on which clocks are changed."""
        local = next_payday(cycle, after, zone=zone, country=country).astimezone(ZoneInfo(zone))
        assert local.time() == USABLE_AT

    @given(cycles, moments, zones, countries)
    def test_banks_are_open(self, cycle: PayCycle, after: datetime, zone: str, country: str | None) -> None:
        local = next_payday(cycle, after, zone=zone, country=country).astimezone(ZoneInfo(zone))
        assert _works(local.date(), country)

    @given(cycles, moments, zones, countries)
    def test_it_is_the_day_itself_or_the_last_working_day_before_it(
        self, cycle: PayCycle, after: datetime, zone: str, country: str | None
    ) -> None:
        moved = next_payday(cycle, after, zone=zone, country=country).astimezone(ZoneInfo(zone)).date()
        day = moved
        while not _is_nominal(cycle, day):
            day += timedelta(days=1)
            assert not _works(day, country), "a working day lies between"


def _is_nominal(cycle: PayCycle, day: date) -> bool:
    is_last = (day + timedelta(days=1)).day == 1
    match cycle:
        case Weekly(weekday):
            return day.weekday() == weekday
        case Biweekly(anchor):
            return (day - anchor).days % 14 == 0
        case SemiMonthly(first, second):
            return day.day in {first, second} or (is_last and second > day.day)
        case Monthly(wanted):
            return day.day == wanted or (is_last and wanted > day.day)


NEW_YORK: Final = "America/New_York"


def _local(cycle: PayCycle, after: str, *, zone: str = NEW_YORK, country: str | None = "US") -> str:
    """The next payday after a local time, as local time."""
    start = datetime.fromisoformat(after).replace(tzinfo=ZoneInfo(zone))
    return (
        next_payday(cycle, start, zone=zone, country=country).astimezone(ZoneInfo(zone)).strftime("%F %H:%M")
    )


class TestDays:
    """Days that people argue about."""

    @pytest.mark.parametrize(
        ("cycle", "after", "expected"),
        [
            (Weekly(4), "2026-11-22T12:00", "2026-11-27 06:00"),
            (Weekly(4), "2026-11-27T05:59", "2026-11-27 06:00"),
            (Weekly(4), "2026-11-27T06:00", "2026-12-04 06:00"),
            # Christmas is a Friday: pay comes on Thursday.
            (Weekly(4), "2026-12-20T12:00", "2026-12-24 06:00"),
            (Biweekly(date(2026, 11, 6)), "2026-11-06T07:00", "2026-11-20 06:00"),
            # The anchor may lie ahead as well as behind.
            (Biweekly(date(2027, 1, 1)), "2026-11-06T07:00", "2026-11-20 06:00"),
            # 15 November 2026 is a Sunday.
            (SemiMonthly(15, 31), "2026-11-10T12:00", "2026-11-13 06:00"),
            (SemiMonthly(15, 31), "2026-11-14T12:00", "2026-11-30 06:00"),
            # February has no 31st, and 2028 is a leap year.
            (Monthly(31), "2028-02-10T12:00", "2028-02-29 06:00"),
            # The last working day of the month: 31 October 2026 is a Saturday.
            (Monthly(31), "2026-10-10T12:00", "2026-10-30 06:00"),
            # New Year's pay comes in the year before.
            (Monthly(1), "2026-12-10T12:00", "2026-12-31 06:00"),
            # The Friday before is already behind us, so the pay of this weekend has come.
            (Monthly(15), "2026-11-14T12:00", "2026-12-15 06:00"),
        ],
    )
    def test_in_new_york(self, cycle: PayCycle, after: str, expected: str) -> None:
        assert _local(cycle, after) == expected

    def test_six_in_the_morning_stays_six_when_clocks_change(self) -> None:
        """Between 6 and 13 March 2026 New York loses an hour: the week is 167 hours long."""
        before = next_payday(Weekly(4), datetime(2026, 3, 5, tzinfo=UTC), zone=NEW_YORK, country="US")
        after = next_payday(Weekly(4), before, zone=NEW_YORK, country="US")
        assert after - before == timedelta(hours=167)

    def test_the_day_is_the_customers(self) -> None:
        """On the evening of the 30th in London it is the 1st in Auckland, and the pay is there."""
        after = datetime(2026, 6, 30, 12, tzinfo=UTC)
        payday = next_payday(Monthly(1), after, zone="Pacific/Auckland", country="NZ")
        assert payday == datetime(2026, 6, 30, 18, tzinfo=UTC)

    def test_a_weekend_is_the_countrys(self) -> None:
        """In Saudi Arabia banks close on Friday and Saturday, and open on Sunday."""
        assert _local(Monthly(20), "2026-11-10T12:00", zone="Asia/Riyadh", country="SA") == "2026-11-19 06:00"
        assert _local(Monthly(22), "2026-11-10T12:00", zone="Asia/Riyadh", country="SA") == "2026-11-22 06:00"

    def test_without_a_country_only_weekends_count(self) -> None:
        assert _local(Monthly(25), "2026-12-10T12:00", country=None) == "2026-12-25 06:00"

    def test_a_country_without_a_calendar_has_weekends(self) -> None:
        """Whatever a card's issuer is said to be from, a plan does not break on it."""
        assert _local(Weekly(4), "2026-11-22T12:00", country="ZZ") == "2026-11-27 06:00"
        assert _local(Weekly(6), "2026-11-23T12:00", country="ZZ") == "2026-11-27 06:00"


class TestZones:
    def test_a_customers_own_zone_comes_first(self) -> None:
        assert local_zone("Asia/Tokyo", country="US") == "Asia/Tokyo"

    def test_without_one_most_people_of_the_country_decide(self) -> None:
        assert local_zone(None, country="US") == "America/New_York"
        assert local_zone(None, country="AU") == "Australia/Sydney"

    def test_without_either_there_is_utc(self) -> None:
        assert local_zone(None, country=None) == "UTC"

    @pytest.mark.parametrize("country", sorted(COUNTRIES))
    def test_every_country_has_a_zone_that_exists(self, country: str) -> None:
        assert ZoneInfo(local_zone(None, country=country)).key != "UTC"


class TestRecords:
    @pytest.mark.parametrize(
        ("payday", "cycle"),
        [
            (Payday(cycle="weekly", weekday=0), Weekly(0)),
            (Payday(cycle="biweekly", anchor_date=date(2026, 11, 6)), Biweekly(date(2026, 11, 6))),
            (Payday(cycle="semi_monthly", day_of_month=1, second_day_of_month=15), SemiMonthly(1, 15)),
            (Payday(cycle="monthly", day_of_month=31), Monthly(31)),
        ],
    )
    def test_a_customers_record_reads_as_a_cycle(self, payday: Payday, cycle: PayCycle) -> None:
        assert cycle_of(payday) == cycle
        assert msgspec.convert(described(cycle), Payday) == payday
