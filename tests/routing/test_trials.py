"""Experiments: sides that stick, sums that lose nothing, and intervals that hold under any number of looks."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.routing.core.trials import (
    APPROVAL,
    NOTHING_YET,
    Ended,
    Finding,
    OfUnit,
    Side,
    State,
    Sums,
    Trial,
    Unit,
    assigned,
    compare,
    is_balanced,
    radius,
    too_much_worse,
)

TRIAL: Final = Trial(
    id=UUID(int=77),
    name="Cheaper first",
    version_a=1,
    version_b=2,
    share=5000,
    unit=Unit.CUSTOMER,
    drop_max=100,
    units_min=500,
    margin=10_000,
    state=State.RUNNING,
    started_at=datetime(2026, 11, 22, tzinfo=UTC),
)
RUNS: Final = 120
LOOK_EVERY: Final = 50


def single(count: int, approved: int) -> Sums:
    """A side of single payments."""
    return Sums(units=count, payments=count, gained=approved, nn=count, ns=approved, ss=approved)


ids: Final = st.uuids()


@given(ids, ids, ids)
def test_a_customer_stays_on_one_side(customer: UUID, one: UUID, other: UUID) -> None:
    first, again = (assigned(TRIAL, customer_id=customer, seed=payment.bytes) for payment in (one, other))
    assert first == again
    assert first.version == TRIAL.version(first.side)


@given(ids, ids, st.integers(0, 9_999))
def test_a_larger_share_takes_nobody_away_from_b(customer: UUID, payment: UUID, share: int) -> None:
    """So a share can be raised without moving anybody who is on B."""
    smaller, larger = (
        assigned(replace(TRIAL, share=one), customer_id=customer, seed=payment.bytes).side
        for one in (share, share + 1)
    )
    assert (smaller, larger) != (Side.B, Side.A)


def sides(trial: Trial, count: int) -> list[Side]:
    return [assigned(trial, customer_id=None, seed=UUID(int=number).bytes).side for number in range(count)]


@pytest.mark.parametrize(("share", "expected"), [(0, 0.0), (1000, 0.1), (5000, 0.5), (10_000, 1.0)])
def test_shares_are_kept(share: int, expected: float) -> None:
    found = sides(replace(TRIAL, share=share), 20_000)
    assert found.count(Side.B) / len(found) == pytest.approx(expected, abs=0.01)


def test_experiments_do_not_know_of_each_other() -> None:
    one, other = sides(TRIAL, 20_000), sides(replace(TRIAL, id=UUID(int=78)), 20_000)
    both = sum(left is right is Side.B for left, right in zip(one, other, strict=True))
    assert both / 20_000 == pytest.approx(0.25, abs=0.01)


def added(payments: Sequence[tuple[int, int]]) -> Sums:
    """The sums of payments `(unit, worth)`, as they come."""
    sums, units = Sums(), dict[int, OfUnit]()
    for unit, worth in payments:
        before = units.get(unit, NOTHING_YET)
        sums = sums.with_payment(worth, before)
        units[unit] = OfUnit(before.payments + 1, before.gained + worth)
    return sums


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-(10**9), 10**12)), max_size=40), st.randoms())
def test_the_sums_are_those_of_the_units_in_whatever_order_payments_come(
    payments: list[tuple[int, int]], chance: random.Random
) -> None:
    shuffled = list(payments)
    chance.shuffle(shuffled)
    units = {unit for unit, _ in payments}
    worth = {unit: [each for one, each in payments if one == unit] for unit in units}
    whole = Sums(
        units=len(units),
        payments=len(payments),
        gained=sum(each for _, each in payments),
        nn=sum(len(each) ** 2 for each in worth.values()),
        ns=sum(len(each) * sum(each) for each in worth.values()),
        ss=sum(sum(each) ** 2 for each in worth.values()),
    )
    assert added(payments) == added(shuffled) == whole


@given(st.lists(st.integers(-(10**6), 10**6), min_size=2, max_size=50))
def test_single_payments_have_the_usual_variance(worth: list[int]) -> None:
    sums = added(list(enumerate(worth)))
    assert sums.mean == pytest.approx(statistics.mean(worth))
    assert sums.variance == pytest.approx(statistics.variance(worth) / len(worth), rel=1e-6, abs=1e-6)


def looked_at(
    draw: Callable[[random.Random, Side], tuple[int, Sequence[int]]], *, seed: int, units: int
) -> set[Finding]:
    """All findings of an experiment that is looked at again and again. `draw` gives a new unit's payments."""
    chance, found = random.Random(seed), set[Finding]()
    sums = {Side.A: Sums(), Side.B: Sums()}
    for number in range(units):
        side = Side.B if chance.random() < 0.5 else Side.A
        before = NOTHING_YET
        for worth in draw(chance, side)[1]:
            sums[side] = sums[side].with_payment(worth, before)
            before = OfUnit(before.payments + 1, before.gained + worth)
        if number % LOOK_EVERY == 0:
            found.add(compare(APPROVAL, sums[Side.A], sums[Side.B], units_min=200).finding)
    return found


def alike(chance: random.Random, side: Side) -> tuple[int, Sequence[int]]:
    """Both sides approve 85 %."""
    return 0, [int(chance.random() < 0.85)]


def clustered(chance: random.Random, side: Side) -> tuple[int, Sequence[int]]:
    """Both sides alike, and a customer's five payments are approved or declined together."""
    return 0, [int(chance.random() < 0.8)] * 5


@pytest.mark.parametrize(("draw", "units"), [(alike, 4000), (clustered, 1500)])
def test_looking_often_finds_no_difference_where_there_is_none(
    draw: Callable[[random.Random, Side], tuple[int, Sequence[int]]], units: int
) -> None:
    """Looked at 80 times, a fixed-size test at 5 % would cry out in about a fourth of such runs."""
    wrong = sum(
        bool({Finding.A_BETTER, Finding.B_BETTER} & looked_at(draw, seed=seed, units=units))
        for seed in range(RUNS)
    )
    assert wrong / RUNS <= 0.05


def test_a_fixed_size_test_would_have_been_fooled() -> None:
    """Why there is a confidence sequence: the same looks with the usual 1.96 standard errors."""
    fooled = 0
    for seed in range(RUNS):
        chance, counts = random.Random(seed), {Side.A: [0, 0], Side.B: [0, 0]}
        crossed = False
        for number in range(4000):
            count = counts[Side.B if chance.random() < 0.5 else Side.A]
            count[0] += 1
            count[1] += chance.random() < 0.85
            if number % LOOK_EVERY == 0 and number >= 400:
                a, b = (single(*counts[side]) for side in Side)
                crossed |= abs(b.mean - a.mean) > 1.96 * (a.variance + b.variance) ** 0.5
        fooled += crossed
    assert fooled / RUNS > 0.1


def test_a_difference_is_found() -> None:
    def better(chance: random.Random, side: Side) -> tuple[int, Sequence[int]]:
        return 0, [int(chance.random() < (0.88 if side is Side.B else 0.82))]

    found = [looked_at(better, seed=seed, units=6000) for seed in range(20)]
    assert sum(Finding.B_BETTER in one for one in found) >= 19
    assert not any(Finding.A_BETTER in one for one in found)


def test_the_interval_is_wider_than_one_for_a_single_look_and_narrows() -> None:
    small, large = (single(count, int(0.85 * count)) for count in (1000, 50_000))
    assert radius(small, small) > 1.96 * (2 * small.variance) ** 0.5
    assert radius(large, large) < radius(small, small)


def test_nothing_is_concluded_too_early() -> None:
    assert compare(APPROVAL, single(499, 499), single(5000, 0), units_min=500).finding is Finding.TOO_FEW
    assert compare(APPROVAL, Sums(), Sums(), units_min=0).finding is Finding.UNDECIDED


def test_the_guardrail_stops_what_is_certainly_too_much_worse() -> None:
    worse = compare(APPROVAL, single(5000, 4500), single(5000, 4000), units_min=500)
    assert too_much_worse(worse, TRIAL)
    assert not too_much_worse(worse, replace(TRIAL, drop_max=1000)), "ten points are allowed here"
    early = compare(APPROVAL, single(400, 400), single(400, 0), units_min=500)
    assert not too_much_worse(early, TRIAL)


def test_sides_that_do_not_fit_their_share_are_noticed() -> None:
    assert is_balanced(0, 0, share=5000)
    assert is_balanced(5050, 4950, share=5000)
    assert not is_balanced(5500, 4500, share=5000)


def test_a_payment_without_a_price_counts_for_approval_only() -> None:
    ended = Ended(Side.A, UUID(int=1), is_alone=True, currency="USD", is_approved=True, worth=None)
    assert ended.metrics() == {APPROVAL: 1}
    assert replace(ended, worth=5).metrics() == {APPROVAL: 1, "USD": 5}
