"""What news of a payment mean for the invoice that it pays, and by what rules an invoice's payments are won back.

A try that a customer makes ahead of the charge that is planned has a payment of its own, which nothing wins back. Where
it is refused that payment is let go of, and the charge comes as it was planned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never
from uuid import UUID

from recoup.billing.core import settling
from recoup.billing.core.dunning import BUILT_IN, DUNNING, Ruling
from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.records import Failing, Invoice, Subscription
from recoup.billing.core.step import CHARGE, Due, Step
from recoup.billing.flow.around import Owing
from recoup.billing.store import dunning
from recoup.db import Connection
from recoup.merchants.core import Merchant
from recoup.payments.core import Snapshot
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import NO_RECOVERY, STANDINGS, Standing


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


def recovery_policy(invoice: Invoice, rulings: Mapping[UUID, Ruling], *, now: datetime) -> str | None:
    """By which policy a payment of the invoice that is made now recovers, where it is refused, given what holds for its
    subscription. What nobody collects any more, or not yet, is tried by hand only."""
    if not invoice.collecting or invoice.status is not InvoiceStatus.OPEN or settling.is_early(invoice, now):
        return NO_RECOVERY
    if invoice.subscription_id is None:
        return None
    return rulings[invoice.subscription_id].rules.recovery_policy


def without_payment(
    invoice: Invoice, subscription: Subscription | None, elsewhere_at: datetime | None, *, now: datetime
) -> Step | None:
    """What follows where its payment was canceled: paid, where somebody said so, else charged if that is still planned,
    else owed, with nothing to try it."""
    if invoice.payment_id is not None:  # it is being tried again: that is heard next
        return None
    if elsewhere_at is not None:
        step = settling.paid(invoice, subscription, at=elsewhere_at, now=now, out_of_band=True)
        return step or Step(None, (invoice,))
    is_owed = subscription is not None and invoice.id in subscription.owing
    dues = [Due(DUNNING, subscription.id, now)] if subscription is not None and is_owed else []
    if invoice.status is InvoiceStatus.OPEN and invoice.charge_at is not None:
        dues.append(Due(CHARGE, invoice.id, invoice.charge_at))
    return Step(None, (invoice,), dues=tuple(dues))


def failing_of(snapshot: Snapshot) -> Failing:
    """Why a payment that was refused was."""
    payment = snapshot.payment
    if payment.status is PaymentStatus.DECLINED and payment.decline is not None:
        decline = payment.decline.decline
        return Failing(decline.code, decline.message, payment.attempts_count, payment.decline.at)
    words = payment.failure or "The payment was certainly not processed."
    return Failing("payment_failed", words, payment.attempts_count, payment.updated_at)


@dataclass(frozen=True, slots=True)
class Hearing:
    """Settles invoices in a transaction that holds them, and lets go of their payments."""

    owing: Owing

    async def settled(
        self, connection: Connection, merchant: Merchant, heard: Heard, *, now: datetime
    ) -> Step | None:
        """What follows for a held invoice from where its payment stands."""
        invoice, subscription, payment = heard.invoice, heard.subscription, heard.snapshot.payment
        match STANDINGS[payment.status]:
            case Standing.PAID:
                return settling.paid(
                    invoice, subscription, at=payment.updated_at, now=now, version=payment.version
                )
            case Standing.REFUSED if heard.elsewhere_at is None:
                return await self._refused(connection, merchant, heard, now=now)
            case Standing.REFUSED | Standing.GONE:
                (freed,) = await self.freed(connection, merchant, [invoice], now=now)
                return without_payment(freed, subscription, heard.elsewhere_at, now=now)
            case Standing.UNDER_WAY:
                return None
            case other:
                assert_never(other)

    async def freed(
        self, connection: Connection, merchant: Merchant, invoices: Sequence[Invoice], *, now: datetime
    ) -> Sequence[Invoice]:
        """Held invoices without their payments, which are canceled; as they are, where those may hold money.

        Of several the payments are held first: whoever writes one of them holds it before the merchant's events, which
        the first that is let go of holds here.
        """
        paid_by = [one.payment_id for one in invoices if one.payment_id is not None]
        if len(paid_by) > 1:
            await self.owing.hold(connection, merchant, paid_by)
        return [await self._freed(connection, merchant, one, now=now) for one in invoices]

    async def _freed(
        self, connection: Connection, merchant: Merchant, invoice: Invoice, *, now: datetime
    ) -> Invoice:
        if invoice.payment_id is None:
            return invoice
        is_gone = await self.owing.let_go(connection, merchant, invoice.payment_id, now=now)
        return settling.let_go(invoice, now=now) if is_gone else invoice

    async def _refused(
        self, connection: Connection, merchant: Merchant, heard: Heard, *, now: datetime
    ) -> Step | None:
        """It is owed still, unless its charge is to come. Where nobody collects it any more, the payment that was under
        way then, or was returned since, is let go of now, so that nothing wins it back."""
        invoice, payment, failing = heard.invoice, heard.snapshot.payment, failing_of(heard.snapshot)
        if settling.is_early(invoice, payment.created_at):
            (freed,) = await self.freed(connection, merchant, [invoice], now=now)
            is_gone = freed.payment_id is None  # else it is being tried again: that is heard next
            return settling.refused_early(freed, failing, now=now) if is_gone else None
        ruling = await ruling_of(connection, heard.subscription)
        step = settling.refused(
            invoice, heard.subscription, failing, now=now, version=payment.version, ruling=ruling
        )
        known = invoice if step is None else step.invoices[0]
        if known.collecting or payment.recovery_policy == NO_RECOVERY:
            return step
        (freed,) = await self.freed(connection, merchant, [known], now=now)
        return replace(step or Step(), invoices=(freed,)) if freed is not known else step
