"""Runs the contest from the command line: `python -m bench.routing`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated, Final

from cyclopts import App, Parameter
from rich.console import Console

import bench.routing
from bench.keeping import Kept, kept_in
from bench.routing.contest import HYPERSWITCH, OURS, RIVALS, SWEPT, THOMPSON, Task, contest
from bench.routing.drill import KINDS, PARAMETERS, Drilled, DrillTask, brief, drill
from bench.routing.page import page, printed
from bench.routing.play import Score
from bench.routing.plots import pictures
from bench.routing.results import Results
from bench.routing.scenarios import SCENARIOS, SWEEPS, Scenario, cut_short, month
from bench.routing.world import Parameters

_SOURCES: Final = ("bench/routing", "src/recoup/routing", "src/recoup/outcomes", "src/recoup/kit")
SEEDS: Final = 5
SEEDS_QUICK: Final = 2
SEEDS_SWEPT: Final = 3
"""Sweeps show a slope, for which fewer seeds are enough."""
DRILL: Final = "drill"
DRILLED: Final = (
    HYPERSWITCH,
    "Sliding-window UCB (200)",
    "Discounted UCB (0.9995)",
    THOMPSON,
    "Thompson sampling, forgetting (0.9995)",
    OURS,
)
DRILLED_QUICK: Final = (HYPERSWITCH, OURS)
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
    policy: Annotated[list[str] | None, Parameter(help="only these, beside what hindsight knows")] = None,
    informed: Annotated[
        bool,
        Parameter(help="also learners who know the world's kind, which takes as long again", negative=""),
    ] = False,
    out: Annotated[Path, Parameter(help="the folder of the documentation")] = ROOT / "docs",
    processes: Annotated[int, Parameter(help="how many at once")] = os.cpu_count() or 1,
    keep: Annotated[
        Path | None, Parameter(help="a folder for what each world came to: a run broken off goes on from it")
    ] = None,
) -> None:
    """Run the contest, print the table, and write the page and its pictures where everything was run at length."""
    if scenario is not None and scenario not in {*SCENARIOS, DRILL}:
        sys.exit(f"there is no scenario {scenario}; there are {', '.join(SCENARIOS)}, {DRILL}")
    if unknown := {*(policy or ())} - {*RIVALS}:
        sys.exit(f"there is no policy {', '.join(sorted(unknown))}; there are {', '.join(RIVALS)}")
    started = perf_counter()
    numbers = tuple(range(1, 1 + (seeds or (SEEDS_QUICK if quick else SEEDS))))
    with ProcessPoolExecutor(processes) as pool:
        course = Course(
            pool,
            numbers,
            is_quick=quick,
            policies=tuple(policy or ()),
            informed=informed,
            kept=kept_in(keep, sources=_SOURCES),
        )
        results = course.run(only=scenario)
    for line in printed(results):
        _out.print(line)
    if not quick and scenario is None and policy is None:
        write(results, out)
    _out.print(f"{perf_counter() - started:.0f} s, seeds {numbers[0]} to {numbers[-1]}")


@dataclass(frozen=True, slots=True)
class Course:
    """How worlds are gone through: on which processes, for which seeds, how long, by whom (nobody named: by all)."""

    pool: ProcessPoolExecutor
    seeds: tuple[int, ...]
    is_quick: bool
    policies: tuple[str, ...]
    informed: bool
    kept: Kept

    def run(self, *, only: str | None) -> Results:
        """Everything, or one scenario."""
        results = Results(self.seeds)
        chosen = [one for one in SCENARIOS.values() if only in {None, one.name}]
        results.scenarios |= self._contested(chosen, tries=1)
        if not self.is_quick:
            slow = [one for one in chosen if one.is_slow]
            results.months |= self._contested(slow, tries=1, lasts=month, only=SWEPT)
        results.failover |= self._contested([one for one in chosen if one.has_outages], tries=2)
        if only is None and not self.is_quick:
            results.sweeps |= self._swept()
        if only in {None, DRILL}:
            results.drills |= self._drilled()
        return results

    def _contested(
        self,
        chosen: list[Scenario],
        *,
        tries: int,
        lasts: Callable[[Parameters], Parameters] = lambda parameters: parameters,
        only: tuple[str, ...] = (),
    ) -> dict[str, list[dict[str, Score]]]:
        worlds = [cut_short(one.parameters) if self.is_quick else lasts(one.parameters) for one in chosen]
        named = self.policies or only
        informed = self.informed and not named
        tasks = [Task(world, seed, tries, named, informed) for world in worlds for seed in self.seeds]
        scores = list(self.kept.map(self.pool, contest, tasks))
        return {one.name: self._part(scores, place) for place, one in enumerate(chosen)}

    def _swept(self) -> dict[str, dict[str, list[dict[str, Score]]]]:
        points = [(sweep.name, label, parameters) for sweep in SWEEPS for label, parameters in sweep.points]
        seeds = self.seeds[:SEEDS_SWEPT]
        tasks = [Task(parameters, seed, only=SWEPT) for _, _, parameters in points for seed in seeds]
        scores = list(self.kept.map(self.pool, contest, tasks))
        found: dict[str, dict[str, list[dict[str, Score]]]] = {}
        for place, (sweep, label, _) in enumerate(points):
            found.setdefault(sweep, {})[label] = scores[place * len(seeds) : (place + 1) * len(seeds)]
        return found

    def _part(self, scores: list[dict[str, Score]], place: int) -> list[dict[str, Score]]:
        count = len(self.seeds)
        return scores[place * count : (place + 1) * count]

    def _drilled(self) -> dict[str, dict[str, list[Drilled]]]:
        wanted = DRILLED_QUICK if self.is_quick else DRILLED
        policies = tuple(one for one in wanted if not self.policies or one in self.policies)
        parameters = brief(PARAMETERS) if self.is_quick else PARAMETERS
        tasks = [DrillTask(kind, seed, policies, parameters) for kind in KINDS for seed in self.seeds]
        found: dict[str, dict[str, list[Drilled]]] = {}
        for task, drilled in zip(tasks, self.kept.map(self.pool, drill, tasks), strict=True):
            for policy, one in drilled.items():
                found.setdefault(task.kind, {}).setdefault(policy, []).append(one)
        return found


def write(results: Results, docs: Path) -> None:
    """The page and its pictures."""
    (docs / IMAGES).mkdir(parents=True, exist_ok=True)
    for name, drawn in pictures(results).items():
        (docs / IMAGES / name).write_text(drawn, encoding="utf-8")
    (docs / PAGE).write_text(page(results), encoding="utf-8")


if __name__ == "__main__":
    app()
