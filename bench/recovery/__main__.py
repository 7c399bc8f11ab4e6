"""Runs the contest from the command line: `python -m bench.recovery`."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Annotated, Final

from cyclopts import App, Parameter
from rich.console import Console

import bench.recovery
from bench.recovery.contest import Task, contest
from bench.recovery.page import page, printed
from bench.recovery.plots import pictures
from bench.recovery.results import Results
from bench.recovery.sections import kept, spliced

SEEDS: Final = 5
CASES: Final = 1_500
QUICK_SEEDS: Final = 2
QUICK_CASES: Final = 150
QUICK_OTHERS: Final = 1_000
QUICK_WINDOWS: Final = (14,)
QUICK_TRIES: Final = (1, 2)
PAGE: Final = Path("explanation") / "recovery-bench.md"
IMAGES: Final = Path("images")

app = App(name="bench.recovery", help=bench.recovery.__doc__)
_out: Final = Console(highlight=False, width=max(Console().width, 150))


@app.default
def main(
    *,
    quick: Annotated[bool, Parameter(help="few cases, two seeds; writes nothing", negative="")] = False,
    out: Annotated[Path, Parameter(help="the folder of the documentation")] = (
        Path(__file__).parents[2] / "docs"
    ),
    processes: Annotated[int, Parameter(help="how many at once")] = os.cpu_count() or 1,
) -> None:
    """Run the contest, print the tables, and write the page and its picture where everything was run at length."""
    started = perf_counter()
    results = run(tasks(is_quick=quick), processes=processes)
    for line in printed(results):
        _out.print(line)
    if not quick:
        write(results, out)
    _out.print(f"{perf_counter() - started:.0f} s, seeds {results.seeds[0]} to {results.seeds[-1]}")


def tasks(*, is_quick: bool) -> list[Task]:
    """What there is to do: one world a seed."""
    if is_quick:
        seeds = range(1, 1 + QUICK_SEEDS)
        return [Task(seed, QUICK_CASES, QUICK_OTHERS, QUICK_WINDOWS, QUICK_TRIES) for seed in seeds]
    return [Task(seed, CASES) for seed in range(1, 1 + SEEDS)]


def run(wanted: list[Task], *, processes: int) -> Results:
    """Everybody's scores in all of these worlds."""
    seeds = tuple(task.seed for task in wanted)
    if processes == 1:
        return Results(seeds, [contest(task) for task in wanted])
    with ProcessPoolExecutor(processes) as pool:
        return Results(seeds, list(pool.map(contest, wanted)))


def write(results: Results, docs: Path) -> None:
    """The page and its picture; the section that `bench.recovery.yardsticks` wrote into it stays."""
    (docs / IMAGES).mkdir(parents=True, exist_ok=True)
    for name, drawn in pictures(results).items():
        (docs / IMAGES / name).write_text(drawn, encoding="utf-8")
    (docs / PAGE).parent.mkdir(parents=True, exist_ok=True)
    told = kept((docs / PAGE).read_text(encoding="utf-8")) if (docs / PAGE).exists() else None
    written = page(results)
    (docs / PAGE).write_text(spliced(written, told) if told else written, encoding="utf-8")


if __name__ == "__main__":
    app()
