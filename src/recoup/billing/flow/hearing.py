"""What news of a payment mean for the invoice that it pays, and by what rules an invoice's payments are won back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recoup.billing.core import settling
from recoup.billing.core.dunning import BUILT_IN, DUNNING, Ruling
from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.records import Failing, Invoice, Subscription
from recoup.billing.core.step import Due, Step
from recoup.billing.store import dunning
from recoup.db import Connection
from recoup.payments.core import Snapshot
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import NO_RECOVERY


@dataclass(frozen=True, slots=True)
class Heard:
    """A payment as it is, and the held invoice that it pays. `elsewhere_at`: when the debt was paid by another way."""

    invoice: Invoice
    subscription: Subscription | None
    snapshot: Snapshot
    elsewhere_at: datetime | None


async def ruling_of(connection: Connection, subscription: Subscription | None) -> Ruling:
    """What is done about a subscription that falls behind now; of one that is behind already nobody asks."""
    if subscription is None or subscription.dunning is not None:
        return BUILT_IN
    return await dunning.ruling(
        connection, merchant_id=subscription.merchant_id, named=subscription.dunning_policy_id
    )


async def recovery_policy(connection: Connection, invoice: Invoice) -> str | None:
    """By which policy a payment of the invoice recovers, where it is refused. What nobody collects any more is tried by
    hand only."""
    if not invoice.collecting or invoice.status is not InvoiceStatus.OPEN:
        return NO_RECOVERY
    if invoice.subscription_id is None:
        return None
    ruling = await dunning.ruling_for(
        connection, merchant_id=invoice.merchant_id, subscription_id=invoice.subscription_id
    )
    return ruling.rules.recovery_policy


def without_payment(
    invoice: Invoice, subscription: Subscription | None, elsewhere_at: datetime | None, *, now: datetime
) -> Step | None:
    """What follows where its payment was canceled: paid, where somebody said so, else owed, with nothing to try it."""
    if invoice.payment_id is not None:  # it is being tried again: that is heard next
        return None
    if elsewhere_at is not None:
        step = settling.paid(invoice, subscription, at=elsewhere_at, now=now, out_of_band=True)
        return step or Step(None, (invoice,))
    is_owed = subscription is not None and invoice.id in subscription.owing
    dues = (Due(DUNNING, subscription.id, now),) if subscription is not None and is_owed else ()
    return Step(None, (invoice,), dues=dues)


def failing_of(snapshot: Snapshot) -> Failing:
    """Why a payment that was refused was."""
    payment = snapshot.payment
    if payment.status is PaymentStatus.DECLINED and payment.decline is not None:
        decline = payment.decline.decline
        return Failing(decline.code, decline.message, payment.attempts_count, payment.decline.at)
    words = payment.failure or "The payment was certainly not processed."
    return Failing("payment_failed", words, payment.attempts_count, payment.updated_at)
