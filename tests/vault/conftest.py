"""One house a test, on the module's database."""

from __future__ import annotations

import pytest
from tests.vault.house import House

from recoup.db import Database


@pytest.fixture
def house(database: Database) -> House:
    return House(database)
