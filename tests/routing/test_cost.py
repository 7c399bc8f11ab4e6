"""What a try costs: never less than nothing, more for more, in the right currency, and across a border only abroad."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from math import ceil
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.test_laws import Account

from recoup.kit.currencies import DECIMALS
from recoup.merchants.core import FeeModel, FeeRate, Fees, Relation
from recoup.routing.core import Facts
from recoup.routing.core.cost import NEVER, expected_cost_per_approval, expected_value, price_of
from recoup.routing.core.exchange import RATES as EXCHANGE
from recoup.routing.core.exchange import converted
from recoup.routing.core.words import Estimate, Price

CURRENCIES: Final = ("USD", "EUR", "JPY", "KRW", "BHD", "OMR", "GBP", "ISK")
COUNTRIES: Final = ("US", "DE", "FR", "GB", "AU", "JP", "BR")
MINOR: Final = st.integers(0, 10**6)
POINTS: Final = st.integers(0, 10_000)
SALE: Final = Facts("USD", "visa", "US", "automatic", "customer", amount=10_000, funding="credit")
PLUS_PLUS: Final = FeeModel.INTERCHANGE_PLUS_PLUS


def account(fees: Fees | None = None, **said: Any) -> Account:
    return Account(UUID(int=1), "it", fees=fees, **({"country": "US", "connector": "stripe"} | said))


def priced(fees: Fees | None, facts: Facts = SALE, **said: Any) -> Price:
    found = price_of(account(fees, **said), facts)
    assert found is not None
    return found


def some(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...] | None]:
    return st.none() | st.lists(st.sampled_from(values), min_size=1, max_size=3, unique=True).map(tuple)


RATE: Final = st.builds(
    FeeRate,
    brands=some(("visa", "mastercard")),
    fundings=some(("credit", "debit", "prepaid")),
    relation=st.none() | st.sampled_from(Relation),
    issuer_countries=some(COUNTRIES),
    basis_points=POINTS,
    fixed=MINOR,
    fixed_thousandths=st.integers(0, 999),
    at_most=st.none() | MINOR,
)
TABLE: Final = st.none() | st.lists(RATE, max_size=3).map(tuple)
FEES: Final = st.builds(
    Fees,
    model=st.sampled_from(FeeModel),
    basis_points=POINTS,
    fixed=MINOR,
    fixed_on_decline=MINOR,
    per_attempt=MINOR,
    cross_border_basis_points=POINTS,
    cross_border_fixed=MINOR,
    conversion_basis_points=POINTS,
    currency=st.sampled_from(CURRENCIES),
    rates=st.lists(RATE, max_size=3).map(tuple),
    interchange=TABLE,
    scheme=TABLE,
)
FACTS: Final = st.builds(
    Facts,
    currency=st.sampled_from(CURRENCIES),
    brand=st.sampled_from(["visa", "mastercard", "amex", "unknown"]),
    issuer_country=st.none() | st.sampled_from(COUNTRIES),
    capture=st.just("automatic"),
    initiator=st.just("customer"),
    amount=st.integers(0, 10**12),
    funding=st.sampled_from(["credit", "debit", "prepaid", "unknown"]),
    charges=st.booleans(),
    at=st.none() | st.datetimes(timezones=st.just(UTC)),
)
WHERE: Final = st.none() | st.sampled_from(COUNTRIES)


@given(fees=st.none() | FEES, facts=FACTS, country=WHERE, more=st.integers(0, 10**9))
def test_a_price_is_never_negative_and_never_falls_with_the_amount(
    fees: Fees | None, facts: Facts, country: str | None, more: int
) -> None:
    here = account(fees, country=country)
    less, greater = price_of(here, facts), price_of(here, replace(facts, amount=facts.amount + more))
    assert less is not None
    assert greater is not None
    assert 0 <= less.approved <= greater.approved
    assert 0 <= less.declined == greater.declined
    assert less.assumed == (fees is None)


@given(fees=FEES, facts=FACTS, country=WHERE)
def test_the_border_costs_only_where_there_is_one(fees: Fees, facts: Facts, country: str | None) -> None:
    """What is not known is no border: a merchant would rather not see a fee that nobody charges."""
    none = changed(fees, cross_border_basis_points=0, cross_border_fixed=0)
    crossed = None not in {country, facts.issuer_country} and country != facts.issuer_country
    with_it, without = priced(fees, facts, country=country), priced(none, facts, country=country)
    if not crossed or not facts.charges:
        assert with_it == without
    else:
        assert with_it.approved >= without.approved
        share = Fraction(facts.amount * fees.cross_border_basis_points, 10)
        assert with_it.approved - without.approved >= share


def changed(fees: Fees, **changes: Any) -> Fees:
    """The same fees with some changed."""
    return Fees(**{name: getattr(fees, name) for name in fees.__struct_fields__} | changes)


@given(st.integers(0, 10**9), POINTS, MINOR, st.sampled_from(CURRENCIES))
def test_a_blended_price_is_a_share_and_a_fixed_part_in_every_currency(
    amount: int, points: int, fixed: int, currency: str
) -> None:
    """Minor units are minor units: a currency without decimals, or with three, needs no factor."""
    fees = Fees(basis_points=points, fixed=fixed, fixed_on_decline=7, per_attempt=2, currency=currency)
    found = priced(fees, replace(SALE, amount=amount, currency=currency))
    assert found == Price(ceil(Fraction(amount * points, 10)) + (fixed + 2) * 1000, 9000)


def test_the_old_shape_of_fees_means_what_it_did() -> None:
    fees = Fees(basis_points=290, fixed=30, fixed_on_decline=5, currency="USD")
    assert priced(fees) == Price(320_000, 5_000)


@pytest.mark.parametrize(
    ("currency", "thousandths"),
    [
        ("USD", 30_000),
        ("JPY", 47_176),  # 0.30 / 1.1172 x 175.68 = 47.176 yen, which has no smaller unit
        ("EUR", 26_853),  # 0.30 / 1.1172 = 0.26853 euros
        ("BHD", 112_800),  # 0.30 x 0.376 = 0.1128 dinars, of a thousand fils each
    ],
)
def test_a_fixed_part_is_worth_the_same_in_another_currency(currency: str, thousandths: int) -> None:
    found = priced(Fees(fixed=30, fixed_on_decline=30), replace(SALE, currency=currency))
    assert found.declined == pytest.approx(thousandths, abs=1)
    assert found.approved == found.declined


def test_what_cannot_be_compared_has_no_price() -> None:
    facts = replace(SALE, currency="VND")
    assert price_of(account(Fees(fixed=1)), facts) is None
    assert price_of(account(Fees(basis_points=100)), facts) == Price(1_000_000 // 10, 0), (
        "a share needs no rate"
    )


@given(st.integers(0, 10**12), st.sampled_from(sorted(EXCHANGE)), st.sampled_from(sorted(EXCHANGE)))
def test_exchange_rounds_up_and_comes_back_to_nearly_the_same(amount: int, here: str, there: str) -> None:
    away = converted(amount, given=here, wanted=there)
    assert away is not None
    exact = Fraction(
        amount * EXCHANGE[there].millionths * 10 ** DECIMALS[there],
        EXCHANGE[here].millionths * 10 ** DECIMALS[here],
    )
    assert exact <= away < exact + 1
    back = converted(away, given=there, wanted=here)
    assert back is not None
    assert back >= amount


def test_conversion_costs_where_the_payment_is_in_another_currency() -> None:
    fees = Fees(basis_points=100, conversion_basis_points=200, currency="USD")
    assert priced(fees).approved == 100_000
    assert priced(fees, replace(SALE, currency="EUR")).approved == 300_000


def test_interchange_plus_plus_adds_up() -> None:
    fees = Fees(
        model=PLUS_PLUS,
        basis_points=20,
        fixed=3,
        per_attempt=11,
        interchange=(
            FeeRate(fundings=("debit",), basis_points=5, fixed=22),
            FeeRate(basis_points=189, fixed=10),
        ),
        scheme=(FeeRate(brands=("visa",), basis_points=14, fixed=1, fixed_thousandths=950),),
    )
    assert priced(fees).approved == 20_000 + 3_000 + 11_000 + 189_000 + 10_000 + 14_000 + 1_950
    assert priced(fees, replace(SALE, funding="unknown")) == priced(fees), "the unknown counts as credit"
    debit = priced(fees, replace(SALE, funding="debit"))
    assert debit.approved == 20_000 + 3_000 + 11_000 + 5_000 + 22_000 + 14_000 + 1_950
    assert debit.declined == 11_000


def test_a_card_that_no_own_rate_is_for_costs_what_the_price_book_says() -> None:
    """A table with a gap must not make an account look cheap."""
    gap = Fees(model=PLUS_PLUS, interchange=(FeeRate(brands=("amex",), basis_points=1),), scheme=(FeeRate(),))
    assert priced(gap) == priced(Fees(model=PLUS_PLUS, scheme=(FeeRate(),)))
    assert priced(gap).approved == 199_000


@pytest.mark.parametrize(
    ("where", "issuer", "relation"),
    [
        ("DE", "DE", Relation.DOMESTIC),
        ("DE", "FR", Relation.REGIONAL),
        ("DE", "GB", Relation.INTERNATIONAL),
        ("GB", "DE", Relation.INTERNATIONAL),
        ("US", "CA", Relation.INTERNATIONAL),
        (None, "US", Relation.DOMESTIC),
        ("US", None, Relation.DOMESTIC),
    ],
)
def test_where_a_card_comes_from(where: str | None, issuer: str | None, relation: Relation) -> None:
    points = {Relation.DOMESTIC: 1, Relation.REGIONAL: 2, Relation.INTERNATIONAL: 3}
    rates = tuple(FeeRate(relation=one, basis_points=share) for one, share in points.items())
    found = priced(Fees(rates=rates), replace(SALE, issuer_country=issuer), country=where)
    assert found.approved == points[relation] * 1000


def test_the_most_that_is_taken() -> None:
    capped = Fees(rates=(FeeRate(basis_points=100, at_most=200),))
    assert priced(capped, replace(SALE, amount=10_000)).approved == 100_000
    assert priced(capped, replace(SALE, amount=10**6)).approved == 200_000


def test_a_card_that_is_only_checked_costs_what_every_try_costs() -> None:
    checking = replace(SALE, charges=False, amount=0)
    fees = Fees(basis_points=290, fixed=30, fixed_on_decline=5, per_attempt=4)
    assert priced(fees, checking) == Price(4000, 4000)


def test_a_cap_changes_on_its_day() -> None:
    before, after = (
        priced(
            Fees(model=PLUS_PLUS, scheme=(FeeRate(),), currency="AUD"),
            replace(SALE, currency="AUD", issuer_country="AU", at=datetime(2026, month, day, tzinfo=UTC)),
            country="AU",
        )
        for month, day in ((9, 30), (10, 1))
    )
    assert (before.approved, after.approved) == (80_000, 30_000)


def test_an_account_without_fees_costs_the_list_price_and_says_so() -> None:
    assert priced(None) == Price(320_000, 0, assumed=True)
    assert priced(None, replace(SALE, issuer_country="CA")) == Price(470_000, 0, assumed=True)


CHANCE: Final = st.floats(0, 1)
PRICE: Final = st.builds(Price, approved=st.integers(0, 10**9), declined=st.integers(0, 10**9))


def likely(chance: float) -> Estimate:
    return Estimate(chance, chance, chance, 1.0)


@given(CHANCE, PRICE, st.integers(0, 10**9), st.integers(0, 10_000))
def test_the_expected_value_is_what_an_approval_leaves_less_what_the_try_costs(
    chance: float, price: Price, amount: int, margin: int
) -> None:
    found = expected_value(likely(chance), price, replace(SALE, amount=amount), margin)
    odds = Fraction(round(chance * 10**9), 10**9)
    gain = Fraction(amount * 1000 * margin, 10_000)
    exact = odds * (gain - price.approved) - (1 - odds) * price.declined
    assert abs(found - exact) <= Fraction(3, 2)


@given(CHANCE, CHANCE, PRICE, st.integers(0, 10**6), st.integers(0, 10_000))
def test_a_better_chance_is_worth_more_where_an_approval_earns_its_cost(
    one: float, other: float, price: Price, amount: int, margin: int
) -> None:
    low, high = sorted((one, other))
    facts = replace(SALE, amount=amount)
    worse, better = (expected_value(likely(chance), price, facts, margin) for chance in (low, high))
    if amount * margin // 10 >= price.approved - price.declined:
        assert better >= worse
    cheaper = expected_value(likely(low), Price(0, 0), facts, margin)
    assert cheaper >= worse


@given(CHANCE, PRICE)
def test_an_approval_costs_the_declined_tries_before_it_too(chance: float, price: Price) -> None:
    found = expected_cost_per_approval(likely(chance), price)
    odds = Fraction(round(chance * 10**9), 10**9)
    if odds == 0:
        assert found == NEVER
    else:
        exact = (odds * price.approved + (1 - odds) * price.declined) / odds
        assert found == min(NEVER, ceil(exact))
    assert expected_cost_per_approval(None, price) == price.approved
