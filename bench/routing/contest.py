"""Who competes, and one world's contest: the best static route in hindsight, every rival, ours, the oracles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from bench.routing.hyperswitch import CalibratedSuccessRates, SuccessRates
from bench.routing.informed import Informed, Told, stays
from bench.routing.ours import Ours
from bench.routing.play import Play, Score, best_by_bin, fixed_choices
from bench.routing.rivals import (
    AtRandom,
    DiscountedUcb,
    Oracle,
    Policy,
    SlidingWindowUcb,
    Static,
    Thompson,
    ThompsonByBin,
)
from bench.routing.world import Parameters, World, make

BEST_STATIC: Final = "Best static, in hindsight"
BEST_STATIC_VALUE: Final = "Best static for value, in hindsight"
BEST_BY_BIN: Final = "Best for each BIN, in hindsight"
OURS: Final = "Recoup"
INFORMED: Final = "Informed of the world's kind"
TOLD: Final = "The same, told every acquirer's answer"
ORACLE: Final = "Oracle"
ORACLE_VALUE: Final = "Oracle for value"
HYPERSWITCH: Final = "Hyperswitch, window 125"
THOMPSON: Final = "Thompson sampling"

Maker = Callable[[World, Random], Policy]

RIVALS: Final[Mapping[str, Maker]] = {
    "Random": lambda world, random: AtRandom(len(world.acquirers), random),
    HYPERSWITCH: lambda world, random: SuccessRates(len(world.acquirers), random),
    "Hyperswitch, auto-calibrated": lambda world, random: CalibratedSuccessRates(
        len(world.acquirers), random
    ),
    "Hyperswitch, window 125, with cost": lambda world, random: SuccessRates(
        len(world.acquirers), random, priced=world.acquirers
    ),
    "Sliding-window UCB (200)": lambda world, random: SlidingWindowUcb(
        len(world.acquirers), random, window=200
    ),
    "Discounted UCB (0.6)": lambda world, random: DiscountedUcb(len(world.acquirers), random, discount=0.6),
    "Discounted UCB (0.9995)": lambda world, random: DiscountedUcb(
        len(world.acquirers), random, discount=0.9995
    ),
    THOMPSON: lambda world, random: Thompson(len(world.acquirers), random),
    "Thompson sampling, forgetting (0.9995)": lambda world, random: Thompson(
        len(world.acquirers), random, discount=0.9995
    ),
    "Thompson sampling for each BIN": lambda world, random: ThompsonByBin(len(world.acquirers), random),
    OURS: Ours,
}
SWEPT: Final = (HYPERSWITCH, THOMPSON, OURS)
"""Who is taken through the sweeps."""


@dataclass(frozen=True, slots=True)
class Task:
    """One world to be contested; `informed`: also by those who know more of it than any merchant does."""

    parameters: Parameters
    seed: int
    tries: int = 1
    only: tuple[str, ...] = ()
    informed: bool = False


def contest(task: Task) -> dict[str, Score]:
    """Everybody's score in one world."""
    world = make(task.parameters, task.seed)
    scores = _hindsight(world, task)
    for name, maker in RIVALS.items():
        if not task.only or name in task.only:
            policy = maker(world, Random(f"{name} {task.seed}"))
            scores[name] = Play(world, policy, tries=task.tries).run()
    if task.informed and task.tries == 1 and stays(task.parameters):
        scores[INFORMED] = Play(world, Informed(world, Random(f"{INFORMED} {task.seed}"))).run()
        scores[TOLD] = Play(world, Told(world, Random(TOLD))).run()
    scores[ORACLE] = Play(world, Oracle(world), tries=task.tries).run()
    scores[ORACLE_VALUE] = Play(world, Oracle(world, for_value=True), tries=task.tries).run()
    return scores


def _hindsight(world: World, task: Task) -> dict[str, Score]:
    count = len(world.acquirers)
    every = [Play(world, Static(count, one), tries=task.tries).run() for one in range(count)]
    found = {
        BEST_STATIC: max(every, key=lambda score: score.expected),
        BEST_STATIC_VALUE: max(every, key=lambda score: score.expected_worth),
    }
    if not task.only and task.tries == 1:
        found[BEST_BY_BIN] = fixed_choices(world, best_by_bin(world))
    return found
