"""What learning costs a decision: ten accounts looked up among a million learned cells.

    python -m bench.routing.latency [--decisions 20000]

A table is filled until it holds a million cells, among them all those of the payments that are then decided: every
look-up finds its cell, in memory that no cache holds, which is the worst case. One decision is the estimates of ten
accounts and the choice with its trial. CPU time is told beside wall time, in which other programs' turns are.
The longest stretch is that of one page of cells put into the table, as a process does in the background.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Final
from uuid import UUID

from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from recoup.routing.core.cells import CellTable
from recoup.routing.core.effects import keys
from recoup.routing.core.exploring import Prospect, choose
from recoup.routing.core.facts import Facts
from recoup.routing.core.learning import Cell, estimates
from recoup.routing.flow.learning import CELLS_PUT_AT_ONCE

ACCOUNTS: Final = 10
CELLS: Final = 1_000_000
PAYMENTS: Final = 2_000
"""Different ones, over which decisions go in turn: their cells alone take more memory than a processor's cache has."""
BINS: Final = 1_500
COUNTRIES: Final = ("DE", "FR", "GB", "US", "NL", "BR", "ES", "IT")
NOW: Final = datetime(2026, 3, 1, tzinfo=UTC)
EXPLORE: Final = 200
GOAL_US: Final = 300

app = App(name="bench.routing.latency", help=__doc__)
_out: Final = Console(highlight=False)


@dataclass(frozen=True, slots=True)
class _Account:
    id: UUID
    country: str | None


def _payments(chance: random.Random) -> list[Facts]:
    return [
        Facts(
            currency="EUR",
            brand=chance.choice(["visa", "mastercard", "amex"]),
            issuer_country=chance.choice(COUNTRIES),
            capture="automatic",
            initiator=chance.choice(["customer", "merchant"]),
            amount=round(chance.lognormvariate(8.0, 1.0)),
            funding=chance.choice(["debit", "credit", "prepaid"]),
            bin=str(400_000 + chance.randrange(BINS)),
        )
        for _ in range(PAYMENTS)
    ]


def _cells(
    chance: random.Random, payments: Sequence[Facts], accounts: Sequence[_Account]
) -> Iterator[tuple[int, Cell]]:
    wanted = {key for facts in payments for account in accounts for key in keys(facts, account)}
    others = (chance.getrandbits(64) - 2**63 for _ in range(CELLS - len(wanted)))
    for key in (*wanted, *others):
        yield (
            key,
            (chance.gauss(0.0, 0.2), chance.uniform(0.001, 0.05), NOW.timestamp() - chance.uniform(0, 1e7)),
        )


def _filled(table: CellTable, cells: Iterator[tuple[int, Cell]]) -> float:
    """Fills the table page by page; the longest that one page took, in seconds of CPU."""
    longest = 0.0
    while page := list(islice(cells, CELLS_PUT_AT_ONCE)):
        began = time.thread_time()
        table.put(page)
        longest = max(longest, time.thread_time() - began)
    return longest


def _decide(table: CellTable, facts: Facts, accounts: Sequence[_Account], draw: float) -> None:
    found = estimates(table, facts, accounts, at=NOW)
    choose([Prospect(one.probability, one.spread) for one in found], explore=EXPLORE, draw=draw)


def _measured(work: Callable[[int], None], times: int) -> tuple[list[float], list[float]]:
    """Microseconds of wall and of CPU of each call, sorted."""
    wall, cpu = [], []
    for number in range(times):
        began, used = time.perf_counter(), time.thread_time()
        work(number)
        cpu.append((time.thread_time() - used) * 1e6)
        wall.append((time.perf_counter() - began) * 1e6)
    return sorted(wall), sorted(cpu)


@app.default
def main(*, decisions: Annotated[int, Parameter(help="How many are measured.")] = 20_000) -> None:
    """Measure and print."""
    chance = random.Random("latency")
    accounts = [
        _Account(UUID(int=chance.getrandbits(128)), chance.choice(COUNTRIES)) for _ in range(ACCOUNTS)
    ]
    payments = _payments(chance)
    cells = _cells(chance, payments, accounts)
    table = CellTable()
    longest = _filled(table, cells)
    wall, cpu = _measured(
        lambda number: _decide(table, payments[number % PAYMENTS], accounts, draw=0.5), decisions
    )
    shown = Table(
        "", "p50", "p90", "p99", "p99.9", title=f"{ACCOUNTS} accounts, {table.count:,} cells, microseconds"
    )
    for name, times in (("wall", wall), ("CPU", cpu)):
        shown.add_row(name, *(f"{times[int(len(times) * share)]:,.0f}" for share in (0.5, 0.9, 0.99, 0.999)))
    _out.print(shown)
    _out.print(f"memory: {table.bytes_used / 1e6:.1f} MB")
    _out.print(f"longest page of {CELLS_PUT_AT_ONCE} cells: {longest * 1e3:.1f} ms of CPU")
    _out.print(
        f"goal: p99 under {GOAL_US} us: {'met' if wall[int(len(wall) * 0.99)] < GOAL_US else 'not met here'}"
    )


if __name__ == "__main__":
    app()
