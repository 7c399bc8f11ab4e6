"""A house whose merchant's first account uploads reports; its books are in order at the end of every test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.payments.house import House
from tests.settlements.desk import Desk

from recoup.db import Database


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    house = House(database)
    merchant = await house.merchant()
    accounts = await house.accounts.accounts_of(merchant.id)
    yield Desk(house, merchant, accounts[0].id)
    await house.close()
    await house.books.follower.follow(merchant.id)
    assert [one async for one in house.books.ledger.findings(merchant.id)] == []
