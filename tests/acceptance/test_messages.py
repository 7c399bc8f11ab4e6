"""Asking the customer as a merchant meets it: the policy, the message in a mailbox, and the page on a phone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from tests.acceptance.asking import NOBODYS, refused, renewal
from tests.messages import chromium
from tests.messages.mailbox import Mailbox, mailbox, plain, settings_for
from tests.whole.served import Client, Served, client_of, serving

POLICY: Final = {
    "enabled": True,
    "sender_name": "Lamp & <Shade>",
    "quiet_from": "00:00",
    "quiet_until": "00:00",
    "per_week_max": 14,
    "days_while_retrying": [1],
}
BY_FORM: Final = "4000582600000045"
HEARD_S: Final = 20.0
"""Recovery hears of a payment a moment after it is answered."""
ANN: Final = {"email": "ann@home.example", "country": "DE"}
LINK: Final = re.compile(r"http://\S+/pay/\S+")


@asynccontextmanager
async def shop_and_post(folder: Path, database_url: str) -> AsyncIterator[tuple[Served, Client, Mailbox]]:
    """A server that sends to a mailbox, and its merchant."""
    async with mailbox() as box:
        settings = settings_for(
            box, RECOUP_SMTP_TEST_TO="test@shop.example", RECOUP_DATABASE_URL=database_url
        )
        server = serving(folder / "data", **settings)
        served = await asyncio.to_thread(server.__enter__)
        try:
            async with client_of(served) as shop:
                assert (await shop.post("/v1/message_policy", {"policy": POLICY}))["mail_server"]
                yield served, shop, box
        finally:
            await asyncio.to_thread(server.__exit__, None, None, None)


async def asked(shop: Client, **customer: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A declined renewal whose customer was asked a day later, and the message."""
    declined = await renewal(shop, **customer)
    now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
    await shop.post("/v1/test_clock/advance", {"to": (now + timedelta(days=1, minutes=5)).isoformat()})
    (message,) = (await shop.get(f"/v1/messages?recovery={declined['recovery']}"))["data"]
    return declined, message


async def test_a_merchant_s_customers_are_asked_as_it_says(tmp_path: Path, database_url: str) -> None:
    async with shop_and_post(tmp_path, database_url) as (served, shop, box):
        declined, message = await asked(shop, **ANN)
        assert (message["status"], message["language"], message["payment"]) == ("sent", "de", declined["id"])
        assert await shop.get(f"/v1/messages/{message['id']}") == message
        ((_, letter),) = box.letters
        assert LINK.findall(plain(letter)) == [message["link"]]
        wrong = {"policy": POLICY | {"days": [7, 3]}}
        answer = await shop.send("POST", "/v1/message_policy", wrong)
        assert refused(answer) == (400, "invalid_request", "invalid_message_policy", "policy.days")
        assert (await shop.get("/v1/message_policy"))["policy"]["days"] == [0, 3, 7]
        for language, said in (
            ("en", "was not enough money"),
            ("fr", "pas assez d'argent"),
            ("nl", "niet genoeg"),
        ):
            shown = await shop.get(f"/v1/message_preview?language={language}&amount=123456")
            assert said in shown["text"] and "Lamp &amp; &lt;Shade&gt;" in shown["html"]
        assert refused(await shop.send("GET", "/v1/message_preview?language=xx"))[2] == "unknown_value"
        async with aiohttp.ClientSession() as browser, browser.get(LINK.findall(shown["text"])[0]) as page:
            assert page.status == 404, "the link of a preview opens nothing"
        bounced = await shop.post(f"/v1/messages/{message['id']}/bounced", {"reason": "complained"})
        assert (bounced["status"], bounced["why"]) == ("bounced", "complained")
        assert refused(await shop.send("GET", f"/v1/messages/msg_{NOBODYS}"))[0] == 404
        _, due = await asked(shop, country="FR")
        assert (due["status"], due["channel"], due["language"]) == ("due", "webhook", "fr")
        told = [event for event in await shop.events() if event["type"] == "customer_message.due"]
        assert [event["data"]["object"]["link"] for event in told] == [due["link"]]
        assert "4242" not in served.log.read_text() and "/pay/A" not in served.log.read_text()


@pytest.mark.skipif(chromium.FOUND is None, reason="there is no Chromium on this machine")
async def test_the_page_works_on_a_phone_without_scripts(tmp_path: Path, empty_database_url: str) -> None:
    """A decline that is said, a number that is wrong, the bank's question and back; nothing comes from elsewhere."""
    async with shop_and_post(tmp_path, empty_database_url) as (_, shop, box):
        declined, message = await asked(shop, **ANN)
        async with chromium.phone(tmp_path) as phone:
            await phone.open(LINK.findall(plain(box.letters[0][1]))[0])
            assert "49,99 USD" in await phone.text() and await phone.fits()
            await phone.tap("summary")
            await filled(phone, "4000 0000 0000 9995", "12/30")
            await phone.tap("button[value=pay]")
            await phone.shows("nicht bezahlt")
            await phone.tap("summary")
            await filled(phone, "4242 4242 4242 4241", "12/30")
            await phone.tap("button[value=pay]")
            await phone.shows("Kartennummer.")
            assert await phone.fits()
            await filled(phone, BY_FORM, "1230")
            await phone.tap("button[value=pay]")
            await phone.shows("Noch ein Schritt")
            await phone.tap("a.button")
            await phone.shows("being taken there")
            await phone.tap("#challenge button")
            await phone.shows("Is this you?")
            await phone.tap("button")
            await phone.shows("Back to the shop")
            await phone.tap("button, a")
            await phone.shows("sind bezahlt")
            own = message["link"].partition("/pay/")[0]
            pages = [url for url in phone.asked if url.startswith(own)]
            assert {url.removeprefix(own).split("/")[1] for url in pages} == {"pay", "actions"}
            assert not [said for said in phone.complaints if "Content Security Policy" in said]
        paid = await shop.get(f"/v1/payments/{declined['id']}")
        assert (paid["status"], paid["initiator"]) == ("captured", "merchant")
        async with asyncio.timeout(HEARD_S):
            while (await shop.get(f"/v1/recoveries/{declined['recovery']}"))["status"] != "recovered":  # noqa: ASYNC110 - over the API
                await asyncio.sleep(0.1)


async def filled(phone: chromium.Phone, number: str, expiry: str) -> None:
    """Type a card."""
    for name, value in (("number", number), ("expiry", expiry), ("cvc", "123")):
        await phone.type(f"input[name={name}]", value)
