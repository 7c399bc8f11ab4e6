"""Years of subscriptions with and without a window for the charge day: `python -m bench.billing.years`.

Both arms bill the same people for the same periods, with the same luck. The page and its picture are written where both
were lived.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Final

import uvloop
from cyclopts import App, Parameter
from rich.console import Console

from bench.billing.figures import Lived, kept_by, looked_at
from bench.billing.life import ARMS, Arm, Span, begun, lived
from bench.billing.page import page, picture, printed
from recoup.db.embedded import EmbeddedPostgres

SUBSCRIPTIONS: Final = 10_000
YEARS: Final = 3
SEED: Final = 7
TICK_S: Final = 900
PAGE: Final = Path("explanation") / "billing-bench.md"
IMAGE: Final = Path("images") / "billing-payday.svg"
_UNSYNCED: Final = {"fsync": "off", "synchronous_commit": "off"}
"""Nothing here is kept, and nothing that is measured waits for a disk."""

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
    """The same with a PostgreSQL of its own."""
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "postgres", settings=_UNSYNCED) as conninfo:
            return uvloop.run(arm_lived(task, folder=folder, conninfo=conninfo))


def both(tasks: Sequence[Task], *, processes: int) -> list[Lived]:
    """All arms, one after the other, or at once."""
    if processes == 1:
        return [worked(task) for task in tasks]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return list(pool.map(worked, tasks))


@app.default
def main(
    *,
    subscriptions: Annotated[int, Parameter(help="how many there are")] = SUBSCRIPTIONS,
    years: Annotated[float, Parameter(help="how long they are billed")] = YEARS,
    arms: Annotated[str, Parameter(help="which ways of charging, by comma")] = ",".join(ARMS),
    seed: Annotated[int, Parameter(help="of the world")] = SEED,
    tick_s: Annotated[int, Parameter(help="how many seconds late anything may be")] = TICK_S,
    out: Annotated[
        Path | None, Parameter(help="the folder of the documentation, to write the page there")
    ] = None,
    processes: Annotated[int, Parameter(help="how many arms are lived at once")] = 1,
) -> None:
    """Live through all arms, print what came of them, and write the page where asked."""
    span = Span(seed, subscriptions, round(years * 12), tick_s)
    found = both([Task(span, ARMS[name]) for name in arms.split(",")], processes=processes)
    for line in printed(found):
        _out.print(line)
    if out is not None and len(found) == len(ARMS):
        (out / PAGE).write_text(page(found), encoding="utf-8")
        (out / IMAGE).write_text(picture(found), encoding="utf-8")


if __name__ == "__main__":
    app()
