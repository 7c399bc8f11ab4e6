"""A page that only a form opens, and that closes with one: as some processors' challenges are."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

from tests.sandbox.town import Shop, a_charge, new_key

from recoup.connectors.registry import CONNECTORS
from recoup.outcomes.core import ActionRequired, Approved, Declined

BY_FORM = "4000582600000045"
CALLBACK = "https://pay.example/actions/a-token/return"


async def challenged(shop: Shop, key: str) -> ActionRequired:
    charge = replace(a_charge(BY_FORM, key=key, return_url="https://shop.example/"), callback_url=CALLBACK)
    alpha = CONNECTORS["alpha"]
    timed = await shop.gateway.charge(alpha, shop.account, charge, account_id=shop.merchant_id)
    outcome = timed.outcome
    assert isinstance(outcome, ActionRequired)
    return outcome


async def posted(shop: Shop, url: str, form: dict[str, str]) -> tuple[int, str]:
    async with shop.town.session.post(url, data=form, allow_redirects=False) as response:
        return response.status, await response.text()


async def test_the_form_opens_the_page_and_the_page_posts_another_back(shop: Shop) -> None:
    key = new_key()
    action = await challenged(shop, key)
    assert action.form is not None
    status, page = await posted(shop, action.url, dict(action.form))
    assert (status, "Is this you?" in page) == (200, True)
    status, page = await posted(shop, action.url, {"result": "approve"})
    assert status == 200
    assert unescape(re.findall('action="([^"]*)"', page)[0]) == CALLBACK
    assert 'name="authentication" value="approved"' in page
    assert isinstance(await shop.ask("lookup", key), Approved)


async def test_without_its_form_the_page_stays_shut(shop: Shop) -> None:
    key = new_key()
    action = await challenged(shop, key)
    async with shop.town.session.get(action.url) as response:
        assert response.status == 400
    assert (await posted(shop, action.url, {"challenge": "another"}))[0] == 400
    assert isinstance(await shop.ask("lookup", key), ActionRequired)


async def test_a_failure_is_told_by_the_form_too(shop: Shop) -> None:
    key = new_key()
    action = await challenged(shop, key)
    _, page = await posted(shop, action.url, {"result": "fail"})
    assert 'name="authentication" value="failed"' in page
    assert isinstance(await shop.ask("lookup", key), Declined)


async def test_whoever_asks_again_hears_of_the_form_again(shop: Shop) -> None:
    """An answer that was lost is found, and the customer can still be sent there."""
    key = new_key()
    assert await challenged(shop, key) == await shop.ask("lookup", key)
