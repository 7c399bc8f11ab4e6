"""Every statement of the ledger finds its rows by an index, with new tables and with full ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from tests.payments.plans import Lookup, Planner, noted

from recoup.events.following import behind
from recoup.events.reading_on import read_on
from recoup.ledger.core import Account, AccountKind, Position
from recoup.ledger.store import checks, following, posting, reading
from recoup.ledger.store.reading import Filters

ID: Final = UUID(int=1)
AT: Final = datetime(2026, 11, 22, tzinfo=UTC)
PAGE: Final[dict[str, Any]] = {"merchant_id": ID, "after": 9, "before": 0, "limit": 10}
BACK: Final[dict[str, Any]] = {"merchant_id": ID, "after": 9, "before": 5, "limit": 10}

BOOK: Final = ("ledger_books", "ledger_books_pkey", 1)
ACCOUNT: Final = ("ledger_accounts", "ledger_accounts_pkey", 2)
ACCOUNTS: Final = ("ledger_accounts", "ledger_accounts_merchant_id_kind_currency_processor_account_key", 1)
ACCOUNT_BY_NAME: Final = (
    "ledger_accounts",
    "ledger_accounts_merchant_id_kind_currency_processor_account_key",
    4,
)
TRANSFER: Final = ("ledger_transfers", "ledger_transfers_pkey", 2)
BY_CAUSE: Final = ("ledger_transfers", "ledger_transfers_merchant_id_cause_kind_key", 2)
BY_DEBIT: Final = ("ledger_transfers", "ledger_transfers_by_debit", 3)
BY_CREDIT: Final = ("ledger_transfers", "ledger_transfers_by_credit", 3)
BY_PAYMENT: Final = ("ledger_transfers", "ledger_transfers_by_payment", 2)
CHECKPOINT: Final = ("ledger_checkpoints", "ledger_checkpoints_pkey", 3)
CHECKPOINTS: Final = ("ledger_checkpoints", "ledger_checkpoints_pkey", 2)
POSITION: Final = ("ledger_positions", "ledger_positions_pkey", 2)
POSITIONS_OF: Final = ("ledger_positions", "ledger_positions_by_payment", 2)
EVENT: Final = ("events", "events_pkey", 2)
PAYMENT: Final = ("payments", "payments_pkey", 2)
STREAM: Final = ("event_streams", "event_streams_pkey", 1)

READS: Final[dict[str, tuple[Any, set[Lookup]]]] = {
    "read on": (lambda db: read_on(db, ["payment"], merchant_id=ID, after=1, limit=10), {EVENT}),
    "behind": (lambda db: behind(db, following.PLACES, after=ID, limit=10), {STREAM, BOOK}),
    "events posted": (lambda db: following.events_posted(db, merchant_id=ID), {BOOK}),
    "move on": (lambda db: following.move_on(db, merchant_id=ID, events=1), {BOOK}),
    "positions": (lambda db: following.positions(db, [ID], merchant_id=ID), {POSITION}),
    "write positions": (
        lambda db: following.write_positions(db, [Position(ID, ID, "USD")], merchant_id=ID),
        set(),
    ),
    "lock": (lambda db: posting._locked(db, ID), {BOOK}),
    "known": (lambda db: posting._known(db, [ID], merchant_id=ID), {BY_CAUSE}),
    "numbers": (
        lambda db: posting._numbers(db, [Account(AccountKind.SALES, "USD")], merchant_id=ID),
        {ACCOUNT_BY_NAME},
    ),
    "add to balances": (
        lambda db: posting._add_to_balances(db, {1: posting._Sums()}, merchant_id=ID, every=10),
        {ACCOUNT},
    ),
    "book": (lambda db: reading.book(db, merchant_id=ID), {BOOK}),
    "balances": (lambda db: reading.balances(db, currency=None, **PAGE), {ACCOUNT}),
    "balance": (lambda db: reading.balance(db, merchant_id=ID, number=1), {ACCOUNT}),
    "balance at": (
        lambda db: reading.balance_at(db, merchant_id=ID, number=1, upto=9),
        {ACCOUNT, CHECKPOINT, BY_DEBIT, BY_CREDIT},
    ),
    "totals": (lambda db: reading.totals(db, merchant_id=ID), {ACCOUNTS}),
    "entry": (lambda db: reading.entry(db, merchant_id=ID, number=1), {TRANSFER, ACCOUNT}),
    "entries": (lambda db: reading.entries(db, Filters(), **PAGE), {TRANSFER, ACCOUNT}),
    "entries back": (lambda db: reading.entries(db, Filters(), **BACK), {TRANSFER, ACCOUNT}),
    "entries of an account": (
        lambda db: reading.entries(db, Filters(account=1), **PAGE),
        {BY_DEBIT, BY_CREDIT, TRANSFER, ACCOUNT},
    ),
    "entries of a payment": (
        lambda db: reading.entries(db, Filters(payment_id=ID), **PAGE),
        {("ledger_transfers", "ledger_transfers_by_payment", 3), ACCOUNT},
    ),
    "entries since": (
        lambda db: reading.entries_since(db, Filters(), merchant_id=ID, since=AT, after=1, limit=10),
        {("ledger_transfers", "ledger_transfers_by_time", 1), TRANSFER, ACCOUNT},
    ),
    "unbalanced": (lambda db: checks.unbalanced(db, merchant_id=ID), {ACCOUNTS}),
    "wrong balances": (
        lambda db: checks.wrong_balances(db, merchant_id=ID, after=0, limit=10),
        {ACCOUNT, CHECKPOINTS, BY_DEBIT, BY_CREDIT},
    ),
    "payments after": (
        lambda db: checks.payments_after(db, merchant_id=ID, after=ID, limit=10),
        {PAYMENT},
    ),
    "wrong payments": (
        lambda db: checks.wrong_payments(db, [ID], merchant_id=ID),
        {
            PAYMENT,
            BOOK,
            POSITIONS_OF,
            BY_PAYMENT,
            ("events", "events_merchant_id_object_id_object_sequence_key", 3),
            ("events", "events_merchant_id_object_id_object_sequence_key", 2),
            ("operations", "operations_by_payment", 2),
        },
    ),
}

FILL: Final = (
    """
    insert into merchants (id, twin_id, livemode, name, created_at)
    select lpad(m::text, 32, '0')::uuid, lpad(m::text, 32, '0')::uuid, false, 'm', '2026-11-22'
    from generate_series(1, 20) m
    """,
    "insert into event_streams (merchant_id, sequence) select id, 300 from merchants",
    """
    insert into events (merchant_id, sequence, id, type, object_id, object_sequence, data, created_at)
    select m.id, n, gen_random_uuid(), 'payment.captured', gen_random_uuid(), 1, '{}', '2026-11-22'
    from merchants m, generate_series(1, 300) n
    """,
    """
    insert into payments (merchant_id, id, status, version, events_count, amount, currency, capture, initiator,
        metadata, created_at, updated_at)
    select m.id, gen_random_uuid(), 'declined', 2, 2, 1000, 'USD', 'automatic', 'customer', '{}', '2026-11-22',
        '2026-11-22'
    from merchants m, generate_series(1, 300) n
    """,
    """
    insert into operations (merchant_id, id, payment_id, kind, state, amount, currency, metadata, created_at)
    select merchant_id, gen_random_uuid(), id, 'refund', 'succeeded', 1, 'USD', '{}', '2026-11-22' from payments
    """,
    "insert into ledger_books (merchant_id, transfers, accounts, events) select id, 300, 20, 300 from merchants",
    """
    insert into ledger_accounts (merchant_id, number, kind, currency, processor_account_id)
    select m.id, n, 'k' || n % 15, 'USD', gen_random_uuid() from merchants m, generate_series(1, 300) n
    """,
    """
    insert into ledger_transfers
        (merchant_id, number, kind, debit, credit, amount, currency, source, cause, payment_id, at)
    select m.id, n, 'capture', 1 + n % 10, 11 + n % 10, 5, 'USD', 'event', gen_random_uuid(), gen_random_uuid(),
        timestamptz '2026-11-22' + n * interval '1 minute'
    from merchants m, generate_series(1, 300) n
    """,
    """
    insert into ledger_checkpoints (merchant_id, account, number, debits, credits)
    select m.id, 1 + n % 20, n, 1, 1 from merchants m, generate_series(1, 200) n
    """,
    """
    insert into ledger_positions
        (merchant_id, object_id, payment_id, currency, held, captured, refund_pending, refunded, fee, object_sequence)
    select merchant_id, id, id, 'USD', 0, 0, 0, 0, 0, 1 from payments
    """,
)


@pytest.fixture(scope="module")
def plans(database_url: str) -> Iterator[dict[str, dict[str, set[Lookup]]]]:
    """The look-ups of every statement, in new tables and in full ones."""

    async def statements() -> dict[str, str]:
        return {name: await noted(send) for name, (send, _) in READS.items()}

    with ThreadPoolExecutor(1) as thread:  # a loop may be set in this one
        asked = thread.submit(asyncio.run, statements()).result()
    planner = Planner(database_url)
    found = {"new": {name: planner.lookups(statement) for name, statement in asked.items()}}
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in FILL:
            connection.execute(statement.encode())
        connection.execute("analyze")
    found["full"] = {name: planner.lookups(statement) for name, statement in asked.items()}
    planner.close()
    yield found


@pytest.mark.parametrize("size", ["new", "full"])
@pytest.mark.parametrize("name", READS)
def test_a_statement_looks_rows_up_by_keys(
    plans: dict[str, dict[str, set[Lookup]]], name: str, size: str
) -> None:
    found = {
        ACCOUNTS if one == ("ledger_accounts", "ledger_accounts_pkey", 1) else one
        for one in plans[size][name]
    }
    if size == "full":
        assert found == READS[name][1]
    assert all(kind != "Seq Scan" for _, kind, _ in found)
