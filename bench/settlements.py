"""How fast a report is matched: lines a second against as many payments, and how that compares with a bare COPY.

    python -m bench.settlements                     1,000,000 lines against 1,000,000 payments
    python -m bench.settlements --lines 20000       a short run

It starts its own PostgreSQL in a folder of its own, writes payments, attempts and the ledger's positions as rows, makes
a report of Stripe's make, and takes it in twice: as `recoup settlements import` does, and by a bare COPY of the same
file into a table of text columns. The ratio of the two times is what to compare between machines.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final
from uuid import UUID

from recoup.db import Connection, Database, migrate
from recoup.db.embedded import EmbeddedPostgres
from recoup.kit.ids import Kind, render, uuid7
from recoup.merchants.core import Merchant
from recoup.settlements.core.reports import Report, ReportState
from recoup.settlements.core.tolerance import Tolerances
from recoup.settlements.flow import Importing, Upload

LINES: Final = 1_000_000
START: Final = datetime(2026, 11, 1, tzinfo=UTC)
NOW: Final = datetime(2026, 11, 22, tzinfo=UTC)
AMOUNT: Final = 4999
FEE: Final = 175
WRONG_EVERY: Final = 1000
"""Every so many lines one is about a charge that is not known here."""
_HEADER: Final = (
    "automatic_payout_id,balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,"
    "payment_intent_id,description,payment_metadata[recoup_key]\n"
)
_READ_AT_ONCE: Final = 1 << 20
_ROWS_AT_ONCE: Final = 50_000


@dataclass(frozen=True, slots=True)
class Result:
    """What one run took: seconds, and the most memory that this process had, in bytes."""

    lines: int
    matched: int
    exceptions: int
    took_s: float
    looked_over_s: float
    copy_s: float
    memory: int

    @property
    def ratio(self) -> float:
        """How much longer than a bare COPY of the same file."""
        return self.took_s / self.copy_s

    def told(self) -> str:
        """In words."""
        return (
            f"{self.lines} lines: {self.took_s:.1f} s ({self.lines / self.took_s:.0f} lines/s), of which "
            f"{self.looked_over_s:.1f} s looking the file over; {self.matched} matched, {self.exceptions} exceptions; "
            f"bare COPY {self.copy_s:.1f} s, ratio {self.ratio:.1f}; at most {self.memory / 2**20:.0f} MB"
        )


@dataclass(frozen=True, slots=True)
class World:
    """Whose payments they are."""

    merchant: Merchant
    account_id: UUID
    random: Random

    def new_id(self, at: datetime = NOW) -> UUID:
        """A new id, from the run's own chance."""
        return uuid7(at, self.random.randbytes)


async def run(folder: Path, url: str, *, lines: int) -> Result:
    """Make the world, take the report in, and copy it bare."""
    await migrate(url)
    async with await Database.open(url, connections_max=4, statement_timeout_s=600) as database:
        random = Random(7)
        ids = [uuid7(START, random.randbytes) for _ in range(2)]
        world = World(Merchant(ids[0], livemode=False, clock_offset=timedelta(0)), ids[1], random)
        file = folder / "report.csv"
        await _write(database, world, file, lines=lines)
        report, began, looked_over = await _taken_in(database, world, file)
        took = time.perf_counter() - began
        assert report.state is ReportState.DONE and report.lines == lines, "the whole file was worked"
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        copied = await _copied(database, file)
        return Result(lines, report.matched, report.exceptions, took, looked_over, copied, memory)


async def _taken_in(database: Database, world: World, file: Path) -> tuple[Report, float, float]:
    async def caught_up(_: UUID) -> None:
        return None

    importing = Importing(database, accounts=_Anybody(), catch_up=caught_up, new_id=world.new_id)
    upload = Upload(world.account_id, "stripe", None, Tolerances.USUAL, lambda: _parts(file))

    async def begin(connection: Connection) -> Report:
        return await importing.begin(connection, world.merchant, upload, now=NOW, spool=spool)

    began = time.perf_counter()
    with tempfile.TemporaryFile("w+", 1 << 20, encoding="utf-8", newline="\n") as spool:
        report = await database.retrying(begin)
        looked_over = time.perf_counter() - began
        done = await importing.work(world.merchant, report, upload.source, now=NOW, spool=spool)
    return done, began, looked_over


class _Anybody:
    """Knows every account."""

    async def account(self, merchant_id: UUID, account_id: UUID) -> Any:
        """Whatever is asked for is there."""
        return account_id


def _parts(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        while part := opened.read(_READ_AT_ONCE):
            yield part


async def _write(database: Database, world: World, file: Path, *, lines: int) -> None:
    """Payments with an approved attempt each, and a report that has them all in another order."""
    merchant_id = world.merchant.id
    async with database.transaction() as connection:
        await connection.execute(
            "insert into merchants (id, twin_id, livemode, name, created_at) values (%s, %s, false, 'Bench', %s)",
            (merchant_id, merchant_id, NOW),
        )
        await connection.execute(
            "insert into event_streams (merchant_id) values (%(merchant_id)s)", {"merchant_id": merchant_id}
        )
        await connection.execute(
            """
            insert into processor_accounts (merchant_id, id, connector, label, position, enabled, metadata, created_at,
                updated_at)
            values (%(merchant_id)s, %(id)s, 'stripe', 'Bench', 1, true, '{}', %(now)s, %(now)s)
            """,
            {"merchant_id": merchant_id, "id": world.account_id, "now": NOW},
        )
    with file.open("w", encoding="utf-8") as report:
        report.write(_HEADER)
        for first in range(0, lines, _ROWS_AT_ONCE):
            count = min(_ROWS_AT_ONCE, lines - first)
            attempts = await _rows(database, world, first=first, count=count, lines=lines)
            world.random.shuffle(attempts)
            report.writelines(_line(place, at) for place, at in enumerate(attempts, start=first))
    async with database.connection() as connection:
        for table in ("payments", "attempts", "ledger_positions"):
            await connection.execute(f"analyze {table}")


def _line(place: int, attempt: tuple[UUID, datetime]) -> str:
    id_, at = attempt
    key = "elsewhere" if place % WRONG_EVERY == WRONG_EVERY - 1 else render(Kind.ATTEMPT, id_)
    return (
        f"po_{place // 10_000},txn_{place},{at:%Y-%m-%d %H:%M:%S},usd,49.99,1.75,48.24,charge,ch_{place},"
        f'pi_{id_.hex if key != "elsewhere" else place},"order, {place}",{key}\n'
    )


async def _rows(
    database: Database, world: World, *, first: int, count: int, lines: int
) -> list[tuple[UUID, datetime]]:
    """Payments and attempts as rows; the attempts' ids with their times."""
    merchant_id, span = world.merchant.id, NOW - START
    made = []
    for place in range(first, first + count):
        at = START + span * place / lines
        made.append((world.new_id(at), world.new_id(at), at))
    payments = [
        (merchant_id, payment, "captured", 3, 2, AMOUNT, "USD", "automatic", "customer", AMOUNT, AMOUNT, 1, attempt,
         world.account_id, "{}", at, at)
        for payment, attempt, at in made
    ]  # fmt: skip
    await _copy(database, _PAYMENTS, payments)
    attempts = [
        (merchant_id, attempt, payment, 1, "initial", "approved", world.account_id, payment, b"f" * 32, "visa", AMOUNT,
         f"pi_{attempt.hex}", attempt, at, at, 90)
        for payment, attempt, at in made
    ]  # fmt: skip
    await _copy(database, _ATTEMPTS, attempts)
    positions = [
        (merchant_id, payment, payment, "USD", world.account_id, 0, AMOUNT, 0, 0, FEE, 1)
        for payment, _, _ in made
    ]
    await _copy(database, _POSITIONS, positions)
    return [(attempt, at) for _, attempt, at in made]


_PAYMENTS: Final = """copy payments (merchant_id, id, status, version, events_count, amount, currency, capture,
    initiator, authorized, captured, attempts_count, attempt_id, processor_account_id, metadata, created_at, updated_at)
    from stdin"""
_ATTEMPTS: Final = """copy attempts (merchant_id, id, payment_id, number, reason, state, processor_account_id,
    payment_method_id, fingerprint, brand, amount, reference, decision_id, started_at, finished_at, latency_ms)
    from stdin"""
_POSITIONS: Final = """copy ledger_positions (merchant_id, object_id, payment_id, currency, processor_account_id, held,
    captured, refund_pending, refunded, fee, object_sequence) from stdin"""


async def _copy(database: Database, statement: Any, rows: Sequence[Sequence[Any]]) -> None:
    async with (
        database.connection() as connection,
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows:
            await copy.write_row(row)


async def _copied(database: Database, file: Path) -> float:
    """How long a bare COPY of the file takes, into a table like any other."""
    async with database.connection() as connection:
        columns = ", ".join(f"c{number} text" for number in range(_HEADER.count(",") + 1))
        await connection.execute(f"create table bare ({columns})")
        began = time.perf_counter()
        async with (
            connection.cursor() as cursor,
            cursor.copy("copy bare from stdin (format csv, header)") as copy,
        ):
            for part in _parts(file):
                await copy.write(part)
        return time.perf_counter() - began


def main(arguments: Sequence[str] | None = None) -> Result:
    """Run by these arguments, and say what came of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=LINES)
    lines: int = parser.parse_args(arguments).lines
    folder = Path(tempfile.mkdtemp(prefix="recoup-bench-"))
    server = EmbeddedPostgres(folder / "postgres")
    try:
        result = asyncio.run(run(folder, server.start(), lines=lines))
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)
    print(result.told())
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
