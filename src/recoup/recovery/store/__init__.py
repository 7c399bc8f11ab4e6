"""SQL of recoveries. A recovery is written onto the version it was planned from, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from recoup.db import Connection, Queries
from recoup.db.paging import bounds
from recoup.recovery.core import EndReason, Mode, Planned, Recovery, Status

_COLUMNS: Final[LiteralString] = """
    merchant_id, id, payment_id, status, version, events_count, policy, opened_at, deadline, tries_made, tries_max,
    next_at, plan, decision_id, end_reason, ended_at, updated_at, mode, external_id, paid_elsewhere_at
"""


async def read(queries: Queries, *, merchant_id: UUID, recovery_id: UUID) -> Recovery | None:
    """One recovery."""
    row = await queries.fetch_one(
        f"select {_COLUMNS} from recoveries where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": recovery_id},
    )
    return None if row is None else _recovery(row)


async def lock(connection: Connection, *, merchant_id: UUID, recovery_id: UUID) -> Recovery | None:
    """One recovery, held until the transaction ends."""
    row = await connection.fetch_one(
        f"""
        select {_COLUMNS} from recoveries
        where merchant_id = %(merchant_id)s and id = %(id)s
        for update
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": recovery_id},
    )
    return None if row is None else _recovery(row)


async def of_payment(queries: Queries, *, merchant_id: UUID, payment_id: UUID) -> Recovery | None:
    """The recovery of a payment: there is one at most."""
    row = await queries.fetch_one(
        f"""
        select {_COLUMNS} from recoveries
        where merchant_id = %(merchant_id)s and payment_id = %(payment_id)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "payment_id": payment_id},
    )
    return None if row is None else _recovery(row)


async def page(
    queries: Queries,
    *,
    merchant_id: UUID,
    payment_id: UUID | None,
    external_id: str | None,
    status: Status | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Recovery]:
    """Recoveries newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await queries.fetch_all(
        f"""
        select {_COLUMNS} from recoveries
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s
            and (%(payment_id)s::uuid is null or payment_id = %(payment_id)s)
            and (%(external_id)s::text is null or external_id = %(external_id)s)
            and (%(status)s::text is null or status = %(status)s)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "payment_id": payment_id,
            "external_id": external_id,
            "status": status,
            "limit": limit,
        }
        | bounds(after, before),
    )
    return [_recovery(row) for row in rows]


async def open_methods(queries: Queries, *, merchant_id: UUID, limit: int) -> Sequence[UUID]:
    """The payment methods of open recoveries; those opened first come first."""
    rows = await queries.fetch_all(
        """
        select p.payment_method_id as id, min(r.opened_at) as since
        from recoveries r
        join payments p on p.merchant_id = r.merchant_id and p.id = r.payment_id
        where r.merchant_id = %(merchant_id)s and p.payment_method_id is not null
            and r.status in ('scheduled', 'running', 'awaiting_customer', 'paused')
        group by p.payment_method_id order by since, p.payment_method_id limit %(limit)s
        """,
        {"merchant_id": merchant_id, "limit": limit},
    )
    return [row["id"] for row in rows]


async def insert(connection: Connection, new: Recovery) -> bool:
    """A new recovery; False where its payment has one already."""
    cursor = await connection.execute(
        f"""
        insert into recoveries ({_COLUMNS})
        values (
            %(merchant_id)s, %(id)s, %(payment_id)s, %(status)s, %(version)s, %(events_count)s, %(policy)s,
            %(opened_at)s, %(deadline)s, %(tries_made)s, %(tries_max)s, %(next_at)s, %(plan)s, %(decision_id)s,
            %(end_reason)s, %(ended_at)s, %(updated_at)s, %(mode)s, %(external_id)s, %(paid_elsewhere_at)s)
        on conflict (merchant_id, payment_id) do nothing
        """,  # noqa: S608 - pieces of ours
        _row(new),
    )
    return cursor.rowcount == 1


async def save(connection: Connection, changed: Recovery, *, expected: int) -> bool:
    """All that can change of a recovery; False where it has moved on from the version `expected`."""
    cursor = await connection.execute(
        """
        update recoveries set
            status = %(status)s, version = %(version)s, events_count = %(events_count)s, deadline = %(deadline)s,
            tries_made = %(tries_made)s, next_at = %(next_at)s, plan = %(plan)s, decision_id = %(decision_id)s,
            end_reason = %(end_reason)s, ended_at = %(ended_at)s, updated_at = %(updated_at)s,
            paid_elsewhere_at = %(paid_elsewhere_at)s
        where merchant_id = %(merchant_id)s and id = %(id)s and version = %(expected)s
        """,
        _row(changed) | {"expected": expected},
    )
    return cursor.rowcount == 1


async def insert_decision(
    connection: Connection, recovery: Recovery, *, decision_id: UUID, data: dict[str, Any]
) -> None:
    """What was decided about a recovery, with everything it was decided by."""
    await connection.execute(
        """
        insert into decisions (merchant_id, id, kind, object_id, data, created_at)
        values (%(merchant_id)s, %(id)s, 'recovery', %(recovery_id)s, %(data)s, %(created_at)s)
        """,
        {
            "merchant_id": recovery.merchant_id,
            "id": decision_id,
            "recovery_id": recovery.id,
            "data": msgspec.json.encode(data).decode(),
            "created_at": recovery.updated_at,
        },
    )


def _row(recovery: Recovery) -> dict[str, Any]:
    plan = None if recovery.plan is None else msgspec.json.encode(recovery.plan).decode()
    row = {name: getattr(recovery, name) for name in Recovery.__slots__} | {"plan": plan}
    return row | {"payment_id": None} if recovery.mode is Mode.ADVISE else row


def _recovery(row: DictRow) -> Recovery:
    return Recovery(
        **row
        | {
            "payment_id": row["payment_id"] or row["id"],
            "mode": Mode(row["mode"]),
            "status": Status(row["status"]),
            "plan": None if row["plan"] is None else msgspec.convert(row["plan"], Planned),
            "end_reason": None if row["end_reason"] is None else EndReason(row["end_reason"]),
        }
    )
