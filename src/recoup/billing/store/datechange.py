"""SQL of billing date changes, and of the invoices before and after one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.billing.core.datechange import DateChange, Status
from recoup.billing.core.records import Invoice
from recoup.db import Connection, Queries
from recoup.db.paging import bounds

_decoder: Final = msgspec.json.Decoder(DateChange)
_invoice: Final = msgspec.json.Decoder(Invoice)


async def insert(connection: Connection, new: DateChange) -> None:
    """A new one."""
    await connection.execute(
        """
        insert into billing_date_changes (
            merchant_id, id, subscription_id, status, version, data, created_at, updated_at)
        values (%(merchant_id)s, %(id)s, %(subscription_id)s, %(status)s, %(version)s, %(data)s, %(created_at)s,
            %(updated_at)s)
        """,
        _row(new),
    )


async def save(connection: Connection, changed: DateChange) -> None:
    """All that can change of one that is locked."""
    await connection.execute(
        """
        update billing_date_changes
        set status = %(status)s, version = %(version)s, data = %(data)s, updated_at = %(updated_at)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        _row(changed),
    )


async def read(queries: Queries, *, merchant_id: UUID, change_id: UUID) -> DateChange | None:
    """One change."""
    row = await queries.fetch_one(
        "select data::text as data from billing_date_changes where merchant_id = %(merchant_id)s and id = %(id)s",
        {"merchant_id": merchant_id, "id": change_id},
    )
    return None if row is None else _decoder.decode(row["data"])


async def lock(connection: Connection, *, merchant_id: UUID, change_id: UUID) -> DateChange | None:
    """One change, held until the transaction ends. Who changes its subscription too has locked that before."""
    row = await connection.fetch_one(
        """
        select data::text as data from billing_date_changes
        where merchant_id = %(merchant_id)s and id = %(id)s
        for update
        """,
        {"merchant_id": merchant_id, "id": change_id},
    )
    return None if row is None else _decoder.decode(row["data"])


async def proposed(queries: Queries, *, merchant_id: UUID, subscription_id: UUID) -> DateChange | None:
    """The one that is proposed of a subscription: there is one at most."""
    row = await queries.fetch_one(
        """
        select data::text as data from billing_date_changes
        where merchant_id = %(merchant_id)s and subscription_id = %(subscription_id)s and status = 'proposed'
        """,
        {"merchant_id": merchant_id, "subscription_id": subscription_id},
    )
    return None if row is None else _decoder.decode(row["data"])


async def page(
    queries: Queries,
    *,
    merchant_id: UUID,
    subscription_id: UUID | None,
    status: Status | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[DateChange]:
    """Changes newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    of_one: LiteralString = "" if subscription_id is None else "and subscription_id = %(subscription_id)s"
    rows = await queries.fetch_all(
        f"""
        select data::text as data from billing_date_changes
        where merchant_id = %(merchant_id)s {of_one} and id < %(after)s and id > %(before)s
            and (%(status)s::text is null or status = %(status)s)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "subscription_id": subscription_id,
            "status": status,
            "limit": limit,
        }
        | bounds(after, before),
    )
    return [_decoder.decode(row["data"]) for row in rows]


async def invoices_of_periods(
    queries: Queries, *, merchant_id: UUID, subscription_id: UUID, least: int, most: int, limit: int
) -> Sequence[Invoice]:
    """The invoices of a subscription's periods from one number to another, the latest first."""
    rows = await queries.fetch_all(
        """
        select data::text as data from invoices
        where merchant_id = %(merchant_id)s and subscription_id = %(subscription_id)s
            and period between %(least)s and %(most)s
        order by period desc limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "subscription_id": subscription_id,
            "least": least,
            "most": most,
            "limit": limit,
        },
    )
    return [_invoice.decode(row["data"]) for row in rows]


def _row(change: DateChange) -> dict[str, Any]:
    return {
        "merchant_id": change.merchant_id,
        "id": change.id,
        "subscription_id": change.subscription_id,
        "status": change.status,
        "version": change.version,
        "data": msgspec.json.encode(change).decode(),
        "created_at": change.created_at,
        "updated_at": change.updated_at,
    }
