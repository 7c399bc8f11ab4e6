"""Desks whose books are in order at the end of every test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.disputes.desk import Desk, desk_at

from recoup.connectors.base import Idempotency
from recoup.db import Database


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    """At a processor that does not know our key again."""
    made = await desk_at(database)
    yield made
    assert await made.findings() == []
    await made.house.close()


@pytest.fixture
async def keyed(database: Database) -> AsyncIterator[Desk]:
    """At a processor to which the same key brings the first answer again."""
    made = await desk_at(database, idempotency=Idempotency.KEY)
    yield made
    assert await made.findings() == []
    await made.house.close()
