"""What a whole run found: scores by seed, and the goals they are held against, the missed ones first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from bench.recovery.contest import (
    BEST_FIXED,
    BEST_FIXED_ROUTES,
    INFORMED,
    INFORMED_TIME,
    OF_OTHERS,
    OF_OTHERS_ROUTES,
    ORACLE,
    ORACLE_TIME,
    OURS,
    OURS_TIME,
    Budget,
)
from bench.routing.intervals import Mean, closed, mean_of
from recoup.backtests.fixed import SCHEDULES
from recoup.backtests.matches import Score

GOAL_GAP: Final = 80.0
"""Percent of the gap between the best fixed schedule and the oracle, at so few tries as these:"""
GOAL_GAP_TRIES: Final = (1, 2)
GOAL_TRIES: Final = 1.3
POWERS: Final = (
    ("one route", OURS_TIME, BEST_FIXED, ORACLE_TIME),
    ("any route", OURS, BEST_FIXED_ROUTES, ORACLE),
)
"""Ours, what it stands above, and what is above it, of the same powers."""
INFORMED_OF: Final = {OURS_TIME: INFORMED_TIME, OURS: INFORMED}
OTHERS_OF: Final = {OURS_TIME: OF_OTHERS, OURS: OF_OTHERS_ROUTES}


@dataclass(frozen=True, slots=True)
class Results:
    """Everybody's score by budget, for each seed."""

    seeds: tuple[int, ...]
    contests: Sequence[Mapping[Budget, Mapping[str, Score]]]

    @property
    def budgets(self) -> tuple[Budget, ...]:
        """Days and tries, in order."""
        return tuple(self.contests[0])

    @property
    def windows(self) -> tuple[int, ...]:
        """The days."""
        return tuple(dict.fromkeys(days for days, _ in self.budgets))

    def of(self, budget: Budget, policy: str, measure: Callable[[Score], float]) -> list[float]:
        """A measure of a policy's scores, by seed."""
        return [measure(contest[budget][policy]) for contest in self.contests]

    def net(self, budget: Budget, policy: str) -> Mean:
        """What came back less the cost of tries, in percent of what was owed."""
        return mean_of(self.of(budget, policy, _net))

    def tries(self, budget: Budget, policy: str) -> float:
        """All tries per recovered payment; over all seeds, since a seed may have recovered none. 0 if none had."""
        tries = sum(self.of(budget, policy, lambda score: score.tries))
        won = sum(self.of(budget, policy, lambda score: score.won))
        return tries / won if won else 0.0

    def tries_of_won(self, budget: Budget, policy: str) -> float:
        """The same without the tries of payments that did not come back."""
        return fmean(self.of(budget, policy, lambda score: score.tries_of_each_won))

    def gap(self, budget: Budget, power: tuple[str, str, str, str]) -> Mean:
        """The part of the way from the best fixed schedule to the oracle, in percent."""
        _, own, floor, ceiling = power
        return closed(*(self.of(budget, name, _net) for name in (own, floor, ceiling)))

    def knowable(self, budget: Budget, power: tuple[str, str, str, str]) -> Mean:
        """The same part for whoever knew causes and paydays."""
        _, own, floor, ceiling = power
        return closed(*(self.of(budget, name, _net) for name in (INFORMED_OF[own], floor, ceiling)))

    def ahead(self, budget: Budget, own: str, rival: str) -> Mean:
        """By how many points of net value it is ahead, seed by seed."""
        pairs = zip(self.of(budget, own, _net), self.of(budget, rival, _net), strict=True)
        return mean_of([mine - theirs for mine, theirs in pairs])


@dataclass(frozen=True, slots=True)
class Goal:
    """What was wanted, where, what was measured."""

    wanted: str
    where: str
    measured: str
    is_met: bool


def goals(results: Results) -> list[Goal]:
    """All goals, the missed ones first."""
    found = [*_gaps(results), *_thrift(results), *_rivals(results)]
    return sorted(found, key=lambda goal: goal.is_met)


def not_beaten(results: Results, days: int) -> Iterator[tuple[Budget, str, str, Mean]]:
    """Which of ours is not ahead of whom by more than the interval: budget, ours, rival, points."""
    for budget in results.budgets:
        for own in (OURS, OURS_TIME):
            for rival in SCHEDULES:
                ahead = results.ahead(budget, own, rival)
                if budget[0] == days and ahead.value - ahead.half <= 0:
                    yield budget, own, rival, ahead


def _gaps(results: Results) -> Iterator[Goal]:
    for power in POWERS:
        for budget in results.budgets:
            days, tries = budget
            if tries in GOAL_GAP_TRIES:
                gap = results.gap(budget, power)
                yield Goal(
                    f"at least {GOAL_GAP:g} % of the gap closed",
                    f"{days} days, {tries} {'try' if tries == 1 else 'tries'}, {power[0]}",
                    f"{gap.shown(1)} %",
                    gap.value >= GOAL_GAP,
                )


def _thrift(results: Results) -> Iterator[Goal]:
    for days in results.windows:
        found = {budget[1]: results.tries(budget, OURS) for budget in results.budgets if budget[0] == days}
        yield Goal(
            f"at most {GOAL_TRIES:g} tries per recovered payment",
            f"{days} days, {OURS}; {_listed(found)} tries",
            ", ".join(f"{one:.2f}" for one in found.values()),
            max(found.values()) <= GOAL_TRIES,
        )


def _rivals(results: Results) -> Iterator[Goal]:
    for days in results.windows:
        lost = list(not_beaten(results, days))
        contests = 2 * len(SCHEDULES) * sum(budget[0] == days for budget in results.budgets)
        yield Goal(
            "ahead of every listed policy by more than the interval",
            f"{days} days",
            f"in {contests - len(lost)} of {contests} comparisons",
            not lost,
        )


def _listed(numbers: Mapping[int, float]) -> str:
    return ", ".join(str(one) for one in numbers)


def _net(score: Score) -> float:
    return score.net
