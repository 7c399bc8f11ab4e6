"""The page on which a customer authenticates, and what becomes of the charge that waits for it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from tests.connectors.conformance import an_authentication
from tests.sandbox.town import START, Shop, a_charge, body, new_key

from recoup.connectors.base import Completion, Initiator, Verification
from recoup.connectors.registry import CONNECTORS
from recoup.kit.money import Money
from recoup.outcomes.core import ActionRequired, Approved, Declined, Done, Outcome

RETURN_URL = "https://shop.example/after?order=7"
ASKS = "4000002500003155"


async def visit(shop: Shop, url: str, *, result: str | None = None) -> tuple[int, str, str]:
    """Open the page, or press one of its buttons: status, where it leads, content."""
    method = "GET" if result is None else "POST"
    data = None if result is None else {"result": result}
    async with shop.town.session.request(method, url, data=data, allow_redirects=False) as response:
        return response.status, response.headers.get("location", ""), await response.text()


async def asked(shop: Shop, number: str = ASKS, *, key: str | None = None, **given: str) -> str:
    outcome = await shop.charge(number, key=key or new_key(), **given)
    assert isinstance(outcome, ActionRequired)
    return outcome.url


async def test_the_customer_approves(shop: Shop) -> None:
    key = new_key()
    url = await asked(shop, key=key, return_url=RETURN_URL)
    status, _, content = await visit(shop, url)
    assert status == 200
    assert "10.00 USD" in content
    assert isinstance(await shop.ask("lookup", key), ActionRequired)
    assert await shop.counts() == (1, 0, 0)
    status, location, _ = await visit(shop, url, result="approve")
    assert status == 303
    assert location.startswith("https://shop.example/after?")
    assert parse_qs(urlsplit(location).query) == {"order": ["7"], "authentication": ["approved"]}
    found = await shop.ask("lookup", key)
    assert isinstance(found, Approved)
    assert found.network_transaction_id
    assert found.checks.cvc == "pass"
    assert await shop.counts() == (1, 1, 0)


async def test_the_customer_fails(shop: Shop) -> None:
    key = new_key()
    url = await asked(shop, key=key, return_url=RETURN_URL)
    _, location, _ = await visit(shop, url, result="fail")
    assert location.endswith("authentication=failed")
    found = await shop.ask("lookup", key)
    assert isinstance(found, Declined)
    assert (found.decline.code, found.decline.network_code) == ("authentication_failed", "Q1")


async def test_only_the_first_answer_counts(shop: Shop) -> None:
    key = new_key()
    url = await asked(shop, key=key)
    await visit(shop, url, result="fail")
    status, _, content = await visit(shop, url, result="approve")
    assert status == 200
    assert "settled" in content
    assert isinstance(await shop.ask("lookup", key), Declined)
    assert await shop.counts() == (1, 0, 0)


@pytest.mark.parametrize(
    ("number", "code"),
    [("4000008400001629", "generic_decline"), ("4000008260003178", "insufficient_funds")],
)
async def test_some_cards_are_declined_after_all(shop: Shop, number: str, code: str) -> None:
    key = new_key()
    await visit(shop, await asked(shop, number, key=key), result="approve")
    found = await shop.ask("lookup", key)
    assert isinstance(found, Declined)
    assert found.decline.code == code


async def test_a_card_is_set_up_by_an_authenticated_payment(shop: Shop) -> None:
    """Stripe's 3155: afterwards the merchant may charge it without the customer, naming that payment."""

    async def by_merchant(shop: Shop, earlier: str | None = "123456789012345") -> Outcome:
        return await shop.charge(ASKS, initiator=Initiator.MERCHANT, network_transaction_id=earlier)

    assert isinstance(await by_merchant(shop), Declined)
    await visit(shop, await asked(shop), result="fail")
    assert isinstance(await by_merchant(shop), Declined)
    await visit(shop, await asked(shop), result="approve")
    assert isinstance(await by_merchant(shop), Approved)
    assert isinstance(await by_merchant(shop, None), Declined), "somebody else's card of the same number"
    assert isinstance(await shop.charge(ASKS), ActionRequired), "the customer is always asked"
    other = await shop.town.shop()
    assert isinstance(await by_merchant(other), Declined), "another world's card"


async def test_a_person_authenticates_and_pays(shop: Shop) -> None:
    people = await shop.holders(100, balance_min=50_000, country="DE")
    asking = next(holder for holder in people if holder.who.authenticates and not holder.who.looked_at)
    key = new_key()
    outcome = await shop.charge(asking, key=key, currency="EUR", processor="charlie")
    assert isinstance(outcome, ActionRequired)
    assert (await shop.again(asking)).balance == asking.balance
    await visit(shop, outcome.url, result="approve")
    assert isinstance(await shop.ask("lookup", key, processor="charlie"), Approved)
    assert (await shop.again(asking)).balance == asking.balance - 1000
    renewal = await shop.charge(asking, currency="EUR", processor="charlie", initiator=Initiator.MERCHANT)
    assert isinstance(renewal, Approved)


async def test_a_charge_that_waits_can_be_called_off(shop: Shop) -> None:
    key = new_key()
    url = await asked(shop, key=key)
    assert isinstance(await shop.change("cancel", key), Done)
    assert isinstance(await shop.ask("lookup", key), Declined)
    await visit(shop, url, result="approve")
    assert isinstance(await shop.ask("lookup", key), Declined)
    assert await shop.counts() == (1, 0, 0)


async def test_withdrawing_ends_what_waits(shop: Shop) -> None:
    key = new_key()
    url = await asked(shop, key=key)
    assert isinstance(await shop.ask("withdraw", key), Declined)
    await visit(shop, url, result="approve")
    assert isinstance(await shop.ask("withdraw", key), Declined)
    assert await shop.counts() == (1, 0, 0)


async def test_withdrawing_after_the_customer_came_back_tells_that_it_was_paid(shop: Shop) -> None:
    key = new_key()
    url = await asked(shop, key=key)
    await visit(shop, url, result="approve")
    assert isinstance(await shop.ask("withdraw", key), Approved)


@pytest.mark.parametrize(
    "return_url", ["javascript:alert(1)", "https://x\r\nSet-Cookie: a=b", "ftp://x", "//x"]
)
async def test_nobody_is_sent_where_no_page_is(shop: Shop, return_url: str) -> None:
    url = await asked(shop, return_url=return_url)
    status, location, _ = await visit(shop, url, result="approve")
    assert (status, location) == (200, "")


async def test_what_opens_nothing(shop: Shop) -> None:
    url = await asked(shop)
    for wrong in (url[:-1], f"{url}0", url.replace("alpha", "bravo"), f"{url.rpartition('/')[0]}/x"):
        for result in (None, "approve"):
            assert (await visit(shop, wrong, result=result))[0] == 404
    assert (await visit(shop, url))[0] == 200


async def test_an_answer_that_is_none_is_told_what_one_is(shop: Shop) -> None:
    key = new_key()
    url = await asked(shop, key=key)
    for result in ("", "yes"):
        status, _, content = await visit(shop, url, result=result)
        assert (status, "result=approve" in content) == (400, True)
    assert isinstance(await shop.ask("lookup", key), ActionRequired), "it still waits"


async def test_the_page_is_json_for_programs(shop: Shop) -> None:
    key = new_key()
    url = await asked(shop, key=key)
    async with shop.town.session.post(url, json={"result": "approve"}) as response:
        assert response.status == 200
    assert isinstance(await shop.ask("lookup", key), Approved)


@pytest.mark.parametrize(("eci", "status"), [("05", "Y"), ("06", "A")])
async def test_a_customer_who_authenticated_elsewhere_is_not_asked_again(
    shop: Shop, eci: str, status: str
) -> None:
    known = an_authentication(eci=eci, status=status)
    assert isinstance(await shop.charge(ASKS, return_url=RETURN_URL, authentication=known), Approved)
    assert await shop.counts() == (1, 1, 0)


async def test_the_same_request_again_gives_the_same_answer(shop: Shop) -> None:
    key = new_key()
    first = await shop.charge(ASKS, key=key, authentication=an_authentication())
    assert await shop.charge(ASKS, key=key, authentication=an_authentication()) == first
    assert await shop.counts() == (1, 1, 0)


async def test_a_proof_that_is_none_is_refused_at_the_door(shop: Shop) -> None:
    asked = body(ASKS, authentication={"version": "2.2.0", "status": "Y", "eci": "05", "cryptogram": "no"})
    assert (await shop.http("POST", "/alpha/charges", asked, key=new_key())).status == 400


@pytest.mark.parametrize(("result", "type_"), [("approve", Approved), ("fail", Declined)])
async def test_a_verification_waits_for_its_customer(shop: Shop, result: str, type_: type) -> None:
    key = new_key()
    asked_for = Verification(
        key, "USD", a_charge(ASKS).source, START.date(), remember=True, return_url=RETURN_URL
    )
    alpha = CONNECTORS["alpha"]
    timed = await shop.gateway.verify(alpha, shop.account, asked_for, account_id=shop.merchant_id)
    waits = timed.outcome
    assert isinstance(waits, ActionRequired)
    back = Completion(key, waits.reference, Money(0, "USD"), capture=False, brand="visa", today=START.date())
    early = await shop.gateway.complete(alpha, shop.account, back, account_id=shop.merchant_id)
    assert early.outcome == waits
    _, _, content = await visit(shop, waits.url)
    assert "0.00 USD" in content
    await visit(shop, waits.url, result=result)
    done = (await shop.gateway.complete(alpha, shop.account, back, account_id=shop.merchant_id)).outcome
    assert isinstance(done, type_)
    if isinstance(done, Approved):
        assert done.token
        assert done.network_transaction_id
        assert not done.captured


async def test_without_a_way_back_a_verification_is_declined(shop: Shop) -> None:
    asked_for = Verification(new_key(), "USD", a_charge(ASKS).source, START.date())
    timed = await shop.gateway.verify(
        CONNECTORS["alpha"], shop.account, asked_for, account_id=shop.merchant_id
    )
    assert isinstance(timed.outcome, Declined)
    assert timed.outcome.decline.code == "authentication_required"
