"""What is sent to whom, once: on real rows, with a real mail server that may fail at any step."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from tests.messages.mailbox import HANG_UP, SILENCE, Mailbox, html, plain
from tests.messages.shop import ALWAYS, ANN, EXPIRED, Shop

from recoup.merchants.core import Merchant
from recoup.messages.core.machine import Status
from recoup.messages.core.policy import Channel, MessagePolicy, Texts
from recoup.messages.core.records import Message
from recoup.messages.core.schedule import PATIENCE, RETRY_WAITS
from recoup.vault.core import CustomerDetails


def statuses(messages: Sequence[Message]) -> list[Status]:
    return [one.status for one in messages]


async def asked(shop: Shop, merchant: Merchant, recovery_id: UUID) -> datetime | None:
    """The worker's look, now."""
    return await shop.messaged.asking.ask(merchant, recovery_id, shop.now)


async def test_a_declined_renewal_asks_its_customer_in_their_language(shop: Shop, box: Mailbox) -> None:
    merchant = await shop.asks()
    _, recovery_id = await shop.declined(merchant)
    await shop.work()
    ((to, letter),) = box.letters
    (message,) = await shop.sent(merchant)
    assert (to, message.status, message.recovery_id) == ("test@shop.example", Status.SENT, recovery_id)
    assert letter["Subject"] == "Ihre Zahlung von 10,00 USD an Lamp Shop hat nicht geklappt"
    assert shop.link(message) in plain(letter) and shop.link(message) in html(letter)
    assert "nicht genug Geld" in plain(letter) and "endet auf" not in plain(letter)
    (one_click,) = re.findall("<(http://[^>]+/unsubscribe/[^>]+)>", letter["List-Unsubscribe"])
    assert one_click in plain(letter) and letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert await shop.events(merchant, message.id) == ["customer_message.sent"]
    await shop.work()
    assert len(box.letters) == 1, "once"


async def test_messages_go_on_by_the_plan_and_stop_when_it_is_paid(shop: Shop, box: Mailbox) -> None:
    merchant = await shop.asks()
    payment_id, recovery_id = await shop.declined(merchant, EXPIRED)
    await shop.work()
    assert len(box.letters) == 1
    await shop.wait(days=3, minutes=1)
    await shop.work()
    assert [letter["Subject"].partition(":")[0] for _, letter in box.letters][1:] == ["Erinnerung"]
    await shop.confirm(merchant, payment_id, await shop.means(merchant, "5555555555554444"))
    await shop.wait(days=5)
    await shop.work()
    assert len(box.letters) == 2
    assert not [kind for kind, object_id in await shop.dues(merchant) if object_id == recovery_id]


async def test_who_asks_nobody_sends_nothing(shop: Shop, box: Mailbox) -> None:
    merchant = await shop.asks(MessagePolicy())
    await shop.declined(merchant)
    await shop.work()
    assert (box.letters, await shop.sent(merchant)) == ([], [])


async def test_without_an_address_or_by_choice_the_merchant_is_told_to_send(shop: Shop, box: Mailbox) -> None:
    merchant = await shop.asks()
    nameless = await shop.customer(merchant, CustomerDetails(country="FR"))
    _, first = await shop.declined(merchant, customer=nameless)
    await shop.work()
    await shop.says(merchant, channel=Channel.WEBHOOK)
    _, second = await shop.declined(merchant)
    await shop.work()
    for recovery_id in (first, second):
        (message,) = await shop.sent(merchant, recovery_id)
        assert (message.status, message.channel) == (Status.DUE, Channel.WEBHOOK)
        assert await shop.events(merchant, message.id) == ["customer_message.due"]
    assert box.letters == []


@pytest.mark.parametrize(
    ("step", "says", "ends"),
    [
        ("text", HANG_UP, Status.UNKNOWN),
        ("rcpt", "550 nobody", Status.FAILED),
        ("rcpt", "450 later", Status.WAITING),
    ],
)
async def test_what_the_mail_server_said_is_kept_and_only_what_did_not_leave_goes_again(
    shop: Shop, box: Mailbox, step: str, says: str, ends: Status
) -> None:
    merchant = await shop.asks()
    box.says[step] = says
    await shop.declined(merchant)
    await shop.work()
    (message,) = await shop.sent(merchant)
    assert message.status is ends and message.why
    box.says.clear()
    await shop.wait(seconds=RETRY_WAITS[0].total_seconds() + 1)
    await shop.work()
    again = await shop.sent(merchant)
    assert statuses(again) == [Status.SENT if ends is Status.WAITING else ends]
    assert len(box.letters) == (0 if ends is Status.FAILED else 1), "never twice"


async def test_an_address_where_nobody_is_gets_nothing_more(shop: Shop, box: Mailbox) -> None:
    merchant = await shop.asks()
    box.says["rcpt"] = "550 nobody"
    owner = await shop.customer(merchant)
    await shop.declined(merchant, customer=owner)
    await shop.work()
    box.says.clear()
    await shop.declined(merchant, customer=owner)
    await shop.wait(days=4)
    await shop.work()
    assert (statuses(await shop.sent(merchant)), box.letters) == ([Status.FAILED], [])


async def test_a_server_that_dies_while_sending_sends_it_no_second_time(shop: Shop, box: Mailbox) -> None:
    merchant = await shop.asks()
    _, recovery_id = await shop.declined(merchant)

    looked = asyncio.create_task(asked(shop, merchant, recovery_id))
    box.says["greeting"] = SILENCE
    while statuses(await shop.sent(merchant)) != [Status.SENDING]:  # noqa: ASYNC110 - a row tells nobody
        await asyncio.sleep(0.01)
    looked.cancel()
    await asyncio.wait([looked])
    assert statuses(await shop.sent(merchant)) == [Status.SENDING]
    assert await asked(shop, merchant, recovery_id) == shop.now + PATIENCE, "its sender may still live"
    shop.clock.advance(PATIENCE)
    await asked(shop, merchant, recovery_id)
    assert statuses(await shop.sent(merchant)) == [Status.UNKNOWN]
    assert box.letters == []
    (message,) = await shop.sent(merchant)
    assert await shop.events(merchant, message.id) == ["customer_message.unknown"]


async def test_two_cases_of_one_customer_do_not_write_at_once(shop: Shop, box: Mailbox) -> None:
    """Two processes decide at the same moment: the row of whom it goes to makes one wait for the other."""
    merchant = await shop.asks()
    owner = await shop.customer(merchant)
    cases = [(await shop.declined(merchant, customer=owner))[1] for _ in range(3)]
    other = shop.another_process(settings=shop.settings)
    looks = [
        one.messaged.asking.ask(merchant, recovery_id, shop.now)
        for recovery_id in cases
        for one in (shop, other)
    ]
    await asyncio.gather(*looks)
    assert (len(box.letters), len(await shop.sent(merchant))) == (1, 1)
    await other.close()


async def test_who_wants_no_more_gets_no_more_whatever_it_is_about(shop: Shop, box: Mailbox) -> None:
    merchant = await shop.asks()
    owner = await shop.customer(merchant)
    await shop.declined(merchant, customer=owner)
    await shop.work()
    (message,) = await shop.sent(merchant)
    for _ in range(2):
        await shop.messaged.messages.unsubscribe(merchant, message, now=shop.now)
    assert await shop.events(merchant, message.id) == [
        "customer_message.sent",
        "customer_message.unsubscribed",
    ]
    await shop.declined(merchant, customer=owner)
    await shop.wait(days=10)
    await shop.work()
    assert len(box.letters) == 1
    other_merchant = await shop.asks()
    await shop.declined(other_merchant)
    await shop.work()
    assert len(box.letters) == 2, "another merchant's customer is somebody else, whatever their address"


async def test_in_test_mode_nobody_gets_mail_unless_somebody_is_named(shop: Shop, box: Mailbox) -> None:
    merchant = await shop.asks()
    shop.messaged._test_to = None
    await shop.declined(merchant)
    await shop.work()
    assert (statuses(await shop.sent(merchant)), box.letters) == ([Status.KEPT], [])


async def test_what_a_merchant_or_a_customer_writes_is_text(shop: Shop, box: Mailbox) -> None:
    said = {"de": Texts(subject="{amount}: <b>", intro="<script>alert(1)</script> {merchant}")}
    merchant = await shop.asks(
        MessagePolicy(
            **(
                {name: getattr(ALWAYS, name) for name in ALWAYS.__struct_fields__}
                | {"texts": said, "sender_name": 'Lamp & "Shade", <Inc.>'}
            )
        )
    )
    tagged = CustomerDetails(email=ANN.email, country="US", metadata={"language": "de-AT"})
    await shop.declined(merchant, customer=await shop.customer(merchant, tagged))
    await shop.work()
    ((_, letter),) = box.letters
    assert letter["Subject"] == "10,00 USD: <b>"
    assert "<script>" not in html(letter) and "&lt;script&gt;" in html(letter)
    assert letter["From"].addresses[0].display_name == 'Lamp & "Shade", <Inc.>'


async def test_nobody_is_asked_at_night(shop: Shop, box: Mailbox) -> None:
    """It is 13:00 in Berlin; from noon to nine it is quiet there."""
    merchant = await shop.asks()
    await shop.says(merchant, quiet_from="12:00", quiet_until="09:00")
    await shop.declined(merchant)
    await shop.work()
    assert box.letters == []
    await shop.wait(hours=20)
    await shop.work()
    (message,) = await shop.sent(merchant)
    assert message.created_at.hour == 8 and message.created_at - shop.now < timedelta(hours=1)
