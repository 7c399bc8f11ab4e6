"""One seed makes one world: the same people, the same numbers, the same luck."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money
from recoup.sandbox.cards import PUBLISHED, luhn_valid
from recoup.sandbox.core.cardfile import UnknownCard, account_of, identify, name_of, named
from recoup.sandbox.core.chance import below, letters
from recoup.sandbox.core.exchange import convert
from recoup.sandbox.core.people import GENERATIONS_MAX, POPULATION, holder_of, person

CROWD = [person(7, index, born=2026) for index in range(POPULATION)]
seeds = st.integers(0, 2**53)
indexes = st.integers(0, POPULATION - 1)
generations = st.integers(0, GENERATIONS_MAX - 1)


@given(seed=seeds, index=indexes, generation=generations)
def test_a_number_tells_whose_it_is(seed: int, index: int, generation: int) -> None:
    """So none has to be stored to be recognised."""
    who = person(seed, index, born=2026, generation=generation)
    assert holder_of(seed, who.number, born=2026) == who
    assert luhn_valid(who.number)
    assert who.number not in PUBLISHED


def test_nobody_shares_a_number_in_any_generation() -> None:
    numbers = {
        person(7, index, born=2026, generation=generation).number
        for index in range(POPULATION)
        for generation in range(GENERATIONS_MAX)
    }
    assert len(numbers) == POPULATION * GENERATIONS_MAX


def test_another_seed_is_another_world() -> None:
    others = [person(8, index, born=2026) for index in range(POPULATION)]
    assert not {who.number for who in CROWD} & {who.number for who in others}
    assert sum(one.pay == other.pay for one, other in zip(CROWD, others, strict=True)) < 150


def test_the_same_seed_is_the_same_world() -> None:
    person.cache_clear()
    assert [person(7, index, born=2026) for index in range(POPULATION)] == CROWD


@pytest.mark.parametrize(
    "number", ["", "4", "4000008407", "40000084071234567", "3700008401", "5555558407999999"]
)
def test_what_is_no_number_of_this_world_is_nobodys(number: str) -> None:
    assert holder_of(7, number, born=2026) is None


def test_the_crowd_is_as_mixed_as_people_are() -> None:
    brands = Counter(who.facts.brand for who in CROWD)
    countries = Counter(who.facts.country for who in CROWD)
    cycles = Counter(who.paydays.cycle for who in CROWD)
    assert brands["visa"] > brands["mastercard"] > brands["amex"] > 0
    assert countries["US"] > 400
    assert set(countries) == {"US", "GB", "DE", "FR", "ES", "NL", "CA", "AU"}
    assert len(cycles) == 5
    assert 60 < sum(who.dormant for who in CROWD) < 140
    assert sum(who.authenticates for who in CROWD if who.facts.country in {"US", "CA", "AU"}) == 0


def test_a_repr_shows_no_number() -> None:
    assert not [who for who in CROWD[:50] if who.number in repr(who)]


@given(seed=seeds, index=indexes, generation=generations)
def test_a_card_is_found_again_by_a_name_without_its_number(seed: int, index: int, generation: int) -> None:
    who = person(seed, index, born=2026, generation=generation)
    name = name_of(who)
    assert who.number not in name
    assert named(name, seed=seed, born=2026) == who
    assert account_of(who) == f"person:{index}", "a reissued card draws on the same account"


def test_published_cards_are_found_again_too() -> None:
    for number, card in PUBLISHED.items():
        assert number not in name_of(card)
        assert named(name_of(card), seed=7, born=2026) is card


def test_an_unknown_number_is_named_by_a_keyed_digest() -> None:
    one, other = (
        identify("4111111111111111", seed=7, born=2026, secret=key) for key in (b"a" * 32, b"b" * 32)
    )
    assert isinstance(one, UnknownCard)
    assert name_of(one) != name_of(other)
    assert "4111" not in name_of(one)
    assert account_of(one) is None


@given(limit=st.integers(1, 10**9), facts=st.lists(st.integers() | st.text(), max_size=4))
def test_chance_is_a_function_of_facts(limit: int, facts: list[int | str]) -> None:
    drawn = below(limit, *facts)
    assert 0 <= drawn < limit
    assert drawn == below(limit, *facts)


def test_chance_is_even() -> None:
    counts = Counter(below(10, 7, "test", n) for n in range(10_000))
    assert all(850 < count < 1150 for count in counts.values())


def test_names_need_their_key() -> None:
    assert letters(26, b"a", "x") != letters(26, b"b", "x")
    assert len(letters(26, b"a", "x")) == 26


@given(minor=st.integers(1, 10**12), currency=st.sampled_from(sorted(DECIMALS)))
def test_no_amount_is_lost_in_exchange(minor: int, currency: str) -> None:
    there = convert(Money(minor, currency), "USD")
    assert there >= 1
    assert convert(Money(minor, currency), currency) == minor


def test_exchange_knows_decimals() -> None:
    assert convert(Money(1000, "JPY"), "USD") == 1000
    assert convert(Money(1000, "KWD"), "USD") == 325
    assert convert(Money(100, "EUR"), "USD") == 110


def test_cards_outlive_their_world_by_two_years_at_least() -> None:
    assert all(who.valid_until > datetime(2026, 12, 31, tzinfo=UTC) + timedelta(days=365) for who in CROWD)
