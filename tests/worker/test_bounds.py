"""What the worker never does: overflow over a row that fails for ever, or keep a stopping process waiting."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from recoup.db import Database, due
from recoup.kit.clock import ManualClock
from recoup.kit.ids import uuid7
from recoup.merchants.core import Merchant
from recoup.worker import FAILURE_WAIT_MAX, RUNNING_MAX, Handler, Worker

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
MERCHANT = Merchant(UUID(int=1), livemode=False)


def worker_of(database: Database, handler: Handler) -> Worker:
    async def merchant(_: UUID) -> Merchant:
        return MERCHANT

    return Worker(
        database, handlers={"test": handler}, merchant=merchant, clock=ManualClock(NOW), poll_s=0.01
    )


async def put(database: Database, number: int) -> UUID:
    object_id = uuid7(NOW, lambda n: number.to_bytes(n, "big"))
    async with database.connection() as connection:
        await due.put(
            connection, merchant_id=MERCHANT.id, kind="test", object_id=object_id, due_at=NOW - timedelta(1)
        )
    return object_id


async def rows(database: Database) -> list[dict[str, object]]:
    return await database.fetch_all(
        "select * from due where merchant_id = %(m)s order by object_id", {"m": MERCHANT.id}
    )


@pytest.fixture(autouse=True)
async def _empty(database: Database) -> None:
    await database.execute("delete from due where slot >= 0")


async def test_a_row_that_has_failed_a_thousand_times_waits_no_longer_than_the_longest_wait(
    database: Database,
) -> None:
    async def broken(_: Merchant, __: UUID, ___: datetime) -> None:
        raise RuntimeError("still broken")

    worker = worker_of(database, broken)
    await put(database, 1)
    await database.execute("update due set tries = 1000 where slot >= 0")
    assert await worker.work_next(MERCHANT, until=NOW) is not None
    (row,) = await rows(database)
    assert (row["due_at"], row["leased_until"]) == (NOW + FAILURE_WAIT_MAX, None)


async def test_a_stop_waits_for_what_is_begun_and_gives_the_rest_back(database: Database) -> None:
    begun: list[UUID] = []
    full, opened = asyncio.Event(), asyncio.Event()

    async def slow(_: Merchant, object_id: UUID, __: datetime) -> None:
        begun.append(object_id)
        if len(begun) == RUNNING_MAX:
            full.set()
        await opened.wait()

    worker, stop = worker_of(database, slow), asyncio.Event()
    for number in range(2 * RUNNING_MAX):
        await put(database, number)
    running = asyncio.create_task(worker.run(stop))
    await full.wait()
    stop.set()
    opened.set()
    await running
    left = await rows(database)
    assert len(begun) == RUNNING_MAX and len(left) == RUNNING_MAX
    assert {row["object_id"] for row in left}.isdisjoint(begun)
    assert {row["leased_until"] for row in left} == {None}
