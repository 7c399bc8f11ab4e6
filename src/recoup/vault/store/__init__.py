"""SQL of customers, payment methods and wrapped keys; processors' tokens are in `tokens`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.db.paging import bounds
from recoup.vault.core import BillingDetails, Customer, CustomerDetails, Funding, Payday, PaymentMethod
from recoup.vault.store.tokens import OF_METHOD, tokens_of

KEYS_MAX: Final = 1000
"""The most keys of one tenant that are read: one rotation a day for years."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A tenant's key under the master key that it names."""

    id: UUID
    master_key_id: str
    wrapped: bytes = field(repr=False)
    created_at: datetime
    retired_at: datetime | None = None


async def keys(queries: Queries, *, merchant_id: UUID) -> Sequence[WrappedKey]:
    """All keys of a tenant, oldest first."""
    rows = await queries.fetch_all(
        """
        select id, master_key_id, wrapped, created_at, retired_at from data_keys
        where merchant_id = %(merchant_id)s order by id limit %(limit)s
        """,
        {"merchant_id": merchant_id, "limit": KEYS_MAX},
    )
    return [WrappedKey(**{**row, "wrapped": bytes(row["wrapped"])}) for row in rows]


async def unknown_master_keys(queries: Queries, *, known: Sequence[str]) -> list[str]:
    """The ids of master keys that wrap something here and are not among these."""
    rows = await queries.fetch_all(
        """
        -- all merchants: read once, at a start
        select distinct master_key_id from data_keys
        where master_key_id <> all(%(known)s) order by master_key_id limit %(limit)s
        """,
        {"known": list(known), "limit": KEYS_MAX},
    )
    return [row["master_key_id"] for row in rows]


async def insert_keys(connection: Connection, new: Sequence[WrappedKey], *, merchant_id: UUID) -> None:
    """Keep new keys; those that another process kept under the same ids stay as they are."""
    for key in new:
        await connection.execute(
            """
            insert into data_keys (merchant_id, id, master_key_id, wrapped, created_at)
            values (%(merchant_id)s, %(id)s, %(master_key_id)s, %(wrapped)s, %(created_at)s)
            on conflict (merchant_id, id) do nothing
            """,
            {
                "merchant_id": merchant_id,
                "id": key.id,
                "master_key_id": key.master_key_id,
                "wrapped": key.wrapped,
                "created_at": key.created_at,
            },
        )


async def retire_keys(
    connection: Connection, *, merchant_id: UUID, before: UUID, except_for: UUID, now: datetime
) -> None:
    """Say that nothing new is sealed under the keys that are older than `before`."""
    await connection.execute(
        """
        update data_keys set retired_at = %(now)s
        where merchant_id = %(merchant_id)s and id < %(before)s and id <> %(except_for)s and retired_at is null
        """,
        {"merchant_id": merchant_id, "before": before, "except_for": except_for, "now": now},
    )


async def rewrap_key(connection: Connection, key: WrappedKey, *, merchant_id: UUID, before: str) -> None:
    """Put a key under another master key, unless somebody did so already."""
    await connection.execute(
        """
        update data_keys set master_key_id = %(master_key_id)s, wrapped = %(wrapped)s
        where merchant_id = %(merchant_id)s and id = %(id)s and master_key_id = %(before)s
        """,
        {
            "merchant_id": merchant_id,
            "id": key.id,
            "master_key_id": key.master_key_id,
            "wrapped": key.wrapped,
            "before": before,
        },
    )


_CUSTOMER: Final[LiteralString] = """
    id, name, email, phone, description, merchant_reference, country, time_zone, payday, metadata, created_at,
    updated_at, deleted_at
"""


async def customer(queries: Queries, *, merchant_id: UUID, customer_id: UUID) -> Customer | None:
    """One customer, deleted or not."""
    return (await customers_of(queries, [customer_id], merchant_id=merchant_id)).get(customer_id)


async def customers_of(
    queries: Queries, customer_ids: Sequence[UUID], *, merchant_id: UUID
) -> dict[UUID, Customer]:
    """Those of these customers who are there, deleted or not."""
    rows = await queries.fetch_all(
        f"""
        select c.* from unnest(%(ids)s::uuid[]) wanted (customer_id)
        cross join lateral (
            select {_CUSTOMER} from customers
            where merchant_id = %(merchant_id)s and id = wanted.customer_id limit 1
        ) c
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "ids": list(customer_ids)},
    )
    return {row["id"]: _customer(row) for row in rows}


async def lock_customer(connection: Connection, *, merchant_id: UUID, customer_id: UUID) -> Customer | None:
    """One customer, held until the transaction ends."""
    row = await connection.fetch_one(
        f"""
        select {_CUSTOMER} from customers where merchant_id = %(merchant_id)s and id = %(id)s for no key update
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": customer_id},
    )
    return None if row is None else _customer(row)


async def customers(
    queries: Queries, *, merchant_id: UUID, after: UUID | None, before: UUID | None, limit: int
) -> Sequence[Customer]:
    """Customers that are not deleted: newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await queries.fetch_all(
        f"""
        select {_CUSTOMER} from customers
        where merchant_id = %(merchant_id)s and deleted_at is null
            and id < %(after)s and id > %(before)s
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "limit": limit} | bounds(after, before),
    )
    return [_customer(row) for row in rows]


async def insert_customer(connection: Connection, new: Customer, *, merchant_id: UUID) -> None:
    """A new customer."""
    await connection.execute(
        f"""
        insert into customers (merchant_id, {_CUSTOMER})
        values (
            %(merchant_id)s, %(id)s, %(name)s, %(email)s, %(phone)s, %(description)s, %(merchant_reference)s,
            %(country)s, %(time_zone)s, %(payday)s, %(metadata)s, %(created_at)s, %(updated_at)s, %(deleted_at)s)
        """,  # noqa: S608 - pieces of ours
        _customer_columns(new, merchant_id=merchant_id),
    )


async def update_customer(connection: Connection, changed: Customer, *, merchant_id: UUID) -> None:
    """All that can change of a customer."""
    await connection.execute(
        """
        update customers set
            name = %(name)s, email = %(email)s, phone = %(phone)s, description = %(description)s,
            merchant_reference = %(merchant_reference)s, country = %(country)s, time_zone = %(time_zone)s,
            payday = %(payday)s, metadata = %(metadata)s, updated_at = %(updated_at)s, deleted_at = %(deleted_at)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        _customer_columns(changed, merchant_id=merchant_id),
    )


_METHOD: Final[LiteralString] = """
    id, customer_id, fingerprint, brand, bin, last4, exp_month, exp_year, funding, issuer_country, data_key_id,
    ciphertext, billing, network_transaction_id, metadata, created_at, updated_at, detached_at, renewed_at, closed_at,
    superseded_at
"""


async def method(queries: Queries, *, merchant_id: UUID, method_id: UUID) -> PaymentMethod | None:
    """One payment method."""
    return (await methods_of(queries, [method_id], merchant_id=merchant_id)).get(method_id)


async def methods_of(
    queries: Queries, method_ids: Sequence[UUID], *, merchant_id: UUID
) -> dict[UUID, PaymentMethod]:
    """Those of these payment methods that are there."""
    rows = await queries.fetch_all(
        f"""
        select m.* from unnest(%(ids)s::uuid[]) wanted (method_id)
        cross join lateral (
            select {_METHOD}, {OF_METHOD} from payment_methods
            where merchant_id = %(merchant_id)s and id = wanted.method_id limit 1
        ) m
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "ids": list(method_ids)},
    )
    return {row["id"]: payment_method(row) for row in rows}


async def lock_method(connection: Connection, *, merchant_id: UUID, method_id: UUID) -> PaymentMethod | None:
    """One payment method, held until the transaction ends."""
    row = await connection.fetch_one(
        f"""
        select {_METHOD}, {OF_METHOD} from payment_methods
        where merchant_id = %(merchant_id)s and id = %(id)s for no key update
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": method_id},
    )
    return None if row is None else payment_method(row)


async def methods(
    queries: Queries,
    *,
    merchant_id: UUID,
    customer_id: UUID | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[PaymentMethod]:
    """Payment methods, of one customer or of all: newest first, older than `after`; or oldest first."""
    order: LiteralString = "desc" if before is None else "asc"
    whose: LiteralString = "" if customer_id is None else "and customer_id = %(customer_id)s"
    rows = await queries.fetch_all(
        f"""
        select {_METHOD}, {OF_METHOD} from payment_methods
        where merchant_id = %(merchant_id)s {whose}
            and id < %(after)s and id > %(before)s
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "customer_id": customer_id, "limit": limit} | bounds(after, before),
    )
    return [payment_method(row) for row in rows]


async def count_methods(queries: Queries, *, merchant_id: UUID, customer_id: UUID) -> int:
    """How many payment methods a customer has."""
    row = await queries.fetch_one(
        """
        select count(*) as number from payment_methods
        where merchant_id = %(merchant_id)s and customer_id = %(customer_id)s
        """,
        {"merchant_id": merchant_id, "customer_id": customer_id},
    )
    assert row is not None, "an aggregate always answers"
    return int(row["number"])


async def lock_methods_of(
    connection: Connection, *, merchant_id: UUID, customer_id: UUID
) -> Sequence[PaymentMethod]:
    """All payment methods of a customer, held until the transaction ends."""
    rows = await connection.fetch_all(
        f"""
        select {_METHOD}, {OF_METHOD} from payment_methods
        where merchant_id = %(merchant_id)s and customer_id = %(customer_id)s
        order by id for no key update
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "customer_id": customer_id},
    )
    return [payment_method(row) for row in rows]


async def insert_method(connection: Connection, new: PaymentMethod, *, merchant_id: UUID) -> None:
    """A new payment method."""
    await connection.execute(
        f"""
        insert into payment_methods (merchant_id, type, {_METHOD})
        select merchant_id, type, {_METHOD} from json_populate_record(null::payment_methods, %(row)s)
        """,  # noqa: S608 - pieces of ours
        {"row": msgspec.json.encode(new.row(merchant_id)).decode()},
    )


async def update_method(connection: Connection, changed: PaymentMethod, *, merchant_id: UUID) -> None:
    """All that can change of a payment method."""
    await connection.execute(
        """
        update payment_methods set
            customer_id = %(customer_id)s, exp_month = %(exp_month)s, exp_year = %(exp_year)s, billing = %(billing)s,
            metadata = %(metadata)s, updated_at = %(updated_at)s, detached_at = %(detached_at)s,
            renewed_at = %(renewed_at)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        {
            "merchant_id": merchant_id,
            "id": changed.id,
            "customer_id": changed.customer_id,
            "exp_month": changed.exp_month,
            "exp_year": changed.exp_year,
            "billing": _json(changed.billing),
            "metadata": _json(changed.metadata),
            "updated_at": changed.updated_at,
            "detached_at": changed.detached_at,
            "renewed_at": changed.renewed_at,
        },
    )


async def methods_under_other_keys(
    connection: Connection, *, merchant_id: UUID, data_key_id: UUID, limit: int
) -> Sequence[PaymentMethod]:
    """Payment methods that are not sealed under this key, held until the transaction ends; the busy ones wait."""
    rows = await connection.fetch_all(
        f"""
        select {_METHOD}, {OF_METHOD} from payment_methods
        where merchant_id = %(merchant_id)s and data_key_id <> %(data_key_id)s
        order by id limit %(limit)s for no key update skip locked
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "data_key_id": data_key_id, "limit": limit},
    )
    return [payment_method(row) for row in rows]


async def reseal_methods(
    connection: Connection, changed: Sequence[PaymentMethod], *, merchant_id: UUID
) -> None:
    """New ciphertexts of the same cards."""
    await connection.execute(
        """
        update payment_methods m set data_key_id = r.data_key_id, ciphertext = r.ciphertext
        from json_populate_recordset(null::payment_methods, %(rows)s) r
        where m.merchant_id = %(merchant_id)s and m.id = r.id
        """,
        {"merchant_id": merchant_id, "rows": _json([one.row(merchant_id) for one in changed])},
    )


def payment_method(row: dict[str, Any]) -> PaymentMethod:
    """A payment method from its row."""
    return PaymentMethod(
        **{
            **row,
            "fingerprint": bytes(row["fingerprint"]),
            "ciphertext": None if row["ciphertext"] is None else bytes(row["ciphertext"]),
            "funding": Funding(row["funding"]),
            "billing": msgspec.convert(row["billing"], BillingDetails),
            "tokens": tokens_of(row["tokens"]),
        }
    )


def _customer(row: dict[str, Any]) -> Customer:
    payday = row["payday"]
    details = CustomerDetails(
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        description=row["description"],
        merchant_reference=row["merchant_reference"],
        country=row["country"],
        time_zone=row["time_zone"],
        payday=None if payday is None else msgspec.convert(payday, Payday),
        metadata=row["metadata"],
    )
    return Customer(row["id"], details, row["created_at"], row["updated_at"], row["deleted_at"])


def _customer_columns(customer: Customer, *, merchant_id: UUID) -> dict[str, object]:
    details = customer.details
    return {
        "merchant_id": merchant_id,
        "id": customer.id,
        "name": details.name,
        "email": details.email,
        "phone": details.phone,
        "description": details.description,
        "merchant_reference": details.merchant_reference,
        "country": details.country,
        "time_zone": details.time_zone,
        "payday": None if details.payday is None else _json(details.payday),
        "metadata": _json(details.metadata),
        "created_at": customer.created_at,
        "updated_at": customer.updated_at,
        "deleted_at": customer.deleted_at,
    }


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
