"""Off-policy estimates: right on logs whose truth is known, bounded, and silent where the log knows nothing."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.routing.core.observing import Arm, observe
from recoup.routing.core.offpolicy import (
    DECISIONS_MIN,
    Conclusion,
    Evaluation,
    Inconclusive,
    Interval,
    Tally,
    Verdict,
)

A, B, C = (UUID(int=number) for number in (1, 2, 3))
SEEDS: Final = 200
Shares = Mapping[UUID, float]
TRUTH: Final = ({A: 0.80, B: 0.70, C: 0.75}, {A: 0.55, B: 0.85, C: 0.60})
"""What each account approves for two kinds of payment, which come equally often."""
LOGGING: Final = ({A: 0.7, B: 0.2, C: 0.1}, {A: 0.5, B: 0.3, C: 0.2})
TARGET: Final = ({A: 0.9, B: 0.0, C: 0.1}, {A: 0.1, B: 0.8, C: 0.1})
WORTH: Final = sum(share * TRUTH[kind][one] for kind in (0, 1) for one, share in TARGET[kind].items()) / 2


def arm(account_id: UUID, propensity: float, model: float = 0.0) -> Arm:
    return Arm(account_id, propensity, model, 0.0, 1.0)


def simulated(
    decisions: int, *, seed: int, target: tuple[Shares, Shares] = TARGET, off: float | None = 0.1
) -> Evaluation:
    """A log whose truth is known, evaluated. The model is wrong by `off`; None stands for no model."""
    chance, tally = random.Random(seed), Tally()
    for _ in range(decisions):
        kind = chance.randrange(2)
        asked = chance.choices([A, B, C], weights=[LOGGING[kind][one] for one in (A, B, C)])[0]
        reward = float(chance.random() < TRUTH[kind][asked])
        model = {one: 0.0 if off is None else min(1.0, TRUTH[kind][one] + off) for one in (A, B, C)}
        arms = [arm(one, LOGGING[kind][one], model[one]) for one in (A, B, C)]
        seen = observe(arms, asked=asked, reward=reward, target=target[kind])
        assert seen is not None
        tally.add(seen)
    return tally.evaluation()


def test_the_truth_is_inside_the_interval_about_as_often_as_promised() -> None:
    """95 % promised; of 200 logs, fewer than 90 % would be a bug and not bad luck (odds under 1 in 400)."""
    hits = {"ips": 0, "snips": 0, "doubly_robust": 0, "bernstein": 0}
    means = dict.fromkeys(hits, 0.0)
    for seed in range(SEEDS):
        told = simulated(400, seed=seed)
        for name in hits:
            interval: Interval = getattr(told, name)
            hits[name] += interval.low <= WORTH <= interval.high
            means[name] += interval.estimate / SEEDS
    assert min(hits.values()) >= 0.9 * SEEDS, hits
    assert hits["bernstein"] >= 0.99 * SEEDS
    for name in ("ips", "doubly_robust"):
        assert means[name] == pytest.approx(WORTH, abs=0.008), name


def test_a_model_narrows_the_interval() -> None:
    """That is what it is for; and a wrong one does no harm to the truth of the estimate."""
    without, wrong = (simulated(5000, seed=1, off=off) for off in (None, 0.2))
    assert width(wrong.doubly_robust) < width(without.ips)
    assert wrong.doubly_robust.low < WORTH < wrong.doubly_robust.high


def width(interval: Interval) -> float:
    return interval.high - interval.low


def test_without_a_model_doubly_robust_is_ips() -> None:
    told = simulated(500, seed=3, off=None)
    assert told.doubly_robust.estimate == pytest.approx(told.ips.estimate)
    assert told.doubly_robust.low == pytest.approx(told.ips.low)


def test_the_logging_policy_gives_the_logged_mean() -> None:
    told = simulated(2000, seed=4, target=LOGGING)
    for interval in (told.ips, told.snips):
        assert interval.estimate == pytest.approx(told.logged.estimate)
    assert told.doubly_robust.low < told.logged.estimate < told.doubly_robust.high
    assert (told.difference.low, told.difference.high) == pytest.approx((0, 0), abs=1e-12)
    assert told.outcome == Conclusion(Verdict.NO_DIFFERENCE)
    assert told.support.effective == pytest.approx(2000)


def test_a_better_policy_is_told_from_a_worse_one() -> None:
    everything = ({A: 1.0}, {B: 1.0})
    nothing = ({B: 1.0}, {A: 1.0})
    assert simulated(20_000, seed=5, target=everything).outcome == Conclusion(Verdict.BETTER)
    assert simulated(20_000, seed=5, target=nothing).outcome == Conclusion(Verdict.WORSE)


def shares(values: list[int]) -> Shares:
    total = sum(values) or 1
    return {one: value / total for one, value in zip((A, B, C), values, strict=True)}


three: Final = st.lists(st.integers(0, 10), min_size=3, max_size=3).filter(any)


@given(
    st.lists(
        st.tuples(three, three, st.integers(0, 2), st.floats(-50, 50), st.floats(-50, 50)),
        min_size=1,
        max_size=30,
    )
)
def test_laws_of_any_log(log: list[tuple[list[int], list[int], int, float, float]]) -> None:
    """SNIPS stays among the rewards, an interval holds its estimate, and nothing that had no chance is counted."""
    tally = Tally()
    rewards = []
    for logged, wanted, place, reward, model in log:
        chances, target = shares(logged), shares(wanted)
        asked = (A, B, C)[place]
        arms = [Arm(one, chances[one], model, -50, 50) for one in (A, B, C)]
        seen = observe(arms, asked=asked, reward=reward, target=target)
        assert (seen is None) == (chances[asked] == 0), "who had no chance cannot have been asked"
        if seen is None:
            continue
        tally.add(seen)
        rewards.append(reward)
        unseen = sum(share for one, share in target.items() if chances[one] == 0)
        assert seen.unsupported == pytest.approx(unseen)
        assert 0 <= seen.weight <= seen.weight_max
    if not rewards:
        return
    told = tally.evaluation()
    assert min(rewards) - 1e-9 <= told.snips.estimate <= max(rewards) + 1e-9
    for interval in (told.logged, told.ips, told.snips, told.doubly_robust, told.bernstein, told.difference):
        assert interval.low - 1e-6 <= interval.estimate <= interval.high + 1e-6
    assert 0 <= told.support.effective <= len(rewards) + 1e-6
    assert isinstance(told.outcome, Inconclusive), "so few decisions say nothing"


def logged_without_chance(count: int, *, differs: float, seed: int = 1) -> Evaluation:
    """A always goes first; the target would have asked B in a part of the decisions."""
    chance, tally = random.Random(seed), Tally()
    for _ in range(count):
        target = {B: 1.0} if chance.random() < differs else {A: 1.0}
        arms = [arm(A, 1.0, 0.7), arm(B, 0.0, 0.9)]
        seen = observe(arms, asked=A, reward=float(chance.random() < 0.7), target=target)
        assert seen is not None
        tally.add(seen)
    return tally.evaluation()


def test_what_was_decided_without_chance_says_nothing_of_another_account() -> None:
    told = logged_without_chance(5000, differs=0.3)
    assert isinstance(told.outcome, Inconclusive)
    assert "made without chance" in " ".join(told.outcome.reasons)
    assert told.support.unsupported == pytest.approx(0.3, abs=0.03)


def test_a_little_that_had_no_chance_widens_the_interval_by_all_that_it_could_have_been() -> None:
    told = logged_without_chance(5000, differs=0.03)
    assert told.outcome == Conclusion(Verdict.NO_DIFFERENCE), "although its estimate promises more"
    unseen = told.support.unsupported
    assert width(told.doubly_robust) == pytest.approx(unseen + width(told.logged), rel=0.1)
    for interval in (told.ips, told.snips, told.bernstein):
        assert width(interval) >= unseen


def test_too_little_is_said_to_be_too_little() -> None:
    told = simulated(DECISIONS_MIN - 1, seed=1)
    assert isinstance(told.outcome, Inconclusive)
    assert str(DECISIONS_MIN - 1) in told.outcome.reasons[0]


def seldom(count: int) -> Iterator[tuple[UUID, float]]:
    """A log in which B was asked once in two hundred times."""
    chance = random.Random(1)
    for _ in range(count):
        yield (B if chance.random() < 0.005 else A), float(chance.random() < 0.8)


def test_a_few_heavy_decisions_are_not_enough() -> None:
    tally = Tally()
    for asked, reward in seldom(4000):
        seen = observe([arm(A, 0.995), arm(B, 0.005)], asked=asked, reward=reward, target={B: 1.0})
        assert seen is not None
        tally.add(seen)
    told = tally.evaluation()
    assert isinstance(told.outcome, Inconclusive)
    assert told.support.effective < 50
    assert told.support.weight_max == pytest.approx(200)


def test_propensities_that_are_not_true_are_found_out() -> None:
    """B is asked half the time and the log says a tenth: every weighted sum would be wrong by as much."""
    chance, tally = random.Random(1), Tally()
    for _ in range(4000):
        asked = chance.choice((A, B))
        reward = float(chance.random() < 0.8)
        seen = observe([arm(A, 0.9), arm(B, 0.1)], asked=asked, reward=reward, target={B: 1.0})
        assert seen is not None
        tally.add(seen)
    outcome = tally.evaluation().outcome
    assert isinstance(outcome, Inconclusive)
    assert "weights' mean" in " ".join(outcome.reasons)


@pytest.mark.slow
def test_a_million_decisions_are_added_up_within_a_minute() -> None:
    """Measured on a tenth of them; the time grows with their number, and the memory does not."""
    began = time.process_time()
    simulated(100_000, seed=1)
    assert time.process_time() - began < 6
