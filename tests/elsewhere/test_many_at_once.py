"""Many requests at once: those who hold a transaction leave connections for what they read beside it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, Final

from tests.payments.house import House

from recoup.db import Database

CONNECTIONS: Final = 10
"""As many as the fixture's database has at most."""


async def test_as_many_failures_at_once_as_there_are_connections_are_all_taken(database: Database) -> None:
    house = House(database)
    merchant = await house.merchant()
    key = await house.key_of(merchant)
    body: dict[str, Any] = {
        "mode": "advise",
        "amount": 4999,
        "currency": "USD",
        "failed_at": (house.now - timedelta(hours=1)).isoformat(),
        "decline": {"code": "insufficient_funds"},
        "card": {"brand": "visa"},
    }
    brought = [body | {"external_id": f"in-{number}"} for number in range(CONNECTIONS + 2)]
    answers = await asyncio.gather(
        *(house.call("POST", "/v1/recoveries", one, key=key, once=one["external_id"]) for one in brought)
    )
    assert [one.status for one in answers] == [201] * len(brought)
    await house.close()
