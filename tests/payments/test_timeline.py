"""The timeline tells the whole story of a payment in the order in which it happened."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.payments.bank import Lost, decline, no_funds
from tests.payments.house import House

from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved, Done


async def entries(house: House, merchant: Merchant, payment_id: UUID) -> list[dict[str, Any]]:
    key = await house.key_of(merchant)
    told = await house.call("GET", f"/v1/payments/{render(Kind.PAYMENT, payment_id)}/timeline", key=key)
    assert (told.status, told.json["object"]) == (200, "timeline")
    found: list[dict[str, Any]] = told.json["entries"]
    assert [one["at"] for one in found] == sorted(one["at"] for one in found)
    return found


async def types(house: House, merchant: Merchant, payment_id: UUID) -> list[str]:
    return [one["type"] for one in await entries(house, merchant, payment_id)]


async def test_a_failover_is_told_in_order_though_it_takes_no_time(house: House, merchant: Merchant) -> None:
    """The clock stands still: only their numbers tell the end of one attempt from the start of the next."""
    house.bank.will("charge", decline())
    paid = await house.pay(merchant)
    found = await entries(house, merchant, paid.payment.id)
    assert [one["type"] for one in found] == [
        "payment.created",
        "attempt.started",
        "attempt.declined",
        "attempt.started",
        "attempt.approved",
        "payment.captured",
    ]
    assert [one["object_id"] for one in found[1:5]] == [
        render(Kind.ATTEMPT, attempt.id) for attempt in paid.attempts for _ in range(2)
    ]
    assert "North" in found[1]["summary"] and "South" in found[3]["summary"]
    assert (found[2]["details"]["code"], found[2]["details"]["network_code"]) == ("processing_error", "96")


async def test_captures_cancellations_and_refunds_are_told(house: House, merchant: Merchant) -> None:
    payment_id = await house.authorized(merchant)
    for act, amount in ((house.capture, 600), (house.refund, 200)):
        await house.wait(seconds=1)
        await act(merchant, payment_id, amount)
    await house.wait(seconds=1)
    await house.cancel(merchant, payment_id)
    assert await types(house, merchant, payment_id) == [
        "payment.created",
        "attempt.started",
        "attempt.approved",
        "payment.authorized",
        "capture.started",
        "capture.succeeded",
        "payment.partially_captured",
        "refund.started",
        "refund.succeeded",
        "payment.refunded",
        "cancel.started",
        "cancel.succeeded",
        "payment.captured",
    ]


async def test_what_nobody_knew_stays_told_when_it_is_known(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", Lost(Approved("ch-1", captured=True)))
    payment_id = (await house.pay(merchant)).payment.id
    await house.wait(seconds=2)
    await house.work()
    assert await types(house, merchant, payment_id) == [
        "payment.created",
        "attempt.started",
        "payment.unresolved",
        "attempt.approved",
        "payment.captured",
    ]


async def test_a_refund_that_is_open_is_told_as_what_it_is(house: House, merchant: Merchant) -> None:
    payment_id = (await house.pay(merchant)).payment.id
    house.bank.will("refund", Lost(Done("done-1")))
    await house.wait(seconds=1)
    await house.refund(merchant, payment_id, 100)
    assert (await types(house, merchant, payment_id))[-2:] == ["refund.started", "refund.unknown"]


async def test_tries_by_hand_follow_one_another(house: House, merchant: Merchant) -> None:
    house.bank.will("charge", no_funds(), no_funds())
    payment_id = (await house.pay(merchant)).payment.id
    for _ in range(2):
        await house.wait(minutes=1)
        await house.confirm(merchant, payment_id)
    found = await entries(house, merchant, payment_id)
    numbers = [one["details"]["number"] for one in found if one["type"] == "attempt.started"]
    assert numbers == [1, 2, 3]
    assert [one["type"] for one in found].count("payment.declined") == 2


async def test_another_merchant_s_payment_has_no_timeline(house: House, merchant: Merchant) -> None:
    payment_id = (await house.pay(merchant)).payment.id
    key = await house.key_of(await house.merchant())
    told = await house.call("GET", f"/v1/payments/{render(Kind.PAYMENT, payment_id)}/timeline", key=key)
    assert told.status == 404
