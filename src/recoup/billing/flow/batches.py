"""Charges that are made at the same time share transactions: of a night of renewals, whose handlers do not know of it.

Payments of many invoices are opened together, and that many were paid is written together. What is more than that (a
refusal, a payment that was canceled, two invoices of one subscription) is done by itself. A group that fails is done
one by one, so that what cannot be done fails alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.billing.core import settling
from recoup.billing.core.dunning import Ruling
from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.records import Invoice, Subscription
from recoup.billing.core.step import Step
from recoup.billing.flow.around import Owing
from recoup.billing.flow.hearing import recovery_policy
from recoup.billing.flow.writing import Scribe
from recoup.billing.store import dunning, together
from recoup.db import Connection, Database
from recoup.db.together import Together
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.payments.core import NewPayment, Snapshot, steps
from recoup.payments.core.step import Step as PaymentStep

PAYABLE: Final = frozenset({InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE})
GROUPS_MAX: Final = 8
"""Groups at once: one that waits for somebody's lock holds up no other merchant."""


@dataclass(frozen=True, slots=True, eq=False)
class _Charge:
    """An invoice that is to be paid by a payment of this id, with this payment method."""

    merchant: Merchant
    invoice: Invoice
    method_id: UUID
    payment_id: UUID
    now: datetime


@dataclass(frozen=True, slots=True, eq=False)
class _Paid:
    """A payment that was paid, as it is."""

    merchant: Merchant
    snapshot: Snapshot
    now: datetime


class Batches:
    """Opens payments of invoices, and settles invoices that were paid."""

    def __init__(
        self, database: Database, *, owing: Owing, scribe: Scribe, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._owing = owing
        self._scribe = scribe
        self._new_id = new_id
        self._openings: Together[_Charge, Snapshot] = Together(
            self._open_all, name="payments of invoices", readers_max=GROUPS_MAX
        )
        self._settlings: Together[_Paid, bool] = Together(
            self._settle_all, name="paid invoices", readers_max=GROUPS_MAX
        )

    async def open(
        self, merchant: Merchant, invoice: Invoice, method_id: UUID, *, now: datetime
    ) -> Snapshot | None:
        """A new payment for the invoice, untried; None where that has moved on: it may have one by now, or nobody
        collects it any more."""
        charge = _Charge(merchant, invoice, method_id, self._new_id(), now)
        return await self._openings.get(merchant.id, charge)

    async def settle(self, merchant: Merchant, snapshot: Snapshot, *, now: datetime) -> bool:
        """Whether it was heard here that a payment was paid; False: hear it by itself."""
        return await self._settlings.get(merchant.id, _Paid(merchant, snapshot, now)) is True

    async def _open_all(self, merchant_id: UUID, asked: Sequence[_Charge]) -> Mapping[_Charge, Snapshot]:
        first = list({one.invoice.id: one for one in reversed(asked)}.values())
        now = max(one.now for one in asked)

        async def work(connection: Connection) -> Mapping[_Charge, Snapshot]:
            held = await together.lock_invoices(
                connection, merchant_id=merchant_id, ids=[one.invoice.id for one in first]
            )
            charged = [one for one in first if _is_as_seen(held.get(one.invoice.id), one.invoice)]
            if not charged:
                return {}
            owners = {one.invoice.subscription_id for one in charged} - {None}
            rulings = await dunning.rulings_for(
                connection, merchant_id=merchant_id, subscription_ids=[one for one in owners if one]
            )
            opened = {one: _opening(one, held[one.invoice.id], rulings) for one in charged}
            await self._write(connection, opened, held, now=now)
            return {one: step.after for one, step in opened.items()}

        return await self._database.retrying(work)

    async def _write(
        self,
        connection: Connection,
        opened: Mapping[_Charge, PaymentStep],
        held: Mapping[UUID, Invoice],
        *,
        now: datetime,
    ) -> None:
        merchant = next(iter(opened)).merchant
        if len(opened) == 1:
            await self._owing.open(connection, merchant, next(iter(opened.values())), None)
        else:
            await self._owing.open_all(connection, merchant, list(opened.values()))
        remembering = [
            Step(None, (settling.remembers(held[one.invoice.id], one.payment_id, now=one.now),))
            for one in opened
        ]
        await self._scribe.write(connection, merchant, remembering, now=now)

    async def _settle_all(self, merchant_id: UUID, asked: Sequence[_Paid]) -> Mapping[_Paid, bool]:
        ids = list({one.snapshot.payment.id for one in asked})

        async def work(connection: Connection) -> Mapping[_Paid, bool]:
            owners = await together.lock_subscriptions_of_payments(
                connection, merchant_id=merchant_id, payment_ids=ids
            )
            held = await together.lock_invoices_of_payments(
                connection, merchant_id=merchant_id, payment_ids=ids
            )
            steps_of = _settled(asked, held, owners)
            changed = [step for step in steps_of.values() if step is not None]
            if changed:
                now = max(one.now for one in asked)
                await self._scribe.write(connection, asked[0].merchant, changed, now=now)
            return dict.fromkeys(steps_of, True)

        return await self._database.retrying(work)


def _is_as_seen(held: Invoice | None, seen: Invoice) -> bool:
    """Whether a held invoice may be paid, and is what its charge was decided by."""
    return held is not None and held.version == seen.version and held.status in PAYABLE


def _settled(
    asked: Sequence[_Paid], held: Mapping[UUID, Invoice], owners: Mapping[UUID, Subscription]
) -> dict[_Paid, Step | None]:
    """What follows for held invoices that were paid; None where nothing does. One that waits for another of its
    subscription is left out."""
    found: dict[_Paid, Step | None] = {}
    touched: set[UUID] = set()
    for one in asked:
        payment = one.snapshot.payment
        invoice = held.get(payment.id)
        if invoice is None or payment.version <= invoice.payment_version:
            found[one] = None
            continue
        owner = None if invoice.subscription_id is None else owners.get(invoice.subscription_id)
        changes = {invoice.id, invoice.subscription_id or invoice.id}
        if (owner is None) is (invoice.subscription_id is None) and not touched & changes:
            found[one] = settling.paid(
                invoice, owner, at=payment.updated_at, now=one.now, version=payment.version
            )
            touched |= changes
    return found


def _opening(charge: _Charge, invoice: Invoice, rulings: Mapping[UUID, Ruling]) -> PaymentStep:
    new = NewPayment(
        id=charge.payment_id,
        merchant_id=charge.merchant.id,
        money=invoice.money,
        capture="automatic",
        initiator="merchant",
        customer_id=invoice.customer_id,
        merchant_reference=render(Kind.INVOICE, invoice.id),
        return_url=None,
        routing=None,
        recovery_policy=recovery_policy(invoice, rulings, now=charge.now),
        metadata={},
        agreement="recurring",
    )
    return steps.opened(new, payment_method_id=charge.method_id, now=charge.now)
