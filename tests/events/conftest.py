"""One house a test, on the module's database."""

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


@pytest.fixture
async def merchant(house: House) -> Merchant:
    return await house.merchant()
