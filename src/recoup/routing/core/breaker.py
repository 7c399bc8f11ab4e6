"""The circuit breaker of one scope (an account, or its cards of one issuer country): a state and one table of moves.

A breaker is good or degraded. While it is good, two sums run, each of which never falls below 0 (Page's test): the
weights that speak for an outage, and those that speak for a collapse of approvals. When one reaches `OPENS_AT`, the
breaker is degraded: others are asked first. Now the opposite is added up, what speaks against the outage; when that
reaches `closes_at`, it is good again. Time alone moves nothing.

    good       --failing-->    degraded     too many technical failures
    good       --declining-->  degraded     far fewer approvals than expected
    degraded   --recovered-->  good         enough answers that an outage would not have given

Why `OPENS_AT` is what it is: the exponential of each weight has mean 1 at most in health, and then such a sum reaches h
once in exp(h) answers at most (Lorden, 1971). `ANSWERS_PER_FALSE_ALARM` is a month of an account at 10 payments a
second, times four: there are two sums for the account and two for its countries together.

While degraded, a breaker is probed: when an interval has passed since it was asked last, a part of the payments may ask
it, until one did. The interval doubles from `PROBE_EVERY_S` to `PROBE_EVERY_MAX_S` while probes fail, and is short
again after one that did not. With little traffic, probes are rarer. Where nobody else can be asked, every payment is
one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from math import log
from typing import Final

from recoup.routing.core.symptoms import (
    OUTAGE_SHARE,
    Answer,
    Said,
    Usual,
    decline_weight,
    part_of_a_failure,
)
from recoup.routing.core.words import WELL, Health, Standing

ANSWERS_PER_FALSE_ALARM: Final = 10 * 86_400 * 30 * 4
OPENS_AT: Final = log(ANSWERS_PER_FALSE_ALARM)
CLOSES_AT: Final = log(100)
"""A breaker closes in error once in a hundred times at most."""
OUT_MAX: Final = 0.6
"""The largest share of failures that an outage is believed to have when it is to be shown that it ended: were it 1, the
first good answer would show it."""
RELAPSE_S: Final = 1800.0
RELAPSES_MAX: Final = 3
RELAPSE_PART: Final = 0.5
"""How much more it takes to close again for each time that it had closed too soon within `RELAPSE_S`."""
EXPECTED_WITHOUT_ESTIMATE: Final = 0.6

PROBE_EVERY_S: Final = 2.0
PROBE_EVERY_MAX_S: Final = 32.0
PROBE_SHARE: Final = 0.05
PROBE_SHARE_HOPEFUL: Final = 0.25
"""The part of payments that may be the next probe, and the same when the last one went well."""
OFFERED_MAX: Final = 4.0
"""How many payments are probes in the mean, at most, before an interval begins anew though no answer came: where they
hang, nobody hears of them."""


class News(StrEnum):
    """What moves a breaker."""

    FAILING = "failing"
    DECLINING = "declining"
    RECOVERED = "recovered"


MOVES: Final[Mapping[Health, Mapping[News, Health]]] = {
    Health.GOOD: {News.FAILING: Health.DEGRADED, News.DECLINING: Health.DEGRADED},
    Health.DEGRADED: {News.RECOVERED: Health.GOOD},
}


class IllegalMove(AssertionError):
    """A news that cannot come in this state: a bug. Nothing changed."""


@dataclass(frozen=True, slots=True)
class Probing:
    """How a degraded breaker is asked whether it is well. `offered` adds up the shares since `asked_at`."""

    interval_s: float = PROBE_EVERY_S
    slowed_at: datetime | None = None
    asked_at: datetime | None = None
    offered: float = 0.0
    is_hopeful: bool = False


UNPROBED: Final = Probing()


@dataclass(frozen=True, slots=True)
class Breaker:
    """One scope's state.

    `failing` and `declining` are the sums that open, `recovering` the one that closes. `answers`, `failed` and
    `declined` were counted since the sum last left 0, and tell a person why. `since` is when it came to its present
    health; None for a breaker that never moved.
    """

    health: Health = Health.GOOD
    since: datetime | None = None
    cause: News | None = None
    why: str = ""
    failing: float = 0.0
    declining: float = 0.0
    recovering: float = 0.0
    answers: int = 0
    failed: int = 0
    judged: int = 0
    declined: int = 0
    word: str = ""
    relapses: int = 0
    probing: Probing = UNPROBED

    @property
    def is_untouched(self) -> bool:
        """Whether it remembers nothing that a new one would not."""
        return self.health is Health.GOOD and not self.failing and not self.declining and self.since is None

    @property
    def closes_at(self) -> float:
        """How much must speak against the outage: more, where it had closed too soon before."""
        return CLOSES_AT * (1 + RELAPSE_PART * min(self.relapses, RELAPSES_MAX))


NEW: Final = Breaker()
Act = Callable[[Breaker, datetime], Breaker]
"""Something that a breaker notices at a moment."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A breaker came to another health: what is written down and told."""

    scope: str
    health: Health
    news: News
    since: datetime
    why: str
    evidence: Mapping[str, str | int | float]


def moved(breaker: Breaker, news: News, *, why: str, at: datetime) -> Breaker:
    """The breaker after a news."""
    health = MOVES[breaker.health].get(news)
    if health is None:
        raise IllegalMove(f"a breaker that is {breaker.health} cannot take {news}")
    if health is Health.GOOD:
        return Breaker(health, since=at, relapses=breaker.relapses)
    closed_now = breaker.since is not None and (at - breaker.since).total_seconds() < RELAPSE_S
    return replace(
        breaker,
        health=health,
        since=at,
        cause=news,
        why=why,
        failing=0.0,
        declining=0.0,
        recovering=0.0,
        relapses=breaker.relapses + 1 if closed_now else 0,
        probing=Probing(asked_at=at, slowed_at=at),
    )


def fed(breaker: Breaker, answer: Answer, usual: Usual, *, at: datetime) -> Breaker:
    """The breaker with one answer added to its sums; its health is as it was."""
    if breaker.health is Health.GOOD:
        return _listening(breaker, answer, usual)
    return _probed(_recovering(breaker, answer, usual), answer, at)


def due_news(breaker: Breaker) -> News | None:
    """What the sums say by now."""
    if breaker.health is Health.DEGRADED:
        return News.RECOVERED if breaker.recovering >= breaker.closes_at else None
    if breaker.failing >= OPENS_AT:
        return News.FAILING
    return News.DECLINING if breaker.declining >= OPENS_AT else None


def _listening(breaker: Breaker, answer: Answer, usual: Usual) -> Breaker:
    if not breaker.failing and not breaker.declining and not part_of_a_failure(answer) and not _is_no(answer):
        return breaker  # the common case: all is well, and was
    failing = max(0.0, breaker.failing + usual.weight(answer.said))
    declining = max(0.0, breaker.declining + decline_weight(answer))
    counted = _counted(breaker, answer)
    if not failing:
        counted = replace(counted, answers=0, failed=0, word="")
    if not declining:
        counted = replace(counted, judged=0, declined=0)
    return replace(counted, failing=failing, declining=declining)


def _is_no(answer: Answer) -> bool:
    return answer.approved is False and answer.expected is not None


def _counted(breaker: Breaker, answer: Answer) -> Breaker:
    """The counts that tell a person why."""
    is_bad = bool(part_of_a_failure(answer))
    return replace(
        breaker,
        answers=breaker.answers + (answer.said is not Said.NOTHING),
        failed=breaker.failed + is_bad,
        judged=breaker.judged + (answer.approved is not None),
        declined=breaker.declined + (answer.approved is False),
        word=answer.word if is_bad else breaker.word,
    )


def _recovering(breaker: Breaker, answer: Answer, usual: Usual) -> Breaker:
    if breaker.cause is News.DECLINING:
        approvals = decline_weight(answer, otherwise=EXPECTED_WITHOUT_ESTIMATE)
        against = -approvals - part_of_a_failure(answer) * CLOSES_AT
    else:
        against = _against(breaker, answer, usual)
    return replace(_counted(breaker, answer), recovering=max(0.0, breaker.recovering + against))


def _against(breaker: Breaker, answer: Answer, usual: Usual) -> float:
    """How much an answer speaks against the outage, whose share of failures is judged by what was seen of it."""
    rate = usual.failure_rate
    seen = breaker.failed / breaker.answers if breaker.answers else 1.0
    out = min(max(seen, rate + OUTAGE_SHARE), OUT_MAX)
    match answer.said:
        case Said.WELL:
            return log((1 - rate) / (1 - out))
        case Said.NOTHING:
            return 0.0
        case _:
            return -part_of_a_failure(answer) * log(out / rate)


def _probed(breaker: Breaker, answer: Answer, at: datetime) -> Breaker:
    """Probes are rarer after each that failed, once an interval at most: many requests may have been under way."""
    if answer.said is Said.NOTHING:
        return breaker
    before = breaker.probing
    failed = bool(part_of_a_failure(answer)) or (breaker.cause is News.DECLINING and answer.approved is False)
    if not failed:
        probing = replace(before, interval_s=PROBE_EVERY_S, slowed_at=at, is_hopeful=True)
    elif _seconds(before.slowed_at, at) >= before.interval_s:
        slower = min(before.interval_s * 2, PROBE_EVERY_MAX_S)
        probing = replace(before, interval_s=slower, slowed_at=at, is_hopeful=False)
    else:
        probing = replace(before, is_hopeful=False)
    asked_at = max(at, before.asked_at) if before.asked_at is not None else at
    return replace(breaker, probing=replace(probing, asked_at=asked_at, offered=0.0))


def asked(breaker: Breaker, at: datetime) -> Breaker:
    """The breaker when its account was asked to take a payment: the next probe has time."""
    return replace(breaker, probing=replace(breaker.probing, asked_at=at, offered=0.0))


def passed(breaker: Breaker, at: datetime) -> Breaker:
    """The breaker when a payment was routed that might have asked its account."""
    before = breaker.probing
    if before.asked_at is None or before.slowed_at is None:
        return replace(breaker, probing=replace(before, asked_at=at, slowed_at=at))
    offered = before.offered + probe_share(before, at)
    if offered >= OFFERED_MAX:
        return asked(breaker, at)
    return (
        breaker if offered == before.offered else replace(breaker, probing=replace(before, offered=offered))
    )


def probe_share(probing: Probing, at: datetime) -> float:
    """The part of payments that may go first as a probe now."""
    if probing.asked_at is None or _seconds(probing.asked_at, at) < probing.interval_s:
        return 0.0
    return PROBE_SHARE_HOPEFUL if probing.is_hopeful else PROBE_SHARE


def standing_of(breaker: Breaker, at: datetime) -> Standing:
    """What routing is told."""
    if breaker.health is Health.GOOD:
        return WELL
    return Standing(Health.DEGRADED, probe_share(breaker.probing, at), breaker.why)


def _seconds(since: datetime | None, at: datetime) -> float:
    return 0.0 if since is None else max(0.0, (at - since).total_seconds())
