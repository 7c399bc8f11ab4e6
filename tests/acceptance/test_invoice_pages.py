"""An invoice as its customer meets it: the page on a phone, why it is charged later, paying it now, and the PDF."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from pypdf import PdfReader
from tests.acceptance.asking import stored
from tests.acceptance.test_charged_later import advance, bill_of, now_of, plain_month
from tests.messages import chromium
from tests.whole.served import Client, Served

SELLER: Final[dict[str, Any]] = {
    "name": "Lampenladen & <Söhne>",
    "address": {"line1": "Hauptstr. 1", "postal_code": "10115", "city": "Berlin", "country": "DE"},
    "tax_id": "DE123456789",
    "number_prefix": "LAMP-",
    "footer": "Amtsgericht Berlin, HRB 1234",
}
PAYDAY = {"cycle": "monthly", "day_of_month": 28}


@pytest.mark.skipif(chromium.FOUND is None, reason="there is no Chromium on this machine")
async def test_a_customer_reads_pays_and_keeps_their_invoice(
    served: Served, shop: Client, tmp_path: Path
) -> None:
    """Due on the 24th and to be charged on payday, with the card on file; the customer pays at once with another."""
    await shop.post("/v1/invoice_settings", {"settings": SELLER})
    anchor = plain_month((await now_of(shop)).date())
    owner, method = await stored(shop, payday=PAYDAY, name="Łucja Ωmega", metadata={"language": "de"})
    plan = await shop.post("/v1/plans", {"name": "Lampe Pro", "amount": 300_000, "currency": "EUR"})
    subscription = await shop.post(
        "/v1/subscriptions",
        {
            "customer": owner,
            "plan": plan["id"],
            "payment_method": method,
            "time_zone": "UTC",
            "anchor": anchor.isoformat(),
            "charge_window": {"after_days": 7},
            "discounts": [{"percent_off": 10}],
        },
    )
    await advance(shop, datetime.fromisoformat(f"{anchor}T09:00:00+00:00") + timedelta(hours=1))
    bill = await bill_of(shop, subscription)
    due, charge = (day.strftime("%d.%m.%Y") for day in (anchor, anchor.replace(day=28)))
    async with chromium.phone(tmp_path) as phone:
        await phone.open(bill["hosted_invoice_url"])
        text = await phone.text()
        for said in ("2.700,00 EUR", "-300,00 EUR", f"LAMP-{bill['number']}", SELLER["name"], "Łucja Ωmega"):
            assert said in text, said
        assert f"am {charge} statt am {due}" in text and "Zahltag" in text and await phone.fits()
        await phone.picture(tmp_path / "open.png")
        await phone.tap("summary")
        for name, value in (("number", "5555 5555 5555 4444"), ("expiry", "12/30"), ("cvc", "123")):
            await phone.type(f"input[name={name}]", value)
        await phone.tap("button[value=pay]")
        await phone.shows("Vielen Dank")
        assert "input" not in await phone.find("document.body.innerHTML") and await phone.fits()
        await phone.picture(tmp_path / "paid.png")
        assert not [said for said in phone.complaints if "Content Security Policy" in said]
        own = bill["hosted_invoice_url"].partition("/invoices/")[0]
        assert {url.removeprefix(own).split("/")[1] for url in phone.asked if url.startswith("http")} == {
            "invoices"
        }
    paid = await bill_of(shop, subscription)
    assert (paid["status"], paid["amount_paid"]) == ("paid", 270_000)
    async with aiohttp.ClientSession() as session, session.get(paid["invoice_pdf"]) as answer:
        assert answer.status == 200
        pages = PdfReader(BytesIO(await answer.read())).pages
    assert len(pages) == 1 and "2.700,00 EUR" in pages[0].extract_text()
    assert "/invoices/A" not in served.log.read_text(), "links are in no log"
