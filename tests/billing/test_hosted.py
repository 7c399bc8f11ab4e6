"""The page behind an invoice's link: it says what is owed, takes the money once, and shows a draft to nobody."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from pypdf import PdfReader
from tests.messages.shop import Shop
from tests.payments.bank import Lost, lost_card, no_funds
from tests.payments.visiting import ASKS, Shown, visit
from tests.vault.house import card_json

from recoup.billing.links import LINK_MONTHS
from recoup.db import Database
from recoup.kit.ids import Kind, parse, render
from recoup.merchants.core import Merchant
from recoup.messages.flow.paying import TRIES_MAX
from recoup.payments.core import Reason, Snapshot, Status

NUMBER = "5555 5555 5555 4444"
CARD = {"number": NUMBER, "expiry": "12 / 30", "cvc": "123"}
SELLER = {"name": "Lamp <b>Shop</b> GmbH", "number_prefix": "LAMP-", "tax_id": "DE123456789"}
BILLED_AT = {"name": "Ann Lee", "address": {"line1": "Rua Nova 2", "city": "Lisboa", "country": "PT"}}


@pytest.fixture
async def shop(database: Database) -> AsyncIterator[Shop]:
    """The whole service; when the test is over, its rows are audited."""
    await database.execute("delete from due where slot >= 0")  # what earlier tests left is not our worker's
    shop = Shop(database, None)
    yield shop
    await shop.close()
    await shop.check_rows()


class Visitor:
    """A customer with an invoice, and the merchant's own eyes."""

    def __init__(self, shop: Shop, merchant: Merchant, key: str, invoice: dict[str, Any]) -> None:
        self.shop, self.merchant, self.key = shop, merchant, key
        self.id, self.url = invoice["id"], invoice["hosted_invoice_url"]

    async def looks(self) -> Shown:
        return await visit(self.shop, "GET", self.url)

    async def sends(self, do: str, seen: str | None = None, **fields: str) -> Shown:
        """Fill the form in, and see the page after it."""
        found = re.findall('name="seen" value="([^"]*)"', (await self.looks()).page)
        given = {"do": do, "seen": seen or (found[0] if found else "")} | fields
        answer = await visit(self.shop, "POST", self.url, given)
        assert NUMBER not in answer.page and NUMBER.replace(" ", "") not in answer.page
        if answer.status != 303:
            return answer
        assert answer.headers["location"].startswith("/"), "a form's redirection stays on this host"
        return await visit(self.shop, "GET", f"http://test{answer.headers['location']}")

    async def asks(self, method: str, path: str, body: Any = None) -> Any:
        """The merchant's own request."""
        return await self.shop.call(method, f"/v1/invoices/{self.id}{path}", body, key=self.key)

    async def invoice(self) -> Any:
        return (await self.asks("GET", "")).json

    async def payment(self) -> Snapshot:
        payment_id = parse(Kind.PAYMENT, (await self.invoice())["payment"])
        assert payment_id is not None
        return await self.shop.snapshot(self.merchant, payment_id)


async def made(shop: Shop, path: str, body: Any, *, key: str) -> Any:
    answer = await shop.call("POST", path, body, key=key)
    assert answer.status in (200, 201), answer.json
    return answer.json


async def billed(shop: Shop, *, settings: dict[str, Any] | None = None, stored: bool = False) -> Visitor:
    """An open invoice of 25.00 EUR for somebody who reads English; with a stored card, if asked for, that comes due."""
    merchant = await shop.merchant()
    key = await shop.key_of(merchant)
    await made(shop, "/v1/invoice_settings", {"settings": settings or SELLER}, key=key)
    who = {"name": "Ann Lee", "email": "ann@home.example", "metadata": {"language": "en"}}
    owner = (await made(shop, "/v1/customers", who, key=key))["id"]
    body: dict[str, Any] = {
        "customer": owner,
        "currency": "EUR",
        "items": [
            {"description": "Lamp", "amount": 3000, "quantity": 3},
            {"description": "Back", "amount": -500},
        ],
    }
    if stored:
        data = card_json() | {"billing_details": BILLED_AT, "customer": owner}
        body["payment_method"] = (await made(shop, "/v1/payment_methods", data, key=key))["id"]
    draft = await made(shop, "/v1/invoices", body, key=key)
    assert draft["hosted_invoice_url"] is None and draft["invoice_pdf"] is None, "a draft is nobody's to see"
    invoice = await made(shop, f"/v1/invoices/{draft['id']}/finalize", None, key=key)
    return Visitor(shop, merchant, key, invoice)


async def pdf_of(visitor: Visitor) -> str:
    path = urlsplit((await visitor.invoice())["invoice_pdf"]).path
    answer = await visitor.shop.call("GET", path, key=visitor.key)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/pdf")
    assert answer.headers["content-disposition"] == 'inline; filename="invoice-LAMP-1.pdf"'
    assert answer.headers["cache-control"] == "no-store" and "referrer-policy" in answer.headers
    return "".join(page.extract_text() for page in PdfReader(BytesIO(answer.raw)).pages)


async def test_page_and_pdf_say_the_same_and_the_page_loads_and_runs_nothing(shop: Shop) -> None:
    visitor = await billed(shop, stored=True)
    shown = await visitor.looks()
    for said in ("25.00 EUR", "LAMP-1", "DE123456789", "Ann Lee", "Rua Nova 2", "-5.00 EUR"):
        assert said in shown.page, said
    assert "Lamp &lt;b&gt;Shop" in shown.page and "<b>" not in shown.page and "<script" not in shown.page
    nonce = shown.policy["style-src"].removeprefix("'nonce-").removesuffix("'")
    assert shown.policy == {
        "default-src": "'none'",
        "style-src": f"'nonce-{nonce}'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert shown.headers["referrer-policy"] == "no-referrer" and shown.headers["cache-control"] == "no-store"
    assert not re.findall(r'(?:src|style)="', shown.page)
    text = await pdf_of(visitor)
    for said in ("25.00 EUR", "30.00 EUR", "-5.00 EUR", "LAMP-1", "Lamp <b>Shop</b> GmbH", "Rua Nova 2"):
        assert said in text, said
    before = await visitor.invoice()
    await visit(shop, "GET", f"{visitor.url}/return")
    assert await visitor.invoice() == before and shop.bank.verbs() == [], "a look changes nothing"


async def test_what_was_said_later_of_the_merchant_is_not_on_what_was_opened_before(shop: Shop) -> None:
    visitor = await billed(shop)
    await shop.wait(days=1)
    said = {"settings": SELLER | {"name": "New Name Ltd", "number_prefix": "NEW-"}}
    await made(shop, "/v1/invoice_settings", said, key=visitor.key)
    again = await shop.call("GET", "/v1/invoice_settings", key=visitor.key)
    assert again.json["settings"]["name"] == "New Name Ltd"
    page = (await visitor.looks()).page
    assert "LAMP-1" in page and "New Name" not in page
    wrong = await shop.call("POST", "/v1/invoice_settings", {"settings": {"language": "xx"}}, key=visitor.key)
    assert (wrong.status, wrong.error["code"]) == (400, "invalid_invoice_settings")


async def test_a_link_opens_its_own_invoice_and_not_for_ever(shop: Shop) -> None:
    visitor, other = await billed(shop), await billed(shop)
    token, theirs = (one.url.rpartition("/")[2] for one in (visitor, other))
    for wrong in ("x", token[:-1], token[:40] + theirs[40:], token.swapcase(), "é" * 95):
        answer = await visit(shop, "GET", f"http://test/invoices/{wrong}")
        assert answer.status == 404 and "LAMP" not in answer.page
    assert (await visit(shop, "GET", f"http://test/pay/{token}")).status == 404
    assert (await visit(shop, "POST", f"http://test/invoices/{token[:-1]}", CARD)).status == 404
    await shop.wait(days=28 * LINK_MONTHS)
    assert (await visitor.looks()).status == 200
    fresh = (await visitor.invoice())["hosted_invoice_url"]
    await shop.wait(days=33)
    assert (await visitor.looks()).status == 404
    assert (await visit(shop, "GET", fresh)).status == 200, "whoever reads the invoice anew has a new link"


async def test_another_card_pays_it_and_everybody_sees_that(shop: Shop) -> None:
    visitor = await billed(shop)
    assert 'value="same"' not in (await visitor.looks()).page, "there is no card on file"
    assert (await visitor.sends("same")).status == 200 and shop.bank.verbs() == []
    wrong = await visitor.sends("pay", **(CARD | {"number": "4242 4242 4242 4241"}))
    assert wrong.status == 400 and "check the card number" in wrong.page and shop.bank.verbs() == []
    assert "Paid on" in (await visitor.sends("pay", **CARD)).page
    invoice, payment = await visitor.invoice(), await visitor.payment()
    assert (invoice["status"], len(payment.attempts)) == ("paid", 1)
    (charged,) = shop.bank.charges.values()
    assert charged.initiator == "customer" and (charged.return_url or "").startswith("http://test/invoices/")
    assert payment.payment.payment_method_id is not None
    method = await shop.methods.get(visitor.merchant.id, payment.payment.payment_method_id)
    assert method.last4 == "4444" and method.customer_id == payment.payment.customer_id
    again = await visitor.sends("pay", seen="0.0", **CARD)
    assert "Paid on" in again.page and "<form" not in again.page and len(shop.bank.charges) == 1


async def test_a_form_that_is_posted_by_many_at_once_pays_once(shop: Shop) -> None:
    """With the worker's own charge and the merchant's beside it: one payment, one approval."""
    visitor = await billed(shop, stored=True)
    await asyncio.gather(
        *(visitor.sends("pay", **CARD) for _ in range(2)),
        visitor.sends("same"),
        shop.work(),
        visitor.asks("POST", "/pay", {}),
    )
    await shop.work()
    assert (await visitor.invoice())["status"] == "paid"
    approved = [one for one in (await visitor.payment()).attempts if one.state == "approved"]
    assert len(approved) == 1 and shop.bank.double_charges() == 0
    assert len(await shop.payments_of(visitor.merchant)) == 1


async def test_while_nobody_knows_whether_it_is_paid_nothing_is_taken(shop: Shop) -> None:
    visitor = await billed(shop, stored=True)
    shop.bank.will("charge", Lost())
    shown = await visitor.sends("same")
    assert "being processed" in shown.page and "<input" not in shown.page
    tries = len((await visitor.payment()).attempts)
    await visitor.sends("pay", seen=f"0.{tries}", **CARD)
    refused = await visitor.asks("POST", "/pay", {})
    assert refused.error["code"] == "invoice_payment_under_way"
    assert len((await visitor.payment()).attempts) == tries


async def test_a_refused_card_is_told_and_cards_are_not_tried_without_end(shop: Shop) -> None:
    visitor = await billed(shop, stored=True)
    shop.bank.will("charge", lost_card())
    shown = await visitor.sends("same")
    assert "It was not paid." in shown.page
    assert 'value="same"' not in shown.page, "that card is hopeless"
    for _ in range(TRIES_MAX - 1):
        shop.bank.will("charge", no_funds())
        await visitor.sends("pay", **CARD)
    shown = await visitor.sends("pay", **CARD)
    assert "tried too often" in shown.page and len(shop.bank.charges) == TRIES_MAX
    assert (await visitor.invoice())["status"] == "open"


async def test_cards_that_are_refused_ahead_of_the_charge_do_not_take_its_place(shop: Shop) -> None:
    """Each has a payment of its own, which is let go of; the page tells why, takes six, and the charge comes all the
    same, with the card on file."""
    visitor = await billed(shop, stored=True)
    charge_at = shop.now + timedelta(days=3)
    moved = {"at": charge_at, "us": visitor.merchant.id, "shown": charge_at.isoformat()}
    await shop.database.execute(
        """
        update invoices set data = jsonb_set(data::jsonb, '{charge_at}', to_jsonb(%(shown)s::text))::json
        where merchant_id = %(us)s
        """,
        moved,
    )
    await shop.database.execute(
        "update due set due_at = %(at)s where merchant_id = %(us)s and kind = 'invoice.charge'", moved
    )
    for _ in range(TRIES_MAX):
        shop.bank.will("charge", no_funds())
        shown = await visitor.sends("pay", **CARD)
        invoice = await visitor.invoice()
        assert (invoice["status"], invoice["payment"]) == ("open", None)
        assert invoice["payment_failure"]["code"] == "insufficient_funds"
    assert "tried too often" in shown.page and "It was not paid." not in shown.page
    assert (await visitor.sends("same")).status == 200 and len(shop.bank.charges) == TRIES_MAX
    await shop.work()
    assert (await visitor.invoice())["payment"] is None and len(shop.bank.charges) == TRIES_MAX
    await shop.wait(days=3, minutes=1)
    await shop.work()
    assert (await visitor.invoice())["status"] == "paid"
    charged = await visitor.payment()
    assert [one.reason for one in charged.attempts] == [Reason.RENEWAL]
    method_id = charged.payment.payment_method_id
    assert method_id is not None
    assert (await shop.methods.get(visitor.merchant.id, method_id)).last4 == "4242"
    others = [one for one in await shop.payments_of(visitor.merchant) if one.payment.id != charged.payment.id]
    assert {one.payment.status for one in others} == {Status.CANCELED}
    assert {one.payment.recovery_id for one in others} == {None}, "nobody wins them back, or asks for them"


async def test_the_bank_s_question_leads_back_to_the_invoice(shop: Shop) -> None:
    visitor = await billed(shop)
    shop.bank.will("charge", ASKS)
    shown = await visitor.sends("pay", **CARD)
    (to_bank,) = re.findall('<a class="button" href="(http://test/actions/[^"]+)"', shown.page)
    back = await visit(shop, "POST", f"{to_bank}/return", {"TransactionId": "t-1"})
    assert back.status == 303 and back.headers["location"].startswith("http://test/invoices/")
    there = await visit(shop, "GET", back.headers["location"])
    assert there.status == 303
    assert "Paid on" in (await visit(shop, "GET", f"http://test{there.headers['location']}")).page
    assert shop.bank.returned == [{"TransactionId": "t-1"}]
    assert (await visitor.invoice())["status"] == "paid"


async def test_what_was_paid_by_another_way_is_asked_of_nobody(shop: Shop) -> None:
    """Not of whom their bank was just asking, either: they would pay a second time."""
    visitor = await billed(shop, stored=True)
    shop.bank.will("charge", no_funds())
    await visitor.sends("same")
    await shop.work()
    recovery_id = (await visitor.payment()).payment.recovery_id
    assert recovery_id is not None
    shop.bank.will("charge", ASKS)
    assert 'class="button" href="http://test/actions/' in (await visitor.sends("pay", **CARD)).page
    path = f"/v1/recoveries/{render(Kind.RECOVERY, recovery_id)}/reported"
    assert (await shop.call("POST", path, {"outcome": "paid_elsewhere"}, key=visitor.key)).status == 200
    assert "/actions/" not in (await visitor.looks()).page
    before, charged = await visitor.payment(), len(shop.bank.charges)
    await visit(shop, "GET", f"{visitor.url}/return?TransactionId=t-1")
    for seen in ("0.1", "0.2"):
        await visitor.sends("pay", seen=seen, **CARD)
    assert shop.bank.returned == [] and await visitor.payment() == before
    assert len(shop.bank.charges) == charged


async def test_a_void_invoice_says_so_and_takes_nothing(shop: Shop) -> None:
    visitor = await billed(shop)
    before = re.findall('name="seen" value="([^"]*)"', (await visitor.looks()).page)[0]
    assert (await visitor.asks("POST", "/void")).status == 200
    for do in ("pay", "same"):
        shown = await visitor.sends(do, seen=before, **CARD)
        assert "void" in shown.page and "<form" not in shown.page
    assert "void" in await pdf_of(visitor) and shop.bank.verbs() == []
