"""How far from what can be known at all: `python -m bench.recovery.yardsticks --write`.

The contest of `bench.recovery` holds policies against an oracle of luck, which nobody could be. Here a sample of the
same cases is played by two more: by who knows every person and the true chances, and by who knows the rules of the
world, and of people what a merchant sees. The second is the ceiling of all policies. It takes a second a case.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Final

import numpy as np
from cyclopts import App, Parameter
from rich.console import Console

from bench.recovery.ceiling import Cell, Thinking, believed, cells
from bench.recovery.foreseen import foreseen
from bench.recovery.sections import BOUND, CEILING, CHANCES, FIXED, LUCK, OURS, TRAINED, section, spliced
from bench.recovery.shares import Budget, Made, Sample, pooled
from recoup.backtests.fixed import APARTS, SCHEDULES, after, covering, oracle_played, planned
from recoup.backtests.matches import Ground, Played, may_go_on
from recoup.backtests.ours import ADVISED_DAYS, Ours
from recoup.backtests.trained import Trained, schooled
from recoup.sandbox.model import ROUTES, Answers
from recoup.sandbox.model.calendar import SLOT_S, SLOTS_A_DAY
from recoup.sandbox.model.luck import Flags, Ints

BUDGETS: Final[Sequence[Budget]] = tuple(product((7, 14, 28), (1, 2), (1, ROUTES)))
SEEDS: Final = (1, 2)
CASES: Final = 200
WORLD: Final = 1_500
"""Declined renewals of a world, as in the contest, of which the first open ones are the sample."""
OTHERS: Final = 6_000
PAGE: Final = Path(__file__).parents[2] / "docs" / "explanation" / "recovery-bench.md"

app = App(name="bench.recovery.yardsticks", help=__doc__)
_out: Final = Console(highlight=False, width=max(Console().width, 150))


@app.default
def main(
    *,
    seeds: Annotated[tuple[int, ...], Parameter(help="the worlds")] = SEEDS,
    cases: Annotated[int, Parameter(help="how many cases of each")] = CASES,
    kept: Annotated[Path | None, Parameter(help="a folder: worlds that were played are kept there")] = None,
    write: Annotated[bool, Parameter(help="write it into the page of the contest", negative="")] = False,
) -> None:
    """Play samples of worlds, one after the other, and tell what part of each gap is closed."""
    samples = [_played(seed, cases, kept) for seed in seeds]
    told = section(pooled(samples), seeds=seeds)
    _out.print(told)
    if write:
        PAGE.write_text(spliced(PAGE.read_text(encoding="utf-8"), told), encoding="utf-8")


def _played(seed: int, cases: int, kept: Path | None) -> Sample:
    """One world's sample; what is kept is not played again, but for Recoup, which may have changed."""
    ground = Ground(seed, WORLD)
    made = {FIXED: best_fixed(ground, cases), LUCK: lucky(ground, cases)}
    ground.open = ground.open[:cases]
    made |= recoup(ground, seed)
    file = None if kept is None else kept / f"{seed}-{cases}.json"
    if file is None or not file.exists():
        made |= yardsticks(ground)
        if file is not None:
            file.write_text(json.dumps({name: _listed(made[name]) for name in (CHANCES, CEILING, BOUND)}))
    else:
        found = json.loads(file.read_text(encoding="utf-8"))
        made |= {name: dict(zip(BUDGETS, rows, strict=True)) for name, rows in found.items()}
    return Sample(ground.seen.amount[ground.open], made)


def _listed(made: dict[Budget, Made]) -> list[Made]:
    return [made[budget] for budget in BUDGETS]


def best_fixed(ground: Ground, cases: int) -> dict[Budget, Made]:
    """What the schedule that turns out best for all open cases brings of the first of them."""
    found = {}
    for budget in BUDGETS:
        days, tries, _ = budget
        policies = [planned(ground, plan, days) for plan in _plans(ground, budget)]
        policies += [after(ground, schedule) for schedule in SCHEDULES.values()]
        plays = [ground.played(policy, days=days, tries=tries) for policy in policies]
        best = max(plays, key=lambda one: ground.score(one.won_s, one.tries, days=days).net)
        found[budget] = _made(best, ground.open[:cases])
    return found


def _plans(ground: Ground, budget: Budget) -> set[tuple[Cell, ...]]:
    """Sets of tries that cover most, by one route and by all, and by how far apart they must lie."""
    days, tries, most = budget
    owed, found = ground.seen.amount[ground.open].astype(np.float64), set()
    for routes, apart in product({1, most}, APARTS):
        would = ground.approvals[:, : days * SLOTS_A_DAY + 1, :routes]
        slots = np.repeat(np.arange(would.shape[1]), routes)
        chosen = covering(would.reshape(len(would), -1), owed, slots, tries=tries, apart=apart)
        found.add(tuple(sorted((int(slots[one]), one % routes) for one in chosen)))
    return found


def lucky(ground: Ground, cases: int) -> dict[Budget, Made]:
    """What the oracle of luck brings of the first open cases."""
    return {
        (days, tries, routes): _made(oracle_played(ground, days=days, routes=routes), ground.open[:cases])
        for days, tries, routes in BUDGETS
    }


def recoup(ground: Ground, seed: int) -> dict[str, dict[Budget, Made]]:
    """What Recoup makes of the open cases, untrained and trained."""
    model, _ = schooled(seed, OTHERS)
    found: dict[str, dict[Budget, Made]] = {OURS: {}, TRAINED: {}}
    for budget in BUDGETS:
        days, tries, routes = budget
        plain = Ours(ground, days=days, tries=tries, routes=routes)
        taught = Trained(ground, model, days=days, tries=tries, routes=routes)
        for name, one in ((OURS, plain), (TRAINED, taught)):
            played = ground.played(one.choose, days=days, tries=tries, told=one.hear)
            found[name][budget] = _made(played, ground.open)
    return found


def yardsticks(ground: Ground) -> dict[str, dict[Budget, Made]]:
    """What is made of the open cases by those who know more than a merchant may, or all rules."""
    rows: dict[str, list[list[tuple[int, int]]]] = {CHANCES: [], CEILING: [], BOUND: []}
    for case in ground.open.tolist():
        known = Thinking(ground, case, foreseen(ground, case))
        rows[CHANCES].append([outcome(known, budget, anywhere) for budget in BUDGETS])
        guessed = Thinking(ground, case, believed(ground, case))
        rows[CEILING].append([outcome(guessed, budget, anywhere) for budget in BUDGETS])
        rows[BOUND].append([outcome(guessed, budget, obeying) for budget in BUDGETS])
    return {
        name: {budget: _column(said, n) for n, budget in enumerate(BUDGETS)} for name, said in rows.items()
    }


def _column(rows: Sequence[Sequence[tuple[int, int]]], place: int) -> Made:
    return [row[place][0] for row in rows], [row[place][1] for row in rows]


def _made(played: Played, cases: Ints) -> Made:
    return (played.won_s[cases] >= 0).astype(int).tolist(), played.tries[cases].tolist()


Allowed = Callable[[Thinking, int, int, str], Flags]
"""Which slots are allowed after an answer in some slot: all of the window, the slot, the advice."""


def outcome(thinking: Thinking, budget: Budget, allowed: Allowed) -> tuple[int, int]:
    """Whether a case is won, and after how many tries."""
    days, tries, routes = budget
    ground, case = thinking.ground, thinking.case
    among, made = cells(days, routes), [0]
    advice = str(ground.seen.answers.advice[case])
    cell = thinking.first(among[allowed(thinking, days, 0, advice)[among // ROUTES]], tries=tries)
    while cell is not None:
        answer = tried(ground, case, cell, made=made, days=days)
        made.append(cell[0])
        if answer.approved[0]:
            return 1, len(made) - 1
        if len(made) > tries or not may_go_on(answer)[0]:
            break
        word, advice = int(answer.code[0]), str(answer.advice[0])
        free = among[allowed(thinking, days, cell[0], advice)[among // ROUTES]]
        cell = thinking.second(cell, free, word=word, advice=advice)
    return 0, len(made) - 1


def anywhere(_thinking: Thinking, days: int, _slot: int, _advice: str) -> Flags:
    return np.ones(days * SLOTS_A_DAY + 1, dtype=np.bool_)


def obeying(thinking: Thinking, days: int, slot: int, advice: str) -> Flags:
    """By day, and not before a time that was advised, as Recoup does."""
    own = int(thinking.ground.world.who.slot[thinking.case])
    every = np.arange(days * SLOTS_A_DAY + 1)
    waits = round(ADVISED_DAYS.get(advice, 0.0) * SLOTS_A_DAY)
    allowed: Flags = ((own + every) % SLOTS_A_DAY > 0) & (every >= slot + waits)
    return allowed


def tried(ground: Ground, case: int, cell: Cell, *, made: Sequence[int], days: int) -> Answers:
    """What is answered to a try by a route in a slot after the decline, after those in other slots."""
    world, one = ground.world, np.array([case])
    middle = world.middles_s(one, world.slots(one, ground.seen.when_s[one]) + cell[0])
    when_s = np.maximum(np.minimum(middle, ground.deadline_s(one, days)), ground.seen.when_s[one])
    within = world.nature.parameters.tires_hours * 3600 // SLOT_S
    recent = sum(cell[0] - within < slot < cell[0] for slot in set(made))
    return world.try_(one, when_s, route=cell[1], recent=recent)


if __name__ == "__main__":
    app()
