"""Customers: made, read, changed, and deleted with all that they pay with."""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.db import Connection, Database, Queries
from recoup.db.together import Together
from recoup.kit.ids import Kind, render
from recoup.kit.metadata import merged
from recoup.kit.refusals import Refusal, not_found
from recoup.merchants.core import Merchant
from recoup.vault import store
from recoup.vault.core import Customer, CustomerDetails, check_customer
from recoup.vault.flow.methods import PaymentMethods
from recoup.vault.flow.news import Fact, methods_changed, tell
from recoup.vault.objects import customer_object, payment_method_object

LIST_MAX: Final = 101
_NO_ZONES: Final = frozenset({"Factory", "localtime", "posixrules"})


@functools.cache
def time_zones() -> frozenset[str]:
    """The names of the IANA time zone data on this machine."""
    return frozenset(zoneinfo.available_timezones()) - _NO_ZONES


class Customers:
    """The customers of a tenant. What changes something runs in the caller's transaction and tells of it."""

    def __init__(self, database: Database, methods: PaymentMethods, *, new_id: Callable[[], UUID]) -> None:
        self._database = database
        self._methods = methods
        self._new_id = new_id
        self._found: Together[UUID, Customer] = Together(
            lambda merchant_id, ids: store.customers_of(database, ids, merchant_id=merchant_id),
            name="customers",
        )

    async def get(self, merchant_id: UUID, customer_id: UUID) -> Customer:
        """One customer; refuses with 404, the deleted ones too."""
        return _there(await self._found.get(merchant_id, customer_id), customer_id)

    async def those(
        self, queries: Queries, merchant_id: UUID, customer_ids: Sequence[UUID]
    ) -> Mapping[UUID, Customer]:
        """Those of these customers who are there, deleted or not, by one statement."""
        return await store.customers_of(queries, customer_ids, merchant_id=merchant_id)

    async def list(
        self, merchant_id: UUID, *, after: UUID | None = None, before: UUID | None = None, limit: int
    ) -> Sequence[Customer]:
        """Customers, newest first; or with `before` oldest first."""
        assert 0 < limit <= LIST_MAX, "a list has a limit"
        return await store.customers(
            self._database, merchant_id=merchant_id, after=after, before=before, limit=limit
        )

    async def create(
        self, connection: Connection, merchant: Merchant, details: CustomerDetails, *, now: datetime
    ) -> Customer:
        """A new customer."""
        check_customer(details, time_zones=time_zones())
        customer = Customer(self._new_id(), details, now, now)
        await store.insert_customer(connection, customer, merchant_id=merchant.id)
        await self._tell(connection, merchant, customer, fact="customer.created")
        return customer

    async def update(
        self,
        connection: Connection,
        merchant: Merchant,
        customer_id: UUID,
        *,
        changes: Mapping[str, Any],
        now: datetime,
    ) -> Customer:
        """Change some of the fields of `CustomerDetails`; metadata is merged."""
        customer = await self._lock(connection, merchant.id, customer_id)
        details = msgspec.structs.replace(customer.details, **changes)
        if "metadata" in changes:
            whole = merged(customer.details.metadata, changes["metadata"] or {})
            details = msgspec.structs.replace(details, metadata=whole)
        check_customer(details, time_zones=time_zones())
        changed = replace(customer, details=details, updated_at=now)
        await store.update_customer(connection, changed, merchant_id=merchant.id)
        await self._tell(connection, merchant, changed, fact="customer.updated")
        return changed

    async def delete(self, merchant: Merchant, customer_id: UUID, *, now: datetime) -> None:
        """Delete a customer and take what they pay with out of use. Once more changes nothing."""
        await self._database.retrying(
            lambda connection: self._delete(connection, merchant, customer_id, now=now)
        )

    async def _delete(
        self, connection: Connection, merchant: Merchant, customer_id: UUID, *, now: datetime
    ) -> None:
        customer = await store.lock_customer(connection, merchant_id=merchant.id, customer_id=customer_id)
        if customer is None:
            raise _no_customer(customer_id)
        if customer.deleted_at is not None:
            return
        deleted = replace(customer, deleted_at=now, updated_at=now)
        await store.update_customer(connection, deleted, merchant_id=merchant.id)
        methods = await self._methods.detach_all(connection, merchant, customer_id=customer_id, now=now)
        await methods_changed(connection, merchant.id, customer_id, now=now)
        news = [
            Fact("payment_method.detached", one.id, payment_method_object(one, livemode=merchant.livemode))
            for one in methods
        ]
        shown = customer_object(deleted, livemode=merchant.livemode)
        news.append(Fact("customer.deleted", customer_id, shown))
        await tell(connection, merchant.id, news, now=now, new_id=self._new_id)

    async def _lock(self, connection: Connection, merchant_id: UUID, customer_id: UUID) -> Customer:
        customer = await store.lock_customer(connection, merchant_id=merchant_id, customer_id=customer_id)
        return _there(customer, customer_id)

    async def _tell(
        self, connection: Connection, merchant: Merchant, customer: Customer, *, fact: str
    ) -> None:
        shown = customer_object(customer, livemode=merchant.livemode)
        news = [Fact(fact, customer.id, shown)]
        await tell(connection, merchant.id, news, now=customer.updated_at, new_id=self._new_id)


def _there(customer: Customer | None, customer_id: UUID) -> Customer:
    if customer is None or customer.deleted_at is not None:
        raise _no_customer(customer_id)
    return customer


def _no_customer(customer_id: UUID) -> Refusal:
    return not_found("customer", render(Kind.CUSTOMER, customer_id))
