"""A customer whose bank wants a form posted: through our page to the bank's, back by another form, and to the shop."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from tests.acceptance.asking import payment
from tests.whole.served import Client, Served

BY_FORM: Final = "4000582600000045"
SHOP: Final = "https://shop.example/after?order=7"
BROWSER: Final = {"ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "accept": "text/html", "color_depth": 24}


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """The customer's browser, which has no key."""
    async with aiohttp.ClientSession() as session:
        yield session


def form_of(page: str) -> tuple[str, dict[str, str]]:
    """Where a page's form goes, and its fields."""
    action = unescape(re.findall('<form[^>]* action="([^"]*)"', page)[0])
    fields = re.findall('<input type="hidden" name="([^"]*)" value="([^"]*)"', page)
    return action, {unescape(name): unescape(value) for name, value in fields}


async def challenged(shop: Client, **more: Any) -> tuple[dict[str, Any], str]:
    """A payment that waits for its customer, and the address that they are sent to."""
    made = await shop.post("/v1/payments", payment(BY_FORM, return_url=SHOP, browser=BROWSER, **more))
    assert made["status"] == "requires_action"
    return made, made["next_action"]["redirect_to_url"]["url"]


async def through(browser: aiohttp.ClientSession, url: str, result: str) -> str:
    """What the customer does, form by form; where they end."""
    async with browser.get(url) as page:
        assert page.status == 200
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
        to_bank, fields = form_of(await page.text())
    async with browser.post(to_bank, data=fields) as page:
        assert "Is this you?" in await page.text()
    async with browser.post(to_bank, data={"result": result}) as page:
        back, told = form_of(await page.text())
    assert back == f"{url}/return"
    async with browser.post(back, data=told, allow_redirects=False) as answer:
        assert answer.status == 303
        return answer.headers["Location"]


@pytest.mark.parametrize(("result", "status"), [("approve", "captured"), ("fail", "declined")])
async def test_the_customer_goes_from_form_to_form_and_back_to_the_shop(
    shop: Client, browser: aiohttp.ClientSession, result: str, status: str
) -> None:
    made, url = await challenged(shop)
    assert url.startswith(f"{shop.base_url()}/actions/")
    ends = urlsplit(await through(browser, url, result))
    assert (ends.netloc, ends.path) == ("shop.example", "/after")
    assert parse_qs(ends.query) == {"order": ["7"], "payment": [made["id"]]}
    done = await shop.post(f"/v1/payments/{made['id']}/confirm", {})
    assert done["status"] == status
    async with browser.get(url) as page:
        assert page.status == 410


async def test_the_bank_s_page_is_no_place_to_go_by_a_link(
    shop: Client, browser: aiohttp.ClientSession
) -> None:
    _, url = await challenged(shop)
    async with browser.get(url) as page:
        to_bank, _ = form_of(await page.text())
    async with browser.get(to_bank) as page:
        assert page.status == 400


async def test_the_address_is_in_no_log(shop: Client, browser: aiohttp.ClientSession, served: Served) -> None:
    """Whoever reads logs could else be the customer."""
    _, url = await challenged(shop)
    await through(browser, url, "approve")
    token = url.rpartition("/")[2]
    told = served.log.read_text() + served.told.read_text()
    assert "/actions/{token}" in told
    assert token not in told
