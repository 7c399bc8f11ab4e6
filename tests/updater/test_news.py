"""What a processor tells of a saved card reaches the vault, once, and is told on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.payments.house import House
from tests.webhooks.telling import account_of, results, saying, send, telling

from recoup.db import Database
from recoup.kit.ids import Kind, render
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.vault.core import PaymentMethod
from recoup.vault.wire import TokenMethodData


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    house = House(database)
    yield house
    await house.close()


async def kept(house: House, merchant: Merchant) -> PaymentMethod:
    at = render(Kind.PROCESSOR_ACCOUNT, await account_of(house, merchant))
    data = TokenMethodData(processor_account=at, token=Secret("tok-1"))
    async with house.database.transaction() as connection:
        return await house.methods.create(
            connection, merchant, data, customer_id=None, metadata={}, now=house.now
        )


async def test_a_card_that_its_processor_renewed_is_renewed_here(house: House) -> None:
    telling(house, "teller")
    connector: Any = house.around.connectors["teller"]
    connector.capabilities = replace(connector.capabilities, processor_tokens=True)
    merchant = await house.merchant("teller")
    method, account = await kept(house, merchant), await account_of(house, merchant)
    news = {
        "says": "card",
        "about": "credential",
        "card": {"exp_month": 5, "exp_year": 2031, "last4": "4444"},
    }
    await send(house, account, saying("e-1", news))
    await house.work()
    await send(house, account, saying("e-2", news))
    await send(house, account, saying("e-3", news | {"card": {"closed": True}}))
    await house.work()
    assert await results(house, merchant) == ["applied", "known", "applied"]
    after = await house.methods.get(merchant.id, method.id)
    assert (after.exp_month, after.exp_year, after.last4) == (5, 2031, "4444")
    assert after.closed_at is not None
    lines = await house.updated.renewing.history(merchant.id, method.id, limit=10)
    assert sorted(one.kind for one in lines) == ["closed", "expiry"]
    assert {(one.told.by, one.told.account_id) for one in lines} == {("processor", account)}
