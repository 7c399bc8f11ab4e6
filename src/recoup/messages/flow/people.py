"""Who the customer of a payment is: where messages reach them, in which language, and what time it is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.messages.core.policy import MessagePolicy, is_address
from recoup.messages.core.words import language_for
from recoup.paydays.core import local_zone
from recoup.payments.core.facts import PaymentFacts
from recoup.vault.core import Customer, CustomerDetails, PaymentMethod

LANGUAGE: Final = "language"
"""The key of a customer's metadata that tells their language."""
_NOBODY: Final = CustomerDetails()


class Customers(Protocol):
    """What messages ask of the vault about customers."""

    async def get(self, merchant_id: UUID, customer_id: UUID) -> Customer:
        """One customer; refuses with 404."""
        ...


class Methods(Protocol):
    """What messages ask of the vault about payment methods."""

    async def get(self, merchant_id: UUID, method_id: UUID) -> PaymentMethod:
        """One payment method; refuses with 404."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """Whom to ask. `recipient` is the same for the same address, whatever payment it is about."""

    address: str | None = field(repr=False)
    recipient: bytes = field(repr=False)
    language: str
    zone: str
    last4: str | None


class People:
    """Finds them."""

    def __init__(
        self, customers: Customers, methods: Methods, *, fingerprint: Callable[[bytes], bytes]
    ) -> None:
        self._customers = customers
        self._methods = methods
        self._fingerprint = fingerprint

    async def of(self, merchant: Merchant, payment: PaymentFacts, policy: MessagePolicy) -> Person:
        """The customer of a payment, as far as anybody said who they are."""
        details = await self._details(merchant, payment.customer_id)
        method = await self._method(merchant, payment.payment_method_id)
        told = (details.email, None if method is None else method.billing.email)
        address = next((one for one in told if one is not None and is_address(one)), None)
        country = details.country or payment.issuer_country
        return Person(
            address=address,
            recipient=self._recipient(merchant, payment, address),
            language=language_for(
                told=details.metadata.get(LANGUAGE), country=country, otherwise=policy.language
            ),
            zone=local_zone(details.time_zone, country=country),
            last4=None if method is None else method.last4,
        )

    def _recipient(self, merchant: Merchant, payment: PaymentFacts, address: str | None) -> bytes:
        if address is not None:
            who = b"address " + address.lower().encode()
        else:
            who = b"customer " + (payment.customer_id or payment.payment_method_id or payment.id).bytes
        return self._fingerprint(b"recipient of " + merchant.id.bytes + who)

    async def _details(self, merchant: Merchant, customer_id: UUID | None) -> CustomerDetails:
        if customer_id is None:
            return _NOBODY
        try:
            return (await self._customers.get(merchant.id, customer_id)).details
        except Refusal:  # deleted
            return _NOBODY

    async def _method(self, merchant: Merchant, method_id: UUID | None) -> PaymentMethod | None:
        if method_id is None:
            return None
        try:
            return await self._methods.get(merchant.id, method_id)
        except Refusal:
            return None
