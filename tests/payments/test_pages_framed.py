"""A challenge in a frame of our page: what the page posts where, what it lets in, and that it works without scripts."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from dataclasses import replace
from typing import Final

import pytest
from tests.connectors.cases.braintree import ACCOUNT
from tests.connectors.conformance import a_charge, drive
from tests.connectors.recorded import recorded
from tests.payments.house import House
from tests.payments.visiting import SHOP, read, visit, waiting

from recoup.connectors.base import Browser, Token
from recoup.connectors.braintree import BRAINTREE
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Script, ScriptKind
from recoup.payments.core import Status

EVIL: Final = '</script><script>alert("x")</script>\u2028&amp;\'"'


def challenged() -> ActionRequired:
    """What Braintree asks of the page."""
    saved = Token(Secret(b64encode(b"paymentmethod_cc_0000").decode()))
    browser = Browser("203.0.113.9", "Mozilla/5.0", "text/html")
    charge = a_charge(source=saved, browser=browser, callback_url="https://pay.example/back")
    replies = next(one.replies for one in recorded("braintree") if one.name == "charge_challenge")
    meant = drive(BRAINTREE.charge(ACCOUNT, charge), replies[1:]).meant
    assert isinstance(meant, ActionRequired)
    return meant


async def test_the_page_posts_the_challenge_into_its_frame(house: House, merchant: Merchant) -> None:
    asks = challenged()
    _, url = await waiting(house, merchant, asks=asks)
    shown = await visit(house, "GET", url)
    form = read(shown.page)
    assert (shown.status, form.action, form.fields, form.scripts) == (200, asks.url, asks.form, 1)
    assert '<form id="challenge" method="post"' in shown.page
    assert 'target="bank"' in shown.page
    assert re.search('<iframe [^>]*name="bank"', shown.page)
    assert f'<form id="back" method="post" action="{url}/return"><button type="submit">' in shown.page
    assert "sandbox=" not in shown.page


async def test_without_scripts_two_buttons_do_it(house: House, merchant: Merchant) -> None:
    _, url = await waiting(house, merchant, asks=challenged())
    page = (await visit(house, "GET", url)).page
    challenge, back = re.findall(r"<form.*?</form>", page, re.DOTALL)
    assert re.search(r"<noscript>.*<button", challenge)
    assert "<button" in back and "<noscript>" not in back


async def test_the_page_loads_nothing_and_frames_what_a_bank_may_be(house: House, merchant: Merchant) -> None:
    _, url = await waiting(house, merchant, asks=challenged())
    shown = await visit(house, "GET", url)
    nonce = re.findall('<script nonce="([^"]+)"', shown.page)[0].replace("&#43;", "+")
    assert shown.policy == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "script-src": f"'nonce-{nonce}'",
        "style-src": f"'nonce-{nonce}'",
        "form-action": "https: http://test https://shop.example",
        "frame-src": "https:",
    }
    assert "src=" not in shown.page
    assert shown.headers["content-security-policy-report-only"] == "frame-src 'none'"


async def test_the_page_knows_where_the_answer_goes_and_what_it_is_told_stays_text(
    house: House, merchant: Merchant
) -> None:
    asks = challenged()
    assert asks.script is not None
    assert asks.script.parameters == {"ends_at": "https://api.sandbox.braintreegateway.com:443"}
    evil = replace(
        asks, form={"MD": EVIL}, script=Script(ScriptKind.FRAMED_CHALLENGE, {"ends_at": f"https://{EVIL}"})
    )
    for each in (asks, evil):
        _, url = await waiting(house, merchant, asks=each)
        page = (await visit(house, "GET", url)).page
        told = re.search(r"var endsAt = (.*), ended = false", page)
        assert told is not None and each.script is not None
        assert json.loads(told[1]) == each.script.parameters["ends_at"]
        assert read(page).scripts == 1
        assert EVIL not in page
        assert read(page).fields == each.form


async def test_no_other_page_watches_its_frames(house: House, merchant: Merchant) -> None:
    _, url = await waiting(house, merchant)
    assert "content-security-policy-report-only" not in (await visit(house, "GET", url)).headers


async def test_no_secret_of_the_merchant_is_in_the_page(house: House, merchant: Merchant) -> None:
    _, url = await waiting(house, merchant, asks=challenged())
    page = (await visit(house, "GET", url)).page
    assert not [one for one in ("public_key", "private_key") if ACCOUNT.credential(one) in page]


@pytest.mark.parametrize("brought", [{}, {"auth_response": "{}"}], ids=["nothing", "a-word"])
async def test_the_customer_goes_on_to_the_shop_and_the_charge_goes_on_by_what_was_kept(
    house: House, merchant: Merchant, brought: dict[str, str]
) -> None:
    asks = challenged()
    payment_id, url = await waiting(house, merchant, asks=asks)
    back = await visit(house, "POST", f"{url}/return", brought)
    assert (back.status, back.headers["location"].startswith(SHOP.split("#")[0])) == (303, True)
    assert house.bank.verbs() == ["charge"], "nothing is asked before the merchant confirms"
    house.bank.will("complete", asks)
    early = await house.come_back(merchant, payment_id)
    assert early.payment.status is Status.REQUIRES_ACTION
    assert (await visit(house, "GET", url)).status == 200
    done = await house.confirm(merchant, payment_id)
    assert done.payment.status is Status.CAPTURED
    assert [one.kept for one in house.bank.completions] == [asks.kept, asks.kept]
    assert (await visit(house, "GET", url)).status == 410
