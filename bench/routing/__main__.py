"""Runs the contest from the command line: `python -m bench.routing`."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Annotated, Final

from cyclopts import App, Parameter
from rich.console import Console

import bench.routing
from bench.routing.contest import RIVALS, SWEPT, Task, contest
from bench.routing.drill import KINDS, Drilled, DrillTask, drill
from bench.routing.page import page, printed
from bench.routing.play import Score
from bench.routing.plots import pictures
from bench.routing.results import Results
from bench.routing.scenarios import SCENARIOS, SWEEPS, Scenario, cut_short

SEEDS: Final = 5
SEEDS_QUICK: Final = 2
DRILL: Final = "drill"
DRILLED: Final = tuple(
    name
    for name in RIVALS
    if name
    not in {"Discounted UCB (0.6)", "Thompson sampling for each BIN", "Hyperswitch, window 125, with cost"}
)
ROOT: Final = Path(__file__).parents[2]
PAGE: Final = Path("explanation") / "routing-bench.md"
IMAGES: Final = Path("images")

app = App(name="bench.routing", help=bench.routing.__doc__)
_out: Final = Console(highlight=False, width=max(Console().width, 150))


@app.default
def main(
    *,
    quick: Annotated[bool, Parameter(help="short worlds, two seeds; writes nothing", negative="")] = False,
    seeds: Annotated[int | None, Parameter(help="how many seeds, from 1")] = None,
    scenario: Annotated[str | None, Parameter(help=f"one of {', '.join(SCENARIOS)}, {DRILL}")] = None,
    out: Annotated[Path, Parameter(help="the folder of the documentation")] = ROOT / "docs",
    processes: Annotated[int, Parameter(help="how many at once")] = os.cpu_count() or 1,
) -> None:
    """Run the contest, print the table, and write the page and its pictures where everything was run at length."""
    if scenario is not None and scenario not in {*SCENARIOS, DRILL}:
        sys.exit(f"there is no scenario {scenario}; there are {', '.join(SCENARIOS)}, {DRILL}")
    started = perf_counter()
    numbers = tuple(range(1, 1 + (seeds or (SEEDS_QUICK if quick else SEEDS))))
    with ProcessPoolExecutor(processes) as pool:
        results = run(pool, numbers, is_quick=quick, only=scenario)
    for line in printed(results):
        _out.print(line)
    if not quick and scenario is None:
        write(results, out)
    _out.print(f"{perf_counter() - started:.0f} s, seeds {numbers[0]} to {numbers[-1]}")


def run(pool: ProcessPoolExecutor, seeds: tuple[int, ...], *, is_quick: bool, only: str | None) -> Results:
    """Everything, or one scenario, on a pool of processes."""
    results = Results(seeds)
    chosen = [one for one in SCENARIOS.values() if only in {None, one.name}]
    results.scenarios |= _contested(pool, chosen, seeds, is_quick=is_quick, tries=1)
    results.failover |= _contested(
        pool, [one for one in chosen if one.has_outages], seeds, is_quick=is_quick, tries=2
    )
    if only is None and not is_quick:
        results.sweeps |= _swept(pool, seeds)
    if only in {None, DRILL}:
        results.drills |= _drilled(pool, seeds)
    return results


def _contested(
    pool: ProcessPoolExecutor,
    chosen: list[Scenario],
    seeds: tuple[int, ...],
    *,
    is_quick: bool,
    tries: int,
) -> dict[str, list[dict[str, Score]]]:
    tasks = [
        Task(cut_short(one.parameters) if is_quick else one.parameters, seed, tries)
        for one in chosen
        for seed in seeds
    ]
    scores = list(pool.map(contest, tasks))
    return {
        one.name: scores[place * len(seeds) : (place + 1) * len(seeds)] for place, one in enumerate(chosen)
    }


def _swept(pool: ProcessPoolExecutor, seeds: tuple[int, ...]) -> dict[str, dict[str, list[dict[str, Score]]]]:
    points = [(sweep.name, label, parameters) for sweep in SWEEPS for label, parameters in sweep.points]
    tasks = [Task(parameters, seed, only=SWEPT) for _, _, parameters in points for seed in seeds]
    scores = list(pool.map(contest, tasks))
    found: dict[str, dict[str, list[dict[str, Score]]]] = {}
    for place, (sweep, label, _) in enumerate(points):
        found.setdefault(sweep, {})[label] = scores[place * len(seeds) : (place + 1) * len(seeds)]
    return found


def _drilled(pool: ProcessPoolExecutor, seeds: tuple[int, ...]) -> dict[str, dict[str, list[Drilled]]]:
    tasks = [DrillTask(kind, seed, policy) for kind in KINDS for policy in DRILLED for seed in seeds]
    found: dict[str, dict[str, list[Drilled]]] = {}
    for task, drilled in zip(tasks, pool.map(drill, tasks), strict=True):
        found.setdefault(task.kind, {}).setdefault(task.policy, []).append(drilled)
    return found


def write(results: Results, docs: Path) -> None:
    """The page and its pictures."""
    (docs / IMAGES).mkdir(parents=True, exist_ok=True)
    for name, drawn in pictures(results).items():
        (docs / IMAGES / name).write_text(drawn, encoding="utf-8")
    (docs / PAGE).write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    app()
