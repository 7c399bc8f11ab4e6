"""One house a test, on the module's database, without anything due from earlier tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.testclock.clockwork import Clockwork

from recoup.db import Database
from recoup.merchants.core import Merchant


@pytest.fixture
async def house(database: Database) -> AsyncIterator[Clockwork]:
    await database.execute("delete from due where slot >= 0")
    await database.execute(
        "update merchants set clock_offset_ms = 0, clock_moving_until = null where id = id"
    )
    house = Clockwork(database)
    yield house
    await house.close()


@pytest.fixture
async def merchant(house: Clockwork) -> Merchant:
    return await house.merchant()
