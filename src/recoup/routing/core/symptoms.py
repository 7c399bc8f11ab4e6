"""What one answer of a processor says of its health, and what is usual for it: the weights of the outage test.

Each answer gets a weight: the logarithm of how much likelier it is in an outage than in health. In health an account
fails with its usual rate, which is learned slowly; in an outage it fails in `OUTAGE_SHARE` more of all answers. Weights
add up (see `recoup.routing.core.breaker`). In health a weight's exponential is 1 at most in the mean, and that alone
bounds how often the test cries wolf. A doubtful answer, half a failure, keeps the bound: where a part d of all answers
is doubtful, the mean changes by -d/2 (R - 2 sqrt R + g), with R = outage rate / usual rate, at least 4, and g = (1 -
outage rate) / (1 - usual rate), at least 2/3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from math import exp, log, sqrt
from typing import Final, assert_never

from recoup.outcomes.core import (
    ActionRequired,
    AdviceAction,
    Approved,
    Category,
    Decline,
    Declined,
    Outcome,
    Pending,
    Unknown,
    Unprocessed,
)

OUTAGE_SHARE: Final = 0.3
"""How much of all answers fails in the mildest outage that the test is made for, above what is usual."""
DOUBT: Final = 0.5
"""What a doubtful answer is, as a part of a failure: in its weight, and in the usual rate."""

USUAL_ANSWERS: Final = 400.0
USUAL_FAILED: Final = 2.0
"""What is believed of an account that nobody knows yet: one answer in two hundred fails."""
REMEMBERED_ANSWERS: Final = 4000.0
"""How many answers the usual rate is taken over; older ones fade."""
RATE_MIN: Final = 0.002
RATE_MAX: Final = 0.10
"""The most that may be usual: an account that fails more often is never taken for a healthy one."""

QUANTILE: Final = 0.99
LATENCIES_MIN: Final = 200
"""How many latencies must be known before an answer can be called slow."""
SLOW_TIMES: Final = 2.0
SLOW_MS_MIN: Final = 800.0
"""Slow is what takes this many times the usual 99th percentile, and this long at least."""
_STEP_FIRST: Final = 0.4
_STEP_LAST: Final = 0.02

EXPECTED_SHADE: Final = 0.9
EXPECTED_MIN: Final = 0.05
EXPECTED_MAX: Final = 0.95
COLLAPSED: Final = 0.3
"""What is left of the approvals in the collapse that the second test is made for."""
DECLINE_WEIGHT_MAX: Final = 1.0
"""However sure an approval seemed, one decline weighs no more: a customer may try one bad card again and again."""


class Said(StrEnum):
    """What an answer says of the processor's own health."""

    WELL = "well"
    """It worked: an approval, or a refusal by somebody with a say."""
    DOUBTFUL = "doubtful"
    """Not as it should be, but perhaps not its own fault; or it took far longer than usual."""
    FAILED = "failed"
    NOTHING = "nothing"
    """What it says was counted before, while the answer was overdue."""


_DOUBTFUL_CODES: Final = frozenset({"try_again_later", "format_error"})
_FAILED_CODES: Final = frozenset({"processing_error", "invalid_merchant"})
_ABOUT_THE_CARD: Final = frozenset(
    {Category.FUNDS, Category.LIMIT, Category.CREDENTIAL, Category.LIFECYCLE, Category.AUTHENTICATION}
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as the tests hear it.

    `approved` None: it says nothing of how the account does with approvals (a failure, or a decline that any account
    would have met). `expected` is the probability of approval that was expected. `word` is what to call it to a person.
    `said_of_country` is what it says of its country alone, where that differs: what is late is late by the account's
    measure, and the banks of one country may always be slow.
    """

    said: Said
    word: str
    latency_ms: int | None = None
    approved: bool | None = None
    expected: float | None = None
    said_of_country: Said | None = None

    def of_country(self) -> Answer:
        """The answer as its country's breaker hears it."""
        said = self.said_of_country
        return self if said is None or said is self.said else replace(self, said=said)


OVERDUE: Final = Answer(Said.FAILED, "no answer yet", said_of_country=Said.NOTHING)
"""A request has waited far longer than usual, and is waiting still. It counts in full, and so do those that are late in
health, in the usual rate: where everything hangs, each request that is waited for is one more that is lost."""


def answer_of(outcome: Outcome, *, latency_ms: int | None, expected: float | None = None) -> Answer:
    """What an outcome says. `latency_ms` is how long the processor took."""
    match outcome:
        case Approved():
            return Answer(Said.WELL, "approved", latency_ms, approved=True, expected=expected)
        case Declined(decline=decline):
            said = _said_by(decline)
            approved = False if said is Said.WELL and decline.category not in _ABOUT_THE_CARD else None
            return Answer(said, decline.code, latency_ms, approved, expected)
        case ActionRequired():
            return Answer(Said.WELL, "action required", latency_ms)
        case Pending():
            return Answer(Said.WELL, "pending", latency_ms)
        case Unprocessed():
            return Answer(Said.FAILED, "unprocessed")
        case Unknown():
            return Answer(Said.FAILED, "unknown")
        case _:
            assert_never(outcome)


def _said_by(decline: Decline) -> Said:
    """A network's word for an issuer that does not answer may be the issuer's fault alone; wrong data, the caller's."""
    if decline.code in _DOUBTFUL_CODES or decline.category is Category.NETWORK:
        return Said.DOUBTFUL
    if decline.code in _FAILED_CODES or decline.category is Category.PROCESSOR:
        return Said.DOUBTFUL if decline.advice.action is AdviceAction.FIX_DATA else Said.FAILED
    return Said.WELL


def counted_before(answer: Answer) -> Answer:
    """The answer to a request that was counted as overdue: of approvals and latency it still tells."""
    return replace(answer, said=Said.NOTHING, said_of_country=answer.said)


@dataclass(frozen=True, slots=True)
class Usual:
    """How an account does in health: learned from every answer, forgotten slowly.

    `latency` is the logarithm of its 99th percentile in milliseconds, moved by bounded steps, so that no answer moves
    it far, however late. What came since something began to speak for an outage is `held`, until nothing does: what
    an outage begins with must not become usual.
    """

    answers: float = USUAL_ANSWERS
    failed: float = USUAL_FAILED
    latency: float = 0.0
    latencies: int = 0
    held_answers: int = 0
    held_failed: float = 0.0

    @property
    def failure_rate(self) -> float:
        """The rate that the test takes for healthy: what was seen and one standard error, within bounds."""
        seen = self.failed / self.answers
        return min(max(seen + sqrt(seen * (1 - seen) / self.answers), RATE_MIN), RATE_MAX)

    @property
    def slow_ms(self) -> float | None:
        """From where on an answer is slow; None while too few are known."""
        if self.latencies < LATENCIES_MIN:
            return None
        return max(SLOW_TIMES * exp(self.latency), SLOW_MS_MIN)

    def says(self, answer: Answer) -> Answer:
        """The answer, doubtful where it was well but slow."""
        slow_ms, latency_ms = self.slow_ms, answer.latency_ms
        if (
            answer.said is Said.WELL
            and slow_ms is not None
            and latency_ms is not None
            and latency_ms > slow_ms
        ):
            word = f"{answer.word}, but slow"
            return replace(answer, said=Said.DOUBTFUL, said_of_country=Said.WELL, word=word)
        return answer

    def weight(self, said: Said) -> float:
        """How much an answer speaks for an outage."""
        rate = self.failure_rate
        out = rate + OUTAGE_SHARE
        match said:
            case Said.WELL:
                return log((1 - out) / (1 - rate))
            case Said.DOUBTFUL:
                return DOUBT * log(out / rate)
            case Said.FAILED:
                return log(out / rate)
            case Said.NOTHING:
                return 0.0
            case _:
                assert_never(said)


UNKNOWN_ACCOUNT: Final = Usual()


class Mood(StrEnum):
    """What becomes of the answers that an account gives now."""

    SETTLED = "settled"
    """Nothing speaks for an outage: they are learned from, with those that were held."""
    DOUBTED = "doubted"
    """Something does: they are held."""
    OUT = "out"
    """It is out: they are thrown away, with those that were held."""


def learned(usual: Usual, answer: Answer, mood: Mood) -> Usual:
    """What is usual, one answer later. Latencies are always learned."""
    latency, latencies = _latency(usual, answer.latency_ms)
    answers, failed = usual.answers, usual.failed
    held_answers, held_failed = usual.held_answers, usual.held_failed
    if answer.said is not Said.NOTHING:
        held_answers, held_failed = held_answers + 1, held_failed + part_of_a_failure(answer)
    if mood is Mood.SETTLED:
        kept = max(0.0, 1.0 - held_answers / REMEMBERED_ANSWERS) if answers >= REMEMBERED_ANSWERS else 1.0
        answers, failed = answers * kept + held_answers, failed * kept + held_failed
    if mood is not Mood.DOUBTED:
        held_answers, held_failed = 0, 0.0
    return Usual(answers, failed, latency, latencies, held_answers, held_failed)


def part_of_a_failure(answer: Answer) -> float:
    """1 for a failure, a half for a doubtful answer, else 0."""
    match answer.said:
        case Said.FAILED:
            return 1.0
        case Said.DOUBTFUL:
            return DOUBT
        case _:
            return 0.0


def _latency(usual: Usual, latency_ms: int | None) -> tuple[float, int]:
    """The logarithm of the 99th percentile, moved towards one more latency, and how many were heard."""
    if latency_ms is None:
        return usual.latency, usual.latencies
    latency = log(max(latency_ms, 1))
    if usual.latencies == 0:
        return latency, 1
    step = max(_STEP_FIRST / sqrt(usual.latencies), _STEP_LAST)
    moved = step * QUANTILE if latency > usual.latency else -step * (1 - QUANTILE)
    return usual.latency + moved, min(usual.latencies + 1, 1_000_000)


def decline_weight(answer: Answer, *, otherwise: float | None = None) -> float:
    """How much an answer speaks for a collapse of approvals; 0 where it says nothing of them.

    `otherwise` is expected where nobody gave an estimate. What was expected is taken a little lower than it was said,
    so that a bad day is not called a collapse.
    """
    expected = answer.expected if answer.expected is not None else otherwise
    if answer.approved is None or expected is None:
        return 0.0
    healthy = min(max(expected * EXPECTED_SHADE, EXPECTED_MIN), EXPECTED_MAX)
    if answer.approved:
        return log(COLLAPSED)
    return min(log((1 - COLLAPSED * healthy) / (1 - healthy)), DECLINE_WEIGHT_MAX)
