"""Payments over HTTP: what is answered, what is refused and in which words, and pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.payments.bank import Lost, no_funds
from tests.payments.house import House

from recoup.connectors.base import Card
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Approved, Refused

CARD: dict[str, Any] = {
    "type": "card",
    "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"},
}
PAYMENT: dict[str, Any] = {"amount": 1000, "currency": "USD", "payment_method_data": CARD}
NOBODY = "cus_00000000000000000000000000"


@pytest.fixture
async def key(house: House, merchant: Merchant) -> str:
    return await house.key_of(merchant)


async def test_a_decline_is_an_answer_with_its_reason_and_advice(house: House, key: str) -> None:
    house.bank.will("charge", no_funds())
    answer = await house.call("POST", "/v1/payments", PAYMENT, key=key)
    assert (answer.status, answer.json["status"]) == (201, "declined")
    decline = answer.json["decline"]
    assert (decline["code"], decline["network_code"]) == ("insufficient_funds", "96")
    assert decline["advice"] == {"action": "retry_later", "not_before": "2026-11-23T12:00:00.000Z"}
    (attempt,) = answer.json["attempts"]
    assert (attempt["outcome"], attempt["decline"], attempt["latency_ms"]) == ("declined", decline, 7)


async def test_an_unknown_outcome_says_so_in_words(house: House, key: str) -> None:
    house.bank.will("charge", Lost())
    answer = await house.call("POST", "/v1/payments", PAYMENT, key=key)
    assert (answer.status, answer.json["status"]) == (201, "unresolved")
    assert "may or may not have been taken" in answer.json["explanation"]
    path = f"/v1/payments/{answer.json['id']}"
    for verb in ("confirm", "cancel", "capture"):
        refused = await house.call("POST", f"{path}/{verb}", {}, key=key)
        assert (refused.status, refused.error["code"]) == (409, "payment_unexpected_state")
        assert "not known" in refused.error["message"] or "no known outcome" in refused.error["message"]


async def test_a_payment_reads_the_same_in_a_list_as_by_itself(house: House, key: str) -> None:
    """Also what became of its last change, which is no part of the payment's own row."""
    house.bank.will("charge", Approved("ch-1"))
    made = await house.call("POST", "/v1/payments", PAYMENT | {"capture": "manual"}, key=key)
    house.bank.will("capture", Refused("no", "No."))
    await house.call("POST", f"/v1/payments/{made.json['id']}/capture", {}, key=key)
    alone = await house.call("GET", f"/v1/payments/{made.json['id']}", key=key)
    assert "did not happen" in alone.json["explanation"]
    listed = await house.call("GET", "/v1/payments", key=key)
    assert listed.json["data"] == [alone.json]


async def test_a_customer_who_must_act_gets_the_way(house: House, key: str) -> None:
    house.bank.will("charge", ActionRequired("ref-1", "https://bank.example/3ds"))
    body = PAYMENT | {"return_url": "https://shop.example/after"}
    answer = await house.call("POST", "/v1/payments", body, key=key)
    assert answer.json["status"] == "requires_action"
    assert answer.json["next_action"] == {
        "type": "redirect_to_url",
        "redirect_to_url": {"url": "https://bank.example/3ds", "return_url": "https://shop.example/after"},
    }


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"currency": "XXX"}, (400, "currency_unknown", "currency")),
        ({"payment_method": "pm_x"}, (400, "one_payment_method", "payment_method")),
        ({"customer": NOBODY}, (404, "resource_missing", "customer")),
        ({"customer": "cus_x"}, (404, "resource_missing", "customer")),
        (
            {"routing": {"processor_accounts": ["pa_x"]}},
            (404, "resource_missing", "routing.processor_accounts"),
        ),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_sent(
    house: House, key: str, change: dict[str, Any], wrong: tuple[int, str, str]
) -> None:
    refused = await house.call("POST", "/v1/payments", PAYMENT | change, key=key, once="k")
    assert (refused.status, refused.error["code"], refused.error["param"]) == wrong
    assert house.bank.asked == []
    assert (await house.call("GET", "/v1/payments", key=key)).json["data"] == []
    again = await house.call("POST", "/v1/payments", PAYMENT, key=key, once="k")
    assert again.status == 201, "a refusal keeps no key"


async def test_a_stored_method_is_charged_by_the_merchant_with_its_network_transaction_id(
    house: House, key: str
) -> None:
    first = await house.call("POST", "/v1/payments", PAYMENT, key=key)
    method = first.json["payment_method"]
    body = {"amount": 500, "currency": "USD", "payment_method": method, "initiator": "merchant"}
    second = await house.call("POST", "/v1/payments", body, key=key)
    assert (second.json["status"], second.json["payment_method"]) == ("captured", method)
    charges = list(house.bank.charges.values())
    assert [one.network_transaction_id for one in charges] == [None, "ntid-1"]
    with_cvc = [isinstance(one.source, Card) and one.source.cvc is not None for one in charges]
    assert with_cvc == [True, False], "a security code is never stored"


async def test_a_card_from_elsewhere_is_charged_with_the_name_of_its_first_payment(
    house: House, key: str
) -> None:
    """A payment by the merchant with a card that another system agreed on with its customer."""
    method = CARD | {"network_transaction_id": "016150703802094"}
    body = PAYMENT | {"payment_method_data": method, "initiator": "merchant"}
    first = await house.call("POST", "/v1/payments", body, key=key)
    (charge,) = house.bank.charges.values()
    assert (first.json["status"], charge.network_transaction_id) == ("captured", "016150703802094")
    wrong = PAYMENT | {"payment_method_data": CARD | {"network_transaction_id": "4242424242424242"}}
    refused = await house.call("POST", "/v1/payments", wrong, key=key)
    assert refused.error["code"] == "network_transaction_id_is_card_number"
    assert refused.error["param"] == "payment_method_data.network_transaction_id"


async def test_pages_run_from_the_newest_to_the_oldest_and_back(house: House, key: str) -> None:
    made = []
    for _ in range(5):
        house.clock.advance(timedelta(milliseconds=5))
        made.append((await house.call("POST", "/v1/payments", PAYMENT, key=key)).json["id"])
    newest = made[::-1]
    first = (await house.call("GET", "/v1/payments?limit=2", key=key)).json
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (newest[:2], True)
    assert first["data"][0]["attempts"][0]["outcome"] == "approved"
    path = f"/v1/payments?limit=3&starting_after={newest[1]}"
    second = (await house.call("GET", path, key=key)).json
    assert ([one["id"] for one in second["data"]], second["has_more"]) == (newest[2:], False)
    path = f"/v1/payments?limit=1&ending_before={newest[2]}"
    back = (await house.call("GET", path, key=key)).json
    assert ([one["id"] for one in back["data"]], back["has_more"]) == ([newest[1]], True)


async def test_refunds_are_read_and_listed_by_payment(house: House, key: str) -> None:
    payments = [(await house.call("POST", "/v1/payments", PAYMENT, key=key)).json["id"] for _ in range(2)]
    refunds = []
    for payment in (*payments, payments[0]):
        house.clock.advance(timedelta(milliseconds=5))
        body = {"payment": payment, "amount": 100, "reason": "duplicate", "metadata": {"case": "7"}}
        made = await house.call("POST", "/v1/refunds", body, key=key)
        assert (made.status, made.json["status"], made.json["metadata"]) == (201, "succeeded", {"case": "7"})
        refunds.append(made.json)
    everything = (await house.call("GET", "/v1/refunds", key=key)).json["data"]
    assert everything == refunds[::-1]
    of_one = (await house.call("GET", f"/v1/refunds?payment={payments[0]}", key=key)).json["data"]
    assert of_one == [refunds[2], refunds[0]]
    one = await house.call("GET", f"/v1/refunds/{refunds[1]['id']}", key=key)
    assert one.json == refunds[1]
    assert (await house.call("GET", f"/v1/payments/{payments[0]}", key=key)).json["amount_refunded"] == 200


async def test_a_decision_shows_who_was_considered_and_why(
    house: House, merchant: Merchant, key: str
) -> None:
    paid = (await house.call("POST", "/v1/payments", PAYMENT, key=key)).json
    shown = (await house.call("GET", f"/v1/decisions/{paid['attempts'][0]['decision']}", key=key)).json
    assert (shown["kind"], shown["subject"]) == ("route", paid["id"])
    assert [one["label"] for one in shown["data"]["candidates"]] == ["North", "South"]
    assert all(one["why"] for one in shown["data"]["candidates"])
    missing = await house.call("GET", f"/v1/decisions/{render(Kind.DECISION, house.new_id())}", key=key)
    assert missing.status == 404
