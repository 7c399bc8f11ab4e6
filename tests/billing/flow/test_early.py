"""Paying by hand ahead of the charge that is planned: whatever becomes of it, that charge comes as it was planned."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import pytest
from msgspec.structs import replace
from tests.billing.cases import LINKS, START, day
from tests.billing.office import Dead, Office

from recoup.billing.core.machine import InvoiceStatus, Status
from recoup.billing.core.records import PAYMENTS_MAX, Invoice
from recoup.billing.core.step import CHARGE, Due, Step
from recoup.billing.flow.writing import Scribe
from recoup.db import due
from recoup.kit.refusals import Refusal
from recoup.payments.core import Payment, Reason
from recoup.payments.core import Status as PaymentStatus

CARD: Final = UUID(int=7)
TYPED: Final = UUID(int=8)
PAYDAY: Final = START + day(3)
DECLINED, CAPTURED = PaymentStatus.DECLINED, PaymentStatus.CAPTURED


async def planned(office: Office) -> Invoice:
    """An open invoice that is charged with the stored card in three days."""
    made = await office.subscribed(payment_method_id=CARD)
    assert made.latest_invoice_id is not None
    invoice = await of(office, made.latest_invoice_id)
    invoice = replace(invoice, version=invoice.version + 1, charge_at=PAYDAY)
    step = Step(None, (invoice,), dues=(Due(CHARGE, invoice.id, PAYDAY),))
    async with office.database.transaction() as connection:
        await Scribe(office.new_id, LINKS).write(connection, office.us, [step], now=START)
    return invoice


async def of(office: Office, invoice_id: UUID) -> Invoice:
    return await office.invoices.get(office.us, invoice_id)


async def status_of(office: Office, invoice: Invoice) -> Status:
    assert invoice.subscription_id is not None
    return (await office.subscriptions.get(office.us, invoice.subscription_id)).status


async def due_at(office: Office, invoice: Invoice) -> datetime | None:
    """When its charge is due."""
    row = await office.database.fetch_one(
        "select due_at from due where merchant_id = %(us)s and kind = %(kind)s and object_id = %(id)s",
        {"us": office.us.id, "kind": CHARGE, "id": invoice.id},
    )
    return None if row is None else row["due_at"]


async def pay(office: Office, invoice: Invoice, *answers: PaymentStatus | None) -> Invoice:
    """By the customer's hand, with a card that they have just typed."""
    office.payments.answers.extend(answers)
    return await office.charging.pay(office.us, invoice.id, method_id=TYPED, now=START + day(1))


def newest(office: Office) -> Payment:
    """The payment that was made last."""
    return list(office.payments.known.values())[-1].payment


async def is_charged_as_planned(office: Office, invoice: Invoice, at: datetime, *, payments: int) -> None:
    """The charge is due, and made with the stored card by a payment of its own, which is won back where refused."""
    assert (await of(office, invoice.id)).payment_method_id == CARD
    due = await due_at(office, invoice)
    assert due is not None and due <= at
    office.payments.answers.append(DECLINED)
    await office.charging.charge(office.us, invoice.id, at)
    charged, payment = await of(office, invoice.id), newest(office)
    assert (payment.id, payment.payment_method_id, payment.recovery_policy) == (
        charged.payment_id,
        CARD,
        None,
    )
    assert office.payments.tries[-1] == (payment.id, Reason.RENEWAL)
    assert charged.failing is not None and charged.charge_at is None and charged.payment_version > 0
    assert len(office.payments.known) == payments
    assert await status_of(office, invoice) is Status.PAST_DUE


async def test_a_refusal_ahead_of_the_charge_leaves_it_as_it_was_planned(office: Office) -> None:
    invoice = await planned(office)
    left = await pay(office, invoice, DECLINED)
    assert (left.status, left.charge_at, left.payment_id) == (InvoiceStatus.OPEN, PAYDAY, None)
    assert left.failing is not None and left.failing.code == "payment_failed"
    tried = newest(office)
    assert (tried.status, tried.recovery_policy) == (PaymentStatus.CANCELED, "none")
    assert await status_of(office, invoice) is Status.ACTIVE, "nothing that was planned was refused"
    assert await due_at(office, invoice) == PAYDAY
    await office.charging.hear(office.us, tried.id, PAYDAY)
    assert await of(office, invoice.id) == left, "news that come again change nothing"
    await is_charged_as_planned(office, invoice, PAYDAY, payments=2)


async def test_what_was_paid_ahead_is_not_charged_again(office: Office) -> None:
    invoice = await planned(office)
    await pay(office, invoice, DECLINED)
    assert (await pay(office, invoice, CAPTURED)).status is InvoiceStatus.PAID
    assert await office.charging.charge(office.us, invoice.id, PAYDAY) is None
    assert len(office.payments.tries) == 2 and await due_at(office, invoice) is None


async def test_who_died_before_their_own_try_does_not_lend_their_card_to_the_charge(office: Office) -> None:
    invoice = await planned(office)
    with pytest.raises(Dead):
        await pay(office, invoice, None)
    await is_charged_as_planned(office, invoice, PAYDAY, payments=2)


async def test_a_refusal_that_is_not_heard_before_the_charge_is_due_does_not_take_its_place(
    office: Office,
) -> None:
    """They died before they heard of it, so it is heard by the charge, which comes at once after it."""
    invoice = await planned(office)
    with pytest.raises(Dead):
        await pay(office, invoice, None)
    office.payments.stands(newest(office).id, DECLINED, tries=1)
    await office.charging.charge(office.us, invoice.id, PAYDAY)
    await is_charged_as_planned(office, invoice, PAYDAY, payments=2)


@pytest.mark.parametrize("answer", [PaymentStatus.UNRESOLVED, PaymentStatus.REQUIRES_ACTION])
async def test_while_their_own_try_may_hold_money_the_charge_waits_and_comes_later(
    office: Office, answer: PaymentStatus
) -> None:
    """Nobody knows what came of it, or their bank asks them, until after the charge was due."""
    invoice, late = await planned(office), PAYDAY + day(2)
    await pay(office, invoice, answer)
    again = await office.charging.charge(office.us, invoice.id, PAYDAY)
    tried = newest(office)
    assert len(office.payments.known) == 1 and (await of(office, invoice.id)).payment_id == tried.id
    if answer is PaymentStatus.REQUIRES_ACTION:
        assert again is None, "they have left"
        assert await status_of(office, invoice) is Status.PAST_DUE
    office.payments.stands(tried.id, DECLINED, tries=1)
    await office.charging.hear(office.us, tried.id, late)
    await is_charged_as_planned(office, invoice, late, payments=2)


async def test_however_often_they_try_there_is_a_payment_left_for_the_charge_and_then_an_end(
    office: Office,
) -> None:
    """A bound on payments of one invoice: no more by hand, the planned one still, and then it is told and given up."""
    invoice = await planned(office)
    for _ in range(PAYMENTS_MAX - 1):
        await pay(office, invoice, DECLINED)
    with pytest.raises(Refusal, match="Too many payments"):
        await pay(office, invoice)
    full = await of(office, invoice.id)
    await is_charged_as_planned(office, invoice, PAYDAY, payments=PAYMENTS_MAX)
    full = replace(
        await of(office, invoice.id), charge_at=PAYDAY, payment_id=None, payments=full.payments * 2
    )
    async with office.database.transaction() as connection:
        step = Step(None, (replace(full, version=full.version + 1),))
        await Scribe(office.new_id, LINKS).write(connection, office.us, [step], now=START)
    assert await office.charging.charge(office.us, invoice.id, PAYDAY) is None
    told = await of(office, invoice.id)
    assert told.failing is not None and (told.failing.code, told.charge_at) == ("too_many_payments", None)
    assert len(office.payments.known) == PAYMENTS_MAX


async def test_a_charge_whose_payment_was_canceled_before_it_was_made_is_due_again(office: Office) -> None:
    """The charge had come and gone while their own try might hold money; then that was canceled, not refused."""
    invoice = await planned(office)
    await pay(office, invoice, PaymentStatus.UNRESOLVED)
    assert await office.charging.charge(office.us, invoice.id, PAYDAY) is None
    async with office.database.transaction() as connection:
        await due.drop(connection, merchant_id=office.us.id, kind=CHARGE, object_id=invoice.id)
    office.payments.stands(newest(office).id, PaymentStatus.CANCELED)
    await office.charging.hear(office.us, newest(office).id, PAYDAY)
    await is_charged_as_planned(office, invoice, PAYDAY, payments=2)


async def test_what_is_stopped_while_it_is_about_to_be_charged_is_not(office: Office) -> None:
    """The charge has read the invoice, then its subscription is canceled: no payment is made of what was read."""
    invoice = await planned(office)
    assert invoice.subscription_id is not None
    async with office.database.transaction() as connection:
        await office.subscriptions.cancel(
            connection, office.us, invoice.subscription_id, at_period_end=False, prorate=False, now=START
        )
    assert await office.charging._batches.open(office.us, invoice, CARD, now=PAYDAY) is None
    assert office.payments.known == {} and (await of(office, invoice.id)).payment_id is None
