"""Another policy judged by stored decisions, and stored decisions made again."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.logbook import NOW, A, B, C, first, option, record

from recoup.routing.core.conditions import MetadataIs
from recoup.routing.core.hindsight import OPEN_FOR, Aside, Came, Hindsight, Judge, State, first_choice
from recoup.routing.core.offpolicy import Conclusion, Inconclusive, Verdict
from recoup.routing.core.policy import Action, Policy, make_rule
from recoup.routing.core.reading import account_of
from recoup.routing.core.replaying import Differs, NotReplayable, Same, replay
from recoup.routing.core.route import CALLERS
from recoup.routing.core.words import Health, Method, Ruling, Standing

SPLIT: Final = Ruling("split", Method.SPLIT, shares={A: 50, B: 30, C: 20})
LEARNED: Final = Ruling("learned", Method.LEARNED, explore=500)
OPTIONS: Final = (option(A, 0.8), option(B, 0.85), option(C, 0.7, fee=1000))
TRUTH: Final = {A: 0.8, B: 0.9, C: 0.6}


def policy(action: Action, **more: Any) -> Policy:
    """A policy of one rule."""
    return Policy(rules=(make_rule("default", (), action),), **more)


ALWAYS_B: Final = policy(Action(Method.ORDERED, order=(B,)))


def came(account_id: UUID, state: State, metadata: Mapping[str, str] | None = None) -> Came:
    return Came(account_id, state, NOW - timedelta(days=2), metadata or {})


@pytest.mark.parametrize(
    ("ruling", "expected"),
    [
        (first(C, A), {C: 1.0}),
        (first(), {A: 1.0}),
        (SPLIT, {A: 0.5, B: 0.3, C: 0.2}),
        (Ruling("cheap", Method.LEAST_COST), {C: 1.0}),
        (replace(SPLIT, excluded={A: "out"}), {B: 0.6, C: 0.4}),
        (replace(first(B), excluded={A: "", B: "", C: ""}), {}),
    ],
)
def test_whom_a_ruling_would_ask_first(ruling: Ruling, expected: Mapping[UUID, float]) -> None:
    found = first_choice(record(OPTIONS, first(A)), ruling)
    assert {one: share for one, share in found.items() if share} == pytest.approx(expected)


def test_learned_goes_by_value_under_its_own_margin() -> None:
    """The record's values are of the logged policy's margin; with little margin, cheap beats likely."""
    stored = record(OPTIONS, first(A))
    rich = first_choice(stored, replace(LEARNED, margin=10_000))
    poor = first_choice(stored, replace(LEARNED, margin=20))
    assert max(rich, key=lambda one: rich[one]) == B
    assert max(poor, key=lambda one: poor[one]) == C
    assert sum(rich.values()) == pytest.approx(1)


def test_who_is_degraded_goes_behind() -> None:
    options = (option(A, 0.8, standing=Standing(Health.DEGRADED, 0.05)), *OPTIONS[1:])
    found = first_choice(record(options, first(B)), first(A, B, C))
    assert found[A] == pytest.approx(0.05)
    assert found[B] == pytest.approx(0.95)


def judged(count: int, ruling: Ruling, wanted: Policy, *, seed: int = 1) -> Hindsight:
    """A log of a ruling in a world of which the truth is known, judged for a policy."""
    chance, judge = random.Random(seed), Judge(wanted, now=NOW)
    for _ in range(count):
        stored = record(OPTIONS, ruling, seed=chance.randbytes(16))
        asked = account_of(stored["chosen"])
        approved = chance.random() < TRUTH[asked]
        judge.judge(stored, came(asked, State.APPROVED if approved else State.REFUSED))
    return judge.hindsight()


def test_a_better_policy_is_seen_in_the_log_of_a_split() -> None:
    told = judged(1500, SPLIT, ALWAYS_B, seed=2)
    assert told.approval is not None
    assert told.approval.outcome == Conclusion(Verdict.BETTER)
    assert told.approval.doubly_robust.low < TRUTH[B] < told.approval.doubly_robust.high
    worth = told.net_value["USD"]
    true_worth = TRUTH[B] * (10_000 - 30) - (1 - TRUTH[B]) * 1
    assert worth.outcome == Conclusion(Verdict.BETTER)
    assert worth.doubly_robust.low < true_worth < worth.doubly_robust.high
    assert told.otherwise == pytest.approx(0.7, abs=0.05)


def test_the_log_of_a_fixed_order_says_nothing_of_another_order() -> None:
    told = judged(1050, first(A), ALWAYS_B)
    assert told.approval is not None
    assert isinstance(told.approval.outcome, Inconclusive)
    assert "made without chance" in " ".join(told.approval.outcome.reasons)


def test_the_same_policy_differs_by_nothing() -> None:
    told = judged(1050, first(A), policy(Action(Method.ORDERED, order=(A,))))
    assert told.approval is not None
    assert told.approval.outcome == Conclusion(Verdict.NO_DIFFERENCE)
    assert told.otherwise == 0


def test_a_policy_that_would_refuse_payments_is_worse_and_believed() -> None:
    """Nobody to ask is no missing support: a payment that is not asked for is not approved, which is certain."""
    told = judged(200, SPLIT, policy(Action(Method.ORDERED, exclude=frozenset({A, B, C}))))
    assert told.refused == 200
    assert told.approval is not None
    assert told.approval.support.unsupported == 0
    assert told.approval.doubly_robust.estimate == 0


def test_conditions_look_at_the_payment_s_own_metadata() -> None:
    """A record keeps only what the logged policy read; the payment has all of it."""
    gold = make_rule("gold", (MetadataIs("tier", frozenset({"gold"})),), Action(Method.ORDERED, order=(B,)))
    rest = make_rule("default", (), Action(Method.ORDERED, order=(A,)))
    judge = Judge(Policy(rules=(gold, rest)), now=NOW)
    stored = record(OPTIONS, first(A))
    judge.judge(stored, came(A, State.APPROVED, {"tier": "gold"}))
    judge.judge(stored, came(A, State.APPROVED, {"tier": "silver"}))
    assert judge.hindsight().otherwise == pytest.approx(0.5)


def test_what_cannot_be_judged_is_set_aside_and_counted() -> None:
    judge, stored = Judge(ALWAYS_B, now=NOW), record(OPTIONS, SPLIT)
    asked = account_of(stored["chosen"])
    other = next(one for one in (A, B, C) if one != asked)
    old = {**stored, "candidates": [{**one, "propensity": None} for one in stored["candidates"]]}
    judge.judge({**stored, "facts": {**stored["facts"], "attempt_number": 2}}, came(asked, State.APPROVED))
    judge.judge({**stored, "rule": CALLERS}, came(asked, State.APPROVED))
    judge.judge(old, came(asked, State.APPROVED))
    judge.judge(stored, None)
    judge.judge(stored, came(other, State.APPROVED))
    judge.judge(stored, replace(came(asked, State.OPEN), started_at=NOW))
    told = judge.hindsight()
    assert told.aside == dict.fromkeys(Aside, 1)
    assert (told.decisions, told.approval) == (0, None)


def test_an_attempt_that_stayed_open_counts_as_not_approved() -> None:
    judge, stored = Judge(ALWAYS_B, now=NOW), record(OPTIONS, SPLIT)
    judge.judge(stored, replace(came(account_of(stored["chosen"]), State.OPEN), started_at=NOW - OPEN_FOR))
    told = judge.hindsight()
    assert told.approval is not None
    assert told.approval.logged.estimate == 0


def test_too_many_open_attempts_are_a_doubt() -> None:
    judge, stored = Judge(ALWAYS_B, now=NOW), record(OPTIONS, SPLIT)
    asked = account_of(stored["chosen"])
    judge.judge(stored, came(asked, State.APPROVED))
    judge.judge(stored, replace(came(asked, State.OPEN), started_at=NOW))
    told = judge.hindsight().approval
    assert told is not None and isinstance(told.outcome, Inconclusive)
    assert "no outcome yet" in told.outcome.reasons[0]


def test_without_a_price_somewhere_only_approvals_are_judged() -> None:
    stored = record((option(A), option(B, fee=None)), first(A))
    judge = Judge(ALWAYS_B, now=NOW)
    judge.judge(stored, came(A, State.APPROVED))
    told = judge.hindsight()
    assert told.decisions == 1 and told.net_value == {}


rulings: Final = st.sampled_from(
    [first(B, C), first(), SPLIT, LEARNED, Ruling("cheap", Method.LEAST_COST), replace(LEARNED, margin=50)]
)


@given(rulings, st.binary(min_size=16, max_size=16))
def test_a_stored_decision_is_made_again_and_comes_out_the_same(ruling: Ruling, seed: bytes) -> None:
    assert replay(record(OPTIONS, ruling, seed=seed), ruling) == Same()


def test_a_decision_that_would_come_out_otherwise_is_shown() -> None:
    stored = record(OPTIONS, first(A, B, C))
    found = replay(stored, first(B, A, C, rule="another"))
    assert isinstance(found, Differs)
    told = " ".join(found.differences)
    for part in ("the rule was 'fixed' and is 'another'", "the order was", "would not be", "with chance 1.0"):
        assert part in told


def test_another_seed_of_a_split_is_found_out() -> None:
    stored = [record(OPTIONS, SPLIT, seed=bytes([n]) * 16) for n in range(20)]
    found = [replay({**one, "seed": (bytes([99]) * 16).hex()}, SPLIT) for one in stored]
    assert any(isinstance(one, Differs) for one in found)


def test_changed_values_are_found_out() -> None:
    stored = record(OPTIONS, LEARNED)
    stored["candidates"][0]["value"] += 1
    found = replay(stored, LEARNED)
    assert isinstance(found, Differs) and "thousandths" in found.differences[0]


def test_records_from_before_chance_was_stored_are_told_apart() -> None:
    stored = record(OPTIONS, first(A))
    del stored["seed"]
    assert isinstance(replay(stored, first(A)), NotReplayable)


@pytest.mark.slow
def test_judging_is_quick() -> None:
    """A million decisions in a few minutes, on one core; measured on a few thousand."""
    stored = record(OPTIONS, SPLIT)
    judge, asked = Judge(policy(Action(Method.LEARNED)), now=NOW), account_of(stored["chosen"])
    began = time.process_time()
    for _ in range(2000):
        judge.judge(stored, came(asked, State.APPROVED))
    assert (time.process_time() - began) / 2000 < 0.0005
