"""SQL that makes deliveries pending: of new events, and of replays. A lane counts what is pending in it.

Whoever adds to a lane or takes from it changes its row, so that one of them sees the other: a lane is never dropped
while something is pending in it, and what is pending always has a lane with its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries


@dataclass(frozen=True, slots=True)
class Heard:
    """What fan-out has to know of an event."""

    sequence: int
    id: UUID
    type: str
    object_id: UUID


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """An event that is to be delivered to an endpoint."""

    endpoint_id: UUID
    id: UUID
    event: Heard


async def heard(
    queries: Queries, *, merchant_id: UUID, after: int, upto: int | None = None, limit: int
) -> Sequence[Heard]:
    """Events behind a place in the stream, in order."""
    rows = await queries.fetch_all(
        """
        select sequence, id, type, object_id from events
        where merchant_id = %(merchant_id)s and sequence > %(after)s and sequence <= %(upto)s
        order by sequence limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "after": after,
            "upto": 2**63 - 1 if upto is None else upto,
            "limit": limit,
        },
    )
    return [Heard(**row) for row in rows]


async def lanes_open(queries: Queries, *, merchant_id: UUID, endpoint_id: UUID, limit: int) -> int:
    """How many lanes an endpoint has, counted up to `limit`."""
    row = await queries.fetch_one(
        """
        select count(*) as number from (
            select from webhook_lanes
            where merchant_id = %(merchant_id)s and endpoint_id = %(endpoint_id)s limit %(limit)s
        ) as l
        """,
        {"merchant_id": merchant_id, "endpoint_id": endpoint_id, "limit": limit},
    )
    assert row is not None, "an aggregate always answers"
    return int(row["number"])


async def queue(
    connection: Connection, deliveries: Sequence[NewDelivery], *, merchant_id: UUID, now: datetime
) -> int:
    """Make deliveries pending, also those that had ended; how many were not pending before."""
    queued = await connection.fetch_all(
        """
        insert into webhook_deliveries (merchant_id, endpoint_id, sequence, id, event_id, event_type, object_id,
            status, created_at)
        select %(merchant_id)s, r.endpoint_id, r.sequence, r.id, r.event_id, r.event_type, r.object_id, 'pending',
            %(now)s
        from json_to_recordset(%(rows)s::json) as r (endpoint_id uuid, sequence bigint, id uuid, event_id uuid,
            event_type text, object_id uuid)
        order by r.endpoint_id, r.sequence
        on conflict (merchant_id, endpoint_id, sequence)
        do update set status = 'pending', finished_at = null
        where webhook_deliveries.status in ('delivered', 'parked')
        returning endpoint_id, object_id
        """,
        {"merchant_id": merchant_id, "now": now, "rows": _json([_row(one) for one in deliveries])},
    )
    await _count_in(connection, queued, merchant_id=merchant_id, now=now)
    return len(queued)


async def requeue(connection: Connection, *, merchant_id: UUID, delivery_id: UUID, now: datetime) -> bool:
    """Make a delivery that has ended pending again; False where it is pending already."""
    queued = await connection.fetch_all(
        """
        update webhook_deliveries set status = 'pending', finished_at = null
        where merchant_id = %(merchant_id)s and id = %(id)s and status in ('delivered', 'parked')
        returning endpoint_id, object_id
        """,
        {"merchant_id": merchant_id, "id": delivery_id},
    )
    await _count_in(connection, queued, merchant_id=merchant_id, now=now)
    return bool(queued)


async def requeue_parked(
    connection: Connection, *, merchant_id: UUID, endpoint_id: UUID, limit: int, now: datetime
) -> int:
    """Make an endpoint's parked deliveries pending again, the oldest first; how many."""
    queued = await connection.fetch_all(
        """
        with parked as (
            select sequence from webhook_deliveries
            where merchant_id = %(merchant_id)s and endpoint_id = %(endpoint_id)s and status = 'parked'
            order by sequence limit %(limit)s for update
        )
        update webhook_deliveries d set status = 'pending', finished_at = null
        from parked
        where d.merchant_id = %(merchant_id)s and d.endpoint_id = %(endpoint_id)s and d.sequence = parked.sequence
        returning d.endpoint_id, d.object_id
        """,
        {"merchant_id": merchant_id, "endpoint_id": endpoint_id, "limit": limit},
    )
    await _count_in(connection, queued, merchant_id=merchant_id, now=now)
    return len(queued)


async def _count_in(
    connection: Connection, queued: Sequence[dict[str, Any]], *, merchant_id: UUID, now: datetime
) -> None:
    """Put what became pending into its lanes. Ordered, as everything that takes several lanes is."""
    if not queued:
        return
    await connection.execute(
        """
        insert into webhook_lanes (merchant_id, endpoint_id, object_id, due_at, queued, opened_at)
        select %(merchant_id)s, r.endpoint_id, r.object_id, %(now)s, count(*), %(now)s
        from json_to_recordset(%(rows)s::json) as r (endpoint_id uuid, object_id uuid)
        group by r.endpoint_id, r.object_id
        order by r.endpoint_id, r.object_id
        on conflict (merchant_id, endpoint_id, object_id)
        do update set queued = webhook_lanes.queued + excluded.queued
        """,
        {"merchant_id": merchant_id, "now": now, "rows": _json(queued)},
    )


async def restart(connection: Connection, *, merchant_id: UUID, endpoint_id: UUID, now: datetime) -> None:
    """An endpoint is enabled again: everything pending is due, as if it had not been tried."""
    await connection.execute(
        """
        update webhook_lanes set due_at = %(now)s, tries = 0, trying_since = null
        where merchant_id = %(merchant_id)s and endpoint_id = %(endpoint_id)s
        """,
        {"merchant_id": merchant_id, "endpoint_id": endpoint_id, "now": now},
    )


async def give_up(connection: Connection, *, merchant_id: UUID, endpoint_id: UUID, now: datetime) -> None:
    """An endpoint is deleted: what was pending is parked."""
    whose = {"merchant_id": merchant_id, "endpoint_id": endpoint_id, "now": now}
    await connection.execute(
        "delete from webhook_lanes where merchant_id = %(merchant_id)s and endpoint_id = %(endpoint_id)s",
        whose,
    )
    await connection.execute(
        """
        update webhook_deliveries set status = 'parked', finished_at = %(now)s
        where merchant_id = %(merchant_id)s and endpoint_id = %(endpoint_id)s and status = 'pending'
        """,
        whose,
    )


def _row(one: NewDelivery) -> dict[str, Any]:
    return {
        "endpoint_id": one.endpoint_id,
        "sequence": one.event.sequence,
        "id": one.id,
        "event_id": one.event.id,
        "event_type": one.event.type,
        "object_id": one.event.object_id,
    }


def _json(rows: Sequence[Any]) -> str:
    return msgspec.json.encode(rows).decode()
