"""What invoices come to: never below zero, nothing lost to rounding, and credit kept until it is used."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from recoup.billing.core.amounts import (
    AmountOff,
    Discount,
    Line,
    LineKind,
    PercentOff,
    discounted,
    invoiced,
    priced,
    proration_lines,
)
from recoup.billing.core.periods import Period
from recoup.billing.core.proration import changed
from recoup.kit.money import Money


def _usd(minor: int) -> Money:
    return Money(minor, "USD")


def _line(minor: int, *, discountable: bool = True) -> Line:
    return Line(kind=LineKind.ITEM, description="item", amount=_usd(minor), discountable=discountable)


lines = st.lists(
    st.builds(
        lambda minor, flag: _line(minor, discountable=flag), st.integers(-(10**7), 10**7), st.booleans()
    ),
    max_size=6,
)
offs = st.one_of(
    st.integers(1, 10_000).map(PercentOff), st.integers(1, 10**7).map(lambda minor: AmountOff(_usd(minor)))
)
times = st.none() | st.integers(1, 4)


@st.composite
def discounts(draw: st.DrawFn) -> list[Discount]:
    drawn = draw(st.lists(st.tuples(offs, times), max_size=4))
    return [Discount(id=f"d{n}", off=off, times=most) for n, (off, most) in enumerate(drawn)]


@given(
    st.lists(lines, min_size=1, max_size=5), discounts(), st.integers(-(10**7), 10**7), st.integers(0, 100)
)
def test_credit_is_conserved_over_any_run_of_invoices(
    run: list[list[Line]], taken: list[Discount], credit: int, least: int
) -> None:
    """Everything that was billed less everything that was paid is what the balance lost; no invoice asks below zero."""
    balance, billed, paid, offs_left = _usd(credit), 0, 0, tuple(taken)
    for each in run:
        totals = invoiced(each, currency="USD", discounts=offs_left, balance=balance, least=least)
        assert totals.amount_due.minor == 0 or totals.amount_due.minor >= max(least, 1)
        assert totals.total.minor >= 0 and totals.balance_before == balance
        assert totals.amount_due.minor == 0 or totals.balance_after.minor == 0, "credit is used before money"
        assert totals.balance_after.minor > -max(least, 1), "no more is carried over than what is too little"
        net = sum(row.net.minor for row in totals.lines)
        assert totals.subtotal.minor - totals.discount.minor == net
        assert totals.total.minor == max(net, 0)
        billed, paid, balance = billed + net, paid + totals.amount_due.minor, totals.balance_after
        offs_left = totals.discounts
    assert billed - paid == credit - balance.minor


@given(lines, discounts())
def test_discounts_take_no_more_than_there_is_and_only_where_they_may(
    each: list[Line], taken: list[Discount]
) -> None:
    totals = invoiced(each, currency="USD", discounts=taken)
    base = sum(line.amount.minor for line in each if line.discountable)
    off = {one.id: 0 for one in taken}
    for row in totals.lines:
        cuts = sum(one.amount.minor for one in row.taken)
        assert 0 <= cuts <= max(row.line.amount.minor, 0)
        assert not row.taken or row.line.discountable
        for one in row.taken:
            off[one.discount] += one.amount.minor
    assert sum(off.values()) == totals.discount.minor <= max(base, 0)
    rest = max(base, 0)
    for before, after in zip(taken, totals.discounts, strict=True):
        match before.off:
            case PercentOff(hundredths):
                assert abs(off[before.id] * 10_000 - rest * hundredths) <= 5_000
            case AmountOff(amount):
                assert off[before.id] == min(amount.minor, rest)
        rest -= off[before.id]
        assert after.used == before.used + (off[before.id] > 0)


@given(st.integers(1, 5), st.integers(1, 10_000), st.integers(1, 9))
def test_a_discount_holds_for_as_many_invoices_as_it_says(most: int, share: int, count: int) -> None:
    left: tuple[Discount, ...] = (Discount(id="d", off=PercentOff(share), times=most),)
    reduced = 0
    for _ in range(count):
        totals = invoiced([_line(1_000_000)], currency="USD", discounts=left)
        reduced, left = reduced + (totals.discount.minor > 0), totals.discounts
    assert reduced == min(most, count)


def test_a_discount_that_found_nothing_to_take_is_kept_for_later() -> None:
    """A coupon for one invoice is not used up by a free trial."""
    once = Discount(id="d", off=AmountOff(_usd(500)), times=1)
    assert invoiced([], currency="USD", discounts=[once]).discounts == (once,)


def test_a_change_in_mid_period_credits_what_was_really_paid() -> None:
    """Half price for the old plan gives back half, not more; what is left over goes to the balance, then is used."""
    half = [Discount(id="half", off=PercentOff(5_000))]
    month = Period(1, date(2027, 4, 1), date(2027, 5, 1))
    old, new = discounted(priced(_usd(1_000), 3), half), discounted(_usd(600), half)
    change = changed(old, new, month, on=date(2027, 4, 16))
    lines = proration_lines(change, old="Team", new="Solo")
    assert [(line.amount.minor, line.start, line.end) for line in lines] == [
        (-750, date(2027, 4, 16), date(2027, 5, 1)),
        (150, date(2027, 4, 16), date(2027, 5, 1)),
    ]
    now = invoiced(lines, currency="USD", discounts=half)
    assert (now.total, now.amount_due, now.balance_after) == (_usd(0), _usd(0), _usd(600))
    plan = Line(kind=LineKind.SUBSCRIPTION, description="Solo", amount=_usd(600))
    then = invoiced([plan], currency="USD", discounts=half, balance=now.balance_after)
    assert (then.total, then.amount_due, then.balance_after) == (_usd(300), _usd(0), _usd(300))


def test_what_is_too_little_to_charge_waits_for_the_next_invoice() -> None:
    small = invoiced([_line(30)], currency="USD", least=50)
    assert (small.amount_due, small.balance_after) == (_usd(0), _usd(-30))
    later = invoiced([_line(2_000)], currency="USD", balance=small.balance_after, least=50)
    assert (later.total, later.amount_due, later.balance_after) == (_usd(2_000), _usd(2_030), _usd(0))
