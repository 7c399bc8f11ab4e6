"""Runs a whole simulation and prints what it came to: `make sim`, or

    python -m tests.simulation [--payments 100000] [--seed 1] [--merchants 20]

Ends with 1 where anything is wrong, with the seed and the stories of the first few objects.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Annotated, Final

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table
from tests.simulation.running import Plan, Told, simulate

APART_S: Final = (20.0, 60.0)
DEAD_S: Final = (5.0, 60.0)
app = App(name="tests.simulation", help=__doc__)
_out: Final = Console(highlight=False, soft_wrap=True)


@app.default
def main(
    *,
    payments: Annotated[int, Parameter(env_var="SIM_PAYMENTS")] = 100_000,
    seed: Annotated[int, Parameter(env_var="SIM_SEED")] = 1,
    merchants: Annotated[int, Parameter(env_var="SIM_MERCHANTS")] = 20,
    calm: Annotated[bool, Parameter(help="Nothing is killed: to see what the payments alone cost.")] = False,
) -> None:
    """Simulate and print."""
    blows = () if calm else None
    plan = Plan(
        seed=seed, payments=payments, merchants=merchants, apart_s=APART_S, dead_s=DEAD_S, blows=blows
    )
    began = time.monotonic()
    told = asyncio.run(simulate(plan, tell=_out.print))
    printed(told, took_s=time.monotonic() - began)
    sys.exit(bool(told.wrong))


def printed(told: Told, *, took_s: float) -> None:
    """The table, and the stories of what is wrong."""
    table = Table(
        title=f"seed {told.plan.seed}: {told.plan.payments} payments of {told.plan.merchants} merchants"
    )
    table.add_column("what")
    table.add_column("how many", justify="right")
    for name, count in sorted(told.seen.items()):
        table.add_row(name, f"{count:,}")
    for name, seconds in told.took_s.items():
        table.add_row(f"seconds of {name}", f"{seconds:,.1f}")
    table.add_row("payments a second", f"{told.seen['payments'] / took_s:,.1f}")
    for who, seconds in told.cpu_s.items():
        table.add_row(f"CPU a payment: {who}", f"{seconds / told.seen['payments'] * 1000:,.1f} ms")
    for law in sorted({one.law for one in told.wrong}):
        table.add_row(f"[red]broken: {law}[/]", str(sum(one.law == law for one in told.wrong)))
    _out.print(table)
    for story in told.stories:
        _out.print(story, markup=False)
    _out.print(f"SIM_SEED={told.plan.seed}: {len(told.wrong) or 'nothing'} wrong")


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    app()
