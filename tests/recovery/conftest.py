"""One office a test, on the module's database."""

from __future__ import annotations

import pytest
from tests.recovery.office import Office

from recoup.db import Database


@pytest.fixture
async def office(database: Database) -> Office:
    office = Office(database)
    await office.settle_in()
    return office
