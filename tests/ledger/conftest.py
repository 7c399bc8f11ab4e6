"""One house a test, on the module's database: whatever a test does, the books are in order at its end."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.payments.house import House

from recoup.db import Database
from recoup.merchants.core import Merchant


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    house = House(database)
    yield house
    await house.close()
    await house.check_rows()
    for merchant in house.merchants_made:
        await house.books.follower.follow(merchant.id)
        assert [one async for one in house.books.ledger.findings(merchant.id)] == []


@pytest.fixture
async def merchant(house: House) -> Merchant:
    return await house.merchant()
