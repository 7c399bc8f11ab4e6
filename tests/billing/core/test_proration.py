"""Proration: days have shares that add up to the cent, however often somebody changes their mind."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from recoup.billing.core.periods import Interval, Period, Unit, begun, period, re_anchored, whole_of
from recoup.billing.core.proration import by_price, changed, price_of, prorated, unused
from recoup.kit.money import Money

DAY = timedelta(days=1)
amounts = st.integers(0, 10**9).map(lambda minor: Money(minor, "USD"))
signed = st.integers(-(10**9), 10**9).map(lambda minor: Money(minor, "USD"))
periods = st.builds(
    lambda start, days: Period(1, start, start + DAY * days),
    st.dates(date(2027, 1, 1), date(2029, 1, 1)),
    st.integers(1, 400),
)


def _day_shares(amount: Money, one: Period) -> list[int]:
    """What each day costs, walked day by day: what is owed by its end, to the nearest, less what was paid before."""
    shares: list[int] = []
    for day in range(1, one.days + 1):
        exact_half_up = (amount.minor * day * 2 + one.days) // (one.days * 2)
        shares.append(exact_half_up - sum(shares))
    return shares


@given(signed, periods, st.lists(st.integers(0, 400), max_size=6))
def test_shares_add_up_to_the_whole_however_it_is_cut(amount: Money, one: Period, cuts: list[int]) -> None:
    edges = sorted({one.start, one.end, *(min(one.start + DAY * n, one.end) for n in cuts)})
    parts = [prorated(amount, one, start, end).minor for start, end in pairwise(edges)]
    assert sum(parts) == amount.minor
    shares = _day_shares(amount, one) if one.days < 60 else None
    for part, (start, end) in zip(parts, pairwise(edges), strict=True):
        assert abs(part * one.days - amount.minor * (end - start).days) <= one.days
        if shares is not None:
            assert part == sum(shares[(start - one.start).days : (end - one.start).days])


@given(periods, st.lists(st.tuples(st.integers(0, 420), amounts), min_size=1, max_size=8))
def test_any_sequence_of_changes_costs_each_day_at_the_price_of_that_day(
    one: Period, drawn: list[tuple[int, Money]]
) -> None:
    """Charged at first, credited and charged with every change: in the end the sum over days, to the cent."""
    prices = sorted(((one.start + DAY * n, amount) for n, amount in drawn), key=lambda each: each[0])
    paid = prices[0][1].minor
    for (_, old), (day, new) in pairwise(prices):
        paid += changed(old, new, one, on=day).net.minor
    walked = 0
    for place in range(one.days):
        day = one.start + DAY * place
        holds = [amount for since, amount in prices[1:] if since <= day]
        amount = holds[-1] if holds else prices[0][1]
        walked += prorated(amount, one, day, day + DAY).minor
    assert paid == walked == sum(share.amount.minor for share in by_price(prices, one))


@given(amounts, st.dates(date(2027, 1, 1), date(2027, 12, 31)), st.integers(1, 27), st.integers(-400, 400))
def test_a_short_period_and_the_credit_for_a_cut_one_are_the_days_of_it(
    price: Money, start: date, on: int, shift: int
) -> None:
    """Whoever is paid up and cut on a day has paid for the days before; a short period costs its days of a month."""
    phases = begun(start, Interval(Unit.MONTH))
    first = period(phases, 1)
    day = first.start + DAY * on
    cut = re_anchored(phases, on=day, anchor=day + DAY * shift)
    back = unused(price, first, on=day).amount
    assert price.minor + back.minor == prorated(price, first, first.start, day).minor
    assert price_of(price, period(cut, 1), whole=whole_of(cut, 1)).minor == price.minor + back.minor
    short, whole = period(cut, 2), whole_of(cut, 2)
    cost = price_of(price, short, whole=whole)
    assert (cost == price) is (short.days == whole.days) or price.minor < whole.days
    assert abs(cost.minor * whole.days - price.minor * short.days) <= whole.days


def test_a_period_that_begins_late_or_is_made_longer() -> None:
    whole = Period(1, date(2027, 3, 1), date(2027, 3, 31))
    price = Money(3000, "EUR")
    assert price_of(price, whole, whole=whole, used_from=date(2027, 3, 11)) == Money(2000, "EUR")
    longer = Period(1, date(2027, 3, 1), date(2027, 4, 15))
    assert price_of(price, longer, whole=whole) == price
    late = changed(price, Money(6000, "EUR"), whole, on=date(2027, 4, 2))
    assert late.net == Money(0, "EUR"), "nothing is left of a period that is over"
