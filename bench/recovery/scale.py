"""What recovery costs with few and with many recoveries open: `python -m bench.recovery.scale`.

Each size is a PostgreSQL of its own, in which so many recoveries are open, each with its customer's card, payment,
attempt and row of due work, spread over four weeks; they are copies of one that the service made itself. In each:

* claiming what is due: the worker's own statement, explained, with the pages it touched;
* due plans: declines that nobody has heard of yet, worked by the service's own worker, from the claim of their rows to
  the plans with their decisions on disk: how many a second, on how much of this process's core, and how much
  PostgreSQL spends beside;
* a changed card: from the news of it to the new plan, with the worker looking for work as it does.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import Annotated, Any, Final, LiteralString
from uuid import UUID

import uvloop
from cyclopts import App, Parameter
from rich.console import Console
from rich.table import Table

from bench.recovery.copies import Copied, copied, owed
from bench.recovery.spent import database_cpu_s
from recoup import server
from recoup.app import Service
from recoup.db import due
from recoup.db.due import SLOTS
from recoup.db.embedded import EmbeddedPostgres
from recoup.settings import load
from recoup.vault.flow.renewing import CHANGED
from recoup.worker import CLAIMED_AT_ONCE

SIZES: Final = (10_000, 1_000_000)
DUE: Final = 3_000
"""Declines that nobody has heard of."""
CARDS: Final = 20
"""Cards that change, one after the other."""
CLAIMS: Final = 20
SETTLED_S: Final = 16.0
"""How long after a change of accounts every request reads them anew (see `recoup.merchants.flow`)."""
PLAN_KIND: Final = "event:payment.declined"

app = App(name="bench.recovery.scale", help=__doc__)
_out: Final = Console(highlight=False, width=110)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a claim of a full round cost: time on the server, the pages that it touched, and how many rows it took."""

    ms: float
    pages: int
    rows: int


@dataclass(frozen=True, slots=True)
class Planned:
    """So many plans, in how long, with how much of this process's processor, and of the database's."""

    plans: int
    seconds: float
    cpu_s: float
    database_s: float


@dataclass(frozen=True, slots=True)
class Measured:
    """One size."""

    size: int
    claim: Claimed
    idle: Claimed
    planned: Planned
    replanned_s: Sequence[float]
    at_once_s: Sequence[float]


@asynccontextmanager
async def opened(folder: Path, conninfo: str) -> AsyncIterator[Service]:
    """The service without its servers, and without work going on beside."""
    settings = load(
        {
            "RECOUP_DATA_DIR": str(folder / "service"),
            "RECOUP_SANDBOX_PORT": "0",
            "RECOUP_SANDBOX_LINK_PORT": "0",
            "RECOUP_DATABASE_STATEMENT_TIMEOUT_S": "600",
        }
    )
    async with server.opened(settings, server.Store(conninfo, alone=True)) as service:
        yield service


async def claims(service: Service, now: datetime) -> Claimed:
    """The worker's claim, explained again and again, each time undone."""
    parameters = {
        "slots": list(range(SLOTS)),
        "now": now,
        "wall": now,
        "lease": now + timedelta(minutes=5),
        "limit": CLAIMED_AT_ONCE,
    }
    found = []
    for _ in range(CLAIMS):
        async with service.database.connection() as connection:
            transaction = connection.transaction(force_rollback=True)
            async with transaction:
                row = await connection.fetch_one(EXPLAINED, parameters)
        assert row is not None, "an explanation"
        found.append(_claimed(row["QUERY PLAN"][0]))
    return sorted(found, key=lambda one: one.ms)[len(found) // 2]


EXPLAINED: Final[LiteralString] = f"explain (analyze, buffers, format json) {due.CLAIM}"


def _claimed(explained: dict[str, Any]) -> Claimed:
    plan = explained["Plan"]
    pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return Claimed(explained["Execution Time"], pages, int(plan["Actual Rows"]))


async def plans(service: Service, copies: Copied, count: int) -> Planned:
    """Have the worker hear of so many declines, as it does: until every one of them has its plan."""
    await owed(service.database, copies, kind=PLAN_KIND, count=count)
    before = await _replanned(service, copies)
    spent_there = await database_cpu_s(service.database)
    began, cpu = perf_counter(), process_time()
    while await service.worker.round():
        pass
    await service.worker.idle()
    took, spent = perf_counter() - began, process_time() - cpu
    spent_there = await database_cpu_s(service.database) - spent_there
    made = await _replanned(service, copies) - before
    assert made == count, f"{made} of {count} plans were made"
    return Planned(count, took, spent, spent_there)


async def _replanned(service: Service, copies: Copied) -> int:
    """How many recoveries have had their second plan."""
    row = await service.database.fetch_one(
        """
        select count(*) as number from decisions
        where merchant_id = %(merchant_id)s and kind = 'recovery' and id <> %(first)s
        """,
        {"merchant_id": copies.merchant_id, "first": copies.decision_id},
    )
    assert row is not None, "a count"
    return int(row["number"])


async def replans(service: Service, copies: Copied) -> list[float]:
    """From the news that a card is another to the new plan, while the worker runs."""
    stop, found = asyncio.Event(), []
    working = asyncio.create_task(service.worker.run(stop))
    for method_id, recovery_id in copies.waiting[::2]:
        await _renew(service, copies, method_id, kept_until=None)
        began = perf_counter()
        await _scheduled(service, copies.merchant_id, recovery_id)
        found.append(perf_counter() - began)
    stop.set()
    await working
    return found


async def replans_at_once(service: Service, copies: Copied) -> list[float]:
    """The same without waiting for the worker to look: what the plan itself takes."""
    found = []
    merchant = await service.merchants.merchant(copies.merchant_id)
    assert merchant is not None, "it is there"
    for method_id, recovery_id in copies.waiting[1::2]:
        lease = service.around.clock.now() + timedelta(minutes=5)
        await _renew(service, copies, method_id, kept_until=lease)
        began = perf_counter()
        await service.worker.run_news(merchant, kinds=[CHANGED], object_id=method_id, lease=lease)
        found.append(perf_counter() - began)
        await _scheduled(service, copies.merchant_id, recovery_id)
    return found


async def _renew(service: Service, copies: Copied, method_id: UUID, *, kept_until: datetime | None) -> None:
    """Make a card another, with its news: due for whoever looks, or kept until then for us."""
    async with service.database.transaction() as connection:
        now = service.around.clock.now()
        await connection.execute(
            """
            update payment_methods set renewed_at = %(now)s, updated_at = %(now)s
            where merchant_id = %(merchant_id)s and id = %(id)s
            """,
            {"merchant_id": copies.merchant_id, "id": method_id, "now": now},
        )
        await due.put(
            connection, merchant_id=copies.merchant_id, kind=CHANGED, object_id=method_id, due_at=now
        )
        await connection.execute(
            """
            update due set leased_until = %(until)s
            where merchant_id = %(merchant_id)s and kind = %(kind)s and object_id = %(id)s
            """,
            {"merchant_id": copies.merchant_id, "kind": CHANGED, "id": method_id, "until": kept_until},
        )


async def _scheduled(service: Service, merchant_id: UUID, recovery_id: UUID) -> None:
    async with asyncio.timeout(60):
        while True:
            row = await service.database.fetch_one(
                "select status from recoveries where merchant_id = %(merchant_id)s and id = %(id)s",
                {"merchant_id": merchant_id, "id": recovery_id},
            )
            if row is not None and row["status"] == "scheduled":
                return
            await asyncio.sleep(0.001)


async def measured(
    service: Service, size: int, *, count: int = DUE, cards: int = CARDS, settled_s: float = 0.0
) -> Measured:
    """One size, in a database of its own, so long after its accounts were made."""
    copies = await copied(service, size, plans=count, cards=cards)
    await asyncio.sleep(settled_s)
    await service.database.execute("analyze")
    now = service.around.clock.now()
    idle = await claims(service, now)
    nobodys = [service.new_id() for _ in range(4 * SLOTS * CLAIMED_AT_ONCE)]
    await owed(service.database, copies, kind="bench", ids=nobodys)
    claim = await claims(service, now)
    await service.database.execute("delete from due where slot >= 0 and kind = 'bench'")
    await plans(service, copies, count // 10)  # warm: statements prepared
    planned = await plans(service, copies, count - count // 10)
    looked, at_once = await replans(service, copies), await replans_at_once(service, copies)
    return Measured(size, claim, idle, planned, looked, at_once)


async def _in_its_own(size: int, folder: Path) -> Measured:
    with EmbeddedPostgres(folder / "postgres") as conninfo:
        async with opened(folder, conninfo) as service:
            _calm_collector()
            return await measured(service, size, settled_s=SETTLED_S)


def _calm_collector() -> None:
    """Collect as seldom as the server does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*server.COLLECTED_AFTER)


def table_of(found: Sequence[Measured]) -> Table:
    """All sizes beside each other, and how the last compares with the first."""
    table = Table("open recoveries", *(f"{one.size:,}" for one in found), "ratio", "goal")
    rates = [one.planned.plans / one.planned.seconds for one in found]
    on_core = [one.planned.plans / one.planned.cpu_s for one in found]
    beside = [one.planned.database_s / one.planned.plans * 1e3 for one in found]
    waits = [statistics.median(one.replanned_s) * 1e3 for one in found]
    worst = [max(one.replanned_s) * 1e3 for one in found]
    at_once = [statistics.median(one.at_once_s) * 1e3 for one in found]
    figures: tuple[tuple[str, list[float], str, str], ...] = (
        ("claiming a round of due rows, ms", [one.claim.ms for one in found], ".3f", "the same"),
        ("  rows it took", [one.claim.rows for one in found], ".0f", ""),
        ("  pages it touched", [one.claim.pages for one in found], ".0f", "the same"),
        ("claiming where nothing is due, ms", [one.idle.ms for one in found], ".3f", "the same"),
        ("  pages it touched", [one.idle.pages for one in found], ".0f", "the same"),
        ("due plans a second", rates, ",.0f", ""),
        ("due plans a second of this core", on_core, ",.0f", "1,000"),
        ("  of PostgreSQL's beside, ms each", beside, ".2f", ""),
        ("changed card to new plan, median ms", waits, ".1f", ""),
        ("changed card to new plan, worst ms", worst, ".1f", ""),
        ("  without waiting for the worker's look", at_once, ".1f", "at once"),
    )
    for name, values, form, goal in figures:
        ratio = values[-1] / values[0] if values[0] else float("nan")
        table.add_row(name, *(f"{one:{form}}" for one in values), f"{ratio:.2f}", goal)
    return table


@app.default
def main(
    *, sizes: Annotated[tuple[int, ...], Parameter(help="how many recoveries are open")] = SIZES
) -> None:
    """Measure each size and print them beside each other."""
    found = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
            Path(folder).chmod(0o755)
            found.append(uvloop.run(_in_its_own(size, Path(folder))))  # as the server runs
            _out.print(f"{size:,}: {found[-1].planned}")
    _out.print(table_of(found))


if __name__ == "__main__":
    app()
