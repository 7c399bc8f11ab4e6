"""What the API promises of every request: keys, headers, refusals, idempotency, lists."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from tests.acceptance.asking import NOBODYS, card, payment, refused
from tests.whole.served import Client


@pytest.mark.parametrize("path", ["/v1/payments", "/v1/customers", "/v1/events", "/v1/recoveries"])
async def test_lists_have_one_form_and_headers(shop: Client, path: str) -> None:
    answered = await shop.send("GET", path, headers={"Recoup-Version": "2026-11-01"})
    assert (answered.status, answered.headers["Recoup-Version"]) == (200, "2026-11-01")
    assert answered.headers["Request-Id"]
    assert {"object", "data", "has_more"} <= set(answered.json)


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"amount": 0}, "out_of_range", "amount"),
        ({"amount": -1}, "out_of_range", "amount"),
        ({"amount": 10**30}, "out_of_range", "amount"),
        ({"amount": 1.5}, "wrong_type", "amount"),
        ({"amount": "100"}, "wrong_type", "amount"),
        ({"amount": True}, "wrong_type", "amount"),
        ({"currency": "usd"}, "currency_unknown", "currency"),
        ({"currency": "XXX"}, "currency_unknown", "currency"),
        ({"ammount": 1}, "unknown_field", "ammount"),
        ({"payment_method_data": {"type": "sepa"}}, "not_a_choice", "payment_method_data.type"),
        ({"recovery": {"policy": "never"}}, "not_a_choice", "recovery.policy"),
        ({"return_url": "javascript:1"}, "wrong_form", "return_url"),
        ({"return_url": "https://"}, "wrong_form", "return_url"),
        ({"merchant_reference": ""}, "wrong_length", "merchant_reference"),
        ({"metadata": {str(number): "" for number in range(51)}}, "wrong_length", "metadata"),
        ({"metadata": {"k": 1}}, "wrong_type", "metadata"),
    ],
)
async def test_what_is_wrong_is_named(shop: Client, changes: dict[str, Any], code: str, param: str) -> None:
    answered = await shop.send("POST", "/v1/payments", payment(**changes))
    assert refused(answered) == (400, "invalid_request", code, param)


@pytest.mark.parametrize(
    ("path", "body", "param"),
    [
        ("/v1/payments", payment(None, payment_method=f"pm_{NOBODYS}"), "payment_method"),
        ("/v1/payments", payment(customer=f"cus_{NOBODYS}"), "customer"),
        (
            "/v1/payments",
            payment(routing={"processor_accounts": [f"pa_{NOBODYS}"]}),
            "routing.processor_accounts",
        ),
        ("/v1/refunds", {"payment": f"pay_{NOBODYS}"}, "payment"),
        ("/v1/payment_methods", {**card(), "customer": f"cus_{NOBODYS}"}, "customer"),
    ],
)
async def test_what_is_not_there_is_named_by_its_field(
    shop: Client, path: str, body: dict[str, Any], param: str
) -> None:
    answered = await shop.send("POST", path, body)
    assert refused(answered) == (404, "not_found", "resource_missing", param)
    assert "Check the id" in answered.json["error"]["message"]


@pytest.mark.parametrize(
    ("currency", "advice"), [("usd", "write it in capitals: USD"), ("XXX", "send one such as USD")]
)
async def test_a_currency_is_mended_by_what_the_refusal_says(
    shop: Client, currency: str, advice: str
) -> None:
    answered = await shop.send("POST", "/v1/payments", payment(currency=currency))
    assert advice in answered.json["error"]["message"]


async def test_an_empty_field_is_called_empty(shop: Client) -> None:
    answered = await shop.send("POST", "/v1/payments", payment(merchant_reference=""))
    assert answered.json["error"]["message"] == "`merchant_reference` must not be empty."


async def test_a_return_url_is_described(shop: Client) -> None:
    answered = await shop.send("POST", "/v1/payments", payment(return_url="shop.example"))
    assert "http or https URL" in answered.json["error"]["message"]


async def test_no_key_opens_nothing(shop: Client) -> None:
    for authorization in ("", "Bearer ", "Bearer sk_test_none"):
        answered = await shop.send("GET", "/v1/payments", headers={"Authorization": authorization})
        assert refused(answered)[:2] == (401, "authentication")


async def test_a_key_gives_the_first_answer_again(shop: Client) -> None:
    once, body = str(uuid4()), payment()
    first = await shop.send("POST", "/v1/payments", body, once=once)
    again = await shop.send("POST", "/v1/payments", body, once=once)
    assert (first.status, first.replayed) == (201, False)
    assert (again.status, again.replayed, again.body) == (201, True, first.body)
    other = await shop.send("POST", "/v1/payments", payment(amount=1), once=once)
    assert refused(other)[:2] == (422, "idempotency")


async def test_what_was_refused_leaves_its_key_free(shop: Client) -> None:
    once = str(uuid4())
    assert (await shop.send("POST", "/v1/payments", payment(amount=0), once=once)).status == 400
    assert (await shop.send("POST", "/v1/payments", payment(), once=once)).status == 201


async def test_pages_go_both_ways(shop: Client) -> None:
    made = [(await shop.post("/v1/customers", {}))["id"] for _ in range(4)][::-1]
    page = await shop.get(f"/v1/customers?limit=2&starting_after={made[0]}")
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (made[1:3], True)
    page = await shop.get(f"/v1/customers?limit=2&ending_before={made[3]}")
    assert ([one["id"] for one in page["data"]], page["has_more"]) == (made[1:3], True)
