"""Opens cards for one call: stored ones from the vault, and new ones as they come with a request."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

import msgspec

from recoup.connectors.base import Card
from recoup.merchants.core import Merchant
from recoup.payments.flow.tools import Means
from recoup.vault.core import PaymentMethod
from recoup.vault.flow import Customers, PaymentMethods, Vault
from recoup.vault.objects import payment_method_object
from recoup.vault.wire import PaymentMethodData


class VaultWallet:
    """The means of payments, from the vault."""

    def __init__(self, vault: Vault, methods: PaymentMethods, customers: Customers) -> None:
        self._vault = vault
        self._methods = methods
        self._customers = customers

    async def means(self, merchant: Merchant, payment_method_id: UUID) -> tuple[Means, UUID | None]:
        """A stored method opened for one call, and its customer; refuses what is not there or was detached."""
        method = await self._methods.usable(merchant.id, payment_method_id)
        card = await self._vault.open_card(merchant.id, method)
        return _means(method, card), method.customer_id

    async def open_new_card(
        self, merchant: Merchant, data: PaymentMethodData, customer_id: UUID | None, now: datetime
    ) -> Means:
        """A card that came with a request: sealed for its row, and open, with its security code, for this call.

        Refuses with 404 a customer who is not there.
        """
        if customer_id is not None:
            await self._customers.get(merchant.id, customer_id)
        method = await self._vault.seal_card(merchant, data, now=now, customer_id=customer_id)
        card = await self._vault.open_card(merchant.id, method, cvc=data.card.cvc)
        shown = msgspec.json.encode(payment_method_object(method, livemode=merchant.livemode))
        return replace(_means(method, card), new_card=method.row(merchant.id), new_card_shown=shown)


def _means(method: PaymentMethod, card: Card) -> Means:
    address = method.billing.address
    return Means(
        payment_method_id=method.id,
        fingerprint=f"\\x{method.fingerprint.hex()}",
        brand=method.brand,
        issuer_country=method.issuer_country,
        card=card,
        network_transaction_id=method.network_transaction_id,
        postal_code=address.postal_code,
        country=address.country,
    )
