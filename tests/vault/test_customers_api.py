"""Customers over the API, on a real database."""

from __future__ import annotations

from typing import Any

import pytest
from tests.vault.house import House, card_json

JANE = {
    "name": "Jane Doe",
    "email": "jane@example.com",
    "phone": "+1 555 0100",
    "description": "since 2020",
    "merchant_reference": "user-1001",
    "country": "US",
    "time_zone": "America/New_York",
    "payday": {"cycle": "biweekly", "anchor_date": "2026-11-06"},
    "metadata": {"plan": "pro"},
}


async def create(house: House, key: str, body: Any = None) -> Any:
    answer = await house.call("POST", "/v1/customers", JANE if body is None else body, key=key)
    assert answer.status == 201, answer.raw
    return answer.json


async def events(house: House, object_id: str) -> list[tuple[str, int, Any]]:
    rows = await house.database.fetch_all(
        "select type, object_sequence, data from events order by merchant_id, sequence"
    )
    return [
        (row["type"], row["object_sequence"], row["data"]) for row in rows if row["data"]["id"] == object_id
    ]


async def test_a_customer_is_created_read_changed_and_deleted(house: House) -> None:
    key = await house.key(await house.merchant())
    made = await create(house, key)
    assert made["id"].startswith("cus_")
    shown = {name: made[name] for name in JANE}
    assert shown == JANE | {
        "payday": {
            "cycle": "biweekly",
            "anchor_date": "2026-11-06",
            "weekday": None,
            "day_of_month": None,
            "second_day_of_month": None,
        }
    }
    path = f"/v1/customers/{made['id']}"
    assert (await house.call("GET", path, key=key)).json == made

    body = {
        "name": None,
        "payday": {"cycle": "monthly", "day_of_month": 31},
        "metadata": {"plan": "", "a": "b"},
    }
    changed = (await house.call("POST", path, body, key=key)).json
    assert changed["name"] is None
    assert changed["payday"]["day_of_month"] == 31
    assert changed["metadata"] == {"a": "b"}
    assert changed["email"] == JANE["email"]
    assert (await house.call("GET", path, key=key)).json == changed

    gone = {"id": made["id"], "object": "customer", "deleted": True}
    for _ in range(2):
        answer = await house.call("DELETE", path, key=key)
        assert (answer.status, answer.json) == (200, gone)
    assert (await house.call("GET", path, key=key)).status == 404
    assert (await house.call("POST", path, {"name": "x"}, key=key)).status == 404
    assert (await house.call("GET", "/v1/customers", key=key)).json["data"] == []


async def test_every_change_is_told_with_the_object_as_it_is_then(house: House) -> None:
    key = await house.key(await house.merchant())
    made = await create(house, key)
    path = f"/v1/customers/{made['id']}"
    changed = (await house.call("POST", path, {"name": "New"}, key=key)).json
    await house.call("DELETE", path, key=key)
    told = await events(house, made["id"])
    assert [(type_, number) for type_, number, _ in told] == [
        ("customer.created", 1),
        ("customer.updated", 2),
        ("customer.deleted", 3),
    ]
    assert [data for _, _, data in told[:2]] == [made, changed]


async def test_a_repeated_request_makes_one_customer_and_tells_of_it_once(house: House) -> None:
    key = await house.key(await house.merchant())
    first = await house.call("POST", "/v1/customers", JANE, key=key, idempotency_key="k")
    again = await house.call("POST", "/v1/customers", JANE, key=key, idempotency_key="k")
    assert again.raw == first.raw
    assert len(await events(house, first.json["id"])) == 1
    other = await house.call("POST", "/v1/customers", JANE | {"name": "x"}, key=key, idempotency_key="k")
    assert other.status == 422


async def test_a_customer_needs_nothing(house: House) -> None:
    made = await create(house, await house.key(await house.merchant()), {})
    assert made["metadata"] == {}
    assert made["payday"] is None


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({"email": "jane"}, "invalid_email", "email"),
        ({"country": "XX"}, "invalid_country", "country"),
        ({"time_zone": "Mars/Olympus"}, "invalid_time_zone", "time_zone"),
        ({"payday": {"cycle": "weekly"}}, "invalid_payday", "payday.weekday"),
        ({"payday": {"cycle": "daily"}}, "not_a_choice", "payday.cycle"),
        ({"payday": {"cycle": "weekly", "weekday": 7}}, "out_of_range", "payday.weekday"),
        ({"name": "x" * 201}, "wrong_length", "name"),
        ({"name": "x\u0000"}, "invalid_value", "name"),
        ({"metadata": {"": "x"}}, "wrong_length", "metadata"),
        ({"nmae": "x"}, "unknown_field", "nmae"),
    ],
)
async def test_a_refusal_names_the_field(house: House, fields: dict[str, Any], code: str, param: str) -> None:
    key = await house.key(await house.merchant())
    for path in ("/v1/customers", f"/v1/customers/{(await create(house, key, {}))['id']}"):
        answer = await house.call("POST", path, fields, key=key)
        assert (answer.status, answer.error["code"], answer.error["param"]) == (400, code, param)


async def test_metadata_never_grows_past_its_limit(house: House) -> None:
    key = await house.key(await house.merchant())
    made = await create(house, key, {"metadata": {str(number): "x" for number in range(50)}})
    answer = await house.call("POST", f"/v1/customers/{made['id']}", {"metadata": {"more": "x"}}, key=key)
    assert (answer.status, answer.error["code"]) == (400, "metadata_limit")


async def test_customers_are_listed_in_pages_newest_first(house: House) -> None:
    key = await house.key(await house.merchant())
    made = [(await create(house, key, {}))["id"] for _ in range(5)][::-1]

    async def page(query: str) -> tuple[list[str], bool]:
        answer = await house.call("GET", f"/v1/customers?{query}", key=key)
        assert answer.status == 200, answer.raw
        return [one["id"] for one in answer.json["data"]], answer.json["has_more"]

    assert await page("") == (made, False)
    assert await page("limit=2") == (made[:2], True)
    assert await page(f"limit=2&starting_after={made[1]}") == (made[2:4], True)
    assert await page(f"limit=2&starting_after={made[3]}") == (made[4:], False)
    assert await page(f"limit=2&ending_before={made[3]}") == (made[1:3], True)
    assert await page(f"limit=9&ending_before={made[2]}") == (made[:2], False)


async def test_a_strangers_customer_does_not_exist(house: House) -> None:
    pair = await house.merchant()
    made = await create(house, await house.key(pair))
    path = f"/v1/customers/{made['id']}"
    for key in (await house.key(pair, livemode=True), await house.key(await house.merchant())):
        for method, body in (("GET", None), ("POST", {"name": "x"}), ("DELETE", None)):
            answer = await house.call(method, path, body, key=key)
            assert (answer.status, answer.error["code"]) == (404, "resource_missing")
        assert (await house.call("GET", "/v1/customers", key=key)).json["data"] == []


async def test_a_deleted_customer_takes_their_cards_out_of_use(house: House) -> None:
    key = await house.key(await house.merchant())
    made = await create(house, key)
    body = card_json() | {"customer": made["id"]}
    cards = [(await house.call("POST", "/v1/payment_methods", body, key=key)).json["id"] for _ in range(3)]
    await house.call("DELETE", f"/v1/customers/{made['id']}", key=key)
    for card in cards:
        read = (await house.call("GET", f"/v1/payment_methods/{card}", key=key)).json
        assert read["customer"] is None
        assert read["detached_at"] is not None
        assert [type_ for type_, _, _ in await events(house, card)][-1] == "payment_method.detached"
    streams = await house.database.fetch_all(
        "select s.sequence, max(e.sequence) as last, count(*) as number from event_streams s "
        "join events e on e.merchant_id = s.merchant_id group by s.merchant_id, s.sequence"
    )
    assert all(row["sequence"] == row["last"] == row["number"] for row in streams)
