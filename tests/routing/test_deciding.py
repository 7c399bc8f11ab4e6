"""The order of accounts: what the ruling says, the well before the degraded, every draw again from its seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.routing.core.deciding import Option, Placed, decide
from recoup.routing.core.words import Health, Method, Ruling, Standing

GOOD: Final = Standing()
DEGRADED: Final = Standing(Health.DEGRADED, 0.05, "five failures in a row")
A, B, C = (UUID(int=number) for number in (1, 2, 3))
SEEDS: Final = [number.to_bytes(16) for number in range(4000)]


def option(
    account_id: UUID,
    value: int | None = 0,
    *,
    spread: int = 0,
    standing: Standing = GOOD,
    is_drained: bool = False,
) -> Option:
    """An account at an acquirer of its own."""
    return Option(
        account_id,
        f"account {account_id.int}",
        str(account_id),
        value=value,
        value_spread=spread,
        cost_per_approval=None if value is None else -value,
        standing=standing,
        is_drained=is_drained,
    )


def order(
    options: Sequence[Option], ruling: Ruling, seed: bytes = b"s", unit: str | None = None
) -> list[UUID]:
    """Who is asked, in order."""
    return [one.option.account_id for one in decide(options, ruling, seed=seed, unit=unit)]


OPTIONS: Final = st.lists(st.integers(1, 9), unique=True, max_size=6).flatmap(
    lambda ids: st.tuples(
        *[
            st.builds(
                option,
                st.just(UUID(int=id_)),
                st.none() | st.integers(-(10**6), 10**6),
                spread=st.integers(0, 10**5),
                standing=st.sampled_from([Standing(), DEGRADED, Standing(Health.DEGRADED)]),
                is_drained=st.booleans(),
            )
            for id_ in ids
        ]
    )
)
RULINGS: Final = st.builds(
    Ruling,
    rule=st.just("r"),
    method=st.sampled_from(Method),
    order=st.lists(st.integers(1, 9).map(lambda id_: UUID(int=id_)), unique=True, max_size=4).map(tuple),
    shares=st.dictionaries(st.integers(1, 9).map(lambda id_: UUID(int=id_)), st.integers(1, 100), max_size=4),
    sticky_by=st.none() | st.just("customer"),
    only=st.booleans(),
    excluded=st.dictionaries(st.integers(1, 9).map(lambda id_: UUID(int=id_)), st.just("no"), max_size=3),
)


@given(OPTIONS, RULINGS, st.binary(min_size=1, max_size=16), st.none() | st.just("cus_1"))
def test_nobody_is_invented_asked_twice_or_asked_although_excluded(
    options: tuple[Option, ...], ruling: Ruling, seed: bytes, unit: str | None
) -> None:
    """And the propensities of being first are a distribution, in which whoever is first had a part."""
    placed: tuple[Placed, ...] = decide(options, ruling, seed=seed, unit=unit)
    ids = [one.option.account_id for one in placed]
    able = {one.account_id for one in options} - set(ruling.excluded)
    meant = able & ({*ruling.order, *ruling.shares} if ruling.only else able)
    assert len(ids) == len(set(ids)) and set(ids) == meant
    if placed:
        assert sum(one.propensity for one in placed) == pytest.approx(1.0)
        assert all(0 <= one.propensity <= 1 for one in placed) and placed[0].propensity > 0
    assert placed == decide(options, ruling, seed=seed, unit=unit)


@given(OPTIONS, RULINGS, st.binary(min_size=1, max_size=16))
def test_a_drained_account_is_the_last_resort(
    options: tuple[Option, ...], ruling: Ruling, seed: bytes
) -> None:
    """However good it is: a person said so."""
    drained = [one.option.is_drained for one in decide(options, ruling, seed=seed, unit=None)]
    assert drained == sorted(drained)


def test_however_many_are_probed_most_go_to_who_is_well() -> None:
    """Five accounts that are coming back, each with a quarter to probe it, would take more than all there is."""
    hopeful = Standing(Health.DEGRADED, 0.25, "coming back")
    options = [option(A), *(option(UUID(int=number), standing=hopeful) for number in range(11, 16))]
    placed = decide(options, Ruling("r", Method.ORDERED), seed=b"s", unit=None)
    assert sum(one.propensity for one in placed) == pytest.approx(1.0)
    firsts = Counter(order(options, Ruling("r", Method.ORDERED), seed)[0] for seed in SEEDS)
    assert firsts[A] / len(SEEDS) == pytest.approx(0.5, abs=0.03)


def test_who_is_degraded_goes_behind_but_is_probed_by_its_share() -> None:
    """Only being asked can show that it is well again."""
    options = [option(A, standing=DEGRADED), option(B)]
    ruling = Ruling("r", Method.ORDERED)
    firsts = Counter(order(options, ruling, seed)[0] for seed in SEEDS)
    assert 0.035 < firsts[A] / len(SEEDS) < 0.065
    placed = decide(options, ruling, seed=SEEDS[0], unit=None)
    assert {one.option.account_id: one.propensity for one in placed} == pytest.approx({A: 0.05, B: 0.95})


def test_where_everybody_is_degraded_the_order_stands() -> None:
    """There is nobody better to ask."""
    options = [option(A, standing=DEGRADED), option(B, standing=DEGRADED)]
    assert all(order(options, Ruling("r", Method.ORDERED), seed)[0] == A for seed in SEEDS[:200])


def test_a_split_is_drawn_by_its_shares() -> None:
    """Over payments the parts come out as the policy says."""
    ruling = Ruling("r", Method.SPLIT, shares={A: 70, B: 30})
    firsts = Counter(order([option(A), option(B), option(C)], ruling, seed)[0] for seed in SEEDS)
    assert firsts[C] == 0 and 0.67 < firsts[A] / len(SEEDS) < 0.73


def test_a_sticky_split_keeps_a_customer_where_they_are() -> None:
    """Whatever the seed of the payment; and over customers the shares hold."""
    ruling = Ruling("r", Method.SPLIT, shares={A: 70, B: 30}, sticky_by="customer")
    options = [option(A), option(B)]
    first = {unit: order(options, ruling, b"1", unit)[0] for unit in map(str, range(3000))}
    assert all(order(options, ruling, b"2", unit)[0] == account for unit, account in first.items())
    assert 0.67 < sum(account == A for account in first.values()) / len(first) < 0.73


def test_a_split_whose_account_cannot_do_it_goes_to_the_rest() -> None:
    """The shares of who is left decide."""
    assert order([option(B)], Ruling("r", Method.SPLIT, shares={A: 70, B: 30})) == [B]


def test_least_cost_and_learned_rank_by_their_figures() -> None:
    """The cheapest approval first; the greatest expected value first."""
    options = [option(A, 1), option(B, 3), option(C, 2)]
    assert order(options, Ruling("r", Method.LEAST_COST)) == [B, C, A]
    assert order(options, Ruling("r", Method.LEARNED, explore=0)) == [B, C, A]


def test_exploring_is_drawn_and_told() -> None:
    """Its propensity is stored with the decision, so that what it taught can be weighed."""
    options = [option(A, 2, spread=10), option(B, 3, spread=10)]
    ruling = Ruling("r", Method.LEARNED, explore=500)
    firsts = Counter(order(options, ruling, seed)[0] for seed in SEEDS)
    assert 0.035 < firsts[A] / len(SEEDS) < 0.065
    placed = decide(options, ruling, seed=SEEDS[0], unit=None)
    assert {one.option.account_id: one.propensity for one in placed} == pytest.approx({A: 0.05, B: 0.95})


def test_before_anything_is_learned_the_merchant_s_order_stands() -> None:
    """And who is not known goes behind who is."""
    assert order([option(B, None), option(A, None)], Ruling("r", Method.LEARNED)) == [B, A]
    assert order([option(B, None), option(A, -5)], Ruling("r", Method.LEARNED)) == [A, B]
