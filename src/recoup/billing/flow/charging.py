"""Charges invoices, and hears what becomes of their payments.

The invoice remembers its payment in the transaction that opens it, untried, before anything is sent. Then payments
tries it by its own rules: two who try at once are told apart by the payment's version, so that it is tried once, and
after a crash whoever comes next finds the payment and goes on where it stands. While its outcome is unknown the invoice
stays open and nothing else is charged for it.

What a payment comes to is heard from the payment as it is, not from what happened to it: news may come late, or twice.
`payment_version` says how far an invoice has heard, so that what is older than that changes nothing. Where its recovery
was told that the debt was paid elsewhere, the invoice is paid out of band.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.billing import store
from recoup.billing.core import settling
from recoup.billing.core.giving_up import COMES_BACK_WITHIN
from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.records import Failing, Invoice, Subscription
from recoup.billing.core.step import Step
from recoup.billing.flow.around import Owing, Payments, Recoveries
from recoup.billing.flow.batches import PAYABLE, Batches
from recoup.billing.flow.hearing import Heard, Hearing, ruling_of
from recoup.billing.flow.writing import Scribe
from recoup.billing.store import together
from recoup.db import Connection, Database
from recoup.db.together import Together
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal, conflict, not_found
from recoup.merchants.core import Merchant
from recoup.payments.core import Reason, Snapshot
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import STANDINGS, Standing

LOOKS_MAX: Final = 5
"""How often one call looks again because something changed meanwhile."""
LOOK_AGAIN: Final = timedelta(minutes=1)
NO_METHOD: Final = "payment_method_missing"
NOT_BACK: Final = "authentication_abandoned"


class Charging:
    """Everything that moves money for invoices."""

    def __init__(
        self,
        database: Database,
        *,
        payments: Payments,
        recoveries: Recoveries,
        owing: Owing,
        scribe: Scribe,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._payments = payments
        self._recoveries = recoveries
        self._owing = owing
        self._hearing = Hearing(owing)
        self._scribe = scribe
        self._batches = Batches(database, owing=owing, scribe=scribe, new_id=new_id)
        self._read_together: Together[UUID, Invoice] = Together(
            lambda merchant_id, ids: together.invoices(database, merchant_id=merchant_id, ids=ids),
            name="invoices",
        )

    async def charge(self, merchant: Merchant, invoice_id: UUID, now: datetime) -> datetime | None:
        """The worker's handler of `invoice.charge`: charge it once, if it is still open."""
        for _ in range(LOOKS_MAX):
            invoice = await self._read(merchant, invoice_id)
            if invoice is None or invoice.status is not InvoiceStatus.OPEN or invoice.charge_at is None:
                return None
            if now < invoice.charge_at:
                return invoice.charge_at
            method_id, hopeless = invoice.payment_method_id, _unchargeable(invoice, now)
            if hopeless is not None:
                return await self._failed(merchant, invoice, hopeless, None, now=now)
            payment = await self._payment_of(merchant, invoice, method_id, now=now)
            if payment is None:
                continue
            if payment.payment.status is not PaymentStatus.REQUIRES_PAYMENT_METHOD:
                return await self._tried(merchant, invoice, payment, now=now)
            if settling.is_early(invoice, payment.payment.created_at):
                await self._without_early(merchant, invoice, now=now)
                continue
            return await self._try(merchant, invoice, payment, now=now)
        return now + LOOK_AGAIN

    async def pay(
        self, merchant: Merchant, invoice_id: UUID, *, method_id: UUID | None, now: datetime
    ) -> Invoice:
        """Charge it now, by hand: the same debt, so the same payment, with another method where one is given.

        A decline is an answer. Refuses while a payment of it may hold money.
        """
        for _ in range(LOOKS_MAX):
            invoice = await self.get(merchant, invoice_id)
            if invoice.status is InvoiceStatus.PAID:
                return invoice
            refuse_unpayable(invoice)
            chosen = method_id or invoice.payment_method_id
            if invoice.payment_id is None and chosen is None:
                raise conflict(
                    NO_METHOD, "This invoice has no payment method: send one.", param="payment_method"
                )
            if invoice.payment_id is None and not settling.may_have_another(invoice, now=now):
                raise settling.too_many()
            payment = await self._payment_of(merchant, invoice, chosen, now=now)
            if payment is None:
                continue
            if _may_be_tried(payment):
                if await self._paid_elsewhere_at(merchant, payment) is not None:
                    await self.hear(merchant, payment.payment.id, now)
                    continue
                means = None
                if method_id is not None:
                    means, _ = await self._payments.stored_means(merchant, method_id)
                await self._payments.confirm(merchant, payment.payment.id, means, claim=None, now=now)
            elif STANDINGS[payment.payment.status] is Standing.UNDER_WAY:
                raise under_way()
            await self.hear(merchant, payment.payment.id, now)
            return await self.get(merchant, invoice_id)
        raise conflict("invoice_busy", "Other requests keep changing this invoice.", retry_after_s=1)

    async def hear(
        self, merchant: Merchant, payment_id: UUID, now: datetime, *, seen: Snapshot | None = None
    ) -> None:
        """The handler of a payment's news: settle its invoice by where the payment stands, in `seen` where it is in
        hand."""
        snapshot = seen or await self._payments.find(merchant, payment_id)
        if snapshot is None:
            return
        is_paid = STANDINGS[snapshot.payment.status] is Standing.PAID
        if is_paid and await self._batches.settle(merchant, snapshot, now=now):
            return
        elsewhere_at = await self._paid_elsewhere_at(merchant, snapshot)

        async def work(connection: Connection) -> None:
            owners = await together.lock_subscriptions_of_payments(
                connection, merchant_id=merchant.id, payment_ids=[payment_id]
            )
            held = await together.lock_invoices_of_payments(
                connection, merchant_id=merchant.id, payment_ids=[payment_id]
            )
            invoice, subscription = held.get(payment_id), next(iter(owners.values()), None)
            if invoice is None or (
                elsewhere_at is None and snapshot.payment.version <= invoice.payment_version
            ):
                return
            heard = Heard(invoice, subscription, snapshot, elsewhere_at)
            step = await self._hearing.settled(connection, merchant, heard, now=now)
            if step is not None:
                await self._scribe.write(connection, merchant, [step], now=now)

        await self._database.retrying(work)

    async def told_elsewhere_at(self, merchant: Merchant, payment_id: UUID) -> datetime | None:
        """When somebody told recovery that a payment's debt was paid by another way, wherever the payment stands."""
        recovery = (await self._recoveries.of_payments(merchant, [payment_id])).get(payment_id)
        return None if recovery is None else recovery.paid_elsewhere_at

    async def get(self, merchant: Merchant, invoice_id: UUID) -> Invoice:
        """One invoice; refuses with 404."""
        return there(await self._read(merchant, invoice_id), invoice_id)

    async def resumed(self, merchant: Merchant, invoice_id: UUID) -> Invoice | None:
        """An invoice whose charge was interrupted; None while its payment is still being worked on."""
        invoice = await self.get(merchant, invoice_id)
        if invoice.payment_id is None:
            return invoice
        snapshot = await self._payments.find(merchant, invoice.payment_id)
        if snapshot is not None and self._payments.under_way(snapshot):
            return None
        return invoice

    async def locked(
        self, connection: Connection, merchant: Merchant, found: Invoice
    ) -> tuple[Invoice, Subscription | None]:
        """An invoice and its subscription, held until the transaction ends: the subscription first, as everywhere."""
        subscription = None
        if found.subscription_id is not None:
            ids = [found.subscription_id]
            held = await store.lock_subscriptions(connection, merchant_id=merchant.id, ids=ids)
            subscription = held[found.subscription_id]
        invoice = await store.lock_invoice(connection, merchant_id=merchant.id, invoice_id=found.id)
        return there(invoice, found.id), subscription

    async def free(
        self, connection: Connection, merchant: Merchant, invoice: Invoice, *, now: datetime
    ) -> Invoice:
        """The invoice without its payment, which is canceled; refuses where that may hold money."""
        (freed,) = await self.freed(connection, merchant, [invoice], now=now)
        if freed.payment_id is not None:
            raise under_way()
        return freed

    async def freed(
        self, connection: Connection, merchant: Merchant, invoices: Sequence[Invoice], *, now: datetime
    ) -> Sequence[Invoice]:
        """Held invoices without their payments, which are canceled; as they are, where those may hold money."""
        return await self._hearing.freed(connection, merchant, invoices, now=now)

    async def _read(self, merchant: Merchant, invoice_id: UUID) -> Invoice | None:
        return await self._read_together.get(merchant.id, invoice_id)

    async def _payment_of(
        self, merchant: Merchant, invoice: Invoice, method_id: UUID | None, *, now: datetime
    ) -> Snapshot | None:
        """The payment that an invoice is paid by, opened where there is none; None: look again."""
        if invoice.payment_id is not None:
            snapshot = await self._payments.find(merchant, invoice.payment_id)
            assert snapshot is not None, "it was written with the invoice that remembers it"
            if snapshot.payment.status is not PaymentStatus.CANCELED:
                return snapshot
            await self.hear(merchant, invoice.payment_id, now)
            return None
        assert method_id is not None, "there is something to charge"
        return await self._batches.open(merchant, invoice, method_id, now=now)

    async def _try(
        self, merchant: Merchant, invoice: Invoice, payment: Snapshot, *, now: datetime
    ) -> datetime | None:
        """The first try of a payment; when to look again, where none could be made for the moment."""
        payment_id = payment.payment.id
        try:
            status = await self._payments.retry(
                merchant, payment_id, reason=Reason.RENEWAL, accounts=None, now=now, seen=payment
            )
        except Refusal as refusal:
            fresh = await self._payments.find(merchant, payment_id)
            moved_on = fresh is None or fresh.payment.version != payment.payment.version
            if moved_on or refusal.retry_after_s is not None:
                return now + LOOK_AGAIN
            failing = Failing(refusal.code, refusal.message, 0, now)
            return await self._failed(merchant, invoice, failing, payment, now=now)
        return now + COMES_BACK_WITHIN if status is PaymentStatus.REQUIRES_ACTION else None

    async def _tried(
        self, merchant: Merchant, invoice: Invoice, payment: Snapshot, *, now: datetime
    ) -> datetime | None:
        """What follows where its payment was tried already. One whose customer never came back from their bank is
        never told of: it counts as refused, and whatever becomes of it later is heard."""
        left_by = _left_by(payment)
        if left_by is not None and now >= left_by:
            return await self._failed(merchant, invoice, _left(payment, now), payment, now=now)
        await self.hear(merchant, payment.payment.id, now, seen=payment)
        return left_by

    async def _failed(
        self,
        merchant: Merchant,
        invoice: Invoice,
        failing: Failing,
        payment: Snapshot | None,
        *,
        now: datetime,
    ) -> datetime | None:
        """Nothing could be tried of the invoice by this payment, or without any: it stays open, and its subscription
        falls behind. When to look again, where it is paid by another payment by now."""

        async def work(connection: Connection) -> datetime | None:
            fresh, subscription = await self.locked(connection, merchant, invoice)
            if fresh.status is not InvoiceStatus.OPEN or fresh.charge_at is None:
                return None
            if fresh.payment_id != (None if payment is None else payment.payment.id):
                return now + LOOK_AGAIN
            waits = payment is not None and settling.is_early(fresh, payment.payment.created_at)
            step = settling.refused(
                fresh,
                subscription,
                failing,
                now=now,
                version=fresh.payment_version,
                ruling=await ruling_of(connection, subscription),
                charge_at=fresh.charge_at if waits else None,
            )
            if step is not None:
                await self._scribe.write(connection, merchant, [step], now=now)
            return None

        return await self._database.retrying(work)

    async def _without_early(self, merchant: Merchant, invoice: Invoice, *, now: datetime) -> None:
        """Let go of a payment that somebody made ahead of the charge that is planned, and never tried: it would be
        tried with what they wanted to pay with."""

        async def work(connection: Connection) -> None:
            fresh = await store.lock_invoice(connection, merchant_id=merchant.id, invoice_id=invoice.id)
            fresh = there(fresh, invoice.id)
            if fresh.payment_id is None or fresh.payment_id != invoice.payment_id:
                return
            (freed,) = await self.freed(connection, merchant, [fresh], now=now)
            if freed is not fresh:
                await self._scribe.write(connection, merchant, [Step(None, (freed,))], now=now)

        await self._database.retrying(work)

    async def _paid_elsewhere_at(self, merchant: Merchant, seen: Snapshot) -> datetime | None:
        """When somebody told recovery that the debt was paid by another way, where its payment holds no money."""
        payment = seen.payment
        if STANDINGS[payment.status] not in (Standing.REFUSED, Standing.GONE):
            return None
        return await self.told_elsewhere_at(merchant, payment.id)


def there(invoice: Invoice | None, invoice_id: UUID) -> Invoice:
    """The invoice; refuses with 404 where there is none."""
    if invoice is None:
        raise not_found("invoice", render(Kind.INVOICE, invoice_id))
    return invoice


def refuse_unpayable(invoice: Invoice) -> None:
    """Refuses what cannot be paid as it stands."""
    if invoice.status not in PAYABLE:
        raise settling.unexpected(invoice)


def under_way() -> Refusal:
    """The refusal while a payment may hold money."""
    return conflict(
        "invoice_payment_under_way",
        "A payment of this invoice is under way, or nobody knows yet what became of it: nothing else may be charged "
        "for it. Wait for invoice.paid or invoice.payment_failed.",
        retry_after_s=1,
    )


def _may_be_tried(snapshot: Snapshot) -> bool:
    payment = snapshot.payment
    untried = payment.status is PaymentStatus.REQUIRES_PAYMENT_METHOD
    return untried or STANDINGS[payment.status] is Standing.REFUSED


def _left_by(snapshot: Snapshot) -> datetime | None:
    """When a customer whom their bank asks something has left; None where nobody is asked."""
    payment = snapshot.payment
    is_asked = payment.status is PaymentStatus.REQUIRES_ACTION
    return payment.updated_at + COMES_BACK_WITHIN if is_asked else None


def _left(snapshot: Snapshot, now: datetime) -> Failing:
    words = "The customer's bank asked them to authenticate, and they did not come back."
    return Failing(NOT_BACK, words, snapshot.payment.attempts_count, now)


def _unchargeable(invoice: Invoice, now: datetime) -> Failing | None:
    """Why no payment can be made of an invoice that has none."""
    if invoice.payment_id is not None:
        return None
    if invoice.payment_method_id is None:
        words = "There is no payment method to charge: pay the invoice with one, or set the subscription's."
        return Failing(NO_METHOD, words, 0, now)
    if settling.may_have_another(invoice, now=now):
        return None
    refusal = settling.too_many()
    return Failing(refusal.code, refusal.message, 0, now)
