"""Answers for tests of the short clock, and an account that has lived in health for a while."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from math import log
from typing import Final

from recoup.routing.core.breaker import Transition
from recoup.routing.core.health import UNHEARD, AccountHealth, asked, heard, passed, standing
from recoup.routing.core.symptoms import Answer, Said
from recoup.routing.core.words import Health

START: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
FAILED: Final = Answer(Said.FAILED, "unprocessed")
FINE: Final = Answer(Said.WELL, "approved", 240, approved=True)
REFUSED: Final = Answer(Said.WELL, "do_not_honor", 240, approved=False)
COUNTRIES: Final = ("US", "DE", "BR")


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def latency(chance: random.Random) -> int:
    """Milliseconds: 250 at the median, 480 at the 95th percentile."""
    return int(chance.lognormvariate(log(250), 0.4))


def fine(chance: random.Random, *, expected: float | None = None) -> Answer:
    """An approval, or now and then a refusal, in the usual time."""
    approved = chance.random() < (expected or 0.85)
    return Answer(Said.WELL, "approved" if approved else "no", latency(chance), approved, expected)


def answered(chance: random.Random, failing: float) -> Answer:
    return FAILED if chance.random() < failing else fine(chance)


@cache
def in_health(seed: int, *, answers: int = 1500, failing: float = 0.003) -> AccountHealth:
    """An account after a while in which nothing was wrong."""
    chance, account = random.Random(seed), UNHEARD
    for _ in range(answers):
        country = chance.choice(COUNTRIES)
        account, moves = heard(account, answered(chance, failing), START, country=country)
        assert not moves, "a false alarm"
    return account


def until_moved(
    account: AccountHealth,
    answers: Sequence[Answer],
    *,
    country: str | None = None,
    at: datetime = START,
) -> tuple[AccountHealth, int, tuple[Transition, ...]]:
    """Hear answers until a breaker moves: the account then, how many were heard, and what moved."""
    for count, answer in enumerate(answers, start=1):
        account, moves = heard(account, answer, at + seconds(count), country=country)
        if moves:
            return account, count, moves
    return account, len(answers), ()


def opened(account: AccountHealth = UNHEARD, *, at: datetime = START) -> AccountHealth:
    """The account after a total outage began."""
    account, _, moves = until_moved(account, [FAILED] * 20, at=at)
    assert [one.health for one in moves] == [Health.DEGRADED]
    return account


def probes(
    account: AccountHealth,
    chance: random.Random,
    *,
    per_second: float,
    answer: Answer,
    since_s: float = 100.0,
    lasting_s: float = 3600.0,
    told: bool = True,
) -> tuple[AccountHealth, list[float]]:
    """Route payments past a degraded account: when it was asked, in seconds. Answers come half a second later.

    `told`: whether the account is told when it is asked, or only when it answers.
    """
    asked_at: list[float] = []
    under_way: list[float] = []
    now_s = since_s
    while (now_s := now_s + chance.expovariate(per_second)) < since_s + lasting_s:
        while under_way and under_way[0] + 0.5 <= now_s:
            account, moves = heard(account, answer, START + seconds(under_way.pop(0) + 0.5))
            if moves:
                return account, asked_at
        at = START + seconds(now_s)
        share = standing(account, at).probe_share
        account = passed(account, at)
        if chance.random() < share:
            asked_at.append(now_s)
            account = asked(account, at) if told else account
            under_way.append(now_s)
    return account, asked_at
