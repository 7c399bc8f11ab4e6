"""One outbox on the module's database, with a merchant and receivers that it can be told about."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.payments.house import House
from tests.webhooks.receiver import Receiver

from recoup.db import Database
from recoup.merchants.core import Merchant


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    house = House(database)
    await house.webhooks.open()
    yield house
    await house.webhooks.outbox.quiet()
    assert await house.webhooks.outbox.forgotten() == [], "whatever is pending has a next try"
    await house.close()


@pytest.fixture
async def merchant(house: House) -> Merchant:
    return await house.merchant()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver
