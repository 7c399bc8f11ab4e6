"""Dunning: what is given up is given up once, what nobody collects is charged by nobody, and whoever pays ends it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.billing.cases import START, day
from tests.billing.office import Office

from recoup.billing.core.dunning import BUILT_IN, FinalAction, OpenInvoices
from recoup.billing.core.machine import InvoiceStatus, Status
from recoup.billing.core.records import Invoice, Subscription
from recoup.billing.store import dunning
from recoup.events import store as events
from recoup.kit.refusals import Refusal
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import Status as RecoveryStatus

CARD = UUID(int=7)
SCHEDULED, EXHAUSTED = RecoveryStatus.SCHEDULED, RecoveryStatus.EXHAUSTED


async def charged(
    office: Office, answer: PaymentStatus = PaymentStatus.DECLINED, **more: Any
) -> tuple[Subscription, Invoice]:
    """A subscription whose first invoice was charged, and that."""
    made = await office.subscribed(payment_method_id=CARD, **more)
    assert made.latest_invoice_id is not None
    office.payments.answers.append(answer)
    await office.charging.charge(office.us, made.latest_invoice_id, START)
    return await now_is(office, made), await bill(office, made)


async def now_is(office: Office, one: Subscription) -> Subscription:
    return await office.subscriptions.get(office.us, one.id)


async def bill(office: Office, one: Subscription) -> Invoice:
    assert one.latest_invoice_id is not None
    return await office.invoices.get(office.us, one.latest_invoice_id)


def paying(invoice: Invoice) -> UUID:
    assert invoice.payment_id is not None
    return invoice.payment_id


async def told(office: Office, one: Subscription) -> list[str]:
    found = await events.of_objects(office.database, merchant_id=office.us.id, object_ids=[one.id], limit=100)
    return [event.type.removeprefix("subscription.") for event in found]


async def test_the_final_action_is_done_once_and_not_before_grace_and_recovery_are_over(
    office: Office,
) -> None:
    await office.policy("Short", default=True, grace_days=2, final_action=FinalAction.CANCEL)
    subscription, invoice = await charged(office)
    us, look = office.us, office.giving_up.look
    assert subscription.is_entitled and subscription.dunning is not None
    office.recoveries.stands(paying(invoice), SCHEDULED, deadline=START + day(28))
    assert await look(us, subscription.id, START) == START + day(2)
    assert await look(us, subscription.id, START + day(2)) == START + day(28) + timedelta(hours=1)
    assert not (await now_is(office, subscription)).is_entitled
    office.recoveries.stands(paying(invoice), EXHAUSTED, deadline=START + day(28))
    await asyncio.gather(
        *(office.giving_up.over(us, paying(invoice), START + day(3)) for _ in range(3)),
        *(look(us, subscription.id, START + day(3)) for _ in range(3)),
    )
    assert await told(office, subscription) == ["created", "past_due", "grace_ended", "canceled"]
    left = await bill(office, subscription)
    assert (left.status, left.collecting, left.payment_id) == (InvoiceStatus.OPEN, False, None)
    assert office.payments.known[paying(invoice)].payment.status is PaymentStatus.CANCELED
    assert await look(us, subscription.id, START + day(9)) is None


async def test_where_nothing_can_be_tried_it_is_given_up_at_once_and_paying_undoes_that(
    office: Office,
) -> None:
    """No payment method, no grace: unpaid. What it is billed then is not charged, and paying all of it ends that."""
    await office.policy("None", default=True, grace_days=0)
    bare = await office.subscribed(payment_method_id=None)
    us, first = office.us, await bill(office, bare)
    await office.charging.charge(us, first.id, START)
    await office.giving_up.look(us, bare.id, START)
    unpaid = await now_is(office, bare)
    assert unpaid.status is Status.UNPAID and unpaid.next_at is not None
    await office.cycles.open_due(us, [bare.id], unpaid.next_at)
    second = await bill(office, await now_is(office, bare))
    assert (second.status, second.charge_at, second.collecting) == (InvoiceStatus.OPEN, None, False)
    for one, status in ((first, Status.UNPAID), (second, Status.ACTIVE)):
        office.payments.answers.append(PaymentStatus.CAPTURED)
        paid = await office.charging.pay(us, one.id, method_id=CARD, now=START + day(40))
        assert paid.status is InvoiceStatus.PAID
        assert (await now_is(office, bare)).status is status
    assert await told(office, bare) == ["created", "past_due", "unpaid", "recovered"]
    assert office.payments.known[paying(paid)].payment.recovery_policy == "none", "tried by hand only"


async def test_forgiven_is_what_is_owed_and_not_what_may_be_paid_already(office: Office) -> None:
    rules: dict[str, Any] = {"grace_days": 0, "final_action": FinalAction.PAUSE}
    rules |= {"open_invoices": OpenInvoices.UNCOLLECTIBLE}
    await office.policy("Forgiving", default=True, **rules)
    subscription, invoice = await charged(office)
    us, later = office.us, START + day(1)
    office.payments.stands(paying(invoice), PaymentStatus.UNRESOLVED)
    assert await office.giving_up.look(us, subscription.id, later) == later + timedelta(hours=1)
    office.payments.stands(paying(invoice), PaymentStatus.DECLINED)
    assert await office.giving_up.look(us, subscription.id, later) is None
    forgiven = await bill(office, subscription)
    paused = await now_is(office, subscription)
    assert (forgiven.status, forgiven.payment_id) == (InvoiceStatus.UNCOLLECTIBLE, None)
    assert (paused.status, paused.owing, paused.dunning) == (Status.PAUSED, (), None)


async def canceled(office: Office, one: Subscription) -> Subscription:
    async with office.database.transaction() as connection:
        return await office.subscriptions.cancel(
            connection, office.us, one.id, at_period_end=False, prorate=False, now=START
        )


async def test_an_end_stops_the_collecting_of_what_is_open_however_it_comes(office: Office) -> None:
    """By hand, and when the period ends; and of what was being charged then, once that is known to be refused."""
    us = office.us
    declined, _ = await charged(office)
    unknown, open_ = await charged(office, PaymentStatus.UNRESOLVED)
    at_end, _ = await charged(office)
    assert at_end.next_at is not None
    async with office.database.transaction() as connection:
        await office.subscriptions.cancel(
            connection, us, at_end.id, at_period_end=True, prorate=False, now=START
        )
    assert (await bill(office, at_end)).collecting
    await office.cycles.open_due(us, [at_end.id, declined.id], at_end.next_at)
    for one in (declined, unknown):
        await canceled(office, one)
    for one in (declined, at_end):
        left = await bill(office, one)
        assert (left.status, left.collecting, left.payment_id) == (InvoiceStatus.OPEN, False, None)
    assert paying(await bill(office, unknown)) == paying(open_), "it may hold money"
    office.payments.stands(paying(open_), PaymentStatus.DECLINED, tries=1)
    await office.charging.hear(us, paying(open_), START)
    left = await bill(office, unknown)
    assert left.payment_id is None and left.failing is not None and left.status is InvoiceStatus.OPEN
    assert office.payments.known[paying(open_)].payment.status is PaymentStatus.CANCELED
    assert (await now_is(office, unknown)).status is Status.CANCELED


@pytest.mark.parametrize("stands", [PaymentStatus.CANCELED, PaymentStatus.DECLINED])
async def test_what_recovery_was_told_is_paid_elsewhere_is_paid_out_of_band(
    office: Office, stands: PaymentStatus
) -> None:
    subscription, invoice = await charged(office)
    assert subscription.status is Status.PAST_DUE
    payment_id, at = paying(invoice), START + day(2)
    office.recoveries.stands(payment_id, RecoveryStatus.STOPPED, deadline=at, elsewhere=at)
    office.payments.stands(payment_id, stands, tries=2)
    for _ in "12":
        await office.charging.hear(office.us, payment_id, START + day(3))
    paid, after = await bill(office, subscription), await now_is(office, subscription)
    assert (paid.status, paid.paid_out_of_band, paid.paid_at) == (InvoiceStatus.PAID, True, at)
    assert (after.status, after.dunning, paid.payment_id) == (Status.ACTIVE, None, None)
    assert office.payments.known[payment_id].payment.status is PaymentStatus.CANCELED


async def test_nobody_pays_by_hand_what_was_paid_elsewhere(office: Office) -> None:
    _, invoice = await charged(office)
    payment_id, at = paying(invoice), START + day(2)
    office.recoveries.stands(payment_id, RecoveryStatus.STOPPED, deadline=at, elsewhere=at)
    office.payments.stands(payment_id, PaymentStatus.DECLINED, tries=2)
    tried = len(office.payments.tries)
    paid = await office.charging.pay(office.us, invoice.id, method_id=None, now=START + day(3))
    assert (paid.status, paid.paid_out_of_band) == (InvoiceStatus.PAID, True)
    assert len(office.payments.tries) == tried


async def test_one_policy_is_the_default_and_what_holds_is_fixed_by_falling_behind(office: Office) -> None:
    us, database = office.us, office.database
    assert await dunning.ruling(database, merchant_id=us.id, named=None) == BUILT_IN
    mild = await office.policy("Mild", default=True, grace_days=30, recovery_policy="patient")
    strict = await office.policy("Strict", grace_days=0, messages=False)
    by_default, bill_ = await charged(office)
    named, _ = await charged(office, dunning_policy_id=strict.id)
    for one, policy in ((by_default, mild), (named, strict)):
        assert one.dunning is not None and one.dunning.ruling.policy_id == policy.id
    payment = office.payments.known[paying(bill_)].payment
    assert payment.recovery_policy == "patient"
    assert await office.giving_up.asks(us, payment.id)
    assert not await office.giving_up.asks(us, paying(await bill(office, named)))
    async with database.transaction() as connection:
        changed = await office.policies.update(
            connection, us, strict.id, rules={"grace_days": 9}, fields={"is_default": True}, now=START
        )
    assert changed.is_default and not (await office.policies.get(us, mild.id)).is_default
    assert await office.policies.default(us) == changed
    assert (await now_is(office, by_default)).dunning == by_default.dunning
    with pytest.raises(Refusal, match="keeps what it owes"):
        await office.policy("Wrong", open_invoices=OpenInvoices.UNCOLLECTIBLE)
    with pytest.raises(Refusal, match="no recovery policy"):
        await office.policy("Wrong", recovery_policy="nobody's")
