"""Processor accounts over the API: credentials go in and never come out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.vault.house import House, dump

NEW = {
    "connector": "plain",
    "label": "Plain",
    "credentials": {"api_key": "credential-one", "webhook_secret": "credential-two"},
    "countries": ["US", "CA"],
    "fees": {"basis_points": 290, "fixed": 30},
}


NOT_SAID: dict[str, Any] = {
    "country": None,
    "acquirer": None,
    "fundings": None,
    "amount_limits": None,
    "merchant_categories": None,
    "drained": False,
    "three_d_secure": None,
}


async def create(house: House, key: str, **fields: Any) -> Any:
    answer = await house.call("POST", "/v1/processor_accounts", NEW | fields, key=key)
    assert answer.status == 201, answer.raw
    return answer.json


async def test_an_account_is_created_read_changed_and_disabled(house: House) -> None:
    key = await house.key(await house.merchant())
    made = await create(house, key)
    assert made["object"] == "processor_account"
    assert made["id"].startswith("pa_")
    assert made["credentials"] == ["api_key", "webhook_secret"]
    assert made["countries"] == ["CA", "US"]
    assert made["currencies"] is None
    said = {"basis_points": 290, "fixed": 30, "fixed_on_decline": 0, "currency": "USD", "model": "blended"}
    assert made["fees"].items() >= said.items()
    assert {name: made[name] for name in NOT_SAID} == NOT_SAID
    assert (made["position"], made["enabled"], made["livemode"]) == (0, True, False)

    path = f"/v1/processor_accounts/{made['id']}"
    assert (await house.call("GET", path, key=key)).json == made
    changed = await house.call("POST", path, {"label": "New", "countries": None}, key=key)
    assert changed.status == 200
    assert (changed.json["label"], changed.json["countries"], changed.json["fees"]) == (
        "New",
        None,
        made["fees"],
    )
    disabled = await house.call("DELETE", path, key=key)
    assert (disabled.status, disabled.json["enabled"]) == (200, False)
    assert (await house.call("GET", path, key=key)).json == disabled.json


async def test_no_answer_event_or_row_holds_a_credential(house: House) -> None:
    key = await house.key(await house.merchant())
    answer = await house.call("POST", "/v1/processor_accounts", NEW, key=key, idempotency_key="one")
    again = await house.call("POST", "/v1/processor_accounts", NEW, key=key, idempotency_key="one")
    assert again.raw == answer.raw
    assert again.headers["idempotent-replayed"] == "true"
    listed = await house.call("GET", "/v1/processor_accounts", key=key)
    shown = answer.raw.decode() + listed.raw.decode() + await dump(house.database)
    assert "credential-one" not in shown
    assert b"credential-one".hex() not in shown


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"connector": "acme"}, "connector_unknown", "connector"),
        ({"credentials": {"api_key": "x"}}, "credential_missing", "credentials.webhook_secret"),
        ({"credentials": {**NEW["credentials"], "more": "x"}}, "credential_unknown", "credentials"),  # type: ignore[dict-item]
        ({"countries": ["UK"]}, "unknown_value", "countries"),
        ({"countries": []}, "wrong_length", "countries"),
        ({"brands": ["amex"]}, "unknown_value", "brands"),
        ({"base_url": "processor.example"}, "invalid_url", "base_url"),
        ({"fees": {"basis_points": -1}}, "out_of_range", "fees.basis_points"),
        ({"country": "UK"}, "unknown_value", "country"),
        ({"acquirer": ""}, "wrong_length", "acquirer"),
        ({"fundings": []}, "wrong_length", "fundings"),
        ({"amount_limits": {"USD": {"min": 5, "max": 4}}}, "limits_crossed", "amount_limits.USD"),
        ({"amount_limits": {"usd": {"max": 4}}}, "unknown_value", "amount_limits"),
        ({"amount_limits": {"USD": {"least": 4}}}, "unknown_field", "amount_limits.least"),
        ({"merchant_categories": ["gro1"]}, "unknown_value", "merchant_categories"),
        ({"drained": "yes"}, "wrong_type", "drained"),
        ({"three_d_secure": True}, "capability_missing", "three_d_secure"),
        ({"fees": {"rates": [{"basis_points": 10001}]}}, "out_of_range", "fees.rates[0].basis_points"),
        ({"fees": {"rates": [{"relation": "abroad"}]}}, "not_a_choice", "fees.rates[0].relation"),
        ({"fees": {"scheme": []}}, "fees_of_other_model", "fees.scheme"),
        ({"fees": {"rates": [{"brands": ["amex"]}]}}, "unknown_value", "fees.rates[0].brands"),
        ({"label": ""}, "wrong_length", "label"),
        ({"position": -1}, "out_of_range", "position"),
        ({"secret": "x"}, "unknown_field", "secret"),
    ],
)
async def test_a_refusal_names_the_field_and_what_to_do(
    house: House, fields: dict[str, Any], code: str, param: str
) -> None:
    key = await house.key(await house.merchant())
    answer = await house.call("POST", "/v1/processor_accounts", NEW | fields, key=key)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, code, param)
    assert "credential-one" not in answer.raw.decode()


async def test_accounts_are_listed_in_pages_newest_first(house: House) -> None:
    key = await house.key(await house.merchant())
    made = [(await create(house, key))["id"] for _ in range(5)][::-1]

    async def page(query: str) -> tuple[list[str], bool]:
        answer = await house.call("GET", f"/v1/processor_accounts?{query}", key=key)
        assert answer.status == 200, answer.raw
        return [one["id"] for one in answer.json["data"]], answer.json["has_more"]

    assert await page("limit=2") == (made[:2], True)
    assert await page(f"limit=2&starting_after={made[1]}") == (made[2:4], True)
    assert await page(f"limit=2&starting_after={made[3]}") == (made[4:], False)
    assert await page(f"limit=2&ending_before={made[3]}") == (made[1:3], True)
    assert await page(f"limit=9&ending_before={made[2]}") == (made[:2], False)


async def test_a_strangers_account_does_not_exist(house: House) -> None:
    pair = await house.merchant()
    made = await create(house, await house.key(pair))
    path = f"/v1/processor_accounts/{made['id']}"
    for key in (await house.key(pair, livemode=True), await house.key(await house.merchant())):
        for method, body in (("GET", None), ("POST", {"enabled": False}), ("DELETE", None)):
            answer = await house.call(method, path, body, key=key)
            assert (answer.status, answer.error["code"]) == (404, "resource_missing")
        assert (await house.call("GET", "/v1/processor_accounts", key=key)).json["data"] == []


async def test_a_live_account_keeps_the_processors_address(house: House) -> None:
    key = await house.key(await house.merchant(), livemode=True)
    answer = await house.call(
        "POST", "/v1/processor_accounts", NEW | {"base_url": "https://x.example"}, key=key
    )
    assert answer.error["code"] == "base_url_in_live_mode"


async def test_connectors_say_what_they_can_do(house: House) -> None:
    key = await house.key(await house.merchant())
    [connector] = (await house.call("GET", "/v1/connectors", key=key)).json["data"]
    assert connector["name"] == "plain"
    assert [one["name"] for one in connector["credentials"]] == ["api_key", "webhook_secret"]
    assert connector["capabilities"]["brands"] == ["mastercard", "visa"]
    assert connector["capabilities"]["countries"] is None
    assert connector["capabilities"]["disputes"] == []


async def test_objects_carry_the_merchants_own_time(house: House) -> None:
    pair = await house.merchant()
    key = await house.key(pair)
    await house.database.execute(
        "update merchants set clock_offset_ms = 86400000 where id = %s", [pair.test.id]
    )
    made = await create(house, key)
    assert made["created_at"] == (house.clock.now() + timedelta(days=1)).isoformat(
        timespec="milliseconds"
    ).replace("+00:00", "Z")
