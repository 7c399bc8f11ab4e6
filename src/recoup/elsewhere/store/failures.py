"""SQL of failures elsewhere: what their merchant told, by the recovery that is about each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from recoup.db import Connection, Queries
from recoup.elsewhere.core.failures import Failure


@dataclass(frozen=True, slots=True)
class Kept:
    """A failure with its names. Without a `payment_id` we only advise."""

    recovery_id: UUID
    external_id: str
    payment_id: UUID | None
    failure: Failure


_SELECT: Final[LiteralString] = """
    select recovery_id, external_id, payment_id, data from failures_elsewhere where merchant_id = %(merchant_id)s
"""


async def insert(connection: Connection, new: Kept, *, merchant_id: UUID, now: datetime) -> bool:
    """A new failure; False where there is one of that external id, written by whoever was first."""
    cursor = await connection.execute(
        """
        insert into failures_elsewhere (merchant_id, recovery_id, external_id, payment_id, data, created_at)
        values (%(merchant_id)s, %(recovery_id)s, %(external_id)s, %(payment_id)s, %(data)s, %(now)s)
        on conflict (merchant_id, external_id) do nothing
        """,
        {
            "merchant_id": merchant_id,
            "recovery_id": new.recovery_id,
            "external_id": new.external_id,
            "payment_id": new.payment_id,
            "data": msgspec.json.encode(new.failure).decode(),
            "now": now,
        },
    )
    return cursor.rowcount == 1


async def save(connection: Connection, changed: Kept, *, merchant_id: UUID) -> None:
    """What is known of a failure by now; its recovery is held."""
    await connection.execute(
        """
        update failures_elsewhere set data = %(data)s
        where merchant_id = %(merchant_id)s and recovery_id = %(recovery_id)s
        """,
        {
            "merchant_id": merchant_id,
            "recovery_id": changed.recovery_id,
            "data": msgspec.json.encode(changed.failure).decode(),
        },
    )


async def by_external_id(queries: Queries, *, merchant_id: UUID, external_id: str) -> Kept | None:
    """The failure that its merchant calls so."""
    row = await queries.fetch_one(
        f"{_SELECT} and external_id = %(external_id)s",
        {"merchant_id": merchant_id, "external_id": external_id},
    )
    return _kept(row)


async def of_recovery(queries: Queries, *, merchant_id: UUID, recovery_id: UUID) -> Kept | None:
    """The failure that a recovery is about."""
    row = await queries.fetch_one(
        f"{_SELECT} and recovery_id = %(recovery_id)s",
        {"merchant_id": merchant_id, "recovery_id": recovery_id},
    )
    return _kept(row)


async def of_payment(queries: Queries, *, merchant_id: UUID, payment_id: UUID) -> Kept | None:
    """The failure that a payment of ours was opened for."""
    return (await of_payments(queries, [payment_id], merchant_id=merchant_id)).get(payment_id)


async def of_payments(
    queries: Queries, payment_ids: Sequence[UUID], *, merchant_id: UUID
) -> dict[UUID, Kept]:
    """The failures that some payments of ours were opened for."""
    rows = await queries.fetch_all(
        """
        select f.* from unnest(%(payment_ids)s::uuid[]) wanted (id)
        cross join lateral (
            select recovery_id, external_id, payment_id, data from failures_elsewhere
            where merchant_id = %(merchant_id)s and payment_id = wanted.id limit 1
        ) f
        """,
        {"merchant_id": merchant_id, "payment_ids": list(payment_ids)},
    )
    return {row["payment_id"]: kept for row in rows if (kept := _kept(row)) is not None}


def _kept(row: DictRow | None) -> Kept | None:
    if row is None:
        return None
    failure = msgspec.convert(row["data"], Failure, strict=False)
    return Kept(row["recovery_id"], row["external_id"], row["payment_id"], failure)
