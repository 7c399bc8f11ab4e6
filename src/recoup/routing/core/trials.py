"""Two saved policies side by side: who gets which, and when the difference may be believed.

A customer (or a payment) is on side B where a draw from its id falls into B's share, and stays there. Every payment
that has ended is added once to the sums of its side. The sums may be looked at as often as anybody likes: the interval
around the difference is a confidence sequence, which holds at all times together and not only at one.

It is the asymptotic confidence sequence of Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit
theory and asymptotic confidence sequences" (Annals of Statistics 52, 2024, theorem 2.2; Robbins' normal mixture with an
estimated variance):

    difference +- s sqrt( 2 (t r^2 + 1) / (t^2 r^2) x log( sqrt(t r^2 + 1) / alpha ) )

with t units in all, s^2 / t the variance of the difference, and r such that the interval is narrowest about where
`TIGHT_AT` units have been seen. It is an approximation for large t: nothing is concluded before `units_min` units of
each side are there.

Payments of one customer are alike. What is independent are the units: a side's mean is a ratio of sums over units, and
its variance that of the ratio (linearised), which for single payments is the usual one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b
from typing import Final
from uuid import UUID

ALPHA: Final = 0.05
TIGHT_AT: Final = 10_000
UNITS_MIN: Final = 500
"""The fewest units of each side before anything may be concluded."""
WHOLE: Final = 10_000
"""Shares and drops are in basis points."""
UNBALANCED_MAX: Final = 4.0
"""How many standard deviations the sides' sizes may be from the share, before something must be wrong."""
APPROVAL: Final = "approval"
"""The metric of approvals; every other metric is the net value in the currency of its name."""

_DRAWN_BITS: Final = 64


class Unit(StrEnum):
    """What stays on one side."""

    CUSTOMER = "customer"
    """All payments of a customer; a payment without one is by itself."""
    PAYMENT = "payment"


class Side(StrEnum):
    """The sides of an experiment; A is what was before."""

    A = "a"
    B = "b"


class State(StrEnum):
    """Where an experiment stands."""

    RUNNING = "running"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment with two versions of the routing policy.

    `share` of B in basis points. `drop_max` is how much worse B's approval rate may be than A's, in basis points,
    before the guardrail stops the experiment. `margin` is what an approval is worth, in basis points of its amount.
    """

    id: UUID
    name: str
    version_a: int
    version_b: int
    share: int
    unit: Unit
    drop_max: int
    units_min: int
    margin: int
    state: State
    started_at: datetime
    stopped_at: datetime | None = None
    reason: str | None = None

    def version(self, side: Side) -> int:
        """The policy of a side."""
        return self.version_a if side is Side.A else self.version_b


@dataclass(frozen=True, slots=True)
class Assignment:
    """Where a payment belongs: decide by this version of the policy, and say so in the decision."""

    version: int
    experiment_id: UUID
    side: Side


def assigned(trial: Trial, *, customer_id: UUID | None, seed: bytes) -> Assignment:
    """The side of a payment: always the same for its customer where these are the unit, else drawn by the decision's
    seed; and independent from one experiment to another."""
    unit = customer_id.bytes if trial.unit is Unit.CUSTOMER and customer_id is not None else seed
    drawn = int.from_bytes(blake2b(trial.id.bytes + unit, digest_size=_DRAWN_BITS // 8).digest())
    side = Side.B if drawn * WHOLE < trial.share << _DRAWN_BITS else Side.A
    return Assignment(trial.version(side), trial.id, side)


def counted_as(trial: Trial, *, customer_id: UUID | None, payment_id: UUID) -> UUID:
    """The unit that a payment is counted under."""
    return customer_id if trial.unit is Unit.CUSTOMER and customer_id is not None else payment_id


@dataclass(frozen=True, slots=True)
class Sums:
    """What is kept of a side and a metric: `payments` N and `gained` S over all units, and the sums over units of
    N x N, N x S and S x S. Whole numbers, so that adding them in any order gives the same."""

    units: int = 0
    payments: int = 0
    gained: int = 0
    nn: int = 0
    ns: int = 0
    ss: int = 0

    def with_payment(self, worth: int, before: OfUnit) -> Sums:
        """One more payment of a unit of which `before` is known."""
        n, s = before.payments, before.gained
        return Sums(
            units=self.units + (n == 0),
            payments=self.payments + 1,
            gained=self.gained + worth,
            nn=self.nn + 2 * n + 1,
            ns=self.ns + n * worth + s + worth,
            ss=self.ss + 2 * s * worth + worth * worth,
        )

    @property
    def mean(self) -> float:
        """What a payment brings; 0 where there is none."""
        return self.gained / self.payments if self.payments else 0.0

    @property
    def variance(self) -> float:
        """The variance of the mean."""
        if self.units < 2:
            return math.inf
        n, s = self.payments, self.gained
        # Over the square of n, and in whole numbers until the end: the terms are large and nearly cancel.
        spread = self.ss * n * n - 2 * self.ns * n * s + self.nn * s * s
        return max(0, spread) / n**4 * self.units / (self.units - 1)


@dataclass(frozen=True, slots=True)
class OfUnit:
    """What one unit has brought so far."""

    payments: int = 0
    gained: int = 0


NOTHING_YET: Final = OfUnit()


class Finding(StrEnum):
    """What a comparison says."""

    B_BETTER = "b_better"
    A_BETTER = "a_better"
    UNDECIDED = "undecided"
    TOO_FEW = "too_few"


@dataclass(frozen=True, slots=True)
class Comparison:
    """B less A, with an interval that holds however often it is looked at."""

    metric: str
    a: Sums
    b: Sums
    difference: float
    low: float
    high: float
    finding: Finding


def compare(metric: str, a: Sums, b: Sums, *, units_min: int = UNITS_MIN, alpha: float = ALPHA) -> Comparison:
    """Compares the two sides by one metric."""
    difference, half = b.mean - a.mean, radius(a, b, alpha=alpha)
    low, high = difference - half, difference + half
    if min(a.units, b.units) < units_min:
        finding = Finding.TOO_FEW
    elif low > 0:
        finding = Finding.B_BETTER
    else:
        finding = Finding.A_BETTER if high < 0 else Finding.UNDECIDED
    return Comparison(metric, a, b, difference, low, high, finding)


def radius(a: Sums, b: Sums, *, alpha: float = ALPHA) -> float:
    """Half the width of the confidence sequence around the difference of two means."""
    t = a.units + b.units
    variance = a.variance + b.variance
    if not math.isfinite(variance):
        return math.inf
    tr = t * _rho_squared(alpha)
    return math.sqrt(variance * 2 * (tr + 1) / tr * math.log(math.sqrt(tr + 1) / alpha))


def _rho_squared(alpha: float) -> float:
    """The mixture that is narrowest at `TIGHT_AT` (the paper's appendix B.2, to first order)."""
    log = -2 * math.log(alpha)
    return (log + math.log(log) + 1) / TIGHT_AT


def too_much_worse(approval: Comparison, trial: Trial) -> bool:
    """Whether B's approval rate is certainly worse than A's by more than the guardrail allows."""
    enough = approval.finding is not Finding.TOO_FEW
    return enough and approval.high < -trial.drop_max / WHOLE


def is_balanced(a: int, b: int, *, share: int) -> bool:
    """Whether so many units on each side fit B's share; where not, assignment or counting is at fault."""
    whole, part = a + b, share / WHOLE
    return abs(b - whole * part) <= UNBALANCED_MAX * math.sqrt(whole * part * (1 - part)) + 1


@dataclass(frozen=True, slots=True)
class Result:
    """What an experiment has shown so far: one comparison for each metric, approval first."""

    comparisons: tuple[Comparison, ...]
    is_balanced: bool

    @property
    def approval(self) -> Comparison:
        """The comparison of approval rates."""
        return self.comparisons[0]


def result(trial: Trial, sums: Mapping[tuple[Side, str], Sums]) -> Result:
    """The comparisons that the sums of an experiment allow."""
    others = sorted({metric for _, metric in sums} - {APPROVAL})
    comparisons = tuple(
        compare(
            metric,
            sums.get((Side.A, metric), Sums()),
            sums.get((Side.B, metric), Sums()),
            units_min=trial.units_min,
        )
        for metric in (APPROVAL, *others)
    )
    a, b = comparisons[0].a.units, comparisons[0].b.units
    return Result(comparisons, is_balanced(a, b, share=trial.share))


@dataclass(frozen=True, slots=True)
class Ended:
    """A payment that has ended, as its experiment counts it.

    `is_alone` says that no other payment is of its unit. `worth` is its net value in thousandths of a minor unit; None
    where an account that was asked has no known price.
    """

    side: Side
    unit_id: UUID
    is_alone: bool
    currency: str
    is_approved: bool
    worth: int | None

    def metrics(self) -> Mapping[str, int]:
        """What it adds, by metric."""
        approval = {APPROVAL: int(self.is_approved)}
        return approval if self.worth is None else approval | {self.currency: self.worth}


class Count:
    """The sums while payments are added to them: those of sides, and those of units that may have several payments."""

    def __init__(
        self, sums: Mapping[tuple[Side, str], Sums], units: Mapping[tuple[UUID, str], OfUnit]
    ) -> None:
        self._sums, self._units = dict(sums), dict(units)
        self.changed_sums: dict[tuple[Side, str], Sums] = {}
        self.changed_units: dict[tuple[UUID, str], OfUnit] = {}

    def add(self, ended: Ended) -> None:
        """Count one payment."""
        for metric, worth in ended.metrics().items():
            before = NOTHING_YET
            if not ended.is_alone:
                unit = (ended.unit_id, metric)
                before = self._units.get(unit, NOTHING_YET)
                after = OfUnit(before.payments + 1, before.gained + worth)
                self._units[unit] = self.changed_units[unit] = after
            side = (ended.side, metric)
            summed = self._sums.get(side, Sums()).with_payment(worth, before)
            self._sums[side] = self.changed_sums[side] = summed
