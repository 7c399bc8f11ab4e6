"""The charge day: within what was agreed, when the money is believed to be there, and not moved without a reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from recoup.billing.core.chargeday import (
    AT_DUE,
    SPREAD_S,
    Agreed,
    Charging,
    Why,
    charge_moment,
    charge_moments,
    in_words,
)
from recoup.billing.core.periods import Period, due_at
from recoup.kit.money import Money
from recoup.paydays.core import Biweekly, Monthly, PayCycle, SemiMonthly, Weekly, next_payday
from recoup.recovery.core.known import Seen

DAY: Final = timedelta(days=1)
PLACES: Final = (
    ("US", "America/New_York"),
    ("GB", "Europe/London"),
    ("BR", "America/Sao_Paulo"),
    ("AU", "Australia/Lord_Howe"),
    (None, "UTC"),
)
cycles = st.one_of(
    st.builds(Weekly, st.integers(0, 6)),
    st.builds(Biweekly, st.dates(date(2026, 1, 1), date(2027, 1, 1))),
    st.integers(1, 15).flatmap(lambda first: st.builds(SemiMonthly, st.just(first), st.integers(16, 31))),
    st.builds(Monthly, st.integers(1, 31)),
)
windows = st.none() | st.builds(Agreed, st.integers(0, 31), st.sampled_from([0, 0, 3, 10]))


@st.composite
def charges(draw: st.DrawFn) -> Charging:
    """Any invoice: due at any hour, months with changes of the clocks too, opened in time or late."""
    country, zone = draw(st.sampled_from(PLACES))
    day = draw(st.dates(date(2026, 2, 1), date(2027, 12, 31)) | st.sampled_from([date(2027, 3, 13)]))
    hour = draw(st.integers(0, 23))
    until = day + draw(st.sampled_from([1, 7, 30])) * DAY
    due = due_at(Period(1, day, until), zone, hour)
    seen = draw(st.lists(st.tuples(st.integers(1, 400 * 24), st.booleans()), max_size=8))
    return Charging(
        key=UUID(int=draw(st.integers(0, 2**128 - 1))),
        due=due,
        until=due_at(Period(2, until, until + DAY), zone, hour),
        agreed=draw(windows),
        amount=Money(draw(st.integers(1, 10**6)), "USD"),
        zone=zone,
        country=country,
        pay=draw(st.none() | cycles),
        seen=[
            Seen(due - timedelta(hours=ago), approved, "" if approved else "funds", False, 2_000)
            for ago, approved in seen
        ],
        hour=draw(st.none() | st.integers(0, 23)),
        not_before=draw(st.none() | st.integers(-20 * 24, 10 * 24).map(lambda by: due + timedelta(hours=by))),
    )


def _days_moved(charging: Charging, at: datetime) -> int:
    local = ZoneInfo(charging.zone)
    return (at.astimezone(local).date() - charging.due.astimezone(local).date()).days


@given(charges(), st.sampled_from([0, SPREAD_S]))
def test_a_charge_lies_in_the_window_and_in_the_period(charging: Charging, spread_s: int) -> None:
    """Never a day that was not agreed, never before it is due unless that was agreed, never in the next period.

    One that could not be charged in its window is charged as soon as it can be.
    """
    chosen = charge_moment(charging, spread_s=spread_s)
    first = max(charging.due, charging.not_before or charging.due)
    agreed = charging.agreed or Agreed(0)
    assert charging.not_before is None or charging.not_before <= chosen.at
    if first < charging.until:
        assert chosen.at < charging.until
    if agreed.before_days == 0:
        assert first <= chosen.at
    if chosen.why is Why.LATE:
        assert _days_moved(charging, chosen.at) == _days_moved(charging, first) > 0
    else:
        assert -agreed.before_days <= _days_moved(charging, chosen.at) <= agreed.after_days
    if charging.agreed is None and charging.hour is None:
        assert timedelta(0) <= chosen.at - first <= timedelta(seconds=spread_s)
    assert 0 <= chosen.chance <= 1 and 0 <= chosen.chance_due <= 1
    assert in_words(chosen, charging).endswith(".")


@settings(max_examples=40)
@given(st.lists(charges(), min_size=2, max_size=4))
def test_who_is_thought_of_together_makes_no_difference(some: list[Charging]) -> None:
    assert charge_moments(some) == [charge_moment(one) for one in some]


def _of_somebody_short(due: datetime, payday: datetime, *, pay: PayCycle | None) -> Charging:
    """Somebody whose last renewals failed when they were due, weeks after payday, and were paid on payday."""
    seen = [
        one
        for back in (28, 56, 84)
        for one in (
            Seen(due - back * DAY, False, "funds", False, 2_000),
            Seen(payday - back * DAY + timedelta(hours=3), True, "", False, 2_000),
        )
    ]
    return Charging(
        key=UUID(int=1),
        due=due,
        until=due + 30 * DAY,
        agreed=Agreed(14),
        amount=Money(2_000, "USD"),
        zone="America/New_York",
        country="US",
        pay=pay,
        seen=sorted(seen, key=lambda one: one.at),
    )


@given(st.dates(date(2026, 3, 1), date(2027, 11, 30)), st.integers(2, 12), st.integers(6, 20))
def test_a_sure_payday_in_the_window_is_chosen(day: date, ahead: int, hour: int) -> None:
    """Told by the customer and shown by what was paid: the invoice waits until pay is there, and no longer."""
    zone = "America/New_York"
    due = due_at(Period(1, day, day + DAY), zone, hour)
    pay = Biweekly(day + ahead * DAY)
    payday = next_payday(pay, due, zone=zone, country="US")
    assume(payday.astimezone(ZoneInfo(zone)).date() == day + ahead * DAY)  # no holiday moved it
    charging = _of_somebody_short(due, payday, pay=pay)
    chosen = charge_moment(charging, spread_s=0)
    assert payday <= chosen.at < payday + timedelta(hours=18)
    assert chosen.why is Why.STATED
    assert chosen.chance > 0.9 > chosen.chance_due


def test_what_is_believed_moves_the_charge_and_names_its_reason() -> None:
    """Told, shown, or only usual there; and the more is known, the surer."""
    due = datetime(2027, 3, 10, 14, tzinfo=UTC)
    payday = datetime(2027, 3, 19, 10, tzinfo=UTC)
    told = _of_somebody_short(due, payday, pay=Biweekly(date(2027, 3, 19)))
    shown = replace(told, pay=None)
    unknown = replace(told, pay=None, seen=(), agreed=Agreed(31))
    rich = replace(shown, seen=[Seen(due - n * 15 * DAY, True, "", False, 2_000) for n in range(1, 25)])
    chosen = charge_moments([told, shown, unknown, rich])
    assert [one.why for one in chosen] == [Why.STATED, Why.LEARNED, Why.USUAL, Why.DUE_IS_BEST]
    assert chosen[0].at.date() == chosen[1].at.date() == payday.date()
    assert chosen[0].chance >= chosen[1].chance > 0.8
    assert chosen[3].at - due < timedelta(seconds=SPREAD_S) and chosen[3].chance > 0.98
    assert "payday that the customer told" in in_words(chosen[0], told)
    sure = replace(chosen[0], chance=0.99996, chance_due=0.00004)
    assert "chance of 99.9% instead of 0.1%" in in_words(sure, told), "nothing that is believed is certain"


@given(st.integers(1, 28), st.integers(0, 14), st.integers(0, 14))
def test_a_wider_window_is_never_worse(day: int, narrow: int, more: int) -> None:
    due = datetime(2027, 2, day, 12, tzinfo=UTC)
    told = replace(_of_somebody_short(due, due + 5 * DAY, pay=None), agreed=Agreed(narrow))
    less, most = charge_moments([told, replace(told, agreed=Agreed(narrow + more))])
    assert most.chance >= less.chance - 1e-9
    assert less.chance >= less.chance_due - 1e-9


def test_pay_comes_before_a_holiday_and_so_does_the_charge_even_before_it_is_due_where_that_was_agreed() -> (
    None
):
    """1 May 2027 is a Saturday and a holiday; 27 February one, too: both are paid on the Friday before."""
    after = Charging(
        key=UUID(int=1),
        due=datetime(2027, 4, 27, 10, tzinfo=UTC),
        until=datetime(2027, 5, 27, 10, tzinfo=UTC),
        agreed=Agreed(7),
        amount=Money(2_000, "EUR"),
        zone="Europe/Berlin",
        country="DE",
        pay=Monthly(1),
    )
    due = datetime(2027, 3, 2, 10, tzinfo=UTC)
    before = replace(after, due=due, until=due + 30 * DAY, agreed=Agreed(0, 5), pay=Monthly(27))
    late = replace(before, not_before=due - 2 * DAY)
    chosen = charge_moments([after, before, late, replace(before, agreed=Agreed(5))])
    assert [_days_moved(after, chosen[0].at), _days_moved(before, chosen[1].at)] == [3, -4]
    assert chosen[2].at >= due - 2 * DAY and chosen[3].at >= due


def test_a_bank_holiday_of_the_customers_own_country_moves_the_payday() -> None:
    """6 May 2027, a Thursday, is Ascension Day: a holiday in Germany, and a day like any other in Britain."""
    due = datetime(2027, 5, 3, 10, tzinfo=UTC)
    german = Charging(
        key=UUID(int=1),
        due=due,
        until=due + 28 * DAY,
        agreed=Agreed(7),
        amount=Money(2_000, "EUR"),
        zone="Europe/Berlin",
        country="DE",
        pay=Monthly(6),
    )
    chosen = charge_moments([german, replace(german, country="GB")])
    assert [_days_moved(german, one.at) for one in chosen] == [2, 3]


def test_pay_that_is_booked_by_morning_is_waited_for_the_same_day() -> None:
    zone = ZoneInfo("Europe/Berlin")
    due = datetime(2027, 3, 15, 0, 30, tzinfo=zone)
    charging = Charging(
        key=UUID(int=1),
        due=due.astimezone(UTC),
        until=due.astimezone(UTC) + 31 * DAY,
        agreed=Agreed(0),
        amount=Money(2_000, "EUR"),
        zone="Europe/Berlin",
        country="DE",
        pay=Monthly(15),
    )
    chosen = charge_moment(charging, spread_s=0)
    assert (chosen.at.astimezone(zone).hour, chosen.why) == (6, Why.MORNING)
    unasked = charge_moment(replace(charging, agreed=None), spread_s=0)
    assert (unasked.at, unasked.why) == (charging.due, Why.NOT_AGREED)
    at_nine = charge_moment(replace(charging, agreed=None, hour=9), spread_s=0)
    assert (at_nine.at.astimezone(zone).hour, at_nine.why) == (9, Why.HOUR)


def test_charges_that_fall_due_together_are_spread_over_minutes_and_always_the_same() -> None:
    due = datetime(2027, 3, 1, 9, tzinfo=UTC)
    some = [
        Charging(
            key=UUID(int=n << 64),
            due=due,
            until=due + 31 * DAY,
            agreed=None,
            amount=Money(2_000, "EUR"),
            zone="UTC",
        )
        for n in range(300)
    ]
    chosen = charge_moments(some)
    assert chosen == charge_moments(some) and all(one.why in AT_DUE for one in chosen)
    by_minute = [int((one.at - due).total_seconds()) // 60 for one in chosen]
    assert set(by_minute) == set(range(15)) and max(map(by_minute.count, by_minute)) < 45


def test_a_charge_that_waits_is_at_a_whole_second_and_not_too_early() -> None:
    due = datetime(2027, 3, 1, 9, tzinfo=UTC)
    late = due + timedelta(days=3, microseconds=123_456)
    for n in range(50):
        charging = Charging(
            key=UUID(int=n << 64),
            due=due,
            until=due + 31 * DAY,
            agreed=None,
            amount=Money(2_000, "EUR"),
            zone="UTC",
            not_before=late,
        )
        at = charge_moment(charging).at
        assert at.microsecond == 0 and late <= at < late + timedelta(minutes=15)
