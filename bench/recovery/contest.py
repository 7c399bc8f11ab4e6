"""Who competes, and one world's contest at every window and number of tries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from bench.recovery.informed import Learnt, informed, learnt, of_others
from recoup.backtests.fixed import SCHEDULES, after, best_fixed, oracle
from recoup.backtests.matches import Ground, Score
from recoup.backtests.ours import Ours
from recoup.backtests.trained import Trained, schooled
from recoup.recovery.core.learning import Model
from recoup.sandbox.model import ROUTES

BEST_FIXED: Final = "Best fixed"
BEST_FIXED_ROUTES: Final = "Best fixed, any route"
OF_OTHERS: Final = "Best fixed of others"
OF_OTHERS_ROUTES: Final = "Best fixed of others, any route"
INFORMED_TIME: Final = "Informed, one route"
INFORMED: Final = "Informed"
OURS: Final = "Recoup"
OURS_TIME: Final = "Recoup, one route"
TRAINED: Final = "Recoup, trained"
TRAINED_TIME: Final = "Recoup, trained, one route"
ORACLE: Final = "Oracle"
ORACLE_TIME: Final = "Oracle, one route"
WINDOWS: Final = (7, 14, 28)
TRIES: Final = (1, 2, 4, 8)

OTHERS: Final = 6_000

Budget = tuple[int, int]
"""Days and tries."""


@dataclass(frozen=True, slots=True)
class Task:
    """One world to be contested; who is informed or trained learnt from so many `others` in it."""

    seed: int
    cases: int
    others: int = OTHERS
    windows: tuple[int, ...] = WINDOWS
    tries: tuple[int, ...] = TRIES


def contest(task: Task) -> Mapping[Budget, Mapping[str, Score]]:
    """Everybody's score in one world, by days and tries."""
    ground, others = Ground(task.seed, task.cases), learnt(task.seed, task.others)
    model, _ = schooled(task.seed, task.others)
    return {
        (days, tries): _contested(ground, others, model, days=days, tries=tries)
        for days in task.windows
        for tries in task.tries
    }


def _contested(
    ground: Ground, others: Learnt, model: Model | None, *, days: int, tries: int
) -> dict[str, Score]:
    scores = {
        name: ground.play(after(ground, schedule), days=days, tries=tries)
        for name, schedule in SCHEDULES.items()
    }
    for name, routes in ((BEST_FIXED, 1), (BEST_FIXED_ROUTES, ROUTES)):
        scores[name] = best_fixed(ground, days=days, tries=tries, routes=routes)
    for name, routes in ((OURS_TIME, 1), (OURS, ROUTES)):
        ours = Ours(ground, days=days, tries=tries, routes=routes)
        scores[name] = ground.play(ours.choose, days=days, tries=tries, told=ours.hear)
    for name, routes in ((TRAINED_TIME, 1), (TRAINED, ROUTES)):
        ours = Trained(ground, model, days=days, tries=tries, routes=routes)
        scores[name] = ground.play(ours.choose, days=days, tries=tries, told=ours.hear)
    for name, routes in ((OF_OTHERS, 1), (OF_OTHERS_ROUTES, ROUTES)):
        scores[name] = of_others(ground, others, days=days, tries=tries, routes=routes)
    for name, routes in ((INFORMED_TIME, 1), (INFORMED, ROUTES)):
        scores[name] = informed(ground, others, days=days, tries=tries, routes=routes)
    for name, routes in ((ORACLE_TIME, 1), (ORACLE, ROUTES)):
        scores[name] = oracle(ground, days=days, routes=routes)
    return scores
