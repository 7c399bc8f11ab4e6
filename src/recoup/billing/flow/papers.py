"""Reads what an invoice's sheet is made from: who bills, who is billed, in which language and in whose days."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from msgspec.structs import replace

from recoup.billing import store
from recoup.billing.core.document import Known, Party, address_lines
from recoup.billing.core.records import Invoice
from recoup.billing.flow.around import Customers
from recoup.billing.store import seller
from recoup.db import Database
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.messages.core.policy import MessagePolicy
from recoup.messages.core.words import language_for
from recoup.messages.flow.people import LANGUAGE
from recoup.paydays.core import local_zone
from recoup.payments.core import Reason, Snapshot
from recoup.recovery.core import STANDINGS, Standing
from recoup.vault.core import Customer, CustomerDetails, PaymentMethod

_NOBODY: Final = CustomerDetails()


class Methods(Protocol):
    """What is asked of payment methods."""

    async def get(self, merchant_id: UUID, method_id: UUID) -> PaymentMethod:
        """One payment method; refuses with 404."""
        ...


@dataclass(frozen=True, slots=True)
class Papers:
    """What is known around an invoice. `customer`: None where they were deleted; `method`: what it is paid with."""

    known: Known = field(repr=False)
    customer: Customer | None = field(repr=False)
    method: PaymentMethod | None = field(repr=False)

    @property
    def merchant_name(self) -> str:
        """The merchant as its customers know it."""
        return self.known.settings.name or ""


class PaperReader:
    """Reads them."""

    def __init__(
        self,
        database: Database,
        *,
        customers: Customers,
        methods: Methods,
        policy: Callable[[Merchant], Awaitable[MessagePolicy]],
    ) -> None:
        """`policy`: how a merchant's customers are written to."""
        self._database = database
        self._customers = customers
        self._methods = methods
        self._policy = policy

    async def of(self, merchant: Merchant, invoice: Invoice, snapshot: Snapshot | None) -> Papers:
        """The papers of an invoice that is open, or was, and of its payment."""
        assert invoice.opened_at is not None, "drafts are shown to nobody"
        settings = await seller.settings_at(self._database, merchant_id=merchant.id, at=invoice.opened_at)
        policy = await self._policy(merchant)
        customer = await self._customer(invoice)
        details = _NOBODY if customer is None else customer.details
        method = await self._method(invoice, snapshot)
        country = details.country or _country_of(method)
        told, otherwise = details.metadata.get(LANGUAGE), settings.language or policy.language
        known = Known(
            invoice=invoice,
            settings=replace(settings, name=settings.name or policy.sender_name),
            buyer=_buyer(details, method),
            zone=await self._zone(invoice) or local_zone(details.time_zone, country=country),
            charged_at=_charged_at(snapshot),
            language=language_for(told=told, country=country, otherwise=otherwise),
            livemode=merchant.livemode,
        )
        return Papers(known, customer, method)

    async def _zone(self, invoice: Invoice) -> str | None:
        """In which days the invoice's subscription counts."""
        if invoice.subscription_id is None:
            return None
        found = await store.subscription(
            self._database, merchant_id=invoice.merchant_id, subscription_id=invoice.subscription_id
        )
        return None if found is None else found.zone

    async def _customer(self, invoice: Invoice) -> Customer | None:
        try:
            return await self._customers.get(invoice.merchant_id, invoice.customer_id)
        except Refusal:
            return None

    async def _method(self, invoice: Invoice, snapshot: Snapshot | None) -> PaymentMethod | None:
        """What it is paid with, or would be."""
        method_id = invoice.payment_method_id
        if snapshot is not None and STANDINGS[snapshot.payment.status] is not Standing.GONE:
            method_id = snapshot.payment.payment_method_id or method_id
        if method_id is None:
            return None
        try:
            return await self._methods.get(invoice.merchant_id, method_id)
        except Refusal:
            return None


def _country_of(method: PaymentMethod | None) -> str | None:
    return None if method is None else method.billing.address.country or method.issuer_country


def _buyer(details: CustomerDetails, method: PaymentMethod | None) -> Party:
    """Who is billed: the customer, at the address that they gave with what they pay with."""
    if method is None:
        return Party(details.name or "", tuple(filter(None, (details.email,))))
    billing = method.billing
    lines = (*address_lines(billing.address), details.email or billing.email)
    return Party(details.name or billing.name or "", tuple(filter(None, lines)))


def _charged_at(snapshot: Snapshot | None) -> datetime | None:
    """When it was charged by itself for the first time."""
    attempts = () if snapshot is None else snapshot.attempts
    return next((one.started_at for one in attempts if one.reason is Reason.RENEWAL), None)
