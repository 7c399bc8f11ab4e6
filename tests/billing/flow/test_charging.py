"""Charging: an invoice has one payment, which is tried once, whoever dies and whoever comes at the same time."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from tests.billing.cases import START, day
from tests.billing.office import Dead, Office

from recoup.billing.core.machine import InvoiceNews, InvoiceStatus, Status
from recoup.billing.core.records import Invoice, Subscription
from recoup.kit.refusals import Refusal
from recoup.payments.core import Reason
from recoup.payments.core import Status as PaymentStatus

CARD = UUID(int=7)


async def opened(office: Office) -> tuple[Subscription, UUID]:
    """A subscription, and its first invoice."""
    subscription = await office.subscribed(payment_method_id=CARD)
    assert subscription.latest_invoice_id is not None
    return subscription, subscription.latest_invoice_id


async def of(office: Office, invoice_id: UUID) -> Invoice:
    return await office.invoices.get(office.us, invoice_id)


async def status_of(office: Office, subscription: Subscription) -> Status:
    return (await office.subscriptions.get(office.us, subscription.id)).status


async def test_two_who_charge_at_once_charge_once(office: Office) -> None:
    _, invoice_id = await opened(office)
    office.payments.answers.extend([PaymentStatus.CAPTURED])
    await asyncio.gather(*(office.charging.charge(office.us, invoice_id, START) for _ in range(3)))
    invoice = await of(office, invoice_id)
    assert invoice.status is InvoiceStatus.PAID
    assert office.payments.tries == [(invoice.payment_id, Reason.RENEWAL)]


async def test_who_died_before_anything_was_sent_is_taken_over_with_the_same_payment(office: Office) -> None:
    _, invoice_id = await opened(office)
    office.payments.answers.extend([None, PaymentStatus.CAPTURED])
    with pytest.raises(Dead):
        await office.charging.charge(office.us, invoice_id, START)
    remembered = (await of(office, invoice_id)).payment_id
    await office.charging.charge(office.us, invoice_id, START)
    invoice = await of(office, invoice_id)
    assert (invoice.status, invoice.payment_id) == (InvoiceStatus.PAID, remembered)
    assert len(office.payments.known) == 1


async def test_under_an_unknown_outcome_nothing_is_charged_changed_or_let_go(office: Office) -> None:
    subscription, invoice_id = await opened(office)
    office.payments.answers.extend([PaymentStatus.UNRESOLVED])
    await office.charging.charge(office.us, invoice_id, START)
    await office.charging.charge(office.us, invoice_id, START)
    with pytest.raises(Refusal, match="under way"):
        await office.charging.pay(office.us, invoice_id, method_id=CARD, now=START)
    for news in (InvoiceNews.VOIDED, InvoiceNews.GIVEN_UP):
        with pytest.raises(Refusal, match="under way"):
            await ended(office, invoice_id, news)
    invoice = await of(office, invoice_id)
    assert (invoice.status, len(office.payments.tries)) == (InvoiceStatus.OPEN, 1)
    assert await status_of(office, subscription) is Status.ACTIVE, "nobody was refused anything"
    assert invoice.payment_id is not None
    office.payments.stands(invoice.payment_id, PaymentStatus.CAPTURED)
    await office.charging.hear(office.us, invoice.payment_id, START)
    assert (await of(office, invoice_id)).status is InvoiceStatus.PAID


async def ended(office: Office, invoice_id: UUID, news: InvoiceNews) -> Invoice:
    async with office.database.transaction() as connection:
        return await office.invoices.end(connection, office.us, invoice_id, news, now=START)


async def test_news_that_comes_late_or_twice_changes_nothing(office: Office) -> None:
    """Declined, recovered, and then somebody who had read the decline comes to write it."""
    subscription, invoice_id = await opened(office)
    office.payments.answers.extend([PaymentStatus.DECLINED])
    await office.charging.charge(office.us, invoice_id, START)
    assert await status_of(office, subscription) is Status.PAST_DUE
    payment_id = (await of(office, invoice_id)).payment_id
    assert payment_id is not None
    old = office.payments.known[payment_id]
    office.payments.stands(payment_id, PaymentStatus.CAPTURED)
    for _ in "12":
        await office.charging.hear(office.us, payment_id, START)
    assert await status_of(office, subscription) is Status.ACTIVE
    version = (await of(office, invoice_id)).version
    now = office.payments.known[payment_id]
    office.payments.known[payment_id] = old
    await office.charging.hear(office.us, payment_id, START)
    assert (await of(office, invoice_id)).version == version
    office.payments.known[payment_id] = now
    office.payments.stands(payment_id, PaymentStatus.DECLINED)
    await office.charging.hear(office.us, payment_id, START)
    assert (await of(office, invoice_id)).status is InvoiceStatus.OPEN, "what came back is owed again"
    assert await status_of(office, subscription) is Status.PAST_DUE


async def test_without_a_payment_method_it_waits_and_a_void_one_lets_its_payment_go(office: Office) -> None:
    bare = await office.subscribed(payment_method_id=None)
    assert bare.latest_invoice_id is not None
    await office.charging.charge(office.us, bare.latest_invoice_id, START)
    waiting = await of(office, bare.latest_invoice_id)
    assert waiting.failing is not None and waiting.failing.code == "payment_method_missing"
    assert await status_of(office, bare) is Status.PAST_DUE and not office.payments.tries
    office.payments.answers.extend([PaymentStatus.DECLINED, PaymentStatus.CAPTURED])
    declined = await office.charging.pay(office.us, waiting.id, method_id=CARD, now=START)
    assert declined.status is InvoiceStatus.OPEN
    given_up = await ended(office, waiting.id, InvoiceNews.GIVEN_UP)
    assert given_up.payment_id is None and given_up.payments == (declined.payment_id,)
    assert await status_of(office, bare) is Status.ACTIVE
    paid = await office.charging.pay(office.us, waiting.id, method_id=CARD, now=START + day(1))
    assert paid.status is InvoiceStatus.PAID and paid.payment_id != declined.payment_id
