"""Cards that expire before a renewal: they are asked about beside recoveries, and no oftener for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from tests.payments.house import House

from recoup.db import Database
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.updater import store
from recoup.updater.core.files import Format
from recoup.updater.flow import ASK, Asking
from recoup.vault.core import PaymentMethod
from recoup.vault.wire import CardData, CardMethodData

DAY: Final = timedelta(days=1)


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    house = House(database)
    yield house
    await house.close()


class Network:
    """An account updater that knows nothing, and recoveries that wait for every card."""

    def __init__(self, house: House, us: Merchant) -> None:
        self.house, self.us, self.asked = house, us, 0
        self.asking = Asking(
            house.database,
            methods=house.methods,
            batches=house.updated.batches,
            exchange=self._knows_nothing,
            wanted=self._waits,
        )

    async def card(self) -> PaymentMethod:
        data = CardMethodData(card=CardData(number=Secret("4242424242424242"), exp_month=12, exp_year=2026))
        async with self.house.database.transaction() as connection:
            return await self.house.methods.create(
                connection, self.us, data, customer_id=None, metadata={}, now=self.house.now
            )

    async def day(self, method: PaymentMethod) -> None:
        """A day, on which a look ahead finds that the card expires; what is due of it is worked."""
        now = self.house.now
        async with self.house.database.transaction() as connection:
            await self.asking.before_renewals(connection, self.us, [method], now=now)
        row = (await self.house.dues(self.us)).get((ASK, method.id))
        if row is not None and row["due_at"] <= now:
            await self.house.database.execute(
                "delete from due where merchant_id = %(us)s and object_id = %(id)s",
                {"us": self.us.id, "id": method.id},
            )
            await self.asking.on_ask(self.us, method.id, now)
        self.house.clock.advance(DAY)

    async def _waits(self, _: Merchant, __: UUID, ___: datetime) -> bool:
        return True

    async def _knows_nothing(self, _: Merchant, __: Format, questions: Secret) -> Secret:
        self.asked += 1
        reference = questions.reveal().split(",")[0]
        return Secret(f"{reference},4242424242424242,,2612,,P\r\n")


async def test_a_card_that_a_recovery_waits_for_is_asked_about_no_oftener_before_its_renewal(
    house: House,
) -> None:
    network = Network(house, await house.merchant())
    method = await network.card()
    for _ in range(8):
        await network.day(method)
    assert network.asked == 4, "at once, and after one, two and four days"
    found = await store.inquiry(house.database, merchant_id=network.us.id, method_id=method.id)
    assert found is not None and found.asked_times == 4
