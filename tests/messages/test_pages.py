"""The page behind the link: it pays the same debt once, or keeps another card, and shows itself to nobody else."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import Any

from tests.messages.mailbox import Mailbox
from tests.messages.shop import EXPIRED, Shop
from tests.payments.bank import Lost, lost_card, no_funds
from tests.payments.visiting import ASKS, Shown, visit

from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.messages.core.records import Message
from recoup.messages.flow.paying import TRIES_MAX
from recoup.payments.core import Reason, Snapshot
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import Status as RecoveryStatus

NUMBER = "5555 5555 5555 4444"
CARD = {"number": NUMBER, "expiry": "12 / 30", "cvc": "123"}


class Visitor:
    """A customer with a link."""

    def __init__(self, shop: Shop, merchant: Merchant, message: Message) -> None:
        self.shop, self.merchant, self.message = shop, merchant, message
        self.link = shop.link(message)

    async def looks(self) -> Shown:
        return await visit(self.shop, "GET", self.link)

    async def sends(self, do: str, seen: str | None = None, **fields: str) -> Shown:
        """Fill the form in, and see the page after it."""
        shown = await self.looks()
        found = re.findall('name="seen" value="([^"]*)"', shown.page)
        given = {"do": do, "seen": seen or (found[0] if found else "")} | fields
        answer = await visit(self.shop, "POST", self.link, given)
        assert NUMBER not in answer.page and NUMBER.replace(" ", "") not in answer.page
        if answer.status != 303:
            return answer
        assert answer.headers["location"].startswith("/"), "a form's redirection stays on this host"
        return await visit(self.shop, "GET", f"http://test{answer.headers['location']}")

    async def payment(self) -> Snapshot:
        return await self.shop.snapshot(self.merchant, self.message.payment_id)

    async def recovery(self) -> Any:
        return await self.shop.recoveries.get(self.merchant, self.message.recovery_id)


async def invited(shop: Shop, *answers: Any, **changes: Any) -> Visitor:
    """A customer who was just asked."""
    merchant = await shop.asks()
    shop._edge = shop._edge or shop.edge(base_url="http://test")
    await shop.declined(merchant, *answers, **changes)
    await shop.work()
    (message,) = await shop.sent(merchant)
    return Visitor(shop, merchant, message)


async def test_the_page_loads_nothing_and_posts_to_itself_alone(shop: Shop) -> None:
    shown = await (await invited(shop)).looks()
    assert (shown.status, "<script" in shown.page) == (200, False)
    assert "10,00 USD" in shown.page and "Lamp Shop" in shown.page
    nonce = unescape(re.findall('<style nonce="([^"]+)"', shown.page)[0])
    assert shown.policy == {
        "default-src": "'none'",
        "style-src": f"'nonce-{nonce}'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert shown.headers["cache-control"] == "no-store"
    assert not re.findall(r'(?:src|href|style)="', shown.page), (
        "nothing from elsewhere, no style past the policy"
    )
    for telling in ('autocomplete="cc-number"', 'autocomplete="cc-csc"', 'inputmode="numeric"'):
        assert telling in shown.page


async def test_a_look_changes_nothing(shop: Shop) -> None:
    """Programs follow links in e-mails before people do."""
    visitor = await invited(shop)
    before, charges = await visitor.payment(), len(shop.bank.verbs())
    for url in (visitor.link, f"{visitor.link}/return"):
        await visit(shop, "GET", url)
    assert (await visitor.payment(), len(shop.bank.verbs())) == (before, charges)


async def test_another_card_pays_the_same_payment_and_ends_the_recovery(shop: Shop, box: Mailbox) -> None:
    visitor = await invited(shop)
    shown = await visitor.sends("pay", **CARD)
    assert "sind bezahlt" in shown.page
    done = await visitor.payment()
    assert (done.payment.status, done.attempts[-1].reason) == (PaymentStatus.CAPTURED, Reason.MANUAL)
    assert (await visitor.recovery()).status is RecoveryStatus.RECOVERED
    charged = list(shop.bank.charges.values())[-1]
    assert charged.initiator == "customer" and (charged.return_url or "").startswith("http://test/pay/")
    assert charged.browser is not None
    assert done.payment.payment_method_id is not None
    method = await shop.methods.get(visitor.merchant.id, done.payment.payment_method_id)
    assert method.customer_id == done.payment.customer_id
    again = await visitor.sends("pay", seen=str(len(done.attempts)), **CARD)
    assert "sind bezahlt" in again.page and await visitor.payment() == done
    await shop.wait(days=5)
    await shop.work()
    assert len(box.letters) == 1


async def test_the_card_on_file_may_be_tried_once_more_unless_it_is_hopeless(shop: Shop) -> None:
    visitor = await invited(shop)
    assert 'value="same"' in (await visitor.looks()).page
    assert "sind bezahlt" in (await visitor.sends("same")).page
    assert (await visitor.payment()).payment.status is PaymentStatus.CAPTURED
    expired = await invited(shop, EXPIRED)
    assert 'value="same"' not in (await expired.looks()).page
    before = await expired.payment()
    await expired.sends("same")
    assert await expired.payment() == before


async def test_a_form_that_is_posted_twice_pays_once(shop: Shop) -> None:
    visitor = await invited(shop)
    await asyncio.gather(*(visitor.sends("pay", **CARD) for _ in range(4)))
    await shop.work()
    approved = [one for one in (await visitor.payment()).attempts if one.state == "approved"]
    assert len(approved) == 1 and shop.bank.double_charges() == 0


async def test_while_nobody_knows_whether_it_was_paid_nothing_is_taken(shop: Shop) -> None:
    visitor = await invited(shop)
    shop.bank.will("charge", Lost())
    shown = await visitor.sends("pay", **CARD)
    assert "wird bearbeitet" in shown.page and "<input" not in shown.page
    attempts = (await visitor.payment()).attempts
    await visitor.sends("pay", seen=str(len(attempts)), **CARD)
    assert len((await visitor.payment()).attempts) == len(attempts)


WRONG = (
    ({"number": "4242 4242 4242 4241"}, "Kartennummer."),
    ({"number": ""}, "Kartennummer."),
    ({"expiry": "13/30"}, "bis wann die Karte gilt"),
    ({"expiry": "12/20"}, "bis wann die Karte gilt"),
    ({"expiry": "soon"}, "bis wann die Karte gilt"),
    ({"cvc": "12"}, "Prüfnummer."),
    ({"cvc": "1234"}, "Prüfnummer."),
)


async def test_what_is_wrong_with_a_card_is_said_and_nothing_is_tried(shop: Shop) -> None:
    visitor = await invited(shop)
    before = await visitor.payment()
    for changes, says in WRONG:
        shown = await visitor.sends("pay", **(CARD | changes))
        assert (shown.status, says in shown.page) == (400, True), changes
        assert "4241" not in shown.page and await visitor.payment() == before, changes


async def test_who_has_a_link_cannot_try_cards_without_end(shop: Shop) -> None:
    visitor = await invited(shop)
    for number in range(TRIES_MAX):
        shop.bank.will("charge", no_funds())
        await visitor.sends("pay", **CARD)
        assert len(shop.bank.charges) == number + 2
    shown = await visitor.sends("pay", **CARD)
    assert "zu oft" in shown.page and len(shop.bank.charges) == TRIES_MAX + 1


async def test_after_a_card_that_was_stopped_for_good_another_may_still_pay(shop: Shop) -> None:
    visitor = await invited(shop)
    shop.bank.will("charge", lost_card())
    assert "nicht bezahlt" in (await visitor.sends("pay", **CARD)).page
    shown = await visitor.sends("pay", **CARD)
    assert (shown.status, "nicht benutzt werden" in shown.page) == (400, True), "not the very same one"
    shown = await visitor.sends("pay", **(CARD | {"number": "4242424242424242"}))
    assert "sind bezahlt" in shown.page


async def test_the_bank_s_question_leads_back_to_the_page_which_goes_on(shop: Shop) -> None:
    visitor = await invited(shop)
    shop.bank.will("charge", ASKS)
    shown = await visitor.sends("pay", **CARD)
    (to_bank,) = re.findall('<a class="button" href="(http://test/actions/[^"]+)"', shown.page)
    assert (await visitor.payment()).payment.status is PaymentStatus.REQUIRES_ACTION
    back = await visit(shop, "POST", f"{to_bank}/return", {"TransactionId": "t-1"})
    assert back.status == 303 and back.headers["location"].startswith("http://test/pay/")
    there = await visit(shop, "GET", back.headers["location"])
    assert there.status == 303
    assert "sind bezahlt" in (await visit(shop, "GET", f"http://test{there.headers['location']}")).page
    assert shop.bank.returned == [{"TransactionId": "t-1"}]
    assert (await visitor.payment()).payment.status is PaymentStatus.CAPTURED


async def test_coming_back_never_charges_what_was_declined_a_moment_before(shop: Shop) -> None:
    """A worker hears of the decline between the look at the payment and the step."""
    visitor = await invited(shop)
    shop.bank.will("charge", ASKS)
    await visitor.sends("pay", **CARD)
    seen = await shop.messaged.paying.visited(visitor.link.rpartition("/")[2])
    assert seen is not None and seen.view == "bank"
    asked = (await visitor.payment()).attempts[-1]
    shop.bank.will("lookup", no_funds())
    await shop.payments.sync(visitor.merchant, visitor.message.payment_id, claim=None)
    assert (await visitor.payment()).payment.status is PaymentStatus.DECLINED
    await shop.messaged.paying.come_back(seen, {})
    assert (await visitor.payment()).attempts[-1].id == asked.id and len(shop.bank.charges) == 2


async def test_a_link_opens_its_own_payment_only_and_not_for_ever(shop: Shop) -> None:
    visitor = await invited(shop)
    token = visitor.link.rpartition("/")[2]
    other = shop.link((await invited(shop)).message).rpartition("/")[2]
    for wrong in (
        "",
        "x",
        token[:-1],
        token[:-2] + ("BB" if token.endswith("AA") else "AA"),
        token[:40] + other[40:],
        token.swapcase(),
        "é" * 95,
    ):
        answer = await visit(shop, "GET", f"http://test/pay/{wrong or '-'}")
        assert answer.status == 404 and "Lamp" not in answer.page
    assert (await visit(shop, "GET", f"http://test/unsubscribe/{token}")).status == 404
    german = await visit(shop, "GET", "http://test/pay/x", None, **{"accept-language": "de-AT,en;q=0.5"})
    assert "Link gilt nicht" in german.page
    await shop.wait(days=14, minutes=-1)
    assert (await visitor.looks()).status == 200
    await shop.wait(minutes=2)
    assert (await visitor.looks()).status == 404
    assert (await visit(shop, "POST", visitor.link, {"do": "pay", "seen": "2", **CARD})).status == 404


async def test_what_a_person_stopped_takes_no_money(shop: Shop) -> None:
    visitor = await invited(shop)
    async with shop.database.transaction() as connection:
        await shop.recoveries.stop(connection, visitor.merchant, visitor.message.recovery_id, now=shop.now)
    before = await visitor.payment()
    for do in ("pay", "save", "same"):
        shown = await visitor.sends(do, seen=str(before.payment.attempts_count), **CARD)
        assert "nichts mehr zu bezahlen" in shown.page
    assert await visitor.payment() == before


async def test_one_click_is_enough_to_get_no_more_and_a_look_is_none(shop: Shop) -> None:
    visitor = await invited(shop)
    until = visitor.message.link_until
    url = shop.messaged.links.unsubscribe(visitor.merchant.id, visitor.message.id, until=until)

    async def told() -> list[str]:
        return (await shop.events(visitor.merchant, visitor.message.id))[1:]

    assert "keine Nachrichten" in (await visit(shop, "GET", url)).page
    assert "keine Nachrichten" in (await visit(shop, "POST", url, {"else": "x"})).page
    assert await told() == []
    await shop.wait(days=60)
    answer = await visit(shop, "POST", url, {"List-Unsubscribe": "One-Click"})
    assert (answer.status, await told()) == (200, ["customer_message.unsubscribed"])
    assert "wieder" in (await visit(shop, "POST", url, {"do": "subscribe"})).page


async def test_another_card_that_is_only_kept_is_tried_by_recovery(shop: Shop) -> None:
    visitor = await invited(shop, EXPIRED)
    assert (await visitor.recovery()).status is RecoveryStatus.AWAITING_CUSTOMER
    charged = len(shop.bank.charges)
    shown = await visitor.sends("save", **CARD)
    assert "gespeichert" in shown.page and "<input" not in shown.page and len(shop.bank.charges) == charged
    waits = await visitor.payment()
    recovery = await visitor.recovery()
    assert recovery.status is RecoveryStatus.SCHEDULED and recovery.next_at is not None
    await visitor.sends("save", seen=str(len(waits.attempts)), **CARD)
    assert await visitor.payment() == waits, "one card is enough"
    shop.clock.advance(recovery.next_at - shop.now)
    await shop.work()
    done = await visitor.payment()
    assert (done.payment.status, done.attempts[-1].reason) == (PaymentStatus.CAPTURED, Reason.RECOVERY)
    assert done.attempts[-1].payment_method_id == waits.payment.payment_method_id
    assert (await visitor.recovery()).status is RecoveryStatus.RECOVERED
    assert "sind bezahlt" in (await visitor.looks()).page


async def test_what_was_paid_by_another_way_is_asked_of_nobody(shop: Shop) -> None:
    """Not of whom their bank was just asking, either: they would pay a second time."""
    visitor = await invited(shop)
    shop.bank.will("charge", ASKS)
    shown = await visitor.sends("pay", **CARD)
    assert 'class="button"' in shown.page
    path = f"/v1/recoveries/{render(Kind.RECOVERY, visitor.message.recovery_id)}/reported"
    key = await shop.key_of(visitor.merchant)
    assert (await shop.call("POST", path, {"outcome": "paid_elsewhere"}, key=key)).status == 200
    shown = await visitor.looks()
    assert "nichts mehr zu bezahlen" in shown.page and 'class="button"' not in shown.page
    before = await visitor.payment()
    await visit(shop, "GET", f"{visitor.link}/return?TransactionId=t-1")
    assert shop.bank.returned == [] and await visitor.payment() == before
