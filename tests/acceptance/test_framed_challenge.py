"""A customer at Braintree's challenge: the issuer is asked, the page shows the bank, and one charge goes on, once."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from html import unescape
from typing import Any, Final

import aiohttp
import pytest
from aiohttp import web
from tests.acceptance.asking import payment
from tests.whole.served import Client

SHOP: Final = "https://shop.example/after?order=7"
BROWSER: Final = {"ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "accept": "text/html", "color_depth": 24}
ACS: Final = "https://acs.bank.example/challenge"
METHOD: Final = "84294a9b-8d1d-04ed-7e25-c1cab84f06ed"


@dataclass(slots=True)
class Braintree:
    """Braintree, as far as a challenge goes: what the bank has answered, and what was asked."""

    status: str = "CHALLENGE_REQUIRED"
    asked: list[str] = field(default_factory=list)

    def _method(self) -> dict[str, Any]:
        secure = {"authentication": {"authenticationStatus": self.status}}
        return {"id": METHOD, "details": {"threeDSecure": secure}}

    async def answer(self, request: web.Request) -> web.Response:
        """One document."""
        body = await request.json()
        name = re.findall(r"{\s*(\w+)", body["query"])[0]
        self.asked.append(name)
        given = body["variables"].get("input", {})
        match name:
            case "tokenizeCreditCard":
                said: object = {"paymentMethod": {"id": "tokencc_bh_0000"}}
            case "performThreeDSecureLookup":
                said = self._looked_up(given)
            case "node":
                said = self._method()
            case _:
                said = self._charged(given)
        return web.json_response({"data": {name: said}})

    def _looked_up(self, given: dict[str, Any]) -> dict[str, Any]:
        term = "https://api.braintree.example/authenticate?authorization_fingerprint=e30"
        data = {"acsUrl": ACS, "version": "2.2.0", "pareq": "e30", "md": "bWQ", "termUrl": term}
        return {
            "clientMutationId": given["clientMutationId"],
            "threeDSecureLookupData": data,
            "paymentMethod": self._method(),
        }

    def _charged(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["paymentMethodId"] == METHOD
        amount = {"value": given["transaction"]["amount"], "currencyCode": "USD"}
        order = given["transaction"]["orderId"]
        taken = "SUBMITTED_FOR_SETTLEMENT"
        charge = {"id": "dHJhbnNhY3Rpb24", "orderId": order, "status": taken, "amount": amount}
        return {"clientMutationId": order, "transaction": charge}


@pytest.fixture
async def braintree() -> AsyncIterator[tuple[Braintree, str]]:
    """Braintree and its address."""
    stand_in, app = Braintree(), web.Application()
    app.add_routes([web.post("/graphql", stand_in.answer)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield stand_in, "http://{}:{}".format(*runner.addresses[0])
    await runner.cleanup()


async def challenged(shop: Client, base_url: str) -> dict[str, Any]:
    """A payment that waits for its customer at the page."""
    credentials = {"public_key": "p", "private_key": "k", "merchant_accounts": "USD=acme"}
    body = {
        "connector": "braintree",
        "label": "braintree",
        "credentials": {**credentials, "three_d_secure": "on"},
        "base_url": base_url,
    }
    account = await shop.post("/v1/processor_accounts", body)
    routed = {"processor_accounts": [account["id"]]}
    made: dict[str, Any] = await shop.post(
        "/v1/payments", payment(return_url=SHOP, browser=BROWSER, routing=routed)
    )
    await shop.post(f"/v1/processor_accounts/{account['id']}", {"enabled": False})
    assert made["status"] == "requires_action"
    return made


@pytest.mark.parametrize(
    ("answer", "status"), [("AUTHENTICATE_SUCCESSFUL", "captured"), ("AUTHENTICATE_FAILED", "declined")]
)
async def test_the_customer_answers_in_the_frame_and_the_charge_goes_on_once(
    shop: Client, braintree: tuple[Braintree, str], answer: str, status: str
) -> None:
    bank, base_url = braintree
    made = await challenged(shop, base_url)
    url, confirm = made["next_action"]["redirect_to_url"]["url"], f"/v1/payments/{made['id']}/confirm"
    early = await shop.post(confirm, {"return_parameters": {}})
    assert (early["status"], early["next_action"]) == ("requires_action", made["next_action"])
    async with aiohttp.ClientSession() as browser:
        async with browser.get(url) as page:
            shown = unescape(await page.text())
        assert f'action="{ACS}" target="bank"' in shown
        assert 'name="creq" value="e30"' in shown
        bank.status = answer
        async with browser.post(f"{url}/return", data={}, allow_redirects=False) as back:
            assert (back.status, back.headers["Location"]) == (303, f"{SHOP}&payment={made['id']}")
    done = await shop.post(confirm, {"return_parameters": {}})
    assert done["status"] == status
    charges = [name for name in bank.asked if name == "chargeCreditCard"]
    assert len(charges) == (1 if status == "captured" else 0)
    assert bank.asked[:4] == ["tokenizeCreditCard", "performThreeDSecureLookup", "node", "node"]
