"""What a chain of choices is worth under another policy, from cases whose choices were logged with their chances.

A case is a chain of tries, each a choice that leads to the next. The weight of a case at its nth choice is the chance
of all its choices so far under the policy that is judged (which is 1 or 0), over their chance under the policies of the
log: each arm of an experiment is one of them, with its share, so that the chance of a chain is the sum of the shares of
all arms that would have made it (the mixture of loggers; Agarwal, Basu, Schnabel, Joachims 2017).

* per-decision importance sampling (IPS; Precup, Sutton, Singh 2000): what each choice brought, times the weight at it;
* self-normalised (SNIPS): the same, over the mean weight at that choice. It is what verdicts go by.

Intervals are normal at 95 %, for SNIPS by the delta method; cases are taken as independent of each other. Where the
policy would make a choice that no arm makes, nothing was seen: intervals are widened by the least and the most that
such a case could have brought (Manski 1990), and beyond `UNSUPPORTED_MAX` there is no conclusion.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CASES_MIN: Final = 300
EFFECTIVE_MIN: Final = 100
"""Fewer cases than this, counted as if all weighed the same, say nothing."""
UNSUPPORTED_MAX: Final = 0.05
"""The largest part of cases in which the policy may come to a choice that had no chance in the log."""
WEIGHT_SHARE_MAX: Final = 0.05
"""The most that a single case may weigh of all."""
Z: Final = 1.959964
"""Two-sided 95 % of the normal distribution."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its two-sided 95 % interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Chain:
    """One case. `weights` and `rewards` by choice; `logged` is what it brought; `lost` the weight with which the policy
    came to a choice that was never made, and `least` and `most` what the rest of the case could have brought then."""

    weights: Sequence[float]
    rewards: Sequence[float]
    logged: float
    lost: float
    least: float
    most: float


@dataclass(frozen=True, slots=True)
class Support:
    """How far the log can speak for the policy.

    `effective` is the number of equally weighing cases that know as much (Kish), `unsupported` the part of cases in
    which the policy comes to a choice that had no chance, `largest` the part of all weight that the heaviest case has.
    """

    cases: int
    effective: float
    unsupported: float
    largest: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the policy would have brought a case, beside what was brought; `difference` is SNIPS less that. `reasons`:
    why nothing can be concluded; empty where something can."""

    logged: Interval
    ips: Interval
    snips: Interval
    difference: Interval
    support: Support
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `no_difference_shown`, or `inconclusive`."""
        if self.reasons:
            return "inconclusive"
        if self.difference.low > _ROUNDING:
            return "better"
        return "worse" if self.difference.high < -_ROUNDING else "no_difference_shown"


class Tally:
    """Adds up chains one by one, in memory that does not grow with their number.

    Kept are the sums and the products of weight x reward and weight at every choice, and of what was logged: all that
    the delta method needs.
    """

    def __init__(self, choices_max: int) -> None:
        self._choices = choices_max
        self._sum = np.zeros(2 * choices_max + 2)
        self._squares = np.zeros((len(self._sum), len(self._sum)))
        self._count = 0
        self._lost = self._below = self._above = 0.0
        self._heaviest = 0.0

    def add(self, chain: Chain) -> None:
        """Count one case; behind its last choice its weight stays, and brings nothing."""
        assert 0 < len(chain.weights) == len(chain.rewards) <= self._choices, "a reward for each weight"
        rest = self._choices - len(chain.weights)
        weights = np.asarray([*chain.weights, *[chain.weights[-1]] * rest])
        gained = weights * np.asarray([*chain.rewards, *[0.0] * rest])
        row = np.concatenate([gained, weights, [chain.logged, float(gained.sum())]])
        self._sum += row
        self._squares += np.outer(row, row)
        self._count += 1
        self._lost += chain.lost
        self._below += chain.lost * chain.least
        self._above += chain.lost * chain.most
        self._heaviest = max(self._heaviest, float(weights[-1]))

    @property
    def count(self) -> int:
        """How many cases were added."""
        return self._count

    @property
    def unsupported(self) -> float:
        """The part of cases in which the policy comes to a choice that had no chance."""
        return min(self._lost / self._count, 1.0) if self._count else 0.0

    def evaluation(self, doubts: Sequence[str] = ()) -> Evaluation:
        """What all that was added says. At least one case must have been added."""
        assert self._count, "nothing was added"
        support, snips = self._support(), self._snips(less_logged=False)
        expected = support.unsupported * snips.estimate
        return Evaluation(
            logged=self._of(self._unit(-2)),
            ips=self._widened(self._of(self._unit(-1)), expected=0.0),
            snips=self._widened(snips, expected=expected),
            difference=self._widened(self._snips(less_logged=True), expected=expected),
            support=support,
            reasons=(*doubts, *_thin(support)),
        )

    def _unit(self, place: int) -> Floats:
        found = np.zeros(len(self._sum))
        found[place] = 1.0
        return found

    def _of(self, gradient: Floats, *, value: float | None = None) -> Interval:
        """The interval of a function of the means, which has this gradient; linear where no value is given."""
        means = self._sum / self._count
        covariance = self._squares / self._count - np.outer(means, means)
        variance = float(gradient @ covariance @ gradient) / max(self._count - 1, 1)
        half = Z * math.sqrt(max(variance, 0.0))
        middle = float(gradient @ means) if value is None else value
        return Interval(middle, middle - half, middle + half)

    def _snips(self, *, less_logged: bool) -> Interval:
        means, many = self._sum / self._count, self._choices
        gained, weight = means[:many], means[many : 2 * many]
        there = weight > 0
        ratio = np.divide(gained, weight, out=np.zeros(many), where=there)
        gradient = np.zeros(len(means))
        gradient[:many] = np.divide(1.0, weight, out=np.zeros(many), where=there)
        gradient[many : 2 * many] = -ratio * gradient[:many]
        gradient[-2] = -1.0 if less_logged else 0.0
        return self._of(gradient, value=float(ratio.sum()) - (float(means[-2]) if less_logged else 0.0))

    def _widened(self, one: Interval, *, expected: float) -> Interval:
        """By what could have come of the cases in which nothing was seen, less what the estimate expects of them."""
        below, above = self._below / self._count - expected, self._above / self._count - expected
        return Interval(one.estimate, one.low + min(below, 0.0), one.high + max(above, 0.0))

    def _support(self) -> Support:
        last = 2 * self._choices - 1
        weight, squares = float(self._sum[last]), float(self._squares[last, last])
        return Support(
            cases=self._count,
            effective=weight**2 / squares if squares else 0.0,
            unsupported=self.unsupported,
            largest=self._heaviest / weight if weight else 0.0,
        )


def _thin(support: Support) -> Iterator[str]:
    if support.cases < CASES_MIN:
        yield f"There are {support.cases} recoveries; fewer than {CASES_MIN} say little."
    if support.unsupported > UNSUPPORTED_MAX:
        yield (
            f"In {support.unsupported:.1%} of recoveries this policy comes to a choice that nobody made (at most "
            f"{UNSUPPORTED_MAX:.0%}): nobody knows what would have come of it."
        )
    if support.effective < EFFECTIVE_MIN:
        yield (
            f"They count for no more than {support.effective:.0f} that weigh the same (at least {EFFECTIVE_MIN} are "
            "needed): the log seldom did what this policy would do."
        )
    if support.largest > WEIGHT_SHARE_MAX:
        yield f"A single recovery has {support.largest:.0%} of all the weight (at most {WEIGHT_SHARE_MAX:.0%})."
