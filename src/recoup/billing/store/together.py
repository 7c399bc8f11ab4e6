"""SQL that holds many of a merchant's invoices at once, with their subscriptions: for charges made together.

Each is looked up by its own key, one after the other in the order of their ids, in which they are locked: while a table
is small, a join would walk all that the merchant has there, and its plan might be kept while the table grows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import msgspec

from recoup.billing.core.records import Invoice, Subscription
from recoup.billing.store import AT_ONCE_MAX, invoice_of_row
from recoup.db import Connection, Queries

_subscription: Final = msgspec.json.Decoder(Subscription)


async def invoices(queries: Queries, *, merchant_id: UUID, ids: Sequence[UUID]) -> Mapping[UUID, Invoice]:
    """Those of these invoices that there are."""
    assert len(ids) <= AT_ONCE_MAX, "what is read together has an end"
    rows = await queries.fetch_all(
        """
        select number, data::text as data from invoices
        where merchant_id = %(merchant_id)s and id = any(%(ids)s)
        order by id
        """,
        {"merchant_id": merchant_id, "ids": list(ids)},
    )
    return {one.id: one for one in map(invoice_of_row, rows)}


async def lock_invoices(
    connection: Connection, *, merchant_id: UUID, ids: Sequence[UUID]
) -> Mapping[UUID, Invoice]:
    """Those of these invoices that there are, held until the transaction ends."""
    assert len(ids) <= AT_ONCE_MAX, "what is locked together has an end"
    rows = await connection.fetch_all(
        """
        select i.number, i.data::text as data
        from unnest(%(ids)s::uuid[]) as wanted (id)
        cross join lateral (
            select number, data from invoices
            where merchant_id = %(merchant_id)s and id = wanted.id
            limit 1
            for update
        ) i
        """,
        {"merchant_id": merchant_id, "ids": sorted(ids)},
    )
    return {one.id: one for one in map(invoice_of_row, rows)}


async def lock_subscriptions_of_payments(
    connection: Connection, *, merchant_id: UUID, payment_ids: Sequence[UUID]
) -> Mapping[UUID, Subscription]:
    """The subscriptions whose invoices are paid by these payments, held until the transaction ends."""
    assert len(payment_ids) <= AT_ONCE_MAX, "what is locked together has an end"
    rows = await connection.fetch_all(
        """
        with owners as materialized (
            select distinct i.subscription_id as id
            from unnest(%(payment_ids)s::uuid[]) as wanted (id)
            cross join lateral (
                select subscription_id from invoices
                where merchant_id = %(merchant_id)s and payment_id = wanted.id
                limit 1
            ) i
            order by id
        )
        select s.data::text as data
        from owners
        cross join lateral (
            select data from subscriptions
            where merchant_id = %(merchant_id)s and id = owners.id
            limit 1
            for update
        ) s
        """,
        {"merchant_id": merchant_id, "payment_ids": list(payment_ids)},
    )
    return {one.id: one for one in (_subscription.decode(row["data"]) for row in rows)}


async def lock_invoices_of_payments(
    connection: Connection, *, merchant_id: UUID, payment_ids: Sequence[UUID]
) -> Mapping[UUID, Invoice]:
    """The invoices that are paid by these payments, by payment, held until the transaction ends."""
    assert len(payment_ids) <= AT_ONCE_MAX, "what is locked together has an end"
    rows = await connection.fetch_all(
        """
        with paid as materialized (
            select i.id
            from unnest(%(payment_ids)s::uuid[]) as wanted (id)
            cross join lateral (
                select id from invoices
                where merchant_id = %(merchant_id)s and payment_id = wanted.id
                limit 1
            ) i
            order by i.id
        )
        select i.payment_id, i.number, i.data::text as data
        from paid
        cross join lateral (
            select payment_id, number, data from invoices
            where merchant_id = %(merchant_id)s and id = paid.id
            limit 1
            for update
        ) i
        """,
        {"merchant_id": merchant_id, "payment_ids": list(payment_ids)},
    )
    return {row["payment_id"]: invoice_of_row(row) for row in rows if row["payment_id"] in payment_ids}
