"""Charges: each answer, what is written of it, and who is asked next."""

from __future__ import annotations

from tests.payments.bank import decline, no_funds
from tests.payments.house import House

from recoup.merchants.core import Merchant
from recoup.outcomes.core import Unprocessed
from recoup.payments.core import Status


async def test_an_approved_payment_is_captured(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    assert paid.payment.status is Status.CAPTURED
    assert paid == await house.snapshot(merchant, paid.payment.id)
    assert await house.events(merchant, paid.payment.id) == ["payment.created", "payment.captured"]
    assert await house.dues(merchant) == {}


async def test_failover(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", decline())
    paid = await house.pay(merchant)
    assert paid.payment.status is Status.CAPTURED
    assert [one.processor for one in house.bank.asked] == ["north", "south"]
    assert paid == await house.snapshot(merchant, paid.payment.id)
