"""Payment methods: made, read, attached to a customer, changed, and detached for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.db.together import Together
from recoup.kit.ids import Kind, render
from recoup.kit.metadata import merged
from recoup.kit.refusals import Refusal, conflict, not_found
from recoup.merchants.core import Merchant
from recoup.vault import store
from recoup.vault.core import (
    METHODS_PER_CUSTOMER_MAX,
    BillingDetails,
    MethodType,
    PaymentMethod,
    check_billing,
    check_known_expiry,
)
from recoup.vault.core.renewals import Change, Teller, Told, UpdateKind
from recoup.vault.flow.news import Fact, methods_changed, tell
from recoup.vault.flow.renewing import record
from recoup.vault.flow.tokens import TOKENS_MAX, ProcessorTokens, with_token
from recoup.vault.flow.vault import Vault
from recoup.vault.objects import payment_method_object
from recoup.vault.store import tokens as token_store
from recoup.vault.wire import DATA_PARAM, CardMethodData, PaymentMethodData, TokenData

LIST_MAX: Final = 101


class PaymentMethods:
    """What a tenant's customers pay with. What changes something runs in the caller's transaction and tells of it."""

    def __init__(
        self, database: Database, vault: Vault, tokens: ProcessorTokens, *, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._vault = vault
        self._tokens = tokens
        self._new_id = new_id
        self._found: Together[UUID, PaymentMethod] = Together(
            lambda merchant_id, ids: store.methods_of(database, ids, merchant_id=merchant_id),
            name="payment methods",
        )

    async def get(self, merchant_id: UUID, method_id: UUID) -> PaymentMethod:
        """One payment method; refuses with 404."""
        method = await store.method(self._database, merchant_id=merchant_id, method_id=method_id)
        if method is None:
            raise _no_method(method_id)
        return method

    async def those(
        self, queries: Queries, merchant_id: UUID, method_ids: Sequence[UUID]
    ) -> Mapping[UUID, PaymentMethod]:
        """Those of these payment methods that are there, usable or not, by one statement."""
        return await store.methods_of(queries, method_ids, merchant_id=merchant_id)

    async def usable(self, merchant_id: UUID, method_id: UUID) -> PaymentMethod:
        """One payment method that may be charged; refuses with 404, and with 409 what was detached or closed."""
        method = await self._found.get(merchant_id, method_id)
        if method is None:
            raise _no_method(method_id)
        _refuse_detached(method)
        _refuse_closed(method)
        return method

    async def list(
        self,
        merchant_id: UUID,
        *,
        customer_id: UUID | None = None,
        after: UUID | None = None,
        before: UUID | None = None,
        limit: int,
    ) -> Sequence[PaymentMethod]:
        """Payment methods of a customer, or all: newest first, or with `before` oldest first."""
        assert 0 < limit <= LIST_MAX, "a list has a limit"
        return await store.methods(
            self._database,
            merchant_id=merchant_id,
            customer_id=customer_id,
            after=after,
            before=before,
            limit=limit,
        )

    async def create(
        self,
        connection: Connection,
        merchant: Merchant,
        data: PaymentMethodData,
        *,
        customer_id: UUID | None,
        metadata: Mapping[str, str],
        now: datetime,
    ) -> PaymentMethod:
        """A new payment method, attached to a customer where one is given."""
        method = await self.sealed(
            merchant,
            data,
            now=now,
            customer_id=customer_id,
            metadata=metadata,
            queries=connection,
            param="",
        )
        if customer_id is not None:
            await self._hold_customer(connection, merchant.id, customer_id)
        await store.insert_method(connection, method, merchant_id=merchant.id)
        if method.tokens:
            await token_store.put(connection, method.tokens, merchant_id=merchant.id, method_id=method.id)
        facts = ["payment_method.created"] + (["payment_method.attached"] if customer_id is not None else [])
        await self._tell(connection, merchant, method, facts=facts, now=now)
        return method

    async def sealed(
        self,
        merchant: Merchant,
        data: PaymentMethodData,
        *,
        now: datetime,
        customer_id: UUID | None = None,
        metadata: Mapping[str, str] | None = None,
        queries: Queries | None = None,
        param: str = DATA_PARAM,
    ) -> PaymentMethod:
        """A new payment method for the caller to insert; refuses what cannot be one, naming the field."""
        if not isinstance(data, CardMethodData):
            return await self._tokens.new_method(
                merchant,
                data,
                now=now,
                customer_id=customer_id,
                metadata=metadata,
                queries=queries,
                param=param,
            )
        inner = f"{param}." if param else ""
        return await self._vault.seal_card(
            merchant,
            data,
            now=now,
            customer_id=customer_id,
            metadata=metadata,
            queries=queries,
            card_param=f"{inner}card",
            billing_param=f"{inner}billing_details",
        )

    async def put_token(
        self,
        connection: Connection,
        merchant: Merchant,
        method_id: UUID,
        data: TokenData,
        *,
        now: datetime,
    ) -> PaymentMethod:
        """Add a processor's token, or put it in the place of the one at the same account."""
        method = await self._lock(connection, merchant.id, method_id)
        _refuse_detached(method)
        token = await self._tokens.sealed(merchant, method_id, data, now=now, queries=connection)
        changed = replace(with_token(method, token), updated_at=now)
        if len(changed.tokens) > TOKENS_MAX:
            raise conflict(
                "processor_token_limit",
                f"A payment method has {TOKENS_MAX} tokens at most: remove one first.",
            )
        await token_store.put(connection, [token], merchant_id=merchant.id, method_id=method_id)
        return await self._keep(connection, merchant, changed, fact="payment_method.updated", now=now)

    async def remove_token(
        self, merchant: Merchant, method_id: UUID, account_id: UUID, *, now: datetime
    ) -> PaymentMethod:
        """Forget the token of one account. Once more changes nothing."""
        return await self._database.retrying(
            lambda connection: self._remove_token(connection, merchant, method_id, account_id, now=now)
        )

    async def _remove_token(
        self, connection: Connection, merchant: Merchant, method_id: UUID, account_id: UUID, *, now: datetime
    ) -> PaymentMethod:
        method = await self._lock(connection, merchant.id, method_id)
        left = tuple(one for one in method.tokens if one.processor_account_id != account_id)
        if left == method.tokens:
            return method
        if not left and method.type is MethodType.PROCESSOR_TOKEN:
            raise conflict(
                "last_processor_token",
                "Without this token nothing could be charged any more: detach the payment method instead.",
            )
        await token_store.remove(
            connection, merchant_id=merchant.id, method_id=method_id, account_id=account_id
        )
        changed = replace(method, tokens=left, updated_at=now)
        return await self._keep(connection, merchant, changed, fact="payment_method.updated", now=now)

    async def update(
        self,
        connection: Connection,
        merchant: Merchant,
        method_id: UUID,
        *,
        exp_month: int | None = None,
        exp_year: int | None = None,
        billing: BillingDetails | None = None,
        metadata: Mapping[str, str] | None = None,
        now: datetime,
    ) -> PaymentMethod:
        """Change what a card's renewal changes, whose it is, or metadata; None leaves a field as it is.

        What processors remembered of a card in the vault is forgotten with its expiry: they have the old one.
        """
        method = await self._lock(connection, merchant.id, method_id)
        _refuse_detached(method)
        expiry = check_known_expiry(
            method.exp_month if exp_month is None else exp_month,
            method.exp_year if exp_year is None else exp_year,
            param="card",
        )
        if billing is not None:
            check_billing(billing, param="billing_details")
        changed = replace(
            method,
            exp_month=None if expiry is None else expiry.month,
            exp_year=None if expiry is None else expiry.year,
            billing=method.billing if billing is None else billing,
            metadata=merged(method.metadata, metadata or {}),
            updated_at=now,
        )
        renewed = (changed.exp_month, changed.exp_year) != (method.exp_month, method.exp_year)
        if renewed:
            changed = replace(changed, renewed_at=now)
        if renewed and method.type is MethodType.CARD:
            await token_store.remove_remembered(connection, merchant_id=merchant.id, method_id=method_id)
            changed = replace(changed, tokens=tuple(one for one in method.tokens if not one.remembered))
        if renewed:
            told, change = Told(by=Teller.PERSON, at=now), Change(UpdateKind.EXPIRY, changed)
            await record(connection, merchant, method, change, told, new_id=self._new_id, now=now)
        return await self._keep(connection, merchant, changed, fact="payment_method.updated", now=now)

    async def attach(
        self, connection: Connection, merchant: Merchant, method_id: UUID, *, customer_id: UUID, now: datetime
    ) -> PaymentMethod:
        """Give a payment method to a customer; refuses one that is another's, or was detached."""
        await self._hold_customer(connection, merchant.id, customer_id)
        method = await self._lock(connection, merchant.id, method_id)
        if method.customer_id == customer_id:
            return method
        _refuse_detached(method)
        if method.customer_id is not None:
            raise conflict(
                "payment_method_attached",
                "This payment method belongs to another customer: add the card anew for this one.",
            )
        changed = replace(method, customer_id=customer_id, updated_at=now)
        return await self._keep(connection, merchant, changed, fact="payment_method.attached", now=now)

    async def detach(
        self, connection: Connection, merchant: Merchant, method_id: UUID, *, now: datetime
    ) -> PaymentMethod:
        """Take a payment method out of use for good. Once more changes nothing."""
        method = await self._lock(connection, merchant.id, method_id)
        if method.detached_at is not None:
            return method
        changed = replace(method, customer_id=None, detached_at=now, updated_at=now)
        await methods_changed(connection, merchant.id, method.customer_id, now=now)
        return await self._keep(connection, merchant, changed, fact="payment_method.detached", now=now)

    async def detach_all(
        self, connection: Connection, merchant: Merchant, *, customer_id: UUID, now: datetime
    ) -> Sequence[PaymentMethod]:
        """Take everything that a customer pays with out of use, telling nobody yet: the caller holds the customer."""
        held = await store.lock_methods_of(connection, merchant_id=merchant.id, customer_id=customer_id)
        detached = [replace(one, customer_id=None, detached_at=now, updated_at=now) for one in held]
        for one in detached:
            await store.update_method(connection, one, merchant_id=merchant.id)
        return detached

    async def _hold_customer(self, connection: Connection, merchant_id: UUID, customer_id: UUID) -> None:
        """Keep a customer from being deleted while a payment method is given to it."""
        customer = await store.lock_customer(connection, merchant_id=merchant_id, customer_id=customer_id)
        if customer is None or customer.deleted_at is not None:
            raise not_found("customer", render(Kind.CUSTOMER, customer_id), param="customer")
        number = await store.count_methods(connection, merchant_id=merchant_id, customer_id=customer_id)
        if number >= METHODS_PER_CUSTOMER_MAX:
            raise conflict(
                "payment_method_limit",
                f"This customer has {METHODS_PER_CUSTOMER_MAX} payment methods: detach those no longer used.",
            )

    async def _lock(self, connection: Connection, merchant_id: UUID, method_id: UUID) -> PaymentMethod:
        method = await store.lock_method(connection, merchant_id=merchant_id, method_id=method_id)
        if method is None:
            raise _no_method(method_id)
        return method

    async def _keep(
        self, connection: Connection, merchant: Merchant, changed: PaymentMethod, *, fact: str, now: datetime
    ) -> PaymentMethod:
        await store.update_method(connection, changed, merchant_id=merchant.id)
        await self._tell(connection, merchant, changed, facts=[fact], now=now)
        return changed

    async def _tell(
        self,
        connection: Connection,
        merchant: Merchant,
        method: PaymentMethod,
        *,
        facts: Sequence[str],
        now: datetime,
    ) -> None:
        shown = payment_method_object(method, livemode=merchant.livemode)
        news = [Fact(fact, method.id, shown) for fact in facts]
        await tell(connection, merchant.id, news, now=now, new_id=self._new_id)


def _refuse_closed(method: PaymentMethod) -> None:
    if method.closed_at is not None:
        raise conflict(
            "payment_method_closed",
            "The account behind this payment method is closed: ask the customer for another card.",
        )


def _refuse_detached(method: PaymentMethod) -> None:
    if method.detached_at is not None:
        raise conflict(
            "payment_method_detached",
            "This payment method was detached and cannot be used any more: ask the customer for the card again.",
        )


def _no_method(method_id: UUID) -> Refusal:
    return not_found("payment method", render(Kind.PAYMENT_METHOD, method_id))
