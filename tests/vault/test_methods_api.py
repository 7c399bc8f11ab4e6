"""Payment methods over the API, on a real database: cards go in, and what may be shown comes out."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from tests.vault.house import NUMBER, OTHER_NUMBER, Answer, House, card_json, dump, master

from recoup.db import Database
from recoup.kit.ids import Kind, parse
from recoup.vault.core import METHODS_PER_CUSTOMER_MAX

PATH = "/v1/payment_methods"
BILLING = {"name": "Jane Doe", "address": {"country": "US", "postal_code": "94103"}}


async def create(house: House, key: str, body: Any = None) -> Any:
    answer = await house.call("POST", PATH, body or card_json(), key=key)
    assert answer.status == 201, answer.raw
    return answer.json


async def customer(house: House, key: str) -> str:
    return str((await house.call("POST", "/v1/customers", {}, key=key)).json["id"])


async def told(house: House, object_id: str) -> list[str]:
    rows = await house.database.fetch_all("select type, data from events order by merchant_id, sequence")
    return [row["type"] for row in rows if row["data"]["id"] == object_id]


async def test_a_card_is_created_and_read(house: House) -> None:
    key = await house.key(await house.merchant())
    made = await create(house, key, card_json() | {"billing_details": BILLING, "metadata": {"a": "b"}})
    assert made["id"].startswith("pm_")
    assert made["card"] | {"fingerprint": ""} == {
        "brand": "visa",
        "bin": "42424242",
        "last4": "4242",
        "exp_month": 12,
        "exp_year": 2030,
        "funding": "credit",
        "country": "US",
        "fingerprint": "",
    }
    assert re.fullmatch("[0-9a-f]{32}", made["card"]["fingerprint"])
    assert made["billing_details"]["address"]["postal_code"] == "94103"
    assert (made["customer"], made["detached_at"], made["livemode"]) == (None, None, False)
    assert (await house.call("GET", f"{PATH}/{made['id']}", key=key)).json == made
    assert await told(house, made["id"]) == ["payment_method.created"]


async def test_a_card_brings_the_networks_name_of_its_first_payment_along(house: House) -> None:
    key = await house.key(await house.merchant())
    made = await create(house, key, card_json() | {"network_transaction_id": "016150703802094"})
    assert made["network_transaction_id"] == "016150703802094"
    assert (await house.call("GET", f"{PATH}/{made['id']}", key=key)).json == made
    for wrong, code in ((NUMBER, "network_transaction_id_is_card_number"), ("a b", None), ("", None)):
        body = card_json() | {"network_transaction_id": wrong}
        refused = await house.call("POST", PATH, body, key=key)
        assert (refused.status, refused.json["error"]["param"]) == (400, "network_transaction_id")
        assert code is None or refused.json["error"]["code"] == code
    assert NUMBER not in await dump(house.database)


async def test_no_answer_event_or_row_holds_a_number_or_a_code(house: House) -> None:
    key = await house.key(await house.merchant())
    body = card_json(cvc="987") | {"billing_details": BILLING}
    answers = [await house.call("POST", PATH, body, key=key, idempotency_key="k") for _ in range(2)]
    answers.append(await house.call("GET", PATH, key=key))
    answers.append(await house.call("POST", PATH, card_json(number=NUMBER[:-1] + "1"), key=key))
    shown = "".join(answer.raw.decode() for answer in answers) + await dump(house.database)
    assert NUMBER not in shown
    assert NUMBER.encode().hex() not in shown
    assert not re.search(r"\b987\b", shown)


async def test_a_repeated_request_keeps_one_card(house: House) -> None:
    key = await house.key(await house.merchant())
    first = await house.call("POST", PATH, card_json(), key=key, idempotency_key="k")
    again = await house.call("POST", PATH, card_json(), key=key, idempotency_key="k")
    assert (again.status, again.raw) == (201, first.raw)
    assert len((await house.call("GET", PATH, key=key)).json["data"]) == 1
    other = await house.call("POST", PATH, card_json(cvc="321"), key=key, idempotency_key="k")
    assert other.status == 422, "another security code is another request"


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (card_json("4242424242424241"), "incorrect_number", "card.number"),
        (card_json("42"), "invalid_number", "card.number"),
        (card_json(exp_year=2025), "invalid_expiry_year", "card.exp_year"),
        (card_json(exp_month=10, exp_year=2026), "invalid_expiry_month", "card.exp_month"),
        (card_json(exp_month=13), "out_of_range", "card.exp_month"),
        (card_json(cvc="12"), "invalid_cvc", "card.cvc"),
        (card_json() | {"billing_details": {"email": "x y"}}, "invalid_email", "billing_details.email"),
        (
            card_json() | {"billing_details": {"address": {"country": "XX"}}},
            "invalid_country",
            "billing_details.address.country",
        ),
        (card_json() | {"type": "encrypted_card"}, "not_a_choice", "type"),
        ({"type": "card"}, "missing_field", "card"),
    ],
)
async def test_a_refusal_names_the_field_and_keeps_nothing(
    house: House, body: Any, code: str, param: str
) -> None:
    key = await house.key(await house.merchant())
    answer = await house.call("POST", PATH, body, key=key)
    assert (answer.status, answer.error["code"], answer.error["param"]) == (400, code, param)
    assert (await house.call("GET", PATH, key=key)).json["data"] == []


async def test_a_card_belongs_to_one_customer_until_it_is_detached(house: House) -> None:
    key = await house.key(await house.merchant())
    owner, other = await customer(house, key), await customer(house, key)
    made = await create(house, key)
    path = f"{PATH}/{made['id']}"

    for _ in range(2):
        attached = await house.call("POST", f"{path}/attach", {"customer": owner}, key=key)
        assert (attached.status, attached.json["customer"]) == (200, owner)
    taken = await house.call("POST", f"{path}/attach", {"customer": other}, key=key)
    assert (taken.status, taken.error["code"]) == (409, "payment_method_attached")

    for _ in range(2):
        detached = await house.call("POST", f"{path}/detach", key=key)
        assert (detached.status, detached.json["customer"]) == (200, None)
    for answer in (
        await house.call("POST", f"{path}/attach", {"customer": owner}, key=key),
        await house.call("POST", path, {"metadata": {"a": "b"}}, key=key),
    ):
        assert (answer.status, answer.error["code"]) == (409, "payment_method_detached")
    assert await told(house, made["id"]) == [
        "payment_method.created",
        "payment_method.attached",
        "payment_method.detached",
    ]


async def test_a_renewed_card_keeps_its_number_and_may_have_run_out(house: House) -> None:
    key = await house.key(await house.merchant())
    made = await create(house, key, card_json() | {"billing_details": BILLING})
    path = f"{PATH}/{made['id']}"
    changed = (
        await house.call("POST", path, {"card": {"exp_year": 31}, "metadata": {"a": "b"}}, key=key)
    ).json
    assert (changed["card"]["exp_month"], changed["card"]["exp_year"]) == (12, 2031)
    assert changed["billing_details"] == made["billing_details"]
    assert changed["card"]["fingerprint"] == made["card"]["fingerprint"]
    assert (await house.call("GET", path, key=key)).json == changed
    past = await house.call("POST", path, {"card": {"exp_month": 1, "exp_year": 2020}}, key=key)
    assert past.json["card"]["exp_year"] == 2020
    assert await told(house, made["id"]) == ["payment_method.created"] + ["payment_method.updated"] * 2


async def test_the_number_of_a_stored_card_cannot_be_changed(house: House) -> None:
    key = await house.key(await house.merchant())
    made = await create(house, key)
    answer = await house.call("POST", f"{PATH}/{made['id']}", {"card": {"number": OTHER_NUMBER}}, key=key)
    assert (answer.status, answer.error["code"]) == (400, "unknown_field")


async def test_cards_are_listed_by_customer_newest_first(house: House) -> None:
    key = await house.key(await house.merchant())
    owner = await customer(house, key)
    mine = [(await create(house, key, card_json() | {"customer": owner}))["id"] for _ in range(3)][::-1]
    loose = await create(house, key)

    async def page(query: str) -> tuple[list[str], bool]:
        answer = await house.call("GET", f"{PATH}?{query}", key=key)
        assert answer.status == 200, answer.raw
        return [one["id"] for one in answer.json["data"]], answer.json["has_more"]

    assert await page(f"customer={owner}") == (mine, False)
    assert await page(f"customer={owner}&limit=1&starting_after={mine[0]}") == (mine[1:2], True)
    assert await page(f"customer={owner}&ending_before={mine[2]}") == (mine[:2], False)
    assert await page("") == ([loose["id"], *mine], False)
    assert await told(house, mine[0]) == ["payment_method.created", "payment_method.attached"]


async def test_a_card_is_not_given_to_a_customer_who_is_not_there(house: House) -> None:
    pair, other = await house.merchant(), await house.merchant()
    key = await house.key(pair)
    deleted = await customer(house, key)
    await house.call("DELETE", f"/v1/customers/{deleted}", key=key)
    strangers = await customer(house, await house.key(other))
    made = await create(house, key)
    for missing in (deleted, strangers, "cus_" + "0" * 26, "nobody"):
        answers = (
            await house.call("POST", PATH, card_json() | {"customer": missing}, key=key),
            await house.call("POST", f"{PATH}/{made['id']}/attach", {"customer": missing}, key=key),
        )
        for answer in answers:
            assert (answer.status, answer.error["param"]) == (404, "customer")


async def test_a_strangers_card_does_not_exist(house: House) -> None:
    pair = await house.merchant()
    made = await create(house, await house.key(pair))
    path = f"{PATH}/{made['id']}"
    for key in (await house.key(pair, livemode=True), await house.key(await house.merchant())):
        owner = await customer(house, key)
        answers = [
            await house.call("GET", path, key=key),
            await house.call("POST", path, {"metadata": {}}, key=key),
            await house.call("POST", f"{path}/attach", {"customer": owner}, key=key),
            await house.call("POST", f"{path}/detach", key=key),
        ]
        assert [(one.status, one.error["code"]) for one in answers] == [(404, "resource_missing")] * 4
        assert (await house.call("GET", PATH, key=key)).json["data"] == []


async def test_a_customer_has_a_limited_number_of_cards(house: House) -> None:
    key = await house.key(await house.merchant())
    owner = await customer(house, key)
    made = await create(house, key, card_json() | {"customer": owner})
    # A hundred and more are made from one by hand, because only their number matters.
    await house.database.execute(
        """
        insert into payment_methods
        select (json_populate_record(p, json_build_object('id', gen_random_uuid()))).*
        from payment_methods p, generate_series(2, %s) where p.id = %s
        """,
        [METHODS_PER_CUSTOMER_MAX, parse(Kind.PAYMENT_METHOD, made["id"])],
    )
    answer = await house.call("POST", PATH, card_json() | {"customer": owner}, key=key)
    assert (answer.status, answer.error["code"]) == (409, "payment_method_limit")


async def test_a_customer_deleted_while_a_card_is_attached_keeps_no_usable_card(house: House) -> None:
    """Whoever comes first holds the customer's row: the card is refused, or detached with the others."""
    key = await house.key(await house.merchant())
    for _ in range(10):
        owner = await customer(house, key)
        body = card_json() | {"customer": owner}
        made, gone = await asyncio.gather(
            house.call("POST", PATH, body, key=key), house.call("DELETE", f"/v1/customers/{owner}", key=key)
        )
        assert gone.status == 200
        assert await _is_out_of_use(house, key, made)


async def _is_out_of_use(house: House, key: str, made: Answer) -> bool:
    if made.status == 404:
        return True
    read = await house.call("GET", f"{PATH}/{made.json['id']}", key=key)
    return read.json["detached_at"] is not None


async def test_live_cards_need_a_master_key_of_ones_own(database: Database) -> None:
    key_of = House(database, keys=master())
    pair = await key_of.merchant()
    key = await key_of.key(pair, livemode=True)
    answer = await House(database, keys=master(generated=True)).call("POST", PATH, card_json(), key=key)
    assert (answer.status, answer.error["code"]) == (403, "live_mode_needs_master_key")
