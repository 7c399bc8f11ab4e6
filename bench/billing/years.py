"""Years of subscriptions with and without a window for the charge day: `python -m bench.billing.years`.

Both arms bill the same people for the same periods, with the same luck. The page and its picture are written where both
were lived.
"""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Final

import uvloop
from cyclopts import App, Parameter
from rich.console import Console

from bench.billing.figures import Lived, joined, kept_by, looked_at
from bench.billing.life import ARMS, Arm, Span, begun, lived
from bench.billing.page import page, picture, printed
from bench.keeping import Kept, kept_in
from recoup.db.embedded import EmbeddedPostgres
from recoup.server import COLLECTED_AFTER

SUBSCRIPTIONS: Final = 10_000
YEARS: Final = 3
SEED: Final = 7
TICK_S: Final = 3600
GROUPS: Final = 5
PAGE: Final = Path("explanation") / "billing-bench.md"
IMAGE: Final = Path("images") / "billing-payday.svg"
_UNSYNCED: Final = {"fsync": "off", "synchronous_commit": "off"}
"""Nothing here is kept, and nothing that is measured waits for a disk."""
_SOURCES: Final = ("bench/billing", "src/recoup")

app = App(name="bench.billing.years", help=__doc__)
_out: Final = Console(highlight=False, width=110)


@dataclass(frozen=True, slots=True)
class Task:
    """One arm, to be lived."""

    span: Span
    arm: Arm


async def arm_lived(task: Task, *, folder: Path, conninfo: str) -> Lived:
    """One arm from its beginning to its end, on a database of its own."""
    async with begun(task.span, task.arm, folder=folder, conninfo=conninfo) as life:
        before = await kept_by(life.service.database)
        await lived(life)
        return await looked_at(life, before)


def worked(task: Task) -> Lived:
    """The same with a PostgreSQL of its own, in a process that collects as seldom as a server."""
    gc.set_threshold(*COLLECTED_AFTER)
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "postgres", settings=_UNSYNCED) as conninfo:
            return uvloop.run(arm_lived(task, folder=folder, conninfo=conninfo))


def arms_lived(span: Span, arms: Sequence[Arm], *, groups: int, processes: int, kept: Kept) -> list[Lived]:
    """All arms, each in so many groups of people, so many groups at once; what is kept already is not lived again."""
    tasks = [Task(part, arm) for part in parted(span, groups) for arm in arms]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        found = list(kept.map(pool, worked, tasks))
    return [joined([one for one in found if one.arm == arm]) for arm in arms]


def parted(span: Span, groups: int) -> list[Span]:
    """Its people in so many groups, as even as they may be."""
    edges = [span.first + span.subscriptions * one // groups for one in range(groups + 1)]
    return [replace(span, first=first, subscriptions=end - first) for first, end in pairwise(edges)]


@app.default
def main(
    *,
    subscriptions: Annotated[int, Parameter(help="how many there are")] = SUBSCRIPTIONS,
    years: Annotated[float, Parameter(help="how long they are billed")] = YEARS,
    seed: Annotated[int, Parameter(help="of the world")] = SEED,
    tick_s: Annotated[int, Parameter(help="how many seconds late anything may be")] = TICK_S,
    groups: Annotated[
        int, Parameter(help="merchants, each with a part of the people and a database of its own")
    ] = GROUPS,
    out: Annotated[
        Path | None, Parameter(help="the folder of the documentation, to write the page there")
    ] = None,
    keep: Annotated[
        Path | None, Parameter(help="a folder in which what was lived is kept, to go on after a break")
    ] = None,
    processes: Annotated[int, Parameter(help="how many are lived at once")] = 1,
) -> None:
    """Live through all arms, print what came of them, and write the page where asked."""
    span = Span(seed, subscriptions, round(years * 12), tick_s)
    found = arms_lived(
        span,
        list(ARMS.values()),
        groups=min(groups, subscriptions),
        processes=processes,
        kept=kept_in(keep, sources=_SOURCES),
    )
    for line in printed(found):
        _out.print(line)
    if out is not None:
        (out / PAGE).write_text(page(found, groups=min(groups, subscriptions)), encoding="utf-8")
        (out / IMAGE).write_text(picture(found), encoding="utf-8")


if __name__ == "__main__":
    app()
