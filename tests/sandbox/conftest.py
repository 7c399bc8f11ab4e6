"""A town on the module's database, and a shop in it with a world of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.sandbox.town import Shop, Town, a_town

from recoup.db import Database


@pytest.fixture
async def town(database: Database) -> AsyncIterator[Town]:
    async with a_town(database) as town:
        yield town


@pytest.fixture
async def shop(town: Town) -> Shop:
    return await town.shop()
