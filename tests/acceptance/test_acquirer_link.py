"""An acquirer link from end to end: a merchant's account at `iso8583` pays through the simulated acquirer's host."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.acceptance.asking import ASKS, LOST, NO_FUNDS, payment, reference
from tests.acceptance.test_accounts import made_key
from tests.whole.served import Client, client_of, free_port, serving

PATIENCE_S: Final = 60.0


@pytest.fixture
async def link(shop: Client) -> AsyncIterator[str]:
    """An account at the simulated acquirer."""
    credentials = (await shop.get("/v1/test/world/acquirer_link"))["credentials"]
    account = await shop.post(
        "/v1/processor_accounts", {"connector": "iso8583", "label": "link", "credentials": credentials}
    )
    yield account["id"]
    await shop.send("DELETE", f"/v1/processor_accounts/{account['id']}")


def over(link: str, number: str = "4242424242424242", **more: Any) -> dict[str, Any]:
    """A payment that only the link may take."""
    return payment(number, routing={"processor_accounts": [link]}, merchant_reference=reference(), **more)


async def settled(shop: Client, made: dict[str, Any]) -> dict[str, Any]:
    """The payment when its outcome is known."""
    deadline = time.monotonic() + PATIENCE_S
    while made["status"] in {"unresolved", "processing"}:
        assert time.monotonic() < deadline, made
        await asyncio.sleep(0.1)
        made = await shop.get(f"/v1/payments/{made['id']}")
    return made


async def charge_of(shop: Client, made: dict[str, Any]) -> dict[str, Any]:
    """What the acquirer has of a payment: one charge, under the attempt's key."""
    keys = {attempt["id"] for attempt in made["attempts"]}
    charges = await shop.every("/v1/test/world/charges")
    (found,) = [charge for charge in charges if charge["key"] in keys]
    return dict(found)


async def test_a_payment_is_charged(shop: Client, link: str) -> None:
    made = await shop.post("/v1/payments", over(link))
    assert (made["status"], made["processor_account"]) == ("captured", link)
    charge = await charge_of(shop, made)
    assert (charge["processor"], charge["state"], charge["captured"]) == ("alpha", "approved", 4999)


@pytest.mark.parametrize(
    ("number", "code", "network_code"),
    [
        (NO_FUNDS, "insufficient_funds", "51"),
        (LOST, "lost_card", "41"),
        (ASKS, "authentication_required", "1A"),
    ],
)
async def test_a_decline_says_why(shop: Client, link: str, number: str, code: str, network_code: str) -> None:
    made = await shop.post("/v1/payments", over(link, number))
    assert made["status"] == "declined"
    assert (made["decline"]["code"], made["decline"]["network_code"]) == (code, network_code)
    assert (await charge_of(shop, made))["state"] == "declined"


async def test_what_is_held_is_captured_in_part_and_refunded(shop: Client, link: str) -> None:
    made = await shop.post("/v1/payments", over(link, capture="manual"))
    assert made["status"] == "authorized"
    await shop.post(f"/v1/payments/{made['id']}/capture", {"amount": 3000})
    refund = await shop.post("/v1/refunds", {"payment": made["id"], "amount": 1000})
    assert refund["status"] == "succeeded"
    charge = await charge_of(shop, made)
    assert (charge["captured"], charge["refunded"]) == (3000, 1000)


async def test_what_is_held_is_let_go_of(shop: Client, link: str) -> None:
    made = await shop.post("/v1/payments", over(link, capture="manual"))
    canceled = await shop.post(f"/v1/payments/{made['id']}/cancel", {})
    assert canceled["status"] == "canceled"
    assert (await charge_of(shop, made))["released"] == 4999


async def test_silence_is_reversed_and_nothing_is_charged(shop: Client, link: str) -> None:
    """The acquirer approved, and its answer was lost: the reversal undoes it, and the payment has failed."""
    before = (await shop.get("/v1/test/world"))["charges_made"]
    await shop.post(
        "/v1/test/faults", {"kind": "timeout_after_success", "processor": "alpha", "last4": "5556"}
    )
    made = await shop.post("/v1/payments", over(link, "4000056655665556"))
    assert made["status"] == "unresolved"
    ended = await settled(shop, made)
    assert ended["status"] == "failed"
    assert (await charge_of(shop, ended))["state"] == "withdrawn"
    world = await shop.get("/v1/test/world")
    assert (world["charges_made"], world["double_charges"]) == (before, 0)
    assert (await shop.post("/v1/payments", over(link, "4000056655665556")))["status"] == "captured"


async def test_a_wrong_sign_on_key_takes_no_payment(shop: Client, link: str) -> None:
    credentials = (await shop.get("/v1/test/world/acquirer_link"))["credentials"]
    wrong = {**credentials, "sign_on_key": credentials["sign_on_key"][:-1] + "0"}
    wrong["sign_on_key"] = wrong["sign_on_key"] if wrong != credentials else wrong["sign_on_key"][:-1] + "1"
    account = await shop.post(
        "/v1/processor_accounts", {"connector": "iso8583", "label": "wrong", "credentials": wrong}
    )
    made = await shop.post("/v1/payments", over(account["id"]))
    assert made["status"] == "failed"
    await shop.send("DELETE", f"/v1/processor_accounts/{account['id']}")


async def test_a_port_that_is_given_stays_and_commands_run_beside_it(
    empty_database_url: str, tmp_path: Path
) -> None:
    """An account keeps its address over a restart, and `recoup keys` does not want the same ports."""
    port = free_port()
    ports = {"RECOUP_SANDBOX_PORT": str(port), "RECOUP_SANDBOX_LINK_PORT": str(port + 1)}
    with serving(tmp_path / "data", RECOUP_DATABASE_URL=empty_database_url, **ports) as served:
        assert (await made_key(served, "Second shop", "--create")).startswith("sk_test_")
        async with client_of(served) as shop:
            credentials = (await shop.get("/v1/test/world/acquirer_link"))["credentials"]
            assert credentials["port"] == ports["RECOUP_SANDBOX_LINK_PORT"]
            account = await shop.post(
                "/v1/processor_accounts",
                {"connector": "iso8583", "label": "link", "credentials": credentials},
            )
            await asyncio.to_thread(served.stop)
            await asyncio.to_thread(served.start)
            assert (await shop.post("/v1/payments", over(account["id"])))["status"] == "captured"


async def test_what_was_under_way_when_everything_died_is_reversed(tmp_path: Path) -> None:
    """The acquirer had approved and its answer was on its way: the next process reverses it, from the key alone."""
    port = str(free_port())
    with serving(tmp_path / "data", RECOUP_SANDBOX_LINK_PORT=port) as served:
        async with client_of(served) as shop:
            credentials = (await shop.get("/v1/test/world/acquirer_link"))["credentials"]
            account = await shop.post(
                "/v1/processor_accounts",
                {"connector": "iso8583", "label": "link", "credentials": credentials},
            )
            slow = {"kind": "slow", "delay_s": 60, "processor": "alpha"}
            await shop.post("/v1/test/faults", slow)
            paying = asyncio.create_task(shop.send("POST", "/v1/payments", over(account["id"])))
            await until_charged(shop)
            await asyncio.to_thread(served.kill)
            await asyncio.gather(paying, return_exceptions=True)
            await asyncio.to_thread(served.start)
            (made,) = await shop.every("/v1/payments")
            assert (await settled(shop, made))["status"] == "failed"
            world = await shop.get("/v1/test/world")
            assert (world["charges_asked"], world["charges_made"]) == (1, 0)


async def until_charged(shop: Client) -> None:
    """Wait until the acquirer has approved."""
    deadline = time.monotonic() + PATIENCE_S
    while not (await shop.get("/v1/test/world"))["charges_made"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
