"""Money is exact: in every currency, through every sum, split and reading."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.currencies import DECIMALS
from recoup.kit.money import MINOR_MAX, CurrencyMismatch, Money, parse_major

minors = st.integers(-MINOR_MAX, MINOR_MAX)
currencies = st.sampled_from(sorted(DECIMALS))
monies = st.builds(Money, minors, currencies)
weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(any)


@given(minors, minors, currencies)
def test_sums_are_exact(one: int, other: int, currency: str) -> None:
    assert Money(one, currency) + Money(other, currency) == Money(one + other, currency)
    assert Money(one, currency) - Money(other, currency) == Money(one - other, currency)
    assert (Money(one, currency) < Money(other, currency)) == (one < other)
    assert (Money(one, currency) <= Money(other, currency)) == (one <= other)


@given(minors, st.lists(currencies, min_size=2, max_size=2, unique=True))
def test_two_currencies_never_meet(minor: int, two: list[str]) -> None:
    one, other = Money(minor, two[0]), Money(minor, two[1])
    assert one != other
    for meet in (one.__add__, one.__sub__, one.__lt__, one.__le__):
        with pytest.raises(CurrencyMismatch):
            meet(other)


@given(monies, weights)
def test_a_split_adds_up_exactly(money: Money, shares: list[int]) -> None:
    parts = money.split(shares)
    assert len(parts) == len(shares)
    assert sum(part.minor for part in parts) == money.minor
    assert all(part.currency == money.currency for part in parts)


@given(monies, weights)
def test_no_share_is_off_by_a_whole_unit(money: Money, shares: list[int]) -> None:
    total = sum(shares)
    for part, weight in zip(money.split(shares), shares, strict=True):
        assert abs(part.minor * total - money.minor * weight) < total


@given(monies, weights)
def test_who_weighs_nothing_gets_nothing_and_who_weighs_more_gets_no_less(
    money: Money, shares: list[int]
) -> None:
    parts = money.split(shares)
    by_weight = sorted(zip(shares, parts, strict=True), key=lambda pair: (pair[0], abs(pair[1].minor)))
    sizes = [abs(part.minor) for _, part in by_weight]
    assert all(part.minor == 0 for weight, part in by_weight if weight == 0)
    assert money.minor < 0 or sizes == sorted(sizes)


def test_what_is_left_over_goes_to_those_whom_rounding_cut_most() -> None:
    assert [part.minor for part in Money(100, "USD").split([1, 1, 1])] == [34, 33, 33]
    assert [part.minor for part in Money(5, "JPY").split([3, 1])] == [4, 1]


@pytest.mark.parametrize("shares", [[], [0], [0, 0], [-1, 2]])
def test_weights_that_mean_nothing_are_a_bug(shares: list[int]) -> None:
    with pytest.raises(AssertionError):
        Money(100, "USD").split(shares)


@given(monies)
def test_what_is_written_is_read_again(money: Money) -> None:
    text, currency = str(money).split(" ")
    assert parse_major(text, currency) == money
    assert parse_major(f"{money.major():f}", money.currency) == money


@given(monies)
def test_the_written_form_has_the_currencys_decimals(money: Money) -> None:
    _, _, digits = str(money).split(" ")[0].partition(".")
    assert len(digits) == money.decimals == DECIMALS[money.currency]
    assert money.major() * 10**money.decimals == Decimal(money.minor)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (4999, "USD", "49.99 USD"),
        (-1, "EUR", "-0.01 EUR"),
        (4999, "JPY", "4999 JPY"),
        (4999, "KWD", "4.999 KWD"),
        (4999, "CLF", "0.4999 CLF"),
        (0, "GBP", "0.00 GBP"),
    ],
)
def test_money_in_nought_two_three_and_four_decimals(minor: int, currency: str, text: str) -> None:
    assert str(Money(minor, currency)) == text


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("1.001", "USD"),
        ("1.5", "JPY"),
        ("", "USD"),
        (".", "USD"),
        ("-", "USD"),
        ("1e5", "USD"),
        ("1,5", "EUR"),
        ("x", "USD"),
    ],
)
def test_what_is_no_amount_is_not_read(text: str, currency: str) -> None:
    assert parse_major(text, currency) is None


@pytest.mark.parametrize("minor", [1.0, True, Decimal(1), "1", None])
def test_money_is_made_of_whole_units_only(minor: object) -> None:
    with pytest.raises(AssertionError):
        Money(minor, "USD")  # type: ignore[arg-type]  # the point: what a type checker cannot keep out


@pytest.mark.parametrize("currency", ["usd", "XXX", "XAU", "", "US"])
def test_money_is_of_a_currency_that_cards_are_charged_in(currency: str) -> None:
    with pytest.raises(AssertionError):
        Money(1, currency)


def test_money_is_a_value() -> None:
    assert {Money(1, "USD"), Money(1, "USD")} == {Money(1, "USD")}
    with pytest.raises(AttributeError):
        Money(1, "USD").minor = 2  # type: ignore[misc]  # the point: it cannot be changed
