"""SQL of customers and payment methods of whom many come at once: found by what others call them, and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.vault.core import Customer, PaymentMethod

FOUND_MAX: Final = 200
"""The most payment methods that are looked at for one token or one card. An order within them would have them found by
their ids, among all of the merchant's."""


async def customers_called(
    queries: Queries, references: Sequence[str], *, merchant_id: UUID
) -> dict[str, UUID]:
    """The oldest customer of each of these names, of those that are not deleted."""
    rows = await queries.fetch_all(
        """
        select wanted.reference, c.id from unnest(%(references)s::text[]) wanted (reference)
        cross join lateral (
            select id from customers
            where merchant_reference = wanted.reference and merchant_id = %(merchant_id)s and deleted_at is null
            order by id limit 1
        ) c
        """,
        {"merchant_id": merchant_id, "references": list(references)},
    )
    return {row["reference"]: row["id"] for row in rows}


async def hold_customers(connection: Connection, ids: Sequence[UUID], *, merchant_id: UUID) -> None:
    """Keep customers from being changed and deleted until the transaction ends."""
    await connection.execute(
        """
        select id from customers where merchant_id = %(merchant_id)s and id = any(%(ids)s) order by id for share
        """,
        {"merchant_id": merchant_id, "ids": list(ids)},
    )


async def has_tokens(queries: Queries, *, merchant_id: UUID) -> bool:
    """Whether any payment method of the merchant is a processor's."""
    row = await queries.fetch_one(
        "select 1 from processor_tokens where merchant_id = %(merchant_id)s limit 1",
        {"merchant_id": merchant_id},
    )
    return row is not None


async def methods_recognised(
    queries: Queries, digests: Sequence[tuple[UUID, bytes]], *, merchant_id: UUID
) -> dict[bytes, list[UUID]]:
    """The payment methods that have one of these tokens, each given by its account and its digest; oldest first."""
    rows = await queries.fetch_all(
        """
        select wanted.digest, t.payment_method_id
        from unnest(%(accounts)s::uuid[], %(digests)s::bytea[]) wanted (account_id, digest)
        cross join lateral (
            select payment_method_id from processor_tokens
            where digest = wanted.digest and merchant_id = %(merchant_id)s
                and processor_account_id = wanted.account_id
            limit %(limit)s
        ) t
        order by t.payment_method_id
        """,
        {
            "merchant_id": merchant_id,
            "accounts": [account_id for account_id, _ in digests],
            "digests": [digest for _, digest in digests],
            "limit": FOUND_MAX,
        },
    )
    found: dict[bytes, list[UUID]] = {}
    for row in rows:
        found.setdefault(bytes(row["digest"]), []).append(row["payment_method_id"])
    return found


async def cards_shown_as(
    queries: Queries, bounds: Sequence[tuple[bytes, bytes]], *, merchant_id: UUID
) -> list[UUID]:
    """The cards whose fingerprints lie within one of these bounds."""
    rows = await queries.fetch_all(
        """
        select m.id from unnest(%(lows)s::bytea[], %(highs)s::bytea[]) wanted (low, high)
        cross join lateral (
            select id from payment_methods
            where fingerprint >= wanted.low and fingerprint <= wanted.high and merchant_id = %(merchant_id)s
            limit %(limit)s
        ) m
        """,
        {
            "merchant_id": merchant_id,
            "lows": [low for low, _ in bounds],
            "highs": [high for _, high in bounds],
            "limit": FOUND_MAX,
        },
    )
    return [row["id"] for row in rows]


async def insert_customers(connection: Connection, new: Sequence[Customer], *, merchant_id: UUID) -> None:
    """New customers."""
    await connection.execute(
        """
        insert into customers (
            merchant_id, id, name, email, phone, description, merchant_reference, country, time_zone, payday, metadata,
            created_at, updated_at)
        select merchant_id, id, name, email, phone, description, merchant_reference, country, time_zone, payday,
            metadata, created_at, updated_at
        from json_populate_recordset(null::customers, %(rows)s) where merchant_id = %(merchant_id)s
        """,
        {"merchant_id": merchant_id, "rows": _encoded([_row(one, merchant_id) for one in new])},
    )


async def insert_methods(connection: Connection, new: Sequence[PaymentMethod], *, merchant_id: UUID) -> None:
    """New payment methods that only processors have; their tokens are another table's."""
    await connection.execute(
        """
        insert into payment_methods (
            merchant_id, id, customer_id, type, fingerprint, brand, last4, exp_month, exp_year, funding, issuer_country,
            billing, network_transaction_id, metadata, created_at, updated_at)
        select merchant_id, id, customer_id, type, fingerprint, brand, last4, exp_month, exp_year, funding,
            issuer_country, billing, network_transaction_id, metadata, created_at, updated_at
        from json_populate_recordset(null::payment_methods, %(rows)s) where merchant_id = %(merchant_id)s
        """,
        {"merchant_id": merchant_id, "rows": _encoded([one.row(merchant_id) for one in new])},
    )


def _row(customer: Customer, merchant_id: UUID) -> Mapping[str, Any]:
    return {
        **msgspec.to_builtins(customer.details),
        "merchant_id": merchant_id,
        "id": customer.id,
        "created_at": customer.created_at,
        "updated_at": customer.updated_at,
    }


def _encoded(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
