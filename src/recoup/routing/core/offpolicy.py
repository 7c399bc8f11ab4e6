"""What another policy would have done, told from decisions that were logged with their chances.

Every logged decision says with which probability each account was to be asked first (its propensity), which one was
asked, and what came of it. A policy that would have asked with other probabilities is judged by weighting what really
happened with `target / propensity` of the account that was asked:

* inverse propensity scoring (IPS; Horvitz and Thompson 1952): the mean of `weight x reward`; unbiased where every
  account that the target wants had a chance;
* self-normalised (SNIPS; Swaminathan and Joachims 2015): the same over the mean weight; never outside the rewards;
* doubly robust (DR; Dudik, Langford, Li 2011): what a model expects of the target, corrected by the weighted error of
  that model where it was put to the test. The model is the estimate stored with the decision. It was made before the
  outcome was known, so the correction has mean zero whatever the model is worth, and no part of the log has to be held
  back from it.

Intervals are normal (the central limit theorem; for SNIPS by the delta method) at `Z`, two-sided 95 %. Beside IPS
stands the empirical Bernstein interval of Maurer and Pontil (2009, theorem 4), which holds at any number of decisions
and is wide. All of them take decisions as independent: where customers pay often and stick to an account, they are a
little too narrow. Where the target wants an account that had no chance, nothing was seen: every interval is widened by
the least and the most that such an account could have brought (Manski 1990), and beyond `UNSUPPORTED_MAX` there is no
conclusion at all.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from recoup.routing.core.observing import Observation

DECISIONS_MIN: Final = 1000
EFFECTIVE_MIN: Final = 300
"""Fewer decisions than this, counted as if all weighed the same, say nothing."""
UNSUPPORTED_MAX: Final = 0.05
"""The largest part of what the target would do that may have had no chance in the log."""
WEIGHT_SHARE_MAX: Final = 0.05
"""The most that a single decision may weigh of all."""
WEIGHTS_OFF_MAX: Final = 4.0
"""How many standard errors the mean weight may be from what it must be, before the propensities are not believed."""
DISAGREE_MAX: Final = 4.0
"""How many standard errors DR and SNIPS may be apart."""
Z: Final = 1.959964
"""Two-sided 95 % of the normal distribution."""
_ALPHA: Final = 0.05
_DETERMINISTIC_MIN: Final = 0.99
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its two-sided 95 % interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Support:
    """How far the log can speak for the target.

    `effective` is the number of equally weighing decisions that know as much (Kish). `unsupported` is the part of the
    target's choices that had no chance in the log, `deterministic` the part of decisions that were made without any
    chance, `largest` the part that the heaviest decision has of all weights.
    """

    decisions: int
    effective: float
    weight_max: float
    largest: float
    unsupported: float
    deterministic: float


class Verdict(StrEnum):
    """What the interval of the difference says."""

    BETTER = "better"
    WORSE = "worse"
    NO_DIFFERENCE = "no_difference_shown"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The target compared with what was done."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Inconclusive:
    """The log cannot tell, and why not."""

    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The target's worth by each estimator, beside the mean of what really happened.

    `bernstein` is the empirical Bernstein interval around IPS. `difference` is DR of the target less DR of the logged
    policy, decision by decision: nothing at all where both would do the same. `model_error` is what the stored
    estimates expected of the accounts that were asked, less what came.
    """

    logged: Interval
    ips: Interval
    snips: Interval
    doubly_robust: Interval
    bernstein: Interval
    difference: Interval
    model_error: float
    support: Support
    outcome: Conclusion | Inconclusive


class _Moments:
    """Mean and spread of a stream of numbers (Welford 1962): exact enough however many there are."""

    __slots__ = ("_squares", "count", "mean")

    def __init__(self) -> None:
        self.count = 0
        self.mean = 0.0
        self._squares = 0.0

    def add(self, number: float) -> None:
        self.count += 1
        step = number - self.mean
        self.mean += step / self.count
        self._squares += step * (number - self.mean)

    @property
    def variance(self) -> float:
        return self._squares / (self.count - 1) if self.count > 1 else 0.0

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return math.sqrt(self.variance / self.count) if self.count else 0.0

    def interval(self, *, below: float = 0.0, above: float = 0.0) -> Interval:
        half = Z * self.error
        return Interval(self.mean, self.mean - half - below, self.mean + half + above)


class Tally:
    """Adds up observations one by one, in memory that does not grow with their number."""

    __slots__ = (
        "_certain",
        "_difference",
        "_ends",
        "_ips",
        "_logged",
        "_model",
        "_rewards",
        "_robust",
        "_supported",
        "_unseen_least",
        "_unseen_model",
        "_unseen_most",
        "_unsupported",
        "_weight_max",
        "_weight_seen_max",
        "_weights",
        "_wr",
        "_ww",
        "_wwr",
        "_wwrr",
    )

    def __init__(self) -> None:
        self._logged, self._ips, self._robust, self._difference = (_Moments() for _ in range(4))
        self._weights, self._model = _Moments(), _Moments()
        self._ww = self._wr = self._wwr = self._wwrr = 0.0
        self._supported = self._unsupported = 0.0
        self._unseen_model = self._unseen_least = self._unseen_most = 0.0
        self._weight_max = self._weight_seen_max = 0.0
        self._certain = 0
        self._rewards = (math.inf, -math.inf)
        self._ends = (0.0, 0.0)

    def add(self, seen: Observation) -> None:
        """Count one decision."""
        reward, weight = seen.reward, seen.weight
        weighted = weight * reward
        robust = seen.target_model + weight * (reward - seen.asked_model)
        self._logged.add(reward)
        self._ips.add(weighted)
        self._robust.add(robust)
        self._difference.add(robust - seen.logged_model - (reward - seen.asked_model))
        self._weights.add(weight)
        self._model.add(seen.asked_model - reward)
        square = weight * weight
        self._ww += square
        self._wr += weighted
        self._wwr += square * reward
        self._wwrr += weighted * weighted
        self._supported += seen.supported
        self._unsupported += seen.unsupported
        self._unseen_model += seen.unseen_model
        self._unseen_least += seen.unseen_least
        self._unseen_most += seen.unseen_most
        self._certain += seen.certain
        self._ranges(seen)

    def _ranges(self, seen: Observation) -> None:
        least, most = self._rewards
        self._rewards = (min(least, seen.reward), max(most, seen.reward))
        low, high = self._ends
        self._ends = (min(low, seen.weight_max * seen.least), max(high, seen.weight_max * seen.most))
        self._weight_max = max(self._weight_max, seen.weight_max)
        self._weight_seen_max = max(self._weight_seen_max, seen.weight)

    @property
    def count(self) -> int:
        """How many decisions were added."""
        return self._logged.count

    def evaluation(self, doubts: Sequence[str] = ()) -> Evaluation:
        """What all that was added says; nothing is concluded where there are doubts. At least one decision must have
        been added."""
        assert self.count, "nothing was observed"
        count = self.count
        support = Support(
            decisions=count,
            effective=self._effective(),
            weight_max=self._weight_max,
            largest=self._weight_seen_max / self._sum if self._sum else 0.0,
            unsupported=self._unsupported / count,
            deterministic=self._certain / count,
        )
        below, above = self._slack(of_model=1.0)
        difference = self._difference.interval(below=below, above=above)
        snips = self._snips()
        reasons = (*doubts, *_thin(support), *self._unbelievable(snips))
        return Evaluation(
            logged=self._logged.interval(),
            ips=self._widened(self._ips.interval()),
            snips=snips,
            doubly_robust=self._robust.interval(below=below, above=above),
            bernstein=self._widened(self._bernstein()),
            difference=difference,
            model_error=self._model.mean,
            support=support,
            outcome=Inconclusive(reasons) if reasons else Conclusion(_verdict(difference, self._rewards)),
        )

    @property
    def _sum(self) -> float:
        return self._weights.mean * self.count

    def _slack(self, *, of_model: float) -> tuple[float, float]:
        """How far below and above an estimate the truth may be, because of what had no chance: the estimate has of it
        what the model expects (1), or nothing (0)."""
        expected = of_model * self._unseen_model
        below, above = expected - self._unseen_least, self._unseen_most - expected
        return max(0.0, below) / self.count, max(0.0, above) / self.count

    def _widened(self, interval: Interval) -> Interval:
        below, above = self._slack(of_model=0.0)
        return Interval(interval.estimate, interval.low - below, interval.high + above)

    def _effective(self) -> float:
        return self._sum**2 / self._ww if self._ww else 0.0

    def _snips(self) -> Interval:
        """Never outside the rewards that were seen. It is of the part that had a chance; the other may be anything.
        Where none had, it is the mean of what was done, which says nothing, and its interval says so."""
        least, most = self._rewards
        mean = min(max(self._wr / self._sum, least), most) if self._sum else self._logged.mean
        spread = max(0.0, self._wwrr - 2 * mean * self._wwr + mean * mean * self._ww)
        half = Z * math.sqrt(spread) / self._sum if self._sum else 0.0
        seen = 1 - self._unsupported / self.count
        low = seen * max(least, mean - half) + self._unseen_least / self.count
        high = seen * min(most, mean + half) + self._unseen_most / self.count
        return Interval(mean, min(low, mean), max(high, mean))

    def _bernstein(self) -> Interval:
        """Maurer and Pontil 2009, theorem 4, both sides; the range is what weight x reward could have been."""
        if self.count < 2:
            return Interval(self._ips.mean, *self._ends)
        low, high = self._ends
        log = math.log(4 / _ALPHA)
        half = math.sqrt(2 * self._ips.variance * log / self.count) + 7 * (high - low) * log / (
            3 * (self.count - 1)
        )
        return Interval(self._ips.mean, self._ips.mean - half, self._ips.mean + half)

    def _unbelievable(self, snips: Interval) -> Iterable[str]:
        """Where the log contradicts itself: the weights' mean is known, and two estimators estimate the same."""
        known = self._supported / self.count
        off = abs(self._weights.mean - known)
        if off > WEIGHTS_OFF_MAX * self._weights.error + 1e-6:
            yield (
                f"The weights' mean is {self._weights.mean:.3f} and must be {known:.3f}: accounts were not asked with "
                "the probabilities that were stored."
            )
        error = math.hypot(self._robust.error, (snips.high - snips.low) / (2 * Z))
        apart = abs(self._robust.mean - snips.estimate)
        unseen = sum(self._slack(of_model=1.0))
        if apart > DISAGREE_MAX * error + unseen + 1e-9 * max(1.0, abs(snips.estimate)):
            yield (
                f"The doubly robust and the self-normalised estimate are {apart:.4g} apart, more than chance explains: "
                "the stored estimates or propensities are not right."
            )


def _verdict(difference: Interval, rewards: tuple[float, float]) -> Verdict:
    rounding = _ROUNDING * max(1.0, *map(abs, rewards))
    if difference.low > rounding:
        return Verdict.BETTER
    return Verdict.WORSE if difference.high < -rounding else Verdict.NO_DIFFERENCE


def _thin(support: Support) -> Iterable[str]:
    if support.decisions < DECISIONS_MIN:
        yield f"There are {support.decisions} decisions; fewer than {DECISIONS_MIN} say little."
    if support.unsupported > UNSUPPORTED_MAX:
        yield _unseen(support)
    if support.effective < EFFECTIVE_MIN:
        yield (
            f"They count for no more than {support.effective:.0f} that weigh the same (at least {EFFECTIVE_MIN} are "
            "needed): the log seldom did what this policy would do."
        )
    if support.largest > WEIGHT_SHARE_MAX:
        yield f"A single decision has {support.largest:.0%} of all the weight (at most {WEIGHT_SHARE_MAX:.0%})."


def _unseen(support: Support) -> str:
    share = f"{support.unsupported:.1%}"
    if support.deterministic >= _DETERMINISTIC_MIN:
        return (
            f"Your decisions were made without chance, so only those in which both policies ask the same account say "
            f"anything; in {share} they do not. Let `learned` explore, or split a few per cent, and ask again; or try "
            "the policy in an experiment."
        )
    return (
        f"In {share} of its choices this policy asks an account that had no chance to be asked (at most "
        f"{UNSUPPORTED_MAX:.0%}): nobody knows what would have come of it. Try the policy in an experiment."
    )
