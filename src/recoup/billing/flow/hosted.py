"""An invoice as its customer sees it by a link: where it stands, what it says, and paying it now.

A look changes nothing. What the customer sends goes through the same door as `POST /v1/invoices/{id}/pay`
(`Charging.pay`): it is the invoice's one payment, of which payments lets one attempt at most hold money, whoever makes
it. Only the try is the customer's: their bank may ask whether it is them, and they come back to where they paid.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol, assert_never
from uuid import UUID

from recoup.billing import store
from recoup.billing.core.machine import InvoiceStatus
from recoup.billing.core.records import Invoice, ManagedBy
from recoup.billing.flow.around import Owing, Payments
from recoup.billing.flow.charging import Charging
from recoup.billing.flow.papers import Methods, PaperReader, Papers
from recoup.billing.flow.present import Present
from recoup.billing.links import InvoiceLinks
from recoup.connectors.base import Browser
from recoup.db import Database
from recoup.kit.clock import Clock
from recoup.merchants.core import Merchant
from recoup.messages.flow.paying import BACK_LIVES, TRIES_MAX
from recoup.messages.flow.there import Payments as Going
from recoup.messages.flow.there import bank_of, is_hopeless, went_on
from recoup.payments.core import Reason, Snapshot
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.flow.customer_there import CustomerThere
from recoup.payments.flow.tools import Means
from recoup.recovery.core import STANDINGS, Standing
from recoup.vault.wire import CardMethodData, PaymentMethodData

_PAYABLE: Final = frozenset({InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE})
_BY_HAND: Final = frozenset({Reason.INITIAL, Reason.MANUAL})
"""Why people's own tries are made; those that come by themselves are renewals and recoveries."""


class View(StrEnum):
    """What may be done about it."""

    PAY = "pay"
    BANK = "bank"
    UNDER_WAY = "under_way"
    TOO_MANY = "too_many"
    NOTHING = "nothing"


class AllPayments(Payments, Going, Protocol):
    """What the page asks of payments."""


@dataclass(frozen=True, slots=True)
class Around:
    """The other subjects, as far as the page needs them. `page_of`: where an attempt waits for its customer; `door`:
    what charges invoices, by such payments."""

    merchant: Callable[[UUID], Awaitable[Merchant | None]]
    payments: AllPayments
    owing: Owing
    there: CustomerThere
    methods: Methods
    open_new_card: Callable[[Merchant, PaymentMethodData, UUID | None, datetime], Awaitable[Means]]
    page_of: Callable[[UUID, UUID], str]
    door: Callable[[Payments, Owing], Charging]
    clock: Clock


@dataclass(frozen=True, slots=True)
class Shown:
    """What a link opens, as it is now. `bank`: the address where the customer is asked whether it is them."""

    merchant: Merchant
    invoice: Invoice
    snapshot: Snapshot | None
    papers: Papers
    view: View
    link: str = field(repr=False)
    bank: str | None = field(repr=False)
    now: datetime

    @property
    def same_last4(self) -> str | None:
        """The end of the card on file, where its owner may try it."""
        method, snapshot = self.papers.method, self.snapshot
        if self.view is not View.PAY or method is None or method.detached_at is not None:
            return None
        tried = snapshot is not None and snapshot.payment.payment_method_id == method.id
        hopeless = tried and snapshot is not None and is_hopeless(snapshot.payment)
        return None if hopeless or method.closed_at is not None else method.last4

    @property
    def was_refused(self) -> bool:
        """Whether the last try to pay it was refused, though its payment may be let go of."""
        if self.snapshot is None:
            return False
        standing = STANDINGS[self.snapshot.payment.status]
        let_go = standing is Standing.GONE and self.invoice.failing is not None
        return standing is Standing.REFUSED or let_go

    @property
    def made_from(self) -> str:
        """What the page was made from: a form of an older one does nothing."""
        tries = 0 if self.snapshot is None else self.snapshot.payment.attempts_count
        return f"{len(self.invoice.payments)}.{tries}"


class HostedInvoices:
    """Serves the page."""

    def __init__(
        self, database: Database, links: InvoiceLinks, around: Around, *, papers: PaperReader
    ) -> None:
        self._database = database
        self._links = links
        self._around = around
        self._papers = papers

    async def opened(self, token: str) -> Shown | None:
        """What a link opens; None where it opens nothing, or nothing any more."""
        named = self._links.named_by(token)
        merchant = None if named is None else await self._around.merchant(named.merchant_id)
        if named is None or merchant is None:
            return None
        now = merchant.now(self._around.clock.now())
        if now >= named.until:
            return None
        invoice = await store.invoice(self._database, merchant_id=merchant.id, invoice_id=named.object_id)
        if invoice is None or invoice.opened_at is None:
            return None
        snapshot, payment_id = None, invoice.payment_id or next(reversed(invoice.payments), None)
        if payment_id is not None:
            snapshot = await self._around.payments.find(merchant, payment_id)
        view = await self._view(merchant, invoice, snapshot)
        asked = snapshot if view is View.BANK else None
        return Shown(
            merchant=merchant,
            invoice=invoice,
            snapshot=snapshot,
            papers=await self._papers.of(merchant, invoice, snapshot if invoice.payment_id else None),
            view=view,
            link=self._links.page(merchant.id, invoice.id, until=named.until),
            bank=None if asked is None else bank_of(asked, self._around.page_of),
            now=now,
        )

    async def pay(self, shown: Shown, card: CardMethodData | None, browser: Browser) -> None:
        """Pay it with a new card, or with the one on file; refuses what the card or the payment forbids."""
        if shown.view is not View.PAY or (card is None and shown.same_last4 is None):
            return
        around, merchant, customer = self._around, shown.merchant, shown.papers.customer
        means = None
        if card is not None:
            owner = None if customer is None else customer.id
            means = await around.open_new_card(merchant, card, owner, shown.now)
        present = Present(
            around.payments,
            around.owing,
            around.there,
            around.methods,
            means=means,
            back_to=self._back(merchant, shown.invoice.id, now=shown.now),
            browser=browser,
        )
        method_id = None if means is None else means.payment_method_id
        door = around.door(present, present)
        await door.pay(merchant, shown.invoice.id, method_id=method_id, now=shown.now)

    async def come_back(self, shown: Shown, brought: Mapping[str, str]) -> None:
        """Go on with what the customer brought back from their bank."""
        if shown.view is not View.BANK or shown.snapshot is None:
            return
        around = self._around
        await went_on(around.payments, shown.merchant, shown.snapshot, brought, now=shown.now)
        charging = around.door(around.payments, around.owing)
        await charging.hear(shown.merchant, shown.snapshot.payment.id, shown.now)

    async def way_back(self, merchant_id: UUID, payment_id: UUID) -> str | None:
        """Where a customer goes on to from their bank who pays an invoice by this payment; None for other payments."""
        merchant = await self._around.merchant(merchant_id)
        if merchant is None:
            return None
        found = await store.invoice_of_payment(self._database, merchant_id=merchant_id, payment_id=payment_id)
        if found is None:
            return None
        return self._back(merchant, found.id, now=merchant.now(self._around.clock.now()))

    async def _view(self, merchant: Merchant, invoice: Invoice, snapshot: Snapshot | None) -> View:
        """What may be done now: nothing, where recovery was told that it was paid by another way. Nobody is led on to
        their bank then; its invoice hears of it once the payment's end is known."""
        view = view_of(invoice, snapshot)
        if snapshot is None or view not in (View.PAY, View.BANK):
            return view
        charging = self._around.door(self._around.payments, self._around.owing)
        told = await charging.told_elsewhere_at(merchant, snapshot.payment.id)
        return view if told is None else View.UNDER_WAY

    def _back(self, merchant: Merchant, invoice_id: UUID, *, now: datetime) -> str:
        return f"{self._links.page(merchant.id, invoice_id, until=now + BACK_LIVES)}/return"


def view_of(invoice: Invoice, snapshot: Snapshot | None) -> View:
    """What may be done about an invoice and its payment, as they are now."""
    if invoice.status not in _PAYABLE or invoice.managed_by is ManagedBy.OUTSIDE:
        return View.NOTHING
    tried = len(invoice.payments)  # each that was let go of counts as a try of theirs
    if snapshot is None or snapshot.payment.status is PaymentStatus.REQUIRES_PAYMENT_METHOD:
        return _paying(tried)
    match STANDINGS[snapshot.payment.status]:
        case Standing.GONE:
            return _paying(tried)
        case Standing.PAID:  # its invoice hears of it in a moment
            return View.UNDER_WAY
        case Standing.UNDER_WAY:
            asked = snapshot.payment.status is PaymentStatus.REQUIRES_ACTION
            return View.BANK if asked else View.UNDER_WAY
        case Standing.REFUSED:
            return _paying(tried + sum(attempt.reason in _BY_HAND for attempt in snapshot.attempts))
        case other:
            assert_never(other)


def _paying(tried: int) -> View:
    return View.PAY if tried < TRIES_MAX else View.TOO_MANY
