"""Pages of ours between the shop and the bank: what they show, to whom, for how long, and what comes back."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from tests.payments.bank import Lost, no_funds
from tests.payments.house import House
from tests.payments.visiting import ASKS, BANK, FORM, KEPT, LOOKS, read, visit, waiting

from recoup.connectors.base import Card
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved, Pending, Unprocessed
from recoup.payments.core import Status


async def test_the_page_posts_the_form_to_the_bank_and_nothing_else(house: House, merchant: Merchant) -> None:
    _, url = await waiting(house, merchant)
    shown = await visit(house, "GET", url)
    form = read(shown.page)
    assert (shown.status, form.action, form.fields) == (200, BANK, FORM)
    assert form.scripts == 1, "what the processor gave is text, whatever it looks like"
    assert 'method="post"' in shown.page
    assert "kept-1" not in shown.page


async def test_the_page_is_shut_to_everybody_else(house: House, merchant: Merchant) -> None:
    _, url = await waiting(house, merchant)
    shown = await visit(house, "GET", url)
    nonce = re.findall('<script nonce="([^"]+)"', shown.page)[0]
    assert shown.policy == {
        "default-src": "'none'",
        "script-src": f"'nonce-{unescape(nonce)}'",
        "style-src": f"'nonce-{unescape(nonce)}'",
        "form-action": "https://bank.example:8443 http://test https://shop.example",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert shown.headers["x-frame-options"] == "DENY"
    assert shown.headers["cache-control"] == "no-store"
    again = await visit(house, "GET", url)
    assert again.policy["script-src"] != shown.policy["script-src"], "a nonce is used once"


async def test_a_look_at_the_browser_is_taken_in_a_frame_of_that_origin(
    house: House, merchant: Merchant
) -> None:
    _, url = await waiting(house, merchant, asks=LOOKS)
    shown = await visit(house, "GET", url)
    assert shown.policy["frame-src"] == "https://bank.example:8443"
    assert 'var origin = "https://bank.example:8443"' in shown.page
    assert read(shown.page).action == BANK
    assert f'action="{url}/return"' in shown.page


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_comes_back_is_kept_and_the_customer_goes_on_to_the_shop(
    house: House, merchant: Merchant, method: str
) -> None:
    """Nothing is asked and nothing decided before the merchant confirms."""
    payment_id, url = await waiting(house, merchant)
    back, form = f"{url}/return", {"TransactionId": "t-1", "MD": ""}
    if method == "POST":
        shown = await visit(house, "POST", back, form)
    else:
        shown = await visit(house, "GET", f"{back}?{urlencode(form)}")
    assert (shown.status, shown.page) == (303, "")
    to = urlsplit(shown.headers["location"])
    assert (to.scheme, to.netloc, to.path, to.fragment) == ("https", "shop.example", "/after", "top")
    assert parse_qs(to.query) == {"order": ["7"], "payment": [render(Kind.PAYMENT, payment_id)]}
    assert house.bank.verbs() == ["charge"]
    waits = await house.snapshot(merchant, payment_id)
    assert waits.payment.status is Status.REQUIRES_ACTION
    done = await house.confirm(merchant, payment_id)
    assert done.payment.status is Status.CAPTURED
    assert house.bank.returned == [form]
    assert (done.attempts[0].action, done.attempts[0].returned) == (None, None)
    kept = await house.snapshot(merchant, payment_id)
    assert (kept.attempts[0].action, kept.attempts[0].returned) == (None, None), "neither outlives its use"


async def test_what_the_merchant_passes_comes_on_top(house: House, merchant: Merchant) -> None:
    payment_id, url = await waiting(house, merchant)
    await visit(house, "POST", f"{url}/return", {"one": "1", "two": "2"})
    await house.come_back(merchant, payment_id, two="3", four="4")
    assert house.bank.returned == [{"one": "1", "two": "3", "four": "4"}]


async def test_before_the_customer_came_back_the_processor_is_only_asked(
    house: House, merchant: Merchant
) -> None:
    payment_id, _ = await waiting(house, merchant)
    assert (await house.confirm(merchant, payment_id)).payment.status is Status.REQUIRES_ACTION
    assert house.bank.verbs() == ["charge", "lookup"]


async def test_coming_back_without_having_seen_the_page_is_coming_back(
    house: House, merchant: Merchant
) -> None:
    """A bank may post before we know that the page was opened; it is the bank's word, not ours, that counts."""
    payment_id, url = await waiting(house, merchant)
    assert (await visit(house, "POST", f"{url}/return", {"a": "b"})).status == 303
    assert (await house.confirm(merchant, payment_id)).payment.status is Status.CAPTURED


async def test_a_second_return_changes_nothing_once_the_payment_went_on(
    house: House, merchant: Merchant
) -> None:
    payment_id, url = await waiting(house, merchant)
    await visit(house, "POST", f"{url}/return", {"a": "1"})
    await house.confirm(merchant, payment_id)
    before = await house.snapshot(merchant, payment_id)
    again = await visit(house, "POST", f"{url}/return", {"a": "2"})
    assert again.status == 303
    assert again.headers["location"].startswith("https://shop.example/after?")
    assert await house.snapshot(merchant, payment_id) == before
    over = await visit(house, "GET", url)
    assert (over.status, read(over.page).action) == (410, "")
    assert "https://shop.example/after?order=7&amp;payment=pay_" in over.page


async def test_where_nothing_left_what_came_back_is_there_for_the_next_try(
    house: House, merchant: Merchant
) -> None:
    payment_id, url = await waiting(house, merchant)
    await visit(house, "POST", f"{url}/return", {"a": "1"})
    house.bank.will("complete", Unprocessed("not sent: no connection"))
    assert (await house.confirm(merchant, payment_id)).payment.status is Status.REQUIRES_ACTION
    assert (await visit(house, "GET", url)).status == 200
    assert (await house.confirm(merchant, payment_id)).payment.status is Status.CAPTURED
    assert house.bank.returned == [{"a": "1"}, {"a": "1"}]


async def test_a_second_step_knows_nothing_of_what_came_back_from_the_first(
    house: House, merchant: Merchant
) -> None:
    payment_id, url = await waiting(house, merchant, asks=LOOKS)
    await visit(house, "POST", f"{url}/return", {"SessionId": "s-1"})
    house.bank.will("complete", ASKS)
    second = await house.confirm(merchant, payment_id)
    assert second.payment.status is Status.REQUIRES_ACTION
    assert second.attempts[0].brought_back is None
    assert read((await visit(house, "GET", url)).page).fields == FORM
    assert (await house.confirm(merchant, payment_id)).payment.status is Status.REQUIRES_ACTION
    assert house.bank.verbs()[-1] == "lookup", "nobody came back from the second step"
    await visit(house, "POST", f"{url}/return", {"cres": "c-1"})
    assert (await house.confirm(merchant, payment_id)).payment.status is Status.CAPTURED
    assert house.bank.returned == [{"SessionId": "s-1"}, {"cres": "c-1"}]


async def test_a_lost_answer_is_settled_as_any_other(house: House, merchant: Merchant) -> None:
    payment_id, url = await waiting(house, merchant)
    await visit(house, "POST", f"{url}/return", {"a": "1"})
    house.bank.will("complete", Lost(Approved("ch-1", captured=True)))
    assert (await house.confirm(merchant, payment_id)).payment.status is Status.UNRESOLVED
    assert (await visit(house, "GET", url)).status == 410, "there is nothing to do on the page"
    await house.wait(seconds=2)
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.CAPTURED


async def test_after_a_decline_another_method_may_be_tried_and_the_old_page_is_over(
    house: House, merchant: Merchant
) -> None:
    payment_id, url = await waiting(house, merchant)
    await visit(house, "POST", f"{url}/return")
    house.bank.will("complete", no_funds())
    assert (await house.confirm(merchant, payment_id)).payment.status is Status.DECLINED
    house.bank.will("charge", ASKS)
    again = await house.confirm(merchant, payment_id, await house.means(merchant, "5555555555554444"))
    assert again.payment.status is Status.REQUIRES_ACTION
    assert (await visit(house, "GET", url)).status == 410
    attempt = again.attempts[-1]
    other = house.addresses.page(merchant.id, attempt.id)
    assert (await visit(house, "GET", other)).status == 200


async def test_without_a_shop_to_go_back_to_the_customer_is_told(house: House, merchant: Merchant) -> None:
    _, url = await waiting(house, merchant, shop=None)
    shown = await visit(house, "POST", f"{url}/return")
    assert (shown.status, "location" in shown.headers) == (200, False)
    assert "<a " not in shown.page


async def test_a_public_address_is_what_customers_are_sent_to(house: House, merchant: Merchant) -> None:
    settings = type(house.settings)(public_url="https://pay.example.com/recoup")
    elsewhere = house.another_process(settings=settings)
    elsewhere.edge(base_url="http://10.0.0.1:8080")
    assert elsewhere.addresses.page(merchant.id, merchant.id).startswith(
        "https://pay.example.com/recoup/actions/"
    )


async def test_nothing_of_the_page_is_shown_where_payments_are(house: House, merchant: Merchant) -> None:
    """The form opens the challenge, and what is kept is ours: events and answers hold neither."""
    payment_id, url = await waiting(house, merchant)
    await visit(house, "POST", f"{url}/return", {"cres": "secret-of-the-bank"})
    key = await house.key_of(merchant)
    path = f"/v1/payments/{render(Kind.PAYMENT, payment_id)}"
    shown = [
        (await house.call("GET", address, key=key)).raw.decode()
        for address in (path, f"{path}/timeline", "/v1/events?limit=100", "/v1/payments")
    ]
    snapshot = await house.snapshot(merchant, payment_id)
    for secret in ("e30.e30.form", "kept-1", "secret-of-the-bank"):
        assert not [one for one in (*shown, repr(snapshot)) if secret in one]


async def test_a_payment_that_goes_on_only_with_us_is_canceled_by_leaving_it_alone(house: House) -> None:
    """Such a processor takes nothing back, and has nothing to take back."""
    merchant = await house.merchant("east")
    payment_id, url = await waiting(house, merchant)
    canceled = await house.cancel(merchant, payment_id)
    assert canceled.payment.status is Status.CANCELED
    assert house.bank.verbs() == ["charge"]
    assert (await visit(house, "GET", url)).status == 410
    assert (await visit(house, "POST", f"{url}/return", {"a": "1"})).status == 303
    with pytest.raises(Refusal):
        await house.come_back(merchant, payment_id)


async def test_what_a_processor_shows_of_a_payment_that_waits_for_us_is_not_its_end(house: House) -> None:
    """It takes nothing without us, so it is not asked; read as pending, the challenge could not be met any more."""
    merchant = await house.merchant("east")
    payment_id, url = await waiting(house, merchant)
    house.bank.will("lookup", Pending("ref-1"))
    await house.wait(seconds=2)
    assert await house.work() == 1
    assert (await visit(house, "GET", url)).status == 200
    await visit(house, "POST", f"{url}/return")
    assert (await house.confirm(merchant, payment_id)).payment.status is Status.CAPTURED
    assert house.bank.verbs() == ["charge", "complete"]


async def test_a_processor_that_wants_the_card_again_gets_it_without_its_code(house: House) -> None:
    merchant = await house.merchant("south")
    payment_id, url = await waiting(house, merchant)
    await visit(house, "POST", f"{url}/return")
    await house.confirm(merchant, payment_id)
    (completion,) = house.bank.completions
    assert completion.kept == KEPT
    assert completion.charge is not None
    assert completion.charge.key == completion.key
    source = completion.charge.source
    assert isinstance(source, Card)
    assert (source.number.reveal(), source.cvc) == ("4242424242424242", None)


async def test_where_the_card_has_gone_the_payment_waits_and_nothing_is_asked(house: House) -> None:
    merchant = await house.merchant("south")
    payment_id, url = await waiting(house, merchant)
    await visit(house, "POST", f"{url}/return")
    method = (await house.snapshot(merchant, payment_id)).attempts[0].payment_method_id
    path = f"/v1/payment_methods/{render(Kind.PAYMENT_METHOD, method)}/detach"
    assert (await house.call("POST", path, {}, key=await house.key_of(merchant))).status == 200
    with pytest.raises(Refusal):
        await house.confirm(merchant, payment_id)
    assert house.bank.verbs() == ["charge"]
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.REQUIRES_ACTION
