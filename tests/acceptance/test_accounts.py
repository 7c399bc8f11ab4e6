"""Keys, processor accounts and what codes mean, beside a server with the database that it brings."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from tests.acceptance.asking import payment, refused
from tests.whole.served import Client, Served, client_of, serving

Adding = Callable[..., Awaitable[str]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on its embedded PostgreSQL."""
    with serving(tmp_path_factory.mktemp("accounts") / "data") as served:
        yield served


@pytest.fixture
async def shop(served: Served) -> AsyncIterator[Client]:
    """The sandbox merchant."""
    async with client_of(served) as client:
        yield client


async def made_key(served: Served, *words: str) -> str:
    """A key that the command line makes while the server is up."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "recoup", "keys", *words),
        cwd=Path(served.folder).parent,
        env=served.environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return said.decode().strip()


async def test_keys_are_made_beside_a_running_server(served: Served) -> None:
    """A new merchant can charge a test card at once, and a publishable key opens nothing else."""
    async with client_of(served, await made_key(served, "Second shop", "--create")) as second:
        assert (await second.post("/v1/payments", payment()))["status"] == "captured"
    publishable = await made_key(served, "Second shop", "--kind", "publishable")
    assert publishable.startswith("pk_test_")
    async with client_of(served, publishable) as page:
        for method, path in (("GET", "/v1/payments"), ("POST", "/v1/payments"), ("GET", "/v1/events")):
            answered = await page.send(method, path, payment() if method == "POST" else None)
            assert refused(answered)[:2] == (403, "permission")


async def test_an_account_at_our_own_processors_opens_with_any_credentials(shop: Client) -> None:
    body = {"connector": "alpha", "label": "second", "credentials": {"api_key": "whatever"}}
    account = await shop.post("/v1/processor_accounts", body)
    assert account["credentials"] == ["api_key"], "never shown again"
    routed = payment(routing={"processor_accounts": [account["id"]]})
    assert (await shop.post("/v1/payments", routed))["processor_account"] == account["id"]
    await shop.post(f"/v1/processor_accounts/{account['id']}", {"enabled": False})
    turned_away = await shop.send("POST", "/v1/payments", routed)
    assert refused(turned_away)[2] == "no_processor_account"
    assert "second: it is disabled" in turned_away.json["error"]["message"]
    assert "bravo" not in turned_away.json["error"]["message"], "only what was asked for is talked about"


ROUTING: Final = {
    "country": "US",
    "acquirer": "First Bank",
    "fundings": ["credit", "debit"],
    "amount_limits": {"USD": {"min": 100, "max": 5000}},
    "merchant_categories": ["5411", "5812"],
    "drained": False,
    "three_d_secure": False,
}


@pytest.fixture
async def added(shop: Client) -> AsyncIterator[Adding]:
    """Adds an account at Alpha, which is taken out of use when the test is over."""
    made: list[str] = []

    async def add(**more: Any) -> str:
        body = {
            "connector": "alpha",
            "label": f"number {len(made)}",
            "credentials": {"api_key": "any"},
        } | more
        made.append((await shop.post("/v1/processor_accounts", body))["id"])
        return made[-1]

    yield add
    for account in made:
        await shop.post(f"/v1/processor_accounts/{account}", {"enabled": False})


async def test_what_routing_should_know_is_said_shown_and_taken_back(shop: Client, added: Adding) -> None:
    fees = {"model": "interchange_plus_plus", "basis_points": 20, "scheme": [{"basis_points": 12}]}
    path = f"/v1/processor_accounts/{await added(fees=fees, **ROUTING)}"
    shown = await shop.get(path)
    assert {name: shown[name] for name in ROUTING} == ROUTING
    assert shown["fees"].items() >= {"model": "interchange_plus_plus", "interchange": None}.items()
    assert shown["fees"]["scheme"][0]["basis_points"] == 12
    nothing = dict.fromkeys(ROUTING) | {"drained": False}
    changed = await shop.post(path, nothing)
    assert {name: changed[name] for name in ROUTING} == nothing
    wrong = await shop.send("POST", path, {"amount_limits": {"USD": {"min": 2, "max": 1}}})
    assert refused(wrong) == (400, "invalid_request", "limits_crossed", "amount_limits.USD")


async def test_every_reason_against_an_account_is_said(shop: Client, added: Adding) -> None:
    account = await added(currencies=["EUR"], amount_limits={"USD": {"max": 100}}, brands=["amex"])
    routed = payment(routing={"processor_accounts": [account]})
    said = (await shop.send("POST", "/v1/payments", routed)).json["error"]["message"]
    for reason in ("does not take visa cards", "does not take USD", "takes no more than 1.00 USD"):
        assert reason in said


async def test_a_drained_account_keeps_its_payments_and_gets_no_new_ones(shop: Client, added: Adding) -> None:
    """It is the last resort, and only `enabled` forbids it."""
    account, other = await added(), await added()
    path, both = f"/v1/processor_accounts/{account}", {"processor_accounts": [account, other]}
    before = await shop.post("/v1/payments", payment(capture="manual", routing=both))
    assert before["processor_account"] == account
    await shop.post(path, {"drained": True})
    assert (await shop.post("/v1/payments", payment(routing=both)))["processor_account"] == other
    captured = await shop.post(f"/v1/payments/{before['id']}/capture", {"amount": 4999})
    assert (captured["status"], captured["processor_account"]) == ("captured", account)
    refund = await shop.post("/v1/refunds", {"payment": before["id"], "amount": 100})
    assert refund["status"] == "succeeded"
    alone = payment(routing={"processor_accounts": [account]})
    assert (await shop.post("/v1/payments", alone))["processor_account"] == account
    await shop.post(path, {"enabled": False})
    assert refused(await shop.send("POST", "/v1/payments", alone))[2] == "no_processor_account"


async def test_a_code_is_explained_with_source_and_date(shop: Client) -> None:
    meant = await shop.get("/v1/declines/alpha/insufficient_funds")
    assert (meant["standard_code"], meant["category"]) == ("insufficient_funds", "funds")
    assert meant["advice"]["action"] == "retry_later"
    assert meant["source"] and meant["as_of"]
    assert (await shop.get("/v1/declines/visa/R0"))["network_rule"] == "visa_category_1"
    unknown = await shop.send("GET", "/v1/declines/alpha/nobody_knows")
    assert refused(unknown)[:3] == (404, "not_found", "resource_missing")
    nowhere = await shop.send("GET", "/v1/declines/nowhere/51")
    assert "one of: adyen, alpha, " in nowhere.json["error"]["message"]
