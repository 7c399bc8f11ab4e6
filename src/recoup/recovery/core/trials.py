"""Experiments with policies of recovery: their arms, and what came of each, held against those who were held out.

Arms are compared at equal age: a recovery counts once it is as old as the experiment says, with what it had won by that
age, whether it is open or has ended. So a policy that is quick does not look better while others still wait, and a
recovery that stays open counts as what it is: nothing won yet. Until then it is in the curve by day, in which each day
counts those who lived through it (as in an estimate of survival, where being young is the only way to go unseen).

Differences have intervals that hold however often they are looked at (`recoup.routing.core.trials`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import product
from typing import Final
from uuid import UUID

from recoup.recovery.core.arms import HOLD_OUT, WHOLE, Share
from recoup.routing.core.trials import Comparison, Sums, compare, is_balanced

UNITS_MIN: Final = 500
"""The fewest people in an arm and in the hold-out before anything is concluded."""
AGE_DAYS: Final = 28
RECOVERED: Final = "recovered"
"""The metric of recovered payments; every other metric is the net value in the currency of its name."""
ALL: Final = ""
"""The category under which all declines are together."""
DAY_S: Final = 86_400


class State(StrEnum):
    """Where an experiment stands."""

    RUNNING = "running"
    ENDED = "ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """Who goes by which policy. `standing`: the hold-out where no other experiment runs. `held_out` in basis points."""

    id: UUID
    name: str
    standing: bool
    shares: tuple[Share, ...]
    held_out: int
    seed: str
    hold_out_seed: str
    age_days: int
    state: State
    started_at: datetime
    ended_at: datetime | None = None

    @property
    def seeds(self) -> tuple[str, str]:
        """What is drawn with."""
        return self.hold_out_seed, self.seed

    @property
    def arms(self) -> tuple[str, ...]:
        """Their names, the hold-out first."""
        return (*([HOLD_OUT] if self.held_out else []), *(one.arm for one in self.shares))

    def share_of(self, arm: str) -> int:
        """The part of all people in an arm, in basis points times basis points."""
        if arm == HOLD_OUT:
            return self.held_out * WHOLE
        return (WHOLE - self.held_out) * next(one.share for one in self.shares if one.arm == arm)


@dataclass(frozen=True, slots=True)
class Cell:
    """An arm and a category of declines (`ALL`: all)."""

    arm: str
    category: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What was done so far in a cell: `gained` and `spent` by currency, in thousandths of minor units."""

    opened: int = 0
    still_open: int = 0
    recovered: int = 0
    tries: int = 0
    messages: int = 0
    gained: Mapping[str, int] | None = None
    spent: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """A day of recoveries' age: how many lived through it, and how many were recovered on it."""

    at_risk: int
    recovered: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted of an experiment. `aged`: the sums by cell and metric of those who are old enough. `complete`:
    whether all of its recoveries are in."""

    totals: Mapping[Cell, Totals]
    aged: Mapping[tuple[Cell, str], Sums]
    days: Mapping[str, Sequence[Day]]
    recoveries: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Uplift:
    """An arm less the hold-out, by one metric, in one category (`ALL`: all)."""

    arm: str
    category: str
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Result:
    """What an experiment has shown so far."""

    age_days: int
    counts: Counts
    curves: Mapping[str, tuple[float, ...]]
    uplifts: tuple[Uplift, ...]
    balanced: bool


def result(experiment: Experiment, counts: Counts, *, age_days: int, units_min: int = UNITS_MIN) -> Result:
    """What the counts of an experiment show."""
    curves = {arm: curve(days) for arm, days in counts.days.items()}
    uplifts = tuple(_uplifts(experiment, counts, units_min=units_min))
    return Result(age_days, counts, curves, uplifts, _balanced(experiment, counts))


def curve(days: Sequence[Day]) -> tuple[float, ...]:
    """The part of payments that is recovered by the end of each day of age. Who is younger than a day does not count
    in it; who ended without success does."""
    reached, found = 0.0, []
    for day in days:
        if day.at_risk == 0:
            break
        reached += day.recovered / day.at_risk
        found.append(reached)
    return tuple(found)


def _uplifts(experiment: Experiment, counts: Counts, *, units_min: int) -> list[Uplift]:
    found = []
    arms = [one.arm for one in experiment.shares]
    categories = sorted({cell.category for cell, _ in counts.aged})
    metrics = sorted({metric for _, metric in counts.aged}, key=lambda one: (one != RECOVERED, one))
    for arm, category, metric in product(arms, categories, metrics):
        held_out = counts.aged.get((Cell(HOLD_OUT, category), metric), Sums())
        ours = counts.aged.get((Cell(arm, category), metric), Sums())
        if held_out.units or ours.units:
            found.append(Uplift(arm, category, compare(metric, held_out, ours, units_min=units_min)))
    return found


def _balanced(experiment: Experiment, counts: Counts) -> bool:
    """Whether the hold-out is as large as it should be beside all others, counted by people."""
    if not experiment.held_out:
        return True
    held_out = counts.aged.get((Cell(HOLD_OUT, ALL), RECOVERED), Sums()).units
    arms = [one.arm for one in experiment.shares]
    others = sum(counts.aged.get((Cell(arm, ALL), RECOVERED), Sums()).units for arm in arms)
    return is_balanced(others, held_out, share=experiment.held_out)


def ripe_before(now: datetime, age_days: int) -> datetime:
    """When a recovery must have been opened to be so old by now."""
    return now - timedelta(days=age_days)
