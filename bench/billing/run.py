"""A billing run: cycles opened a second among few and many subscriptions: `python -m bench.billing.run`.

Each size is a PostgreSQL of its own with its usual settings, filled with so many subscriptions a year old, of which as
many fall due at one instant in each. In each:

* finding what is due: the worker's own statement, explained, with the pages it touched, before anything is opened;
* opening: the service's own worker, from the claim of due rows to the invoices, events and next due rows on disk.

This process keeps to one core, PostgreSQL goes where it likes; the processor's time of each is counted apart. The goal
is 2,000 cycles a second by the clock on the wall, and that finding them costs the same beside a million.
"""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import psycopg
import uvloop
from cyclopts import App, Parameter
from psycopg.conninfo import make_conninfo
from rich.console import Console
from rich.table import Table

from bench.billing.counted import Books, books
from bench.billing.filled import DUE, Filled, filled
from bench.billing.house import CONNECTIONS, opened
from bench.recovery.scale import Claimed, claims
from bench.stretches import Stretch, postmaster_of, timed
from recoup.app import Service
from recoup.billing.core.step import CHARGE, CYCLE
from recoup.db._cluster import SUPERUSER
from recoup.db.embedded import EmbeddedPostgres
from recoup.kit.clock import ManualClock
from recoup.merchants.core import Merchant
from recoup.server import COLLECTED_AFTER
from recoup.worker import Handler, Worker

SUBSCRIPTIONS: Final = 1_000_000
BESIDE: Final = 100_000
DUE_NOW: Final = 50_000
WARM: Final = 0.04
"""The part of those that are due which is opened first, unmeasured: statements are prepared, and caches fill."""
GOAL: Final = 2_000

app = App(name="bench.billing.run", help=__doc__)
_out: Final = Console(highlight=False, width=110)


@dataclass(frozen=True, slots=True)
class Measured:
    """One size: how many there were, what finding cost with work and without, and what was done to open cycles."""

    size: int
    claim: Claimed
    idle: Claimed
    opening: Stretch
    done: Books

    @property
    def on_core(self) -> float:
        """Cycles a second of this process's core."""
        return 1e6 / self.opening.cpu_us

    @property
    def on_core_with_postgres(self) -> float:
        """The same where PostgreSQL has to share that core."""
        return 1e6 / (self.opening.cpu_us + self.opening.postgres_us)


async def measured(
    service: Service, size: int, *, due: int, postmaster: int, settle: Callable[[], None] = lambda: None
) -> Measured:
    """One size, in a database of its own, which is let `settle` once it is filled."""
    world = await filled(service, size, due=due)
    await service.database.execute("analyze")
    settle()
    idle = await claims(service, DUE - timedelta(days=1))
    claim = await claims(service, DUE)
    worker = _worker(service)
    warm = await _opened(service, worker, world, rows_max=int(due * WARM))
    before = await books(service.database, connections=CONNECTIONS)
    opening = await timed(lambda: _opened(service, worker, world), postmaster=postmaster)
    after = await books(service.database, connections=CONNECTIONS)
    assert warm + opening.count == due, f"{warm} and {opening.count} of {due} cycles were opened"
    return Measured(size, claim, idle, opening, after.since(before))


def _worker(service: Service) -> Worker:
    """The service's own, but that it charges nothing of what it opens: that is another measurement."""

    async def later(_: Merchant, __: UUID, now: datetime) -> datetime:
        return now + timedelta(days=1)

    handlers: Mapping[str, Handler] = {CYCLE: service.handlers()[CYCLE], CHARGE: later}
    return Worker(
        service.database,
        handlers=handlers,
        at_once=service.billed.at_once(),
        merchant=service.merchants.merchant,
        clock=service.around.clock,
        poll_s=service.settings.worker_poll_s,
    )


async def _opened(service: Service, worker: Worker, world: Filled, *, rows_max: int | None = None) -> int:
    """Work until nothing is due, or so many rows were claimed; how many cycles were opened."""
    before, claimed = await _invoices(service, world.merchant), 0
    while rows_max is None or claimed < rows_max:
        found = await worker.round()
        claimed += found
        if not found:
            break
    await worker.idle()
    return await _invoices(service, world.merchant) - before


async def _invoices(service: Service, merchant: Merchant) -> int:
    """How many invoices were ever numbered."""
    row = await service.database.fetch_one(
        "select last from invoice_numbers where merchant_id = %(merchant_id)s", {"merchant_id": merchant.id}
    )
    return 0 if row is None else int(row["last"])


async def _in_its_own(folder: Path, conninfo: str, size: int, *, due: int) -> Measured:
    async with opened(folder, conninfo, clock=ManualClock(DUE)) as service:
        gc.freeze()
        gc.set_threshold(*COLLECTED_AFTER)  # both as a server does when it has started
        postmaster = postmaster_of(folder / "postgres")
        return await measured(service, size, due=due, postmaster=postmaster, settle=lambda: _settle(conninfo))


def _settle(conninfo: str) -> None:
    """Have rows that are a year old looked through by vacuum, as they were long since, and everything on disk: whatever
    page is then changed first goes to the log whole, in the small run as in the large one, as it does in a server every
    few minutes."""
    with psycopg.connect(make_conninfo(conninfo, user=SUPERUSER), autocommit=True) as connection:
        connection.execute("vacuum")
        connection.execute("checkpoint")


def table_of(found: Sequence[Measured]) -> Table:
    """All sizes beside each other, and how the last compares with the first."""
    table = Table("subscriptions", *(f"{one.size:,}" for one in found), "ratio", "goal")
    figures: tuple[tuple[str, list[float], str, str], ...] = (
        ("finding a round of due cycles, ms", [one.claim.ms for one in found], ".3f", "the same"),
        ("  rows it took", [one.claim.rows for one in found], ".0f", ""),
        ("  pages it touched", [one.claim.pages for one in found], ".0f", "the same"),
        ("finding that none is due, ms", [one.idle.ms for one in found], ".3f", "the same"),
        ("cycles opened", [one.opening.count for one in found], ",.0f", ""),
        ("a second, by the clock on the wall", [one.opening.rate for one in found], ",.0f", f"{GOAL:,}"),
        ("a second of this process's core", [one.on_core for one in found], ",.0f", ""),
        ("a second if PostgreSQL shared that core", [one.on_core_with_postgres for one in found], ",.0f", ""),
        ("CPU a cycle here, us", [one.opening.cpu_us for one in found], ",.0f", ""),
        ("CPU a cycle in PostgreSQL, us", [one.opening.postgres_us for one in found], ",.0f", ""),
        ("statements a cycle", [_each(one, one.done.statements.total()) for one in found], ".3f", ""),
        ("transactions a cycle", [_each(one, one.done.transactions) for one in found], ".3f", ""),
        ("rows inserted a cycle", [_each(one, one.done.inserted) for one in found], ".2f", ""),
        ("rows updated a cycle", [_each(one, one.done.updated) for one in found], ".2f", ""),
        ("  without a new index entry", [_each(one, one.done.updated_in_place) for one in found], ".2f", ""),
        ("bytes logged a cycle", [_each(one, one.done.bytes_logged) for one in found], ",.0f", ""),
        ("bytes more in tables a cycle", [_each(one, one.done.bytes_kept) for one in found], ",.0f", ""),
    )
    for name, values, form, goal in figures:
        ratio = f"{values[-1] / values[0]:.2f}" if values[0] else ""
        table.add_row(name, *(f"{one:{form}}" for one in values), ratio, goal)
    return table


def statements_of(found: Measured) -> Table:
    """Which statements there were, the most frequent first."""
    table = Table("statement", "a cycle")
    for statement, runs in found.done.statements.most_common():
        if runs:
            table.add_row(statement, f"{_each(found, runs):.4f}")
    return table


def _each(found: Measured, count: float) -> float:
    return count / found.opening.count


@app.default
def main(
    *,
    subscriptions: Annotated[int, Parameter(help="how many there are in the large run")] = SUBSCRIPTIONS,
    due: Annotated[int, Parameter(help="how many of them are due")] = DUE_NOW,
    beside: Annotated[int, Parameter(help="how many there are in the run before it")] = BESIDE,
) -> None:
    """Measure both sizes and print them beside each other."""
    found = []
    for size in (beside, subscriptions):
        with tempfile.TemporaryDirectory(prefix="recoup-bench-") as name:
            folder = Path(name)
            folder.chmod(0o755)
            with EmbeddedPostgres(folder / "postgres") as conninfo, _one_core():
                found.append(uvloop.run(_in_its_own(folder, conninfo, size, due=due)))
        _out.print(f"{size:,}: {found[-1].opening}")
    _out.print(table_of(found))
    _out.print(statements_of(found[-1]))


@contextmanager
def _one_core() -> Iterator[None]:
    """Keep this process to one core; PostgreSQL, which was started before, goes where it likes."""
    every = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(every)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, every)


if __name__ == "__main__":
    app()
