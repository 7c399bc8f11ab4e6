"""However many checks hang, others are asked, and a worker has places left."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tests.gate.test_gate import DUE
from tests.payments.house import House

from recoup.db import Database
from recoup.gate.core import LATER, Later, Open, Otherwise
from recoup.gate.flow import ASKED_AT_ONCE, ASKED_AT_ONCE_OF_ONE, Addressed, Gate
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.worker import RUNNING_MAX

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Hangs:
    """Addresses that answer once `opened` is set."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.asked: list[UUID] = []

    def allow(self, url: str, *, livemode: bool) -> str:
        """Any."""
        del livemode
        return url

    def new_secret(self) -> Secret:
        """Always the same."""
        return Secret("whsec_" + "a" * 32)

    async def ask(
        self, merchant: Merchant, addressed: Addressed, message_id: str, body: bytes
    ) -> tuple[int | None, str | None]:
        """In the end."""
        del addressed, message_id, body
        self.asked.append(merchant.id)
        await self.opened.wait()
        return 200, '{"decision": "allow"}'


async def test_checks_that_hang_leave_places_to_others(database: Database) -> None:
    house, asker = House(database), Hangs()
    gate = Gate(database, accounts=house.accounts, sealer=house.vault, asker=asker, new_id=house.new_id)
    shops = [await house.merchant() for _ in range(3)]
    for one in shops:
        async with database.transaction() as connection:
            await gate.put_check(
                connection, one, url="https://a.example", timeout_ms=1000, otherwise=Otherwise.WAIT, now=NOW
            )
    asked = [asyncio.create_task(gate.passage(one, DUE, NOW)) for one in shops for _ in range(RUNNING_MAX)]
    async with asyncio.timeout(30):
        while sum(one.done() for one in asked) + len(asker.asked) < len(asked):  # noqa: ASYNC110 - one of many
            await asyncio.sleep(0.01)
    assert {one.result() for one in asked if one.done()} == {Later(NOW + LATER)} and timedelta(0) < LATER
    assert len(asker.asked) == ASKED_AT_ONCE < RUNNING_MAX
    assert max(asker.asked.count(one.id) for one in shops) == ASKED_AT_ONCE_OF_ONE < ASKED_AT_ONCE
    asker.opened.set()
    ended = await asyncio.gather(*asked)
    assert ended.count(Open(DUE.accounts)) == ASKED_AT_ONCE
    assert await gate.passage(shops[0], DUE, NOW) == Open(DUE.accounts), "the places are free again"
