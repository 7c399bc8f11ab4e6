"""What no news come of: a customer who never comes back from their bank, a debt that is paid elsewhere just then."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from tests.billing.cases import START, day
from tests.billing.office import Dead, Office

from recoup.billing.core.dunning import DUNNING, FinalAction
from recoup.billing.core.machine import InvoiceStatus, Status
from recoup.billing.core.records import Invoice, Subscription
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import Status as RecoveryStatus

CARD = UUID(int=7)
SCHEDULED = RecoveryStatus.SCHEDULED


async def charged(office: Office, answer: PaymentStatus) -> tuple[Subscription, Invoice, UUID]:
    """A subscription, its first invoice, and the payment by which that was tried."""
    made = await office.subscribed(payment_method_id=CARD)
    assert made.latest_invoice_id is not None
    office.payments.answers.append(answer)
    await office.charging.charge(office.us, made.latest_invoice_id, START)
    invoice = await office.invoices.get(office.us, made.latest_invoice_id)
    assert invoice.payment_id is not None
    return await office.subscriptions.get(office.us, made.id), invoice, invoice.payment_id


async def test_who_does_not_come_back_from_their_bank_is_behind_after_a_day(office: Office) -> None:
    """Nobody tells of it, so the invoice is looked at again; what they do later counts all the same."""
    us, charge = office.us, office.charging.charge
    subscription, invoice, payment_id = await charged(office, PaymentStatus.REQUIRES_ACTION)
    asked_at = office.payments.known[payment_id].payment.updated_at
    assert subscription.status is Status.ACTIVE
    assert await charge(us, invoice.id, asked_at) == asked_at + day(1)
    assert await charge(us, invoice.id, asked_at + day(1)) is None
    left = await office.invoices.get(us, invoice.id)
    assert left.failing is not None and left.failing.code == "authentication_abandoned"
    assert (await office.subscriptions.get(us, subscription.id)).status is Status.PAST_DUE
    assert len(office.payments.tries) == 1
    office.payments.stands(payment_id, PaymentStatus.CAPTURED)
    await office.charging.hear(us, payment_id, asked_at + day(2))
    assert (await office.invoices.get(us, invoice.id)).status is InvoiceStatus.PAID
    assert (await office.subscriptions.get(us, subscription.id)).status is Status.ACTIVE


async def test_a_first_try_that_asks_the_customer_is_looked_at_again(office: Office) -> None:
    made = await office.subscribed(payment_method_id=CARD)
    assert made.latest_invoice_id is not None
    office.payments.answers.append(PaymentStatus.REQUIRES_ACTION)
    again = await office.charging.charge(office.us, made.latest_invoice_id, START)
    assert again == START + day(1)


async def test_what_is_paid_elsewhere_while_its_refusal_is_heard_is_paid(office: Office) -> None:
    """The refusal was heard first, and nothing moves its payment any more: the end of its recovery tells."""
    subscription, invoice, payment_id = await charged(office, PaymentStatus.DECLINED)
    at = START + day(1)
    office.recoveries.stands(payment_id, RecoveryStatus.STOPPED, deadline=at, elsewhere=at)
    await office.giving_up.over(office.us, payment_id, at)
    paid = await office.invoices.get(office.us, invoice.id)
    assert (paid.status, paid.paid_out_of_band, paid.payment_id) == (InvoiceStatus.PAID, True, None)
    assert (await office.subscriptions.get(office.us, subscription.id)).status is Status.ACTIVE


async def test_a_hopeless_invoice_is_looked_at_though_the_recovery_of_another_lasts(office: Office) -> None:
    await office.policy("Short", default=True, grace_days=2, final_action=FinalAction.CANCEL)
    us = office.us
    subscription, _, payment_id = await charged(office, PaymentStatus.DECLINED)
    office.recoveries.stands(payment_id, SCHEDULED, deadline=START + day(90))
    assert await office.giving_up.look(us, subscription.id, START + day(2)) == START + day(90) + timedelta(
        hours=1
    )
    due_at = (await office.subscriptions.get(us, subscription.id)).next_at
    assert due_at is not None
    await office.cycles.open_due(us, [subscription.id], due_at)
    second = (await office.subscriptions.get(us, subscription.id)).latest_invoice_id
    assert second is not None
    office.payments.answers.append(PaymentStatus.DECLINED)
    await office.charging.charge(us, second, due_at)
    row = await office.database.fetch_one(
        "select due_at from due where merchant_id = %(us)s and kind = %(kind)s and object_id = %(id)s",
        {"us": us.id, "kind": DUNNING, "id": subscription.id},
    )
    assert row is not None and row["due_at"] == due_at + timedelta(hours=1)


async def test_what_is_unpaid_is_not_charged_by_a_payment_that_waited_for_its_try(office: Office) -> None:
    await office.policy("None", default=True, grace_days=0)
    us = office.us
    subscription, _, _ = await charged(office, PaymentStatus.DECLINED)
    assert subscription.next_at is not None
    due_at = subscription.next_at
    await office.cycles.open_due(us, [subscription.id], due_at)
    second = (await office.subscriptions.get(us, subscription.id)).latest_invoice_id
    assert second is not None
    office.payments.answers.append(None)
    with pytest.raises(Dead):
        await office.charging.charge(us, second, due_at)
    await office.giving_up.look(us, subscription.id, due_at)
    tried = len(office.payments.tries)
    office.payments.answers.append(PaymentStatus.CAPTURED)
    assert await office.charging.charge(us, second, due_at) is None
    left, unpaid = await office.invoices.get(us, second), await office.subscriptions.get(us, subscription.id)
    assert (len(office.payments.tries), left.payment_id, left.collecting) == (tried, None, False)
    assert unpaid.status is Status.UNPAID and second in unpaid.owing
