"""SQL of recoveries. A recovery is written onto the version it was planned from, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from recoup.db import Connection, Queries
from recoup.db.paging import bounds
from recoup.recovery.core import EndReason, Mode, Planned, Recovery, Status
from recoup.recovery.core.arms import Arm, Stake
from recoup.recovery.store.writing import COLUMNS
from recoup.recovery.store.writing import WRITE as WRITE
from recoup.recovery.store.writing import DueRow as DueRow
from recoup.recovery.store.writing import EventRow as EventRow
from recoup.recovery.store.writing import row as row
from recoup.recovery.store.writing import write as write


async def several(
    queries: Queries, recovery_ids: Sequence[UUID], *, merchant_id: UUID
) -> dict[UUID, Recovery]:
    """Those of these recoveries that are there."""
    rows = await queries.fetch_all(
        f"""
        select r.* from unnest(%(ids)s::uuid[]) wanted (recovery_id)
        cross join lateral (
            select {COLUMNS} from recoveries
            where merchant_id = %(merchant_id)s and id = wanted.recovery_id limit 1
        ) r
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "ids": list(recovery_ids)},
    )
    return {row["id"]: _recovery(row) for row in rows}


async def read(queries: Queries, *, merchant_id: UUID, recovery_id: UUID) -> Recovery | None:
    """One recovery."""
    return (await several(queries, [recovery_id], merchant_id=merchant_id)).get(recovery_id)


async def lock(connection: Connection, *, merchant_id: UUID, recovery_id: UUID) -> Recovery | None:
    """One recovery, held until the transaction ends."""
    row = await connection.fetch_one(
        f"""
        select {COLUMNS} from recoveries
        where merchant_id = %(merchant_id)s and id = %(id)s
        for update
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": recovery_id},
    )
    return None if row is None else _recovery(row)


async def of_payments(
    queries: Queries, payment_ids: Sequence[UUID], *, merchant_id: UUID
) -> dict[UUID, Recovery]:
    """The recoveries of some payments: there is one of each at most."""
    rows = await queries.fetch_all(
        f"""
        select r.* from unnest(%(ids)s::uuid[]) wanted (of_payment)
        cross join lateral (
            select {COLUMNS} from recoveries
            where merchant_id = %(merchant_id)s and payment_id = wanted.of_payment limit 1
        ) r
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "ids": list(payment_ids)},
    )
    return {row["payment_id"]: _recovery(row) for row in rows}


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
        select {COLUMNS} from recoveries
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


def _recovery(row: DictRow) -> Recovery:
    arm, stake = row["arm"], row["stake"]
    return Recovery(
        **{name: value for name, value in row.items() if name != "experiment_id"}
        | {
            "arm": None if arm is None else msgspec.convert(arm, Arm),
            "stake": None if stake is None else msgspec.convert(stake, Stake),
            "tried_after_s": tuple(row["tried_after_s"] or ()),
            "payment_id": row["payment_id"] or row["id"],
            "mode": Mode(row["mode"]),
            "status": Status(row["status"]),
            "plan": None if row["plan"] is None else msgspec.convert(row["plan"], Planned),
            "end_reason": None if row["end_reason"] is None else EndReason(row["end_reason"]),
        }
    )
