"""SQL of scheduled payments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.billing.core.scheduled import ScheduledPayment, Status
from recoup.db import Connection, Queries
from recoup.db.paging import bounds

_decoder: Final = msgspec.json.Decoder(ScheduledPayment)


async def insert(connection: Connection, new: ScheduledPayment) -> None:
    """A new one."""
    await connection.execute(
        """
        insert into scheduled_payments (
            merchant_id, id, customer_id, status, version, payment_id, data, created_at, updated_at)
        values (%(merchant_id)s, %(id)s, %(customer_id)s, %(status)s, %(version)s, %(payment_id)s, %(data)s,
            %(created_at)s, %(updated_at)s)
        """,
        _row(new),
    )


async def save(connection: Connection, changed: ScheduledPayment) -> None:
    """All that can change of one that is locked."""
    await connection.execute(
        """
        update scheduled_payments
        set status = %(status)s, version = %(version)s, payment_id = %(payment_id)s, data = %(data)s,
            updated_at = %(updated_at)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        _row(changed),
    )


async def read(queries: Queries, *, merchant_id: UUID, scheduled_id: UUID) -> ScheduledPayment | None:
    """One scheduled payment."""
    row = await queries.fetch_one(
        "select data::text as data from scheduled_payments where merchant_id = %(merchant_id)s and id = %(id)s",
        {"merchant_id": merchant_id, "id": scheduled_id},
    )
    return None if row is None else _decoder.decode(row["data"])


async def lock(connection: Connection, *, merchant_id: UUID, scheduled_id: UUID) -> ScheduledPayment | None:
    """One scheduled payment, held until the transaction ends."""
    row = await connection.fetch_one(
        """
        select data::text as data from scheduled_payments
        where merchant_id = %(merchant_id)s and id = %(id)s
        for update
        """,
        {"merchant_id": merchant_id, "id": scheduled_id},
    )
    return None if row is None else _decoder.decode(row["data"])


async def lock_by_payment(
    connection: Connection, *, merchant_id: UUID, payment_id: UUID
) -> ScheduledPayment | None:
    """The one that a payment executes, held until the transaction ends: there is one at most."""
    row = await connection.fetch_one(
        """
        select data::text as data from scheduled_payments
        where merchant_id = %(merchant_id)s and payment_id = %(payment_id)s
        for update
        """,
        {"merchant_id": merchant_id, "payment_id": payment_id},
    )
    return None if row is None else _decoder.decode(row["data"])


async def page(
    queries: Queries,
    *,
    merchant_id: UUID,
    customer_id: UUID | None,
    status: Status | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[ScheduledPayment]:
    """Scheduled payments newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    of_customer: LiteralString = "" if customer_id is None else "and customer_id = %(customer_id)s"
    rows = await queries.fetch_all(
        f"""
        select data::text as data from scheduled_payments
        where merchant_id = %(merchant_id)s {of_customer} and id < %(after)s and id > %(before)s
            and (%(status)s::text is null or status = %(status)s)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "customer_id": customer_id, "status": status, "limit": limit}
        | bounds(after, before),
    )
    return [_decoder.decode(row["data"]) for row in rows]


def _row(one: ScheduledPayment) -> dict[str, Any]:
    return {
        "merchant_id": one.merchant_id,
        "id": one.id,
        "customer_id": one.customer_id,
        "status": one.status,
        "version": one.version,
        "payment_id": one.payment_id,
        "data": msgspec.json.encode(one).decode(),
        "created_at": one.created_at,
        "updated_at": one.updated_at,
    }
