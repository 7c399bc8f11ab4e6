"""A debt that was paid by another way and by its payment here too: a person is told, whatever came first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from tests.messages.shop import Shop
from tests.payments.bank import Gate
from tests.payments.visiting import ASKS

from recoup.connectors.base import Browser
from recoup.db import Database
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved
from recoup.payments.core import Status as PaymentStatus

TAKEN = Approved("ch-9", captured=True)


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    await database.execute("delete from due where slot >= 0")
    shop = Shop(database, None)
    yield shop
    await shop.close()
    await shop.check_rows()


async def reported(shop: Shop, merchant: Merchant, recovery_id: UUID) -> dict[str, Any]:
    """The merchant says that the debt was paid by another way."""
    path = f"/v1/recoveries/{render(Kind.RECOVERY, recovery_id)}/reported"
    answer = await shop.call(
        "POST", path, {"outcome": "paid_elsewhere"}, key=await shop.key_of(merchant), once="reported"
    )
    assert answer.status == 200, answer.json
    found: dict[str, Any] = answer.json
    return found


async def cases(shop: Shop, merchant: Merchant) -> list[dict[str, Any]]:
    await shop.work()
    found: list[dict[str, Any]] = (
        await shop.call("GET", "/v1/audit/cases", key=await shop.key_of(merchant))
    ).json["data"]
    return found


async def pays(shop: Shop, merchant: Merchant, payment_id: UUID) -> None:
    """The customer pays with another card, by the page of their link."""
    snapshot = await shop.snapshot(merchant, payment_id)
    means = await shop.means(merchant, "5555555555554444")
    await shop.messaged.paying._around.there.pay(
        merchant, snapshot, means, back_to="http://test/pay/x/return", browser=Browser(), now=shop.now
    )


async def test_a_try_that_was_under_way_and_is_approved_opens_one_case(shop: Shop) -> None:
    merchant = await shop.merchant()
    payment_id, recovery_id = await shop.declined(merchant)
    gate = Gate(TAKEN)
    shop.bank.will("charge", gate)
    paying = asyncio.create_task(pays(shop, merchant, payment_id))
    await gate.entered.wait()
    assert (await reported(shop, merchant, recovery_id))["status"] == "scheduled"
    assert await cases(shop, merchant) == []
    gate.opened.set()
    await paying
    [case] = await cases(shop, merchant)
    assert (case["kind"], case["payment"]) == ("paid_twice", render(Kind.PAYMENT, payment_id))
    assert "POST /v1/refunds" in case["remedy"]
    assert case["details"]["recovery"] == render(Kind.RECOVERY, recovery_id)
    assert (case["details"]["amount"], case["details"]["currency"]) == (1000, "USD")
    recovery = await shop.recoveries.get(merchant, recovery_id)
    assert recovery.status == "recovered" and recovery.paid_elsewhere_at is not None
    key = await shop.key_of(merchant)
    await shop.refund(merchant, payment_id)
    await shop.call("POST", f"/v1/audit/cases/{case['id']}/resolve", {"resolution": "refunded"}, key=key)
    await shop.recoveries.on_payment_news(merchant, payment_id, shop.now)
    assert [one["state"] for one in await cases(shop, merchant)] == ["resolved"]


async def test_a_bank_s_question_that_is_answered_after_the_deadline_opens_one(shop: Shop) -> None:
    """The recovery had ended by then: nothing ends it, and yet the money was taken twice."""
    merchant = await shop.merchant()
    payment_id, recovery_id = await shop.declined(merchant)
    shop.bank.will("charge", ASKS)
    await pays(shop, merchant, payment_id)
    await reported(shop, merchant, recovery_id)
    recovery = await shop.recoveries.get(merchant, recovery_id)
    shop.clock.advance(recovery.deadline - shop.now)
    await shop.recoveries.run_due(merchant, recovery_id, shop.now)
    assert (await shop.recoveries.get(merchant, recovery_id)).status == "expired"
    assert await cases(shop, merchant) == []
    await shop.come_back(merchant, payment_id, TransactionId="t-1")
    assert [one["kind"] for one in await cases(shop, merchant)] == ["paid_twice"]


@pytest.mark.parametrize("paid_here", [False, True])
async def test_what_had_ended_without_money_is_let_go_of_or_was_paid_here_too(
    shop: Shop, *, paid_here: bool
) -> None:
    """No try of ours could help, but the customer's link still works."""
    merchant = await shop.merchant()
    payment_id, recovery_id = await shop.declined(merchant)
    recovery = await shop.recoveries.get(merchant, recovery_id)
    await shop.database.execute(
        "update recoveries set status = 'exhausted', end_reason = 'tries_exhausted', ended_at = updated_at, "
        "next_at = null where merchant_id = %(merchant_id)s and id = %(id)s",
        {"merchant_id": merchant.id, "id": recovery.id},
    )
    if paid_here:
        await pays(shop, merchant, payment_id)
    shown = await reported(shop, merchant, recovery_id)
    assert (shown["status"], shown["paid_elsewhere_at"] is not None) == ("exhausted", True)
    found = [one["kind"] for one in await cases(shop, merchant)]
    status = (await shop.snapshot(merchant, payment_id)).payment.status
    expected = (PaymentStatus.CAPTURED, ["paid_twice"]) if paid_here else (PaymentStatus.CANCELED, [])
    assert (status, found) == expected
