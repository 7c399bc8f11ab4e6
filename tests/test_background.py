"""What goes on beside requests: whoever does it, and however many, it is done, and done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from tests.ledger.reading import balances
from tests.payments.house import House

from recoup.background import FOLLOWING, chores, working
from recoup.db import Database
from recoup.ledger.core import AccountKind
from recoup.merchants.core import Merchant

WAIT_S: Final = 60.0
PAYMENTS: Final = 12


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what others do; the database is asked, nobody tells."""
    async with asyncio.timeout(WAIT_S):
        while not await true():  # noqa: ASYNC110 - the database is asked, nobody tells
            await asyncio.sleep(0.05)


async def follows(database: Database, merchant: Merchant) -> bool:
    """Whether every follower has come to the end of the merchant's events."""
    row = await database.fetch_one(
        """
        select s.sequence > 0 and b.events = s.sequence and r.sequence = s.sequence as done
        from event_streams s
        join ledger_books b on b.merchant_id = s.merchant_id
        join payment_rereads r on r.merchant_id = s.merchant_id
        where s.merchant_id = %s
        """,
        [merchant.id],
    )
    return row is not None and bool(row["done"])


async def test_processes_beside_each_other_do_everything_once(database: Database) -> None:
    house = House(database)
    other = house.another_process()
    merchant = await house.merchant()
    async with working(house), working(other):
        for _ in range(PAYMENTS):
            await house.pay(merchant)
            await other.pay(merchant)
        await until(lambda: follows(database, merchant))
    taken = 2 * PAYMENTS * 1000
    assert await balances(house, merchant) == {AccountKind.RECEIVABLE: taken, AccountKind.SALES: taken}
    assert await rereads(database, merchant.id) == 2 * PAYMENTS
    await other.close()
    await house.close()


async def test_no_chore_has_the_name_of_another(database: Database) -> None:
    house = House(database)
    names = [name for name, _, _ in chores(house)]
    assert len(names) == len(set(names))
    assert {"tidying", "old deliveries", "decisions", *FOLLOWING} <= set(names)
    await house.close()


async def rereads(database: Database, merchant_id: UUID) -> int:
    """How many payments are due to be read again."""
    row = await database.fetch_one(
        "select count(*) as n from due where merchant_id = %s and kind = 'payment.reread'", [merchant_id]
    )
    assert row is not None
    return int(row["n"])
