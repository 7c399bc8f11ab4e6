"""An account that falls silent is noticed before its requests are overdue, and one that is well almost never."""

from __future__ import annotations

import random
from heapq import heappop, heappush
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.routing.outages import latency

from recoup.routing.core.silence import LATENCIES_MIN, SILENT_AT, WAITING_MAX, Silence

OVERDUE_S: Final = 1.3
"""Twice the 99th percentile of `latency`."""


def known(*, answers: int = 1500) -> Silence:
    """An account whose answers' times are known."""
    chance, silence = random.Random(1), Silence()
    for _ in range(answers):
        silence.took(latency(chance))
    return silence


def left(silence: Silence, per_second: float, *, seed: int) -> int:
    """How many requests leave for an account that answers nothing, before it is passed over."""
    chance, now_s, count = random.Random(seed), 0.0, 0
    while now_s < OVERDUE_S:
        now_s += chance.expovariate(per_second)
        if silence.is_silent(now_s, overdue_s=OVERDUE_S):
            break
        silence.asked(now_s)
        count += 1
    return count


def test_at_a_thousand_a_minute_about_eight_leave_before_silence_is_noticed() -> None:
    """Five overdue requests open the breaker: 1.3 s and 26 payments after the first for this account."""
    counts = [left(known(), 1000 / 60, seed=seed) for seed in range(50)]
    assert sum(counts) / len(counts) < 10
    assert max(counts) <= 16


@pytest.mark.parametrize("per_minute", [10, 100, 1000])
def test_who_answers_as_ever_is_hardly_ever_passed_over(per_minute: float) -> None:
    """Each time costs a payment its best account."""
    chance, silence, now_s = random.Random(per_minute), Silence(), 0.0
    due: list[tuple[float, int, int]] = []
    passed_over, payments = 0, 6_000
    for _ in range(payments):
        now_s += chance.expovariate(per_minute / 60)
        while due and due[0][0] <= now_s:
            _, number, took_ms = heappop(due)
            silence.answered(number)
            silence.took(took_ms)
        if silence.is_silent(now_s, overdue_s=OVERDUE_S):
            passed_over += 1
            continue
        took_ms = latency(chance)
        heappush(due, (now_s + took_ms / 1000, silence.asked(now_s), took_ms))
    assert passed_over <= payments / 1000


@given(st.lists(st.floats(0.0, 0.5), min_size=1, max_size=40), st.floats(0.0, 2.0), st.data())
def test_an_answer_ends_the_silence_of_all_that_left_before_it(
    between_s: list[float], after_s: float, data: st.DataObject
) -> None:
    silence, now_s, numbers = known(answers=LATENCIES_MIN), 0.0, list[int]()
    for pause_s in between_s:
        now_s += pause_s
        numbers.append(silence.asked(now_s))
    answered = data.draw(st.sampled_from(numbers))
    before = silence.weight(now_s + after_s, overdue_s=10.0)
    silence.answered(answered)
    after = silence.weight(now_s + after_s, overdue_s=10.0)
    assert min(after, SILENT_AT) <= before, "once there is enough for silence, no more is added up"
    silence.answered(numbers[-1])
    assert silence.weight(now_s + after_s, overdue_s=10.0) == 0.0


def test_what_is_overdue_is_the_breakers() -> None:
    """Or an account that nobody asks while it is passed over would be passed over until its requests time out."""
    silence = known()
    for _ in range(10):
        silence.asked(0.0)
    assert silence.is_silent(1.0, overdue_s=OVERDUE_S)
    assert silence.weight(OVERDUE_S, overdue_s=OVERDUE_S) == 0.0


def test_one_request_that_hangs_is_no_silence() -> None:
    silence = known()
    silence.asked(0.0)
    assert 0 < silence.weight(1.2, overdue_s=OVERDUE_S) < SILENT_AT


def test_of_an_account_that_nobody_knows_silence_says_nothing() -> None:
    silence = known(answers=LATENCIES_MIN - 1)
    for _ in range(10):
        silence.asked(0.0)
    assert not silence.is_silent(60.0, overdue_s=600.0)


def test_an_account_that_becomes_slower_is_silent_later() -> None:
    """Half of what is known of it fades with every thousand answers."""
    chance, silence = random.Random(2), known(answers=2000)
    for _ in range(10_000):
        silence.took(4 * latency(chance))
    for _ in range(10):
        silence.asked(0.0)
    assert not silence.is_silent(0.7, overdue_s=6.0)
    assert silence.is_silent(2.5, overdue_s=6.0)


def test_what_is_looked_at_is_bounded() -> None:
    silence = known()
    for _ in range(3 * WAITING_MAX):
        silence.asked(0.0)
    silence.answered(2 * WAITING_MAX + 1)
    assert silence.is_silent(1.0, overdue_s=OVERDUE_S)
    silence.answered(3 * WAITING_MAX)
    assert silence.weight(1.0, overdue_s=OVERDUE_S) == 0.0
