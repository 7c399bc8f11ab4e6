"""One house a test, on the module's database; when the test is over, its rows are audited."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.payments.house import House

from recoup.db import Database
from recoup.merchants.core import Merchant


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    await database.execute(
        "delete from due where slot >= 0"
    )  # what earlier tests left behind is not our worker's
    house = House(database)
    yield house
    await house.close()
    await house.check_rows()


@pytest.fixture
async def merchant(house: House) -> Merchant:
    return await house.merchant()
