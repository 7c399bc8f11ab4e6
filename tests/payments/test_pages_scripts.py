"""Pages that load a processor's own script: what they let in, what they say, and what comes back of them.

The scripts themselves are not here: what a page calls, and what it does with the answer, is read in the page.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Final

import pytest
from tests.connectors.cases import CASES
from tests.connectors.conformance import a_charge, drive
from tests.payments.house import House
from tests.payments.visiting import read, visit, waiting

from recoup.connectors.base import Token
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Script, ScriptKind
from recoup.payments.core import Status

EVIL: Final = '</script><script>alert("x")</script>\u2028&amp;\'"'


def asked_by(connector: str, **billing: str) -> ActionRequired:
    """What a connector asks of the page, for a saved card."""
    case = CASES[connector]
    credentials = {**case.account.credentials, "three_d_secure": Secret("always")}
    charge = a_charge(source=Token(Secret("saved-0000")), callback_url="https://pay.example/back")
    charge = replace(charge, billing=replace(charge.billing, **billing))
    replies = SCRIPTED[connector]
    meant = drive(
        case.connector.charge(replace(case.account, credentials=credentials), charge), replies
    ).meant
    assert isinstance(meant, ActionRequired)
    return meant


SCRIPTED: Final = {"square": (), "nmi": ()}
every_script: Final = pytest.mark.parametrize("connector", SCRIPTED)


def given(page: str) -> dict[str, str]:
    """What the script of the page is told."""
    found = re.search(r"var given = (.*), gone = false, slow;", page)
    assert found is not None
    told: dict[str, str] = json.loads(found[1])
    return told


@every_script
async def test_the_page_loads_the_script_and_tells_it_what_the_connector_says(
    house: House, merchant: Merchant, connector: str
) -> None:
    asks = asked_by(connector)
    _, url = await waiting(house, merchant, asks=asks)
    shown = await visit(house, "GET", url)
    form = read(shown.page)
    assert (shown.status, form.action, form.fields, form.scripts) == (200, f"{url}/return", {}, 1)
    assert f'theirs.src = "{asks.url}"' in shown.page
    assert asks.script is not None
    assert given(shown.page) == asks.script.parameters
    assert "<noscript>" in shown.page


@every_script
async def test_the_page_lets_in_that_script_and_what_it_names_alone(
    house: House, merchant: Merchant, connector: str
) -> None:
    asks = asked_by(connector)
    _, url = await waiting(house, merchant, asks=asks)
    shown = await visit(house, "GET", url)
    nonce = re.findall('<script nonce="([^"]+)"', shown.page)[0].replace("&#43;", "+")
    assert asks.script is not None
    theirs = [re.sub(r"(https://[^/]+).*", r"\1", asks.url), *asks.script.origins]
    scripts = shown.policy["script-src"].split()
    assert scripts == [f"'nonce-{nonce}'", *dict.fromkeys(theirs)]
    assert shown.policy["connect-src"].split() == list(dict.fromkeys(theirs))
    assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:"} & {*scripts}
    assert shown.policy["frame-src"] == "https:"
    assert shown.policy["form-action"] == "https: http://test https://shop.example"
    assert {name: shown.policy[name] for name in ("default-src", "base-uri", "frame-ancestors")} == {
        "default-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }


@every_script
async def test_no_secret_of_the_merchant_is_in_the_page(
    house: House, merchant: Merchant, connector: str
) -> None:
    case = CASES[connector]
    _, url = await waiting(house, merchant, asks=asked_by(connector))
    page = (await visit(house, "GET", url)).page
    secret = [each.reveal() for name, each in case.account.credentials.items() if case.is_secret(name)]
    assert secret and not [one for one in secret if one in page]
    assert "kept-" not in page


@every_script
async def test_what_the_script_is_told_stays_text(house: House, merchant: Merchant, connector: str) -> None:
    asks = asked_by(connector, name=f"A {EVIL}", city=EVIL)
    _, url = await waiting(house, merchant, asks=asks)
    page = (await visit(house, "GET", url)).page
    assert read(page).scripts == 1
    assert EVIL not in page
    assert asks.script is not None
    assert given(page) == asks.script.parameters


async def test_an_address_of_a_script_is_text_too_and_ends_no_policy(
    house: House, merchant: Merchant
) -> None:
    script = Script(
        ScriptKind.NMI_PAYER, {"a": "b"}, ("https://a.example; script-src *", "https://*.b.example")
    )
    asks = ActionRequired("r", f'https://c.example";alert(1)//{EVIL}', script=script)
    _, url = await waiting(house, merchant, asks=asks)
    shown = await visit(house, "GET", url)
    assert read(shown.page).scripts == 1
    source = re.search(r"theirs\.src = (.*);", shown.page)
    assert source is not None and json.loads(source[1]) == asks.url
    assert "*" not in shown.policy["script-src"].split()
    assert shown.policy["script-src"].split()[-1] == "https://*.b.example"


@pytest.mark.parametrize(
    "brought", [{"verification_token": "verf:0000"}, {"error": "timeout"}], ids=["a-result", "an-error"]
)
async def test_what_the_page_brings_is_kept_and_handed_over_when_the_merchant_goes_on(
    house: House, merchant: Merchant, brought: dict[str, str]
) -> None:
    payment_id, url = await waiting(house, merchant, asks=asked_by("square"))
    back = await visit(house, "POST", f"{url}/return", brought)
    assert back.status == 303
    assert back.headers["location"].startswith("https://shop.example/after?order=7&payment=pay_")
    assert not [one for one in brought.values() if one in back.headers["location"]]
    assert house.bank.verbs() == ["charge"], "nothing is asked before the merchant confirms"
    done = await house.confirm(merchant, payment_id)
    assert done.payment.status is Status.CAPTURED
    assert house.bank.returned == [brought]
    assert house.bank.completions[0].reference == asked_by("square").reference


@every_script
async def test_asked_once_more_it_is_the_same_step(house: House, merchant: Merchant, connector: str) -> None:
    """A merchant who confirms too early changes nothing that a customer at the page could notice."""
    asks = asked_by(connector)
    payment_id, url = await waiting(house, merchant, asks=asks)
    house.bank.will("complete", asks)
    before = await house.snapshot(merchant, payment_id)
    again = await house.come_back(merchant, payment_id)
    assert again.payment.status is Status.REQUIRES_ACTION
    assert again.attempts[0].action == before.attempts[0].action
    assert (await visit(house, "GET", url)).status == 200
