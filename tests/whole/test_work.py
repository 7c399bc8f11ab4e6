"""A worker in a process of its own does what a server does beside its requests."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

from tests.whole.served import CARD, Served, client_of, serving

from recoup.db import Database

WAIT_S: Final = 60.0


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what others do; the database is asked, nobody tells."""
    async with asyncio.timeout(WAIT_S):
        while not await true():  # noqa: ASYNC110 - the database is asked, nobody tells
            await asyncio.sleep(0.05)


@contextmanager
def worker(served: Served) -> Iterator[subprocess.Popen[bytes]]:
    """`recoup work` beside a server's data."""
    with (
        served.log.open("ab") as log,
        subprocess.Popen(
            [sys.executable, "-m", "recoup", "work"], env=served.environment, stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


async def rereads(database: Database, merchant_id: UUID) -> int:
    """How many payments are due to be read again."""
    row = await database.fetch_one(
        "select count(*) as n from due where merchant_id = %s and kind = 'payment.reread'", [merchant_id]
    )
    assert row is not None
    return int(row["n"])


async def unfollowed(database: Database) -> UUID:
    """Take back what a follower has made of the only merchant's events, with its place in them."""
    row = await database.fetch_one("update payment_rereads set sequence = 0 returning merchant_id")
    assert row is not None
    await database.execute("delete from due where merchant_id = %s", [row["merchant_id"]])
    return UUID(str(row["merchant_id"]))


async def test_a_worker_by_itself_follows_events(
    tmp_path: Path, database_url: str, database: Database
) -> None:
    """Events that nobody has followed when their server goes are followed by a worker, without any server."""
    with serving(tmp_path / "data", RECOUP_DATABASE_URL=database_url) as served:
        async with client_of(served) as client:
            body = {"amount": 4999, "currency": "USD", "payment_method_data": {"type": "card", "card": CARD}}
            answered = await client.send("POST", "/v1/payments", body, once="one")
            assert answered.json["status"] == "captured"
        await until(lambda: anything_followed(database))
        served.stop()
        merchant_id = await unfollowed(database)

        async def due_again() -> bool:
            return await rereads(database, merchant_id) == 1

        with worker(served) as process:
            await until(due_again)
            process.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(process.wait, WAIT_S) == 0


async def anything_followed(database: Database) -> bool:
    """Whether a follower has come anywhere."""
    row = await database.fetch_one("select count(*) as n from payment_rereads")
    return row is not None and row["n"] == 1
