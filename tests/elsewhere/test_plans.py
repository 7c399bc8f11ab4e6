"""Every statement on what was tried without us finds its rows by an index, where there are many of many merchants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import psycopg
from tests.payments.plans import Lookup, Planner, noted

from recoup.elsewhere.core.failures import Failure
from recoup.elsewhere.store import failures, tries
from recoup.elsewhere.store.failures import Kept

ID: Final = UUID(int=1)
NOW: Final = datetime(2026, 11, 22, 15, tzinfo=UTC)
KEPT: Final = Kept(ID, "in_1", ID, Failure(1, "USD", None, NOW, ()))
Send = Callable[[Any], Awaitable[Any]]
READS: Final[dict[str, tuple[Send, set[Lookup]]]] = {
    "by external id": (
        lambda db: failures.by_external_id(db, merchant_id=ID, external_id="x"),
        {("failures_elsewhere", "failures_elsewhere_merchant_id_external_id_key", 2)},
    ),
    "of a recovery": (
        lambda db: failures.of_recovery(db, merchant_id=ID, recovery_id=ID),
        {("failures_elsewhere", "failures_elsewhere_pkey", 2)},
    ),
    "of a payment": (
        lambda db: failures.of_payment(db, merchant_id=ID, payment_id=ID),
        {("failures_elsewhere", "failures_elsewhere_merchant_id_payment_id_key", 2)},
    ),
    "save": (
        lambda db: failures.save(db, KEPT, merchant_id=ID),
        {("failures_elsewhere", "failures_elsewhere_pkey", 2)},
    ),
    "known": (
        lambda db: tries.known(db, ["x"], merchant_id=ID, source="s"),
        {("tries_elsewhere", "tries_elsewhere_pkey", 3)},
    ),
    "record": (
        lambda db: tries.records(
            db,
            [tries.AskedRecord(customers=("x",), currency="USD", without=None, since=NOW)],
            merchant_id=ID,
        ),
        {("tries_elsewhere", "tries_elsewhere_of_customer", 3)},
    ),
    "of batches": (
        lambda db: tries.of_batches(db, [ID], merchant_id=ID, limit=10),
        {("tries_elsewhere", "tries_elsewhere_by_batch", 2)},
    ),
}
FILL: Final = (
    """
    insert into merchants (id, twin_id, livemode, name, created_at)
    select lpad(m::text, 32, '0')::uuid, lpad(m::text, 32, '0')::uuid, false, 'm', '2026-11-22'
    from generate_series(1, 20) m
    """,
    """
    insert into failures_elsewhere (merchant_id, recovery_id, external_id, payment_id, data, created_at)
    select m.id, gen_random_uuid(), n::text, gen_random_uuid(), '{}', '2026-11-22'
    from merchants m, generate_series(1, 400) n
    """,
    """
    insert into tries_elsewhere (merchant_id, source, external_id, id, batch_id, customer, tried_at, amount, currency,
        approved, brand, funding, initiator)
    select m.id, 's', n::text, gen_random_uuid(), gen_random_uuid(), (n % 100)::text, '2026-11-22', 1, 'USD', true,
        'visa', 'debit', 'merchant'
    from merchants m, generate_series(1, 400) n
    """,
)


def test_every_statement_looks_up_by_whole_keys(database_url: str) -> None:
    async def statements() -> dict[str, str]:
        return {name: await noted(send) for name, (send, _) in READS.items()}

    with ThreadPoolExecutor(1) as thread:  # a loop may be set in this one
        asked = thread.submit(asyncio.run, statements()).result()
    with psycopg.connect(database_url, autocommit=True) as connection:
        for statement in FILL:
            connection.execute(statement.encode())
        connection.execute("analyze merchants, failures_elsewhere, tries_elsewhere")
    planner = Planner(database_url)
    found = {name: planner.lookups(statement) for name, statement in asked.items()}
    planner.close()
    assert found == {name: lookups for name, (_, lookups) in READS.items()}
