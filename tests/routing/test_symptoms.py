"""What answers say of a processor's health, and the weights: how seldom a healthy account may look ill."""

from __future__ import annotations

import random
from math import exp, log
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.outages import START, answered, in_health

from recoup.outcomes.core import ActionRequired, Approved, Outcome, Pending, Unknown, Unprocessed, declined
from recoup.routing.core.breaker import ANSWERS_PER_FALSE_ALARM, OPENS_AT
from recoup.routing.core.health import heard
from recoup.routing.core.symptoms import (
    DOUBT,
    EXPECTED_SHADE,
    LATENCIES_MIN,
    RATE_MAX,
    RATE_MIN,
    SLOW_MS_MIN,
    UNKNOWN_ACCOUNT,
    Answer,
    Mood,
    Said,
    Usual,
    answer_of,
    counted_before,
    decline_weight,
    learned,
)

A_MONTH: Final = 10 * 86_400 * 30
"""Answers of an account at 10 payments a second."""
LITTLE: Final = 1e-9


def stripe(code: str) -> Outcome:
    return declined("stripe", code, on=START.date())


@pytest.mark.parametrize(
    ("outcome", "said", "approved"),
    [
        (Approved("r"), Said.WELL, True),
        (Unknown("timed out"), Said.FAILED, None),
        (Unprocessed("refused"), Said.FAILED, None),
        (ActionRequired("r", "https://bank.example"), Said.WELL, None),
        (Pending("r"), Said.WELL, None),
        (stripe("processing_error"), Said.FAILED, None),
        (stripe("issuer_not_available"), Said.DOUBTFUL, None),
        (stripe("try_again_later"), Said.DOUBTFUL, None),
        (stripe("do_not_honor"), Said.WELL, False),
        (stripe("fraudulent"), Said.WELL, False),
        (stripe("insufficient_funds"), Said.WELL, None),
        (stripe("expired_card"), Said.WELL, None),
    ],
)
def test_what_an_outcome_says(outcome: Outcome, said: Said, approved: bool | None) -> None:
    answer = answer_of(outcome, latency_ms=200, expected=0.8)
    assert (answer.said, answer.approved) == (said, approved)


@pytest.mark.parametrize("said", Said)
def test_what_was_counted_while_it_was_overdue_is_not_counted_twice(said: Said) -> None:
    left = counted_before(Answer(said, "", 9000, approved=True))
    assert (left.said, left.latency_ms, left.approved) == (Said.NOTHING, 9000, True)
    assert left.of_country().said is said


@given(st.floats(0, 0.1), st.floats(0, 0.2))
def test_in_health_the_mean_of_a_weight_s_exponential_is_1_at_most(failing: float, doubtful: float) -> None:
    """The law behind the threshold: with it, no healthy account opens more than once in `ANSWERS_PER_FALSE_ALARM`
    answers, whatever its traffic looks like in time."""
    rate = failing + DOUBT * doubtful
    usual = Usual(answers=1e12, failed=rate * 1e12)
    if rate > RATE_MAX:
        return
    parts = {Said.FAILED: failing, Said.DOUBTFUL: doubtful, Said.WELL: 1 - failing - doubtful}
    assert sum(share * exp(usual.weight(said)) for said, share in parts.items()) <= 1 + LITTLE


@given(st.floats(0, 1), st.floats(0, 0.15))
def test_the_same_holds_for_approvals_up_to_a_bad_day(expected: float, better: float) -> None:
    approving = min(max(expected * EXPECTED_SHADE, 0.05) + better, 1.0)
    approved = exp(decline_weight(Answer(Said.WELL, "", approved=True, expected=expected)))
    refused = exp(decline_weight(Answer(Said.WELL, "", approved=False, expected=expected)))
    assert approving * approved + (1 - approving) * refused <= 1 + LITTLE


@pytest.mark.parametrize("rate", [RATE_MIN, 0.01, 0.03])
def test_a_month_of_health_has_no_false_alarm(rate: float) -> None:
    """Answers between two failures are skipped at once: they only lower the sum."""
    usual = Usual(answers=1e12, failed=rate * 1e12)
    bad, good = usual.weight(Said.FAILED), -usual.weight(Said.WELL)
    chance, seen, total, highest = random.Random(20261122), 0, 0.0, 0.0
    while seen < A_MONTH:
        between = int(log(1 - chance.random()) / log(1 - rate))
        total = max(0.0, total - good * between) + bad
        highest, seen = max(highest, total), seen + between + 1
    assert highest < OPENS_AT


def test_the_threshold_is_a_month_for_each_of_four_sums() -> None:
    assert ANSWERS_PER_FALSE_ALARM == 4 * A_MONTH
    assert exp(OPENS_AT) == pytest.approx(ANSWERS_PER_FALSE_ALARM)


@pytest.mark.parametrize("failing", [0.0, 0.004, 0.015])
def test_a_healthy_account_stays_well_while_it_learns(failing: float) -> None:
    """The whole machine, not the sum alone, with what is usual being learned from the same answers."""
    chance, account = random.Random(3), in_health(3, failing=failing)
    for _ in range(20_000):
        account, moves = heard(account, answered(chance, failing), START, country=chance.choice("AB") * 2)
        assert not moves
    assert account.usual.failure_rate == pytest.approx(max(failing, RATE_MIN), abs=0.006)


def test_what_fails_too_often_never_becomes_usual() -> None:
    usual = UNKNOWN_ACCOUNT
    for _ in range(20_000):
        usual = learned(usual, Answer(Said.FAILED, ""), Mood.SETTLED)
    assert usual.failure_rate == RATE_MAX
    assert usual.weight(Said.FAILED) > 1


def test_what_came_before_an_outage_opened_is_not_usual() -> None:
    usual = UNKNOWN_ACCOUNT
    for mood in (Mood.DOUBTED, Mood.DOUBTED, Mood.OUT):
        usual = learned(usual, Answer(Said.FAILED, ""), mood)
    assert (usual.answers, usual.failed) == (UNKNOWN_ACCOUNT.answers, UNKNOWN_ACCOUNT.failed)


def test_what_was_held_is_learned_when_nothing_came_of_it() -> None:
    usual = UNKNOWN_ACCOUNT
    for said, mood in ((Said.FAILED, Mood.DOUBTED), (Said.WELL, Mood.DOUBTED), (Said.WELL, Mood.SETTLED)):
        usual = learned(usual, Answer(said, ""), mood)
    assert (usual.answers, usual.failed) == (UNKNOWN_ACCOUNT.answers + 3, UNKNOWN_ACCOUNT.failed + 1)


def test_an_outage_is_not_learned_from() -> None:
    usual = learned(UNKNOWN_ACCOUNT, Answer(Said.FAILED, "", 30), Mood.OUT)
    assert (usual.answers, usual.failed) == (UNKNOWN_ACCOUNT.answers, UNKNOWN_ACCOUNT.failed)
    assert usual.latencies == 1


@pytest.mark.parametrize("seed", range(5))
def test_the_usual_latency_is_near_its_99th_percentile(seed: int) -> None:
    chance, usual, taken = random.Random(seed), UNKNOWN_ACCOUNT, []
    for _ in range(4000):
        taken.append(int(chance.lognormvariate(log(300), 0.5)))
        usual = learned(usual, Answer(Said.WELL, "", taken[-1]), Mood.SETTLED)
    true = sorted(taken)[int(len(taken) * 0.99)]
    assert 0.8 * true < exp(usual.latency) < 1.25 * true


@given(st.lists(st.integers(0, 10**9), max_size=60), st.integers(0, 10**9))
def test_no_single_latency_moves_what_is_usual_far(before: list[int], last: int) -> None:
    usual = UNKNOWN_ACCOUNT
    for latency_ms in [250] * LATENCIES_MIN + before:
        usual = learned(usual, Answer(Said.WELL, "", latency_ms), Mood.SETTLED)
    after = learned(usual, Answer(Said.WELL, "", last), Mood.SETTLED)
    assert abs(after.latency - usual.latency) < 0.08
    assert after.slow_ms is not None and after.slow_ms >= SLOW_MS_MIN


def test_nobody_is_slow_before_enough_is_known() -> None:
    slow = Answer(Said.WELL, "approved", 60_000)
    assert UNKNOWN_ACCOUNT.says(slow) is slow
