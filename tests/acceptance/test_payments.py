"""The life of a payment, as somebody who reads only the contract tries it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from tests.acceptance.asking import ASKS, LOST, NO_FUNDS, card, payment, reference, refused, stored
from tests.whole.served import Client

FIELDS = {
    "id": "pay_",
    "object": "payment",
    "status": "declined",
    "amount": 4999,
    "currency": "USD",
    "amount_capturable": 0,
    "amount_captured": 0,
    "amount_refunded": 0,
    "payment_method": "pm_",
    "processor_account": "pa_",
    "recovery": None,
    "next_action": None,
    "livemode": False,
    "metadata": {},
}
DECLINE = {
    "code",
    "category",
    "message",
    "processor_code",
    "network_code",
    "network_advice_code",
    "advice",
    "source",
}
ATTEMPT = {
    "id",
    "processor_account",
    "outcome",
    "reason",
    "decline",
    "started_at",
    "finished_at",
    "latency_ms",
    "decision",
}


async def act(shop: Client, waiting: dict[str, Any], result: str) -> None:
    """What the customer does on the page where they authenticate."""
    url = waiting["next_action"]["redirect_to_url"]["url"]
    async with shop.session.post(url, data={"result": result}, allow_redirects=False) as response:
        assert response.status in {200, 303}


async def test_a_decline_has_every_field_of_the_contract(shop: Client) -> None:
    answered = await shop.send("POST", "/v1/payments", payment(NO_FUNDS))
    declined = answered.json
    assert answered.status == 201, "a decline is an answer"
    for field, expected in FIELDS.items():
        found = declined[field]
        assert found.startswith(expected) if str(expected).endswith("_") else found == expected, field
    assert set(declined["decline"]) >= DECLINE
    assert set(declined["decline"]["advice"]) == {"action", "not_before"}
    assert (declined["decline"]["code"], declined["decline"]["network_code"]) == ("insufficient_funds", "51")
    [attempt] = declined["attempts"]
    assert set(attempt) >= ATTEMPT
    assert (attempt["outcome"], attempt["reason"]) == ("declined", "initial")
    for time in (declined["created_at"], attempt["started_at"], attempt["finished_at"]):
        assert time.endswith("Z") and datetime.fromisoformat(time).tzinfo is not None


async def test_captures_and_refunds_stop_at_what_is_there(shop: Client) -> None:
    held = await shop.post("/v1/payments", payment(capture="manual", amount=1000))
    path = f"/v1/payments/{held['id']}"
    assert (held["status"], held["amount_capturable"]) == ("authorized", 1000)
    assert (await shop.post(f"{path}/capture", {"amount": 300}))["status"] == "partially_captured"
    beyond = await shop.send("POST", f"{path}/capture", {"amount": 701})
    assert refused(beyond) == (400, "invalid_request", "amount_too_large", "amount")
    taken = await shop.post(f"{path}/capture", {})
    assert (taken["status"], taken["amount_captured"], taken["amount_capturable"]) == ("captured", 1000, 0)
    refund = await shop.send("POST", "/v1/refunds", {"payment": held["id"], "amount": 400})
    assert (refund.status, refund.json["status"]) == (201, "succeeded")
    beyond = await shop.send("POST", "/v1/refunds", {"payment": held["id"], "amount": 601})
    assert refused(beyond) == (400, "invalid_request", "amount_too_large", "amount")
    assert (await shop.get(path))["amount_refunded"] == 400


async def test_an_action_is_approved_confirmed_or_called_off(shop: Client) -> None:
    waiting = await shop.post("/v1/payments", payment(ASKS, return_url="https://shop.example/after"))
    assert (waiting["status"], waiting["next_action"]["type"]) == ("requires_action", "redirect_to_url")
    await act(shop, waiting, "approve")
    assert (await shop.post(f"/v1/payments/{waiting['id']}/confirm", {}))["status"] == "captured"
    failing = await shop.post("/v1/payments", payment(ASKS))
    await act(shop, failing, "fail")
    declined = await shop.post(f"/v1/payments/{failing['id']}/confirm", {})
    assert (declined["status"], declined["decline"]["category"]) == ("declined", "authentication")
    given_up = await shop.post("/v1/payments", payment(ASKS))
    assert (await shop.post(f"/v1/payments/{given_up['id']}/cancel", {}))["status"] == "canceled"


async def test_3155_is_set_up_by_the_payment_method_that_authenticated(shop: Client) -> None:
    """Not by anybody who ever used that number."""
    _, method = await stored(shop, ASKS)
    body = payment(None, payment_method=method)
    refused_before = await shop.post("/v1/payments", body | {"initiator": "merchant"})
    assert refused_before["decline"]["code"] == "authentication_required"
    waiting = await shop.post("/v1/payments", body)
    await act(shop, waiting, "approve")
    await shop.post(f"/v1/payments/{waiting['id']}/confirm", {})
    assert (await shop.post("/v1/payments", body | {"initiator": "merchant"}))["status"] == "captured"
    _, other = await stored(shop, ASKS)
    elsewhere = await shop.post("/v1/payments", payment(None, payment_method=other, initiator="merchant"))
    assert elsewhere["decline"]["code"] == "authentication_required"


async def test_another_card_may_pay_after_a_decline_and_the_same_one_may_not(shop: Client) -> None:
    declined = await shop.post("/v1/payments", payment(LOST))
    path = f"/v1/payments/{declined['id']}/confirm"
    same = await shop.send("POST", path, {"payment_method_data": card(LOST)})
    assert refused(same)[:3] == (409, "conflict", "payment_method_declined_for_good")
    paid = await shop.post(path, {"payment_method_data": card()})
    assert (paid["status"], paid["decline"]) == ("captured", None)
    assert [one["reason"] for one in paid["attempts"]] == ["initial", "manual"]


async def test_the_merchant_may_charge_a_card_that_comes_with_the_request(shop: Client) -> None:
    paid = await shop.post("/v1/payments", payment(initiator="merchant"))
    assert (paid["status"], paid["initiator"]) == ("captured", "merchant")
    nothing = await shop.send("POST", "/v1/payments", payment(None, initiator="merchant"))
    assert refused(nothing)[2:] == ("payment_method_required", "payment_method")


async def test_0341_can_be_stored_and_not_be_charged(shop: Client) -> None:
    _, method = await stored(shop, "4000000000000341")
    assert (await shop.post("/v1/payments", payment(None, payment_method=method)))["status"] == "declined"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"decline_code": "a_word_nobody_knows"}, "other"),
        ({"network_code": "ZZ"}, "other"),
        ({"network_code": "51"}, "insufficient_funds"),
        ({"decline_code": "revocation_of_authorization"}, "revocation_of_authorization"),
    ],
)
async def test_a_decline_of_ones_choice_keeps_its_codes(
    shop: Client, asked: dict[str, str], code: str
) -> None:
    """What no table knows is `other`, and never fails over."""
    order = reference()
    await shop.post("/v1/test/faults", {"kind": "decline", "merchant_reference": order, "times": 3} | asked)
    declined = await shop.post("/v1/payments", payment(merchant_reference=order))
    assert (declined["decline"]["code"], len(declined["attempts"])) == (code, 1)
    assert declined["decline"]["network_code"]
    assert declined["decline"]["network_code"] == asked.get(
        "network_code", declined["decline"]["network_code"]
    )


@pytest.mark.parametrize(("kind", "end"), [("timeout_after_success", "captured"), ("reset_before", "failed")])
async def test_an_unknown_outcome_blocks_everything_until_evidence(shop: Client, kind: str, end: str) -> None:
    order = reference()
    await shop.post("/v1/test/faults", {"kind": kind, "merchant_reference": order})
    unknown = await shop.post("/v1/payments", payment(merchant_reference=order))
    path = f"/v1/payments/{unknown['id']}"
    assert (unknown["status"], unknown["attempts"][0]["outcome"]) == ("unresolved", "unknown")
    for verb, body in (("confirm", {"payment_method_data": card()}), ("capture", {}), ("cancel", {})):
        blocked = await shop.send("POST", f"{path}/{verb}", body)
        assert refused(blocked)[:2] == (409, "conflict")
        assert "known" in blocked.json["error"]["message"]
    assert (await shop.post(f"{path}/sync", {}))["status"] == end
    story = [one["summary"] for one in (await shop.get(f"{path}/timeline"))["entries"]]
    assert any(line.startswith("Payment unresolved: ") for line in story), "evidence does not overwrite it"


async def test_an_outage_fails_over(shop: Client) -> None:
    order = reference()
    await shop.post("/v1/test/faults", {"kind": "outage", "merchant_reference": order})
    paid = await shop.post("/v1/payments", payment(merchant_reference=order))
    outcomes = [(one["outcome"], one["reason"]) for one in paid["attempts"]]
    assert outcomes == [("unprocessed", "initial"), ("approved", "failover")]
    decision = await shop.get(f"/v1/decisions/{paid['attempts'][1]['decision']}")
    assert {one["label"] for one in decision["data"]["candidates"]} >= {"alpha", "bravo", "charlie"}


async def test_nothing_was_charged_twice(shop: Client) -> None:
    assert (await shop.get("/v1/test/world"))["double_charges"] == 0
