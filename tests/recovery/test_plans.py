"""Statements that read many recoveries, or whom they are about, find each row by its whole key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from uuid import UUID

import psycopg
from tests.payments.plans import Lookup, Planner, noted

from recoup.recovery import store
from recoup.vault import store as vault

ID: Final = UUID(int=1)
Send = Callable[[Any], Awaitable[Any]]
READS: Final[dict[str, tuple[Send, set[Lookup]]]] = {
    "several": (
        lambda db: store.several(db, [ID, ID], merchant_id=ID),
        {("recoveries", "recoveries_pkey", 2)},
    ),
    "of payments": (
        lambda db: store.of_payments(db, [ID, ID], merchant_id=ID),
        {("recoveries", "recoveries_merchant_id_payment_id_key", 2)},
    ),
    "customers": (
        lambda db: vault.customers_of(db, [ID, ID], merchant_id=ID),
        {("customers", "customers_pkey", 2)},
    ),
    "payment methods": (
        lambda db: vault.methods_of(db, [ID, ID], merchant_id=ID),
        {("payment_methods", "payment_methods_pkey", 2), ("processor_tokens", "processor_tokens_pkey", 2)},
    ),
}
FILL: Final = (
    """
    insert into merchants (id, twin_id, livemode, name, created_at)
    select lpad(m::text, 32, '0')::uuid, lpad(m::text, 32, '0')::uuid, false, 'm', '2026-11-22'
    from generate_series(1, 20) m
    """,
    """
    insert into recoveries (merchant_id, id, payment_id, status, version, events_count, policy, opened_at, deadline,
        tries_made, tries_max, updated_at, mode)
    select m.id, gen_random_uuid(), null, 'scheduled', 1, 1, 'default', '2026-11-22', '2026-11-29', 0, 4, '2026-11-22',
        'advise'
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
        connection.execute("analyze merchants, recoveries")
    planner = Planner(database_url)
    found = {name: planner.lookups(statement) for name, statement in asked.items()}
    planner.close()
    assert found == {name: lookups for name, (_, lookups) in READS.items()}
