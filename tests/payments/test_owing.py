"""Letting go of payments in a later subject's transaction: several are held first, so that nobody waits in a circle."""

from __future__ import annotations

import asyncio
from uuid import UUID

from tests.payments.bank import no_funds
from tests.payments.house import House

from recoup.merchants.core import Merchant
from recoup.payments.core import Status
from recoup.payments.flow.owing import Owing


async def test_several_are_held_first_and_then_let_go_of_by_two_at_once(
    house: House, merchant: Merchant
) -> None:
    """In opposite orders. Each holds the events from the first that it lets go of, so that it may wait for none after
    that; whoever comes second finds them canceled."""
    house.bank.will("charge", no_funds(), no_funds())
    payments = [(await house.pay(merchant)).payment.id for _ in "12"]
    owing = Owing(house._tools())

    async def let_go(order: list[UUID], gone: list[bool]) -> None:
        async with house.database.transaction() as connection:
            await owing.hold(connection, merchant, order)
            for one in order:
                gone.append(await owing.let_go(connection, merchant, one, now=house.now))
                await asyncio.sleep(0)

    gone: list[bool] = []
    await asyncio.gather(let_go(payments, gone), let_go(payments[::-1], gone))
    assert gone == [True] * 4
    assert [(await house.snapshot(merchant, one)).payment.status for one in payments] == [Status.CANCELED] * 2
    for one in payments:
        assert (await house.events(merchant, one)).count("payment.canceled") == 1
