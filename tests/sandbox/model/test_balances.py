"""Money on simulated accounts: it comes on payday, only goes until the next, and is never below nothing."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.sandbox.core.people import COUNTRIES
from recoup.sandbox.model import Parameters, World, calendar
from recoup.sandbox.model.balances import balance, paydays
from recoup.sandbox.model.calendar import SLOT_S, SLOTS_A_DAY, ZONES, tables
from recoup.sandbox.model.luck import Draw, Ints, Luck
from recoup.sandbox.model.people import IRREGULAR

WORLD = World(3, 500)
POOR = World(3, 500, parameters=Parameters(top_up_share=0.0, tight_share=1.0, credit_tight=1.0))
TABLES = tables(date(2026, 1, 5))
EPOCH = date(1970, 1, 1)
DAYS = st.dates(date(2025, 5, 1), date(2026, 5, 1))


def money(world: World, slot: Ints) -> Ints:
    nature = world.nature
    return balance(nature.luck, world.who, slot, parameters=nature.parameters, tables=nature.tables)


@given(moved=st.integers(-700, 112))
@settings(max_examples=30, deadline=None)
def test_a_balance_is_never_negative(moved: int) -> None:
    assert (money(WORLD, WORLD.who.slot + moved) >= 0).all()


@given(moved=st.integers(-700, 110))
@settings(max_examples=30, deadline=None)
def test_between_paydays_money_only_goes(moved: int) -> None:
    slot = POOR.who.slot + moved
    ends = [paydays(POOR.nature.luck, POOR.who, one, tables=POOR.nature.tables) for one in (slot, slot + 1)]
    same = (ends[0][0] == ends[1][0]) & (ends[0][1] == ends[1][1])
    before, after = money(POOR, slot), money(POOR, slot + 1)
    assert same.mean() > 0.5 and (after[same] <= before[same]).all()


def test_who_comes_first_on_payday_finds_more() -> None:
    """Other merchants claim their part in the hours after pay has come."""
    _, payday = paydays(POOR.nature.luck, POOR.who, POOR.who.slot, tables=POOR.nature.tables)
    early, late = (money(POOR, payday * SLOTS_A_DAY + slot) for slot in (1, 11))
    assert (late <= early).all()
    assert np.median(early / POOR.who.pay) - np.median(late / POOR.who.pay) > 0.15


def test_nothing_comes_to_a_dormant_account() -> None:
    dormant = np.flatnonzero(WORLD.who.dormant_from <= WORLD.who.slot // SLOTS_A_DAY)
    assert len(dormant) and not any(money(WORLD, WORLD.who.slot + n)[dormant].any() for n in range(0, 100, 9))


@given(day=DAYS, country=st.integers(0, len(COUNTRIES) - 1), pattern=st.integers(0, calendar.PATTERNS - 1))
def test_paydays_are_banking_days_around_each_day(day: date, country: int, pattern: int) -> None:
    number = np.array([(day - EPOCH).days])
    last, following = (one[0] for one in TABLES.paydays(np.array([country]), np.array([pattern]), number))
    assert last <= number[0] < following
    assert following - last <= 36
    for found in (last, following):
        assert (EPOCH + timedelta(days=int(found))).weekday() < 5


def test_a_payday_on_a_holiday_comes_before_it() -> None:
    """The first of January is nobody's banking day: pay comes on the last one of December."""
    first = np.array([calendar.MONTHLY])
    last, _ = TABLES.paydays(np.array([0]), first, np.array([(date(2026, 1, 10) - EPOCH).days]))
    assert EPOCH + timedelta(days=int(last[0])) == date(2025, 12, 31)


@given(
    moment=st.datetimes(datetime(2025, 5, 1), datetime(2026, 5, 1)),  # noqa: DTZ001 - made aware below
    zone=st.integers(0, len(ZONES) - 1),
)
def test_local_time_is_the_zones(moment: datetime, zone: int) -> None:
    aware = moment.replace(tzinfo=ZoneInfo("UTC"), microsecond=0)
    local = aware.astimezone(ZoneInfo(ZONES[zone])).replace(tzinfo=ZoneInfo("UTC"))
    place, at_s = np.array([zone]), np.array([int(aware.timestamp())])
    assert TABLES.local_s(place, at_s)[0] == int(local.timestamp())
    slot = TABLES.slot(place, at_s)
    assert TABLES.slot(place, TABLES.middle_s(place, slot))[0] == slot[0] == int(local.timestamp()) // SLOT_S


def test_irregular_money_comes_once_in_each_stretch() -> None:
    who = WORLD.who.only(np.flatnonzero(WORLD.who.pattern == IRREGULAR))
    assert len(who)
    for moved in range(0, 110, 7):
        last, following = paydays(WORLD.nature.luck, who, who.slot + moved, tables=WORLD.nature.tables)
        assert ((following - last > 0) & (following - last < 2 * who.irregular_days)).all()


def test_luck_is_even_and_belongs_to_its_facts() -> None:
    luck, every = Luck(1), np.arange(40_000)
    drawn = luck.uniform(Draw.PAYS, every, 3)
    assert drawn.min() >= 0.0 and drawn.max() < 1.0
    assert np.abs(np.histogram(drawn, 20, (0, 1))[0] / 2_000 - 1).max() < 0.12
    for other in (
        luck.uniform(Draw.PAYS, every, 4),
        luck.uniform(Draw.ACTS, every, 3),
        Luck(2).uniform(Draw.PAYS, every, 3),
        luck.uniform(Draw.PAYS, every + 1, 3),
    ):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.03
    normal = luck.normal(Draw.PAYS, every)
    assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.02
