"""What tests of billing share."""

from __future__ import annotations

import pytest
from tests.billing.office import Office

from recoup.db import Database


@pytest.fixture
async def office(database: Database) -> Office:
    """Billing with a merchant of its own."""
    office = Office(database)
    await office.settle_in()
    return office
