"""One shop and one mailbox a test, on the module's database; when the test is over, its rows are audited."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.messages.mailbox import Mailbox, mailbox
from tests.messages.shop import Shop

from recoup.db import Database


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mailbox() as box:
        yield box


@pytest.fixture
async def shop(database: Database, box: Mailbox) -> AsyncIterator[Shop]:
    await database.execute(
        "delete from due where slot >= 0"
    )  # what earlier tests left behind is not our worker's
    shop = Shop(database, box)
    yield shop
    await shop.close()
    await shop.check_rows()
