"""Opening cycles on a real database: once each, numbered without a gap, whoever comes at the same time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace
from psycopg.errors import UniqueViolation
from tests.billing.cases import START, day
from tests.billing.office import Office

from recoup.billing import store
from recoup.billing.core.machine import InvoiceNews
from recoup.billing.core.step import CYCLE, Credit
from recoup.db import due

PLENTY = 20_000
"""Rows that are not due."""


async def numbers(office: Office) -> list[int]:
    rows = await office.database.fetch_all(
        "select number from invoices where merchant_id = %(id)s and number is not null order by number",
        {"id": office.us.id},
    )
    return [row["number"] for row in rows]


async def test_many_who_open_the_same_at_once_open_each_once(office: Office) -> None:
    """Two batches over the same subscriptions, and the worker's own: each commits whole or not at all."""
    begun = [await office.subscribed() for _ in range(8)]
    ids, later = [one.id for one in begun], START + day(28)
    done = await asyncio.gather(
        *(office.cycles.cycle(office.us, one, later) for one in [*ids, *ids]),
        *(office.cycles.open_due(office.us, some, later) for some in (ids, ids[::-1])),
    )
    next_at = later.replace(month=3, day=31, hour=9)
    assert set(done[:16]) <= {None, next_at}, (
        "who opened one has written when to look again, and says so no more"
    )
    due_rows = await office.database.fetch_all(
        "select due_at from due where merchant_id = %(id)s and kind = %(kind)s",
        {"id": office.us.id, "kind": CYCLE},
    )
    assert [row["due_at"] for row in due_rows] == [next_at] * 8
    assert await numbers(office) == list(range(1, 17)), "one for the first period of each, one for the second"
    events = await office.database.fetch_all(
        "select object_id, object_sequence from events where merchant_id = %(id)s order by object_sequence",
        {"id": office.us.id},
    )
    counted: dict[Any, int] = {}
    for event in events:
        counted[event["object_id"]] = counted.get(event["object_id"], 0) + 1
        assert event["object_sequence"] == counted[event["object_id"]], "an object's events have no gap"


async def test_the_database_refuses_a_second_invoice_of_a_period(office: Office) -> None:
    subscription = await office.subscribed()
    assert subscription.latest_invoice_id is not None
    first = await office.invoices.get(office.us, subscription.latest_invoice_id)
    again = replace(first, id=office.new_id(), number=999)
    with pytest.raises(UniqueViolation):
        async with office.database.transaction() as connection:
            await store.write(connection, office.us.id, store.Writes(invoices=[again]))
    async with office.database.transaction() as connection:
        await office.invoices.end(connection, office.us, first.id, InvoiceNews.VOIDED, now=START)
    with pytest.raises(UniqueViolation):
        async with office.database.transaction() as connection:
            await store.write(connection, office.us.id, store.Writes(invoices=[again]))


async def test_a_number_that_is_rolled_back_is_given_again(office: Office) -> None:
    await office.subscribed()
    with pytest.raises(RuntimeError):
        async with office.database.transaction() as connection:
            assert await store.take_numbers(connection, merchant_id=office.us.id, count=3) == 2
            raise RuntimeError
    await office.subscribed()
    assert await numbers(office) == [1, 2]


async def test_credit_is_used_once_by_several_cycles_of_one_customer(office: Office) -> None:
    begun = [await office.subscribed() for _ in range(3)]
    await give(office, 4000)
    await office.cycles.open_due(office.us, [one.id for one in begun], START + day(28))
    bills = await store.invoices(
        office.database,
        merchant_id=office.us.id,
        customer_id=office.customer_id,
        subscription_id=None,
        status=None,
        after=None,
        before=None,
        limit=6,
    )
    second = [one for one in bills if one.period is not None and one.period.number == 2]
    assert sorted(one.amount_due for one in second) == [0, 2000, 3000]
    balances, changes = await office.invoices.credit(office.database, office.us, office.customer_id)
    assert balances == {"USD": 0}
    assert sorted((one.amount, one.balance) for one in changes) == [(-3000, 1000), (-1000, 0), (4000, 4000)]
    await asyncio.gather(give(office, 10), give(office, 10))
    assert (await office.invoices.credit(office.database, office.us, office.customer_id))[0] == {"USD": 20}


async def give(office: Office, amount: int) -> None:
    async with office.database.transaction() as connection:
        credit = Credit(office.customer_id, "USD", amount, "goodwill")
        await office.invoices.give_credit(connection, office.us, credit, now=START)


async def test_finding_and_opening_what_is_due_does_not_read_what_is_not(office: Office) -> None:
    """Among many subscriptions as many blocks are read as among few, but for a level more of each index."""
    subscription = await office.subscribed()
    few = await cost(office)
    await office.database.execute(
        """
        insert into due (slot, merchant_id, kind, object_id, due_at)
        select n %% 16, %(merchant)s, %(kind)s, gen_random_uuid(), %(at)s::timestamptz + n * interval '1 minute'
        from generate_series(1, %(rows)s) n
        """,
        {"merchant": office.us.id, "kind": CYCLE, "at": START + day(60), "rows": PLENTY},
    )
    await office.database.execute(
        """
        insert into subscriptions (
            merchant_id, id, customer_id, plan_id, status, version, next_at, data, created_at, updated_at)
        select merchant_id, gen_random_uuid(), customer_id, plan_id, status, version, next_at, data, created_at,
            updated_at
        from subscriptions, generate_series(1, %(rows)s)
        where merchant_id = %(merchant)s and id = %(id)s
        """,
        {"merchant": office.us.id, "id": subscription.id, "rows": PLENTY},
    )
    assert await cost(office) <= few + 150
    later = START + day(28)
    assert await office.cycles.cycle(office.us, subscription.id, later) is None
    opened = await office.subscriptions.get(office.us, subscription.id)
    assert (opened.number, opened.next_at) == (2, later.replace(month=3, day=31, hour=9))


async def cost(office: Office) -> int:
    """Blocks that are read to claim what is due, and to lock one subscription."""
    found = 0
    merchant, later = office.us.id, START + day(28)
    statements = [
        (due.CLAIM, {"slots": list(range(16)), "now": later, "wall": START, "lease": later, "limit": 4}),
        (LOCKED, {"merchant_id": merchant, "ids": [office.new_id()]}),
    ]
    for statement, parameters in statements:
        async with office.database.connection() as connection:
            await connection.execute("begin")
            row = await connection.fetch_one(
                f"explain (analyze, buffers, format json) {statement}",
                parameters,
            )
            await connection.execute("rollback")
        assert row is not None
        plan = row["QUERY PLAN"][0]["Plan"]
        found += plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    return found


LOCKED = """
    select s.data::text as data
    from unnest(%(ids)s::uuid[]) as wanted (id)
    cross join lateral (
        select data from subscriptions
        where merchant_id = %(merchant_id)s and id = wanted.id
        limit 1
        for update
    ) s
"""
