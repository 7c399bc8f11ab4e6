"""Pages of ours and whoever means ill: tokens that are not ours, too much of everything, addresses that lead away."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.payments.house import House
from tests.payments.visiting import read, visit, waiting

from recoup.http.visits import Visit
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.payments.api.pages import BODY_BYTES_MAX
from recoup.payments.flow.hosting import TOKEN_LENGTH, Addresses
from recoup.payments.wire import RETURNED_LENGTH_MAX, RETURNED_MAX


def tampered(url: str) -> list[str]:
    """The address with each part of its token changed, and some that are none."""
    before, _, token = url.rpartition("/")
    raw = bytearray(urlsafe_b64decode(token + "=="))
    found = []
    for place in (0, 15, 16, 31, 32, 63):
        changed = bytearray(raw)
        changed[place] ^= 1
        found.append(urlsafe_b64encode(bytes(changed)).decode().rstrip("="))
    return [f"{before}/{one}" for one in (*found, token[:-1], token + "A", "A" * TOKEN_LENGTH, "ü" * 86, "x")]


async def test_a_token_that_is_not_ours_opens_nothing(house: House, merchant: Merchant) -> None:
    payment_id, url = await waiting(house, merchant)
    for wrong in tampered(url):
        for method, address in (("GET", wrong), ("GET", f"{wrong}/return"), ("POST", f"{wrong}/return")):
            shown = await visit(house, method, address, {"a": "1"} if method == "POST" else None)
            assert (shown.status, read(shown.page).action) == (404, "")
            assert "location" not in shown.headers
    assert (await house.snapshot(merchant, payment_id)).attempts[0].returned is None


async def test_a_token_of_another_key_or_another_attempt_is_not_ours(
    house: House, merchant: Merchant
) -> None:
    """Who can read merchants and attempts in their ids still cannot make one."""
    await waiting(house, merchant)
    snapshots = await house.payments_of(merchant)
    attempt = snapshots[0].attempts[0]
    forged = Addresses(Secret("another key"), lambda: "http://test").page(merchant.id, attempt.id)
    assert (await visit(house, "GET", forged)).status == 404
    nobodys = house.addresses.page(merchant.id, house.new_id())
    assert (await visit(house, "GET", nobodys)).status == 404
    stranger = await house.merchant()
    assert (await visit(house, "GET", house.addresses.page(stranger.id, attempt.id))).status == 404


async def test_a_page_takes_only_its_methods(house: House, merchant: Merchant) -> None:
    _, url = await waiting(house, merchant)
    for method, address in (("POST", url), ("DELETE", url), ("PUT", f"{url}/return")):
        assert (await visit(house, method, address)).status == 405


async def test_what_comes_back_is_bounded(house: House, merchant: Merchant) -> None:
    payment_id, url = await waiting(house, merchant)
    too_large = b"a=" + b"x" * BODY_BYTES_MAX
    too_long = {"a": "x" * RETURNED_LENGTH_MAX}
    too_many = {str(number): "" for number in range(RETURNED_MAX + 1)}
    for form in (too_large, too_long, too_many):
        assert (await visit(house, "POST", f"{url}/return", form)).status == 413
    assert (await visit(house, "GET", f"{url}/return?{urlencode(too_many)}")).status == 413
    assert (await house.snapshot(merchant, payment_id)).attempts[0].returned is None


@pytest.mark.parametrize(
    ("body", "kind", "kept"),
    [
        (b"a=%00&b=%ff", "application/x-www-form-urlencoded", {"a": "\ufffd", "b": "\ufffd"}),
        (b"a=1&a=2", "application/x-www-form-urlencoded; charset=utf-8", {"a": "2"}),
        (b'{"a": "1"}', "application/json", {}),
        (b"\x00\xff", "multipart/form-data; boundary=x", {}),
        (b"", "", {}),
    ],
)
async def test_whatever_a_bank_posts_is_taken_or_left(
    house: House, merchant: Merchant, body: bytes, kind: str, kept: dict[str, str]
) -> None:
    payment_id, url = await waiting(house, merchant)
    shown = await visit(house, "POST", f"{url}/return", body, **{"content-type": kind})
    assert shown.status == 303
    returned = (await house.snapshot(merchant, payment_id)).attempts[0].returned
    assert returned is not None
    assert returned.parameters == kept


@pytest.mark.parametrize(
    "shop",
    ["https://shop.example/a\r\nset-cookie: x=1", "https://shop.example/ä?ö=ü", "http://shop.example:8080"],
)
async def test_no_address_ends_a_header_or_leads_elsewhere(
    house: House, merchant: Merchant, shop: str
) -> None:
    _, url = await waiting(house, merchant, shop=shop)
    shown = await visit(house, "POST", f"{url}/return?return_url=https://evil.example&next=//evil.example")
    location = shown.headers["location"]
    assert location.isascii() and location.isprintable() and "set-cookie: " not in location
    assert urlsplit(location).netloc == urlsplit(shop).netloc


@given(
    pairs=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=8),
    body=st.binary(max_size=200),
)
def test_reading_a_form_never_raises_and_never_says_more_than_there_is(
    pairs: list[tuple[str, str]], body: bytes
) -> None:
    kind = {b"content-type": b"application/x-www-form-urlencoded"}
    form = urlencode(pairs, errors="surrogatepass").encode()
    assert Visit({}, headers=kind, body=form).parameters(at_most=8) == dict(pairs)
    found = Visit({}, query=body, headers=kind, body=body).parameters(at_most=3)
    assert found is None or len(found) <= 3


@given(merchant=st.uuids(), attempt=st.uuids())
def test_a_token_names_what_it_was_made_for(merchant: UUID, attempt: UUID) -> None:
    addresses = Addresses(Secret("key"), lambda: "https://pay.example")
    token = addresses.page(merchant, attempt).rpartition("/")[2]
    assert len(token) == TOKEN_LENGTH
    assert addresses.named_by(token) == (merchant, attempt)
    assert Addresses(Secret("other"), lambda: "").named_by(token) is None


@pytest.mark.parametrize("url", ["https://[shop", "http://[::g]/after", "https://shop]/"])
async def test_an_address_that_is_none_is_refused_before_anybody_is_charged(
    house: House, merchant: Merchant, url: str
) -> None:
    """Else the page that sends the customer to their bank would break, with the payment waiting behind it."""
    key = await house.key_of(merchant)
    body = {"amount": 1000, "currency": "USD", "return_url": url}
    refused = await house.call("POST", "/v1/payments", body, key=key)
    assert (refused.status, refused.json["error"]["param"]) == (400, "return_url")
    assert house.bank.asked == []
