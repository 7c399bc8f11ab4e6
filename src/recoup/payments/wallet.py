"""Opens payment methods for one call: stored ones from the vault, and new ones as they come with a request."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from recoup.connectors.base import Billing, Token
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.payments.flow.tools import Means
from recoup.vault.core import BillingDetails, MethodType, PaymentMethod
from recoup.vault.flow import Customers, PaymentMethods, ProcessorTokens, Vault
from recoup.vault.objects import payment_method_object
from recoup.vault.wire import CardMethodData, PaymentMethodData


class VaultWallet:
    """The means of payments, from the vault."""

    def __init__(
        self, vault: Vault, methods: PaymentMethods, tokens: ProcessorTokens, customers: Customers
    ) -> None:
        self._vault = vault
        self._methods = methods
        self._tokens = tokens
        self._customers = customers

    async def means(self, merchant: Merchant, payment_method_id: UUID) -> tuple[Means, UUID | None]:
        """A stored method opened for one call, and its customer; refuses what is not there or was detached."""
        method = await self._methods.usable(merchant.id, payment_method_id)
        return await self._opened(merchant, method), method.customer_id

    async def open_new_card(
        self, merchant: Merchant, data: PaymentMethodData, customer_id: UUID | None, now: datetime
    ) -> Means:
        """A card or token that came with a request: sealed for its row, and open, with its security code, for this
        call.

        Refuses with 404 a customer who is not there, and a processor account that is not.
        """
        if customer_id is not None:
            await self._customers.get(merchant.id, customer_id)
        method = await self._methods.sealed(merchant, data, now=now, customer_id=customer_id)
        cvc = data.card.cvc if isinstance(data, CardMethodData) else None
        return replace(
            await self._opened(merchant, method, cvc=cvc),
            new_card=method.row(merchant.id),
            new_card_shown=msgspec.json.encode(payment_method_object(method, livemode=merchant.livemode)),
            new_tokens=tuple(one.row(merchant.id, method.id) for one in method.tokens),
        )

    async def last4(self, merchant: Merchant, payment_method_id: UUID) -> str | None:
        """The end of the card's number, where it is known."""
        return (await self._methods.get(merchant.id, payment_method_id)).last4

    async def sealed_token(
        self, merchant: Merchant, payment_method_id: UUID, account_id: UUID, token: Token, *, now: datetime
    ) -> dict[str, Any]:
        """The row of a token that a processor has just given."""
        sealed = await self._tokens.seal(
            merchant, payment_method_id, account_id, token, remembered=True, now=now
        )
        return sealed.row(merchant.id, payment_method_id)

    async def keep_token(self, merchant: Merchant, row: dict[str, Any]) -> None:
        """Write such a row by itself."""
        await self._tokens.keep(merchant.id, row)

    async def _opened(self, merchant: Merchant, method: PaymentMethod, *, cvc: Secret | None = None) -> Means:
        method = await self._tokens.still_good(merchant.id, method)
        has_card = method.type is MethodType.CARD and method.superseded_at is None
        return Means(
            payment_method_id=method.id,
            fingerprint=f"\\x{method.fingerprint.hex()}",
            brand=method.brand,
            issuer_country=method.issuer_country,
            card=await self._vault.open_card(merchant.id, method, cvc=cvc) if has_card else None,
            network_transaction_id=method.network_transaction_id,
            funding=method.funding,
            bin=method.bin,
            customer_id=method.customer_id,
            tokens=await self._tokens.open(merchant.id, method),
            remembered_at=frozenset(one.processor_account_id for one in method.tokens if one.remembered),
            billing=_billing(method.billing),
            renewed_at=method.renewed_at,
        )


def _billing(details: BillingDetails) -> Billing:
    address = details.address
    return Billing(
        name=details.name,
        email=details.email,
        phone=details.phone,
        line1=address.line1,
        line2=address.line2,
        city=address.city,
        state=address.state,
        postal_code=address.postal_code,
        country=address.country,
    )
