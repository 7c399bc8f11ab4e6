"""The toy subject, served over real HTTP on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from tests.http.serving import Client, served
from tests.http.toy import START, TABLES, Toy

from recoup.db import Database
from recoup.kit.clock import ManualClock


@pytest.fixture(scope="module")
def toy_database_url(database_url: str) -> Iterator[str]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(TABLES)
        for number in (1, 2, 3):
            connection.execute(
                "insert into merchants (id, twin_id, livemode, name, created_at) values (%s, %s, %s, %s, %s)",
                [f"{number:032x}", f"{number:032x}", number == 2, "toy", START],
            )
    yield database_url


@pytest.fixture
async def toy(toy_database_url: str) -> AsyncIterator[Toy]:
    async with await Database.open(toy_database_url, connections_max=10) as database:
        await database.execute("delete from idempotency_keys where merchant_id is not null")
        await database.execute("delete from notes where merchant_id is not null")
        yield Toy(database, ManualClock(START))


@pytest.fixture
async def client(toy: Toy) -> AsyncIterator[Client]:
    async with served(toy.edge()) as client:
        yield client
        toy.gate.set()
