"""One house a test, on the module's database; at its end every law holds that the test did not break."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.payments.house import House

from recoup.db import Database
from recoup.merchants.core import Merchant


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    await database.execute("delete from due where slot >= 0")
    house = House(database)
    yield house
    await house.close()


@pytest.fixture
async def merchant(house: House) -> Merchant:
    return await house.merchant()
