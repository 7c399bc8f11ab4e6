"""Customers and payment methods of whom many come at once, from wherever they were before: found, made, written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from recoup.db import Connection, Database, Queries
from recoup.events.core import NewEvent
from recoup.events.store import append
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.vault import store
from recoup.vault.core import Customer, PaymentMethod
from recoup.vault.flow.customers import Customers
from recoup.vault.flow.tokens import ProcessorTokens
from recoup.vault.flow.vault import Vault
from recoup.vault.objects import customer_object, payment_method_object
from recoup.vault.store import newcomers
from recoup.vault.store import tokens as token_store
from recoup.vault.wire import TokenMethodData

SHOWN_BYTES: Final = 16
"""How much of a fingerprint the API shows."""
_HIDDEN_BYTES: Final = 16


class Newcomers:
    """Finds and makes customers and payment methods, many by one statement."""

    def __init__(
        self,
        database: Database,
        *,
        customers: Customers,
        tokens: ProcessorTokens,
        vault: Vault,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._customers = customers
        self._tokens = tokens
        self._vault = vault
        self._new_id = new_id

    def check_mode(self, merchant: Merchant) -> None:
        """Refuses live mode where nothing could be sealed in it."""
        self._vault.check_mode(livemode=merchant.livemode)

    async def those(
        self, queries: Queries, merchant: Merchant, ids: Sequence[UUID]
    ) -> Mapping[UUID, Customer]:
        """Those of these customers who are there, deleted or not."""
        return await self._customers.those(queries, merchant.id, ids)

    async def held(
        self, queries: Queries, merchant: Merchant, ids: Sequence[UUID]
    ) -> Mapping[UUID, Customer]:
        """The same; in a transaction nobody changes or deletes them until it ends."""
        if isinstance(queries, Connection):
            await newcomers.hold_customers(queries, ids, merchant_id=merchant.id)
        return await self.those(queries, merchant, ids)

    async def called(
        self, queries: Queries, merchant: Merchant, references: Sequence[str]
    ) -> dict[str, Customer]:
        """The customers of these names (`merchant_reference`) who are not deleted; of several the oldest."""
        ids = await newcomers.customers_called(queries, references, merchant_id=merchant.id)
        found = await self.those(queries, merchant, list(ids.values()))
        return {reference: found[id_] for reference, id_ in ids.items()}

    async def methods(
        self, queries: Queries, merchant: Merchant, ids: Sequence[UUID]
    ) -> dict[UUID, PaymentMethod]:
        """Those of these payment methods that are there."""
        return await store.methods_of(queries, ids, merchant_id=merchant.id)

    async def with_tokens(
        self, queries: Queries, merchant: Merchant, tokens: Mapping[bytes, tuple[UUID, Secret]]
    ) -> dict[bytes, list[PaymentMethod]]:
        """The payment methods that have these tokens, each given by its account; oldest first.

        Where the merchant has none at all nothing is looked for, and so none of its keys is made by looking.
        """
        if not tokens or not await newcomers.has_tokens(queries, merchant_id=merchant.id):
            return {}
        digests = {
            key: (account_id, await self._tokens.digest(merchant.id, account_id, token, queries=queries))
            for key, (account_id, token) in tokens.items()
        }
        ids = await newcomers.methods_recognised(queries, list(digests.values()), merchant_id=merchant.id)
        found = await self.methods(queries, merchant, [one for some in ids.values() for one in some])
        return {
            key: [found[id_] for id_ in ids[digest]] for key, (_, digest) in digests.items() if digest in ids
        }

    async def shown_as(
        self, queries: Queries, merchant: Merchant, fingerprints: Sequence[str]
    ) -> dict[str, list[PaymentMethod]]:
        """The cards whose fingerprints the API shows like this."""
        heads = [bytes.fromhex(one) for one in fingerprints]
        bounds = [(head + bytes(_HIDDEN_BYTES), head + b"\xff" * _HIDDEN_BYTES) for head in heads]
        if not bounds:
            return {}
        ids = await newcomers.cards_shown_as(queries, bounds, merchant_id=merchant.id)
        found: dict[str, list[PaymentMethod]] = {}
        for one in (await self.methods(queries, merchant, ids)).values():
            found.setdefault(one.fingerprint[:SHOWN_BYTES].hex(), []).append(one)
        return found

    async def method(
        self,
        connection: Connection,
        merchant: Merchant,
        data: TokenMethodData,
        *,
        customer_id: UUID,
        network_transaction_id: str | None,
        now: datetime,
    ) -> PaymentMethod:
        """A new payment method that a processor keeps, sealed, for `write`."""
        made = await self._tokens.new_method(
            merchant, data, now=now, customer_id=customer_id, queries=connection, param=""
        )
        return replace(made, network_transaction_id=network_transaction_id)

    async def write(
        self,
        connection: Connection,
        merchant: Merchant,
        customers: Sequence[Customer],
        methods: Sequence[PaymentMethod],
    ) -> None:
        """Write new customers and payment methods, and tell of each."""
        if customers:
            await newcomers.insert_customers(connection, customers, merchant_id=merchant.id)
        if methods:
            await newcomers.insert_methods(connection, methods, merchant_id=merchant.id)
            rows = [token.row(merchant.id, one.id) for one in methods for token in one.tokens]
            await token_store.put_rows(connection, rows, merchant_id=merchant.id)
        await append(connection, merchant.id, self._events(merchant, customers, methods))

    def _events(
        self, merchant: Merchant, customers: Sequence[Customer], methods: Sequence[PaymentMethod]
    ) -> list[NewEvent]:
        told = [
            ("customer.created", 1, one.id, customer_object(one, livemode=merchant.livemode), one.created_at)
            for one in customers
        ] + [
            (fact, place, one.id, payment_method_object(one, livemode=merchant.livemode), one.created_at)
            for one in methods
            for place, fact in enumerate(("payment_method.created", "payment_method.attached"), 1)
        ]
        return [
            NewEvent(self._new_id(), fact, id_, place, msgspec.json.encode(shown), at)
            for fact, place, id_, shown, at in told
        ]
