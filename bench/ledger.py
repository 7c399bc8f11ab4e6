"""What posting costs: events and transfers a second that the ledger's follower posts, beside plain inserts of the
same rows.

    python -m bench.ledger [--payments 5000] [--rounds 3]

An embedded PostgreSQL with its usual settings. Every payment has two events, held and captured, which are four
transfers with the contract's fee. The bare limit writes the same transfers with the same statement and in batches of
the same size, and does nothing else: no events are read, no balances kept, nothing is looked up. Rounds of both
alternate, each with a merchant of its own, and the ratio is of medians.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from uuid import UUID

import msgspec
from cyclopts import App
from rich.console import Console
from rich.table import Table

from recoup.db import Connection, Database, migrate
from recoup.db.embedded import EmbeddedPostgres
from recoup.kit.ids import Kind, render
from recoup.ledger.core import Cause, FeeOf, Source, Transfer, TransferKind, transfer
from recoup.ledger.flow.fees import ExpectedFees, Wanted
from recoup.ledger.flow.following import EVENTS_AT_ONCE, Follower
from recoup.ledger.store import posting

GOAL: Final = 0.3
"""The least share of the bare limit."""
TRANSFERS_OF_A_PAYMENT: Final = 4
AT: Final = datetime(2026, 11, 22, tzinfo=UTC)
ACCOUNT: Final = UUID(int=77)
_PADDING: Final = "x" * 1200
"""What a payment shows beside its sums: about as much as it does."""

app = App(name="bench.ledger", help=__doc__)
_out: Final = Console(highlight=False)


class Contract(ExpectedFees):
    """Every payment costs 2.9 % and 30, without a look at accounts and decisions: they are not the ledger's cost."""

    def __init__(self) -> None:
        """Nothing is asked for."""

    async def of(self, merchant_id: UUID, payments: Sequence[Wanted]) -> Mapping[UUID, FeeOf]:
        """The same for all."""
        return {one.payment_id: lambda captured: captured * 29 // 1000 + 30 for one in payments}


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds for the same transfers, by the ledger and bare."""

    ledger_s: float
    bare_s: float


@app.default
def main(*, payments: int = 5000, rounds: int = 3) -> None:
    """Measure and print; ends with 1 where the goal is missed."""
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        Path(folder).chmod(0o755)
        with EmbeddedPostgres(Path(folder) / "data") as conninfo:
            measured = asyncio.run(_measured(conninfo, payments=payments, rounds=rounds))
    ledger = statistics.median(one.ledger_s for one in measured)
    bare = statistics.median(one.bare_s for one in measured)
    transfers = payments * TRANSFERS_OF_A_PAYMENT
    table = Table("", "transfers/s", "events/s")
    table.add_row("bare limit (plain inserts)", f"{transfers / bare:,.0f}", "")
    table.add_row("ledger", f"{transfers / ledger:,.0f}", f"{2 * payments / ledger:,.0f}")
    table.add_row("share of the bare limit", f"{bare / ledger:.2f}", f"goal {GOAL}")
    _out.print(table)
    if bare / ledger < GOAL:
        sys.exit(1)


async def _measured(conninfo: str, *, payments: int, rounds: int) -> list[Round]:
    await migrate(conninfo)
    async with await Database.open(conninfo, connections_max=4) as database:
        await _round(database, merchant=UUID(int=1), payments=min(payments, EVENTS_AT_ONCE))  # warm
        return [
            await _round(database, merchant=UUID(int=10 + 2 * number), payments=payments)
            for number in range(rounds)
        ]


async def _round(database: Database, *, merchant: UUID, payments: int) -> Round:
    other = UUID(int=merchant.int + 1)
    await _merchants(database, merchant, other)
    await _events(database, merchant, payments=payments)
    started = perf_counter()
    posted = await Follower(database, Contract()).follow(merchant, batches=10**6)
    ledger_s = perf_counter() - started
    assert posted == payments * TRANSFERS_OF_A_PAYMENT, f"{posted} transfers were posted"
    batches = await _same(database, merchant)
    started = perf_counter()
    for first, batch in batches:
        await _bare(database, other, batch, first=first)
    return Round(ledger_s, perf_counter() - started)


async def _merchants(database: Database, *merchants: UUID) -> None:
    async with database.transaction() as connection:
        for one in merchants:
            await connection.execute(
                """
                insert into merchants (id, twin_id, livemode, name, created_at)
                values (%(merchant_id)s, %(merchant_id)s, false, 'bench', %(at)s)
                """,
                {"merchant_id": one, "at": AT},
            )
            await connection.execute(
                "insert into event_streams (merchant_id) values (%(merchant_id)s)", {"merchant_id": one}
            )


def _shown(number: int, merchant: UUID, status: str) -> dict[str, Any]:
    """A payment as its events show it, as far as the ledger looks."""
    return {
        "id": render(Kind.PAYMENT, UUID(int=merchant.int << 64 | number)),
        "object": "payment",
        "status": status,
        "amount": 4999,
        "currency": "USD",
        "amount_capturable": 0 if status == "captured" else 4999,
        "amount_captured": 4999 if status == "captured" else 0,
        "processor_account": render(Kind.PROCESSOR_ACCOUNT, ACCOUNT),
        "attempts": [{"id": render(Kind.ATTEMPT, UUID(int=number)), "outcome": "approved"}],
        "padding": _PADDING,
    }


async def _events(database: Database, merchant: UUID, *, payments: int) -> None:
    """Held and captured, one payment after the other."""
    async with database.transaction() as connection:
        async with connection.cursor().copy(
            "copy events (merchant_id, sequence, id, type, object_id, object_sequence, data, created_at) from stdin"
        ) as copy:
            for number in range(1, payments + 1):
                for step, status in enumerate(("authorized", "captured"), start=1):
                    sequence = 2 * (number - 1) + step
                    data = msgspec.json.encode(_shown(number, merchant, status)).decode()
                    event = UUID(int=merchant.int << 64 | sequence)
                    about = UUID(int=merchant.int << 64 | number)
                    await copy.write_row(
                        (merchant, sequence, event, f"payment.{status}", about, step, data, AT)
                    )
        await connection.execute(
            "update event_streams set sequence = %(last)s where merchant_id = %(merchant_id)s",
            {"merchant_id": merchant, "last": 2 * payments},
        )


async def _same(database: Database, merchant: UUID) -> list[tuple[int, list[Transfer]]]:
    """The transfers that the ledger has posted, in batches as large as its own, each with its first number."""
    rows = await database.fetch_all(
        """
        select cause, payment_id, kind, amount from ledger_transfers
        where merchant_id = %(merchant_id)s order by number
        """,
        {"merchant_id": merchant},
    )
    made = [_transfer(row) for row in rows]
    size = EVENTS_AT_ONCE // 2 * TRANSFERS_OF_A_PAYMENT
    return [(start + 1, made[start : start + size]) for start in range(0, len(made), size)]


def _transfer(row: Mapping[str, Any]) -> Transfer:
    cause = Cause(Source.EVENT, row["cause"], AT, row["payment_id"])
    kind = TransferKind(row["kind"])
    return transfer(kind, row["amount"], currency="USD", processor_account_id=ACCOUNT, cause=cause)


async def _bare(database: Database, merchant: UUID, batch: Sequence[Transfer], *, first: int) -> None:
    async def write(connection: Connection) -> None:
        accounts = {side for one in batch for side in (one.debit, one.credit)}
        if first == 1:
            await _accounts(connection, merchant)
        numbers = {one: number for number, one in enumerate(sorted(accounts, key=str), start=1)}
        await posting.write_transfers(connection, batch, merchant_id=merchant, first=first, numbers=numbers)

    await database.retrying(write)


async def _accounts(connection: Connection, merchant: UUID) -> None:
    await connection.execute(
        """
        insert into ledger_accounts (merchant_id, number, kind, currency, processor_account_id)
        select %(merchant_id)s, n, n::text, 'USD', %(merchant_id)s from generate_series(1, 20) n
        """,
        {"merchant_id": merchant},
    )


if __name__ == "__main__":
    app()
