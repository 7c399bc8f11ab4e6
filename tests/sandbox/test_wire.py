"""What the processors refuse, and how: every refusal says whether something may have been done."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.town import Shop, body, new_key

from recoup.connectors import sandbox as connectors
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Approved, Unprocessed
from recoup.sandbox.core import keys
from recoup.sandbox.core.processors import ALPHA, CHARLIE, PROCESSORS
from recoup.sandbox.wire import BODY_BYTES_MAX, KEY_LENGTH_MAX


def card(**changes: Any) -> dict[str, Any]:
    return {"card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030} | changes}


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": 10.5},
        {"amount": "10"},
        {"amount": 10**13},
        {"currency": "usd"},
        {"currency": "XXX"},
        {"order": ""},
        {"order": "a\u0000"},
        {"initiator": "nobody"},
        {"unknown": 1},
        card(number="4242"),
        card(number="4242424242424242\n"),
        card(exp_month=13),
        card(exp_year=99),
        card(cvc="12"),
        card(more=1),
    ],
)
async def test_a_request_that_is_not_understood_is_not_processed(shop: Shop, wrong: dict[str, Any]) -> None:
    reply = await shop.http("POST", "/alpha/charges", {**body(), **wrong}, key=new_key())
    assert (reply.status, reply.json["error"]["code"], reply.json["processed"]) == (
        400,
        "invalid_request",
        False,
    )
    assert "4242" not in str(reply.json)


@pytest.mark.parametrize("raw", [b"", b"{", b"null", b"[]", b"\xff", b'{"order": "\\ud800"}', b"[" * 2000])
async def test_a_body_that_is_no_request(shop: Shop, raw: bytes) -> None:
    reply = await shop.http("POST", "/alpha/charges", raw=raw, key=new_key())
    assert (reply.status, reply.json["processed"]) == (400, False)


async def test_a_body_that_is_too_large(shop: Shop) -> None:
    reply = await shop.http("POST", "/alpha/charges", raw=b" " * (BODY_BYTES_MAX + 1), key=new_key())
    assert (reply.status, reply.json["processed"]) == (413, False)


@pytest.mark.parametrize("key", [None, "", "k" * (KEY_LENGTH_MAX + 1)])
async def test_what_moves_money_needs_a_key(shop: Shop, key: str | None) -> None:
    reply = await shop.http("POST", "/alpha/charges", body(), key=key)
    assert (reply.status, reply.json["error"]["code"]) == (400, "key_missing")
    assert await shop.counts() == (0, 0, 0)


async def test_a_key_may_be_any_text(shop: Shop) -> None:
    for key in ("a/b", "a%2Fb", "?x=1#y", "k" * KEY_LENGTH_MAX, "~."):
        assert isinstance(await shop.charge(key=key, payment=key), Approved)
        assert isinstance(await shop.ask("lookup", key), Approved)
    assert await shop.counts() == (5, 5, 0)


async def test_only_its_key_opens_a_world(shop: Shop) -> None:
    other = await shop.town.shop()
    world, secret = shop.api_key.reveal()[:30], shop.api_key.reveal()[30:]
    for wrong in (
        "",
        "x",
        world,
        f"{world}{other.api_key.reveal()[30:]}",
        f"{world}{secret[:-1]}{'1' if secret.endswith('0') else '0'}",
        "sbx_" + "z" * 78,
    ):
        for path, method in (("/alpha/charges", "POST"), ("/alpha/operations/k", "GET")):
            reply = await shop.http(
                method, path, body() if method == "POST" else None, key=new_key(), api_key=wrong
            )
            assert (reply.status, reply.json["processed"]) == (401, False)
    assert isinstance(await other.charge(), Approved)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/delta/charges", 404),
        ("POST", "/alpha", 404),
        ("POST", "/alpha/charges/x/unknown", 404),
        ("GET", "/alpha/charges", 405),
        ("POST", "/alpha/operations/x", 405),
        ("GET", "/alpha/operations/x/withdraw", 405),
        ("GET", "/alpha/charges/x/refunds", 405),
        ("DELETE", "/alpha/operations/x", 405),
        ("GET", "/alpha/operations/a%00b", 404),
    ],
)
async def test_paths_and_methods(shop: Shop, method: str, path: str, status: int) -> None:
    reply = await shop.http(method, path)
    assert (reply.status, reply.json["processed"]) == (status, False)


async def test_not_found_promises_nothing(shop: Shop) -> None:
    reply = await shop.http("GET", "/alpha/operations/x")
    assert reply.status == 404
    assert "processed" not in reply.json


@pytest.mark.parametrize(
    ("processor", "number", "currency", "taken"),
    [
        ("alpha", "378282246310005", "USD", True),
        ("bravo", "378282246310005", "USD", False),
        ("alpha", "4242424242424242", "JPY", True),
        ("bravo", "4242424242424242", "JPY", False),
        ("charlie", "4242424242424242", "EUR", False),
        ("charlie", "4000002760000016", "EUR", True),
        ("charlie", "4000008260000000", "GBP", True),
        ("charlie", "4000002760000016", "USD", False),
        ("charlie", "6011111111111117", "EUR", False),
    ],
)
async def test_what_each_processor_takes(
    shop: Shop, processor: str, number: str, currency: str, taken: bool
) -> None:
    outcome = await shop.charge(number, processor=processor, currency=currency)
    assert isinstance(outcome, Approved if taken else Unprocessed)


def test_the_connector_knows_what_its_processor_takes() -> None:
    """The two are written apart, as they would be for a real processor."""
    for connector in connectors.SANDBOXES:
        processor = next(one for one in PROCESSORS.values() if one.name == connector.name)
        can = connector.capabilities
        assert (can.currencies, can.countries) == (processor.currencies, processor.countries)
        assert can.brands - {"unknown"} <= processor.brands
        assert can.multiple_captures is processor.multiple_captures


@given(minor=st.integers(1, 10**12), country=st.sampled_from(["US", "DE", "GB", "JP"]))
def test_a_fee_is_rounded_up_and_dearer_abroad(minor: int, country: str) -> None:
    amount = Money(minor, "EUR")
    fee = CHARLIE.fee(amount, country=country)
    assert fee >= CHARLIE.fee(amount, country="DE") >= 21
    assert ALPHA.fee(Money(1000, "USD"), country="US") == 59
    assert ALPHA.fee(Money(1000, "JPY"), country="JP") == 45


def test_a_key_names_its_world() -> None:
    world_id = uuid4()
    key = keys.api_key(world_id, Secret("one"))
    assert keys.world_named_by(key.reveal()) == world_id
    assert key == keys.api_key(world_id, Secret("one")) != keys.api_key(world_id, Secret("two"))
    assert keys.digest(key.reveal()) != keys.derived(key.reveal())
