"""SQL that reads deliveries: for whoever asks, for the figures, and for proof that none is forgotten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from recoup.db import Queries
from recoup.webhooks.core.deliveries import Attempt, Delivery, Status

ATTEMPTS_SHOWN: Final = 50

_DELIVERY: Final[LiteralString] = """
    d.id, d.endpoint_id, d.event_id, d.event_type, d.sequence, d.object_id, d.status, d.attempts, d.created_at,
    d.finished_at, case when e.state = 'enabled' and d.status = 'pending' then l.due_at end as next_at
"""
_JOINS: Final[LiteralString] = """
    join webhook_endpoints e on e.merchant_id = d.merchant_id and e.id = d.endpoint_id
    left join webhook_lanes l on l.merchant_id = d.merchant_id and l.endpoint_id = d.endpoint_id
        and l.object_id = d.object_id
"""


async def delivery(queries: Queries, *, merchant_id: UUID, delivery_id: UUID) -> Delivery | None:
    """One delivery."""
    row = await queries.fetch_one(
        f"""
        select {_DELIVERY} from webhook_deliveries d {_JOINS}
        where d.merchant_id = %(merchant_id)s and d.id = %(id)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": delivery_id},
    )
    return None if row is None else _delivery(row)


async def page(
    queries: Queries,
    *,
    merchant_id: UUID,
    endpoint_id: UUID,
    after: UUID | None,
    before: UUID | None,
    status: Status | None,
    limit: int,
) -> Sequence[Delivery]:
    """An endpoint's deliveries, the newest event first; with `before` the oldest first. Both are ids of deliveries."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await queries.fetch_all(
        f"""
        select {_DELIVERY} from webhook_deliveries d {_JOINS}
        where d.merchant_id = %(merchant_id)s and d.endpoint_id = %(endpoint_id)s
            and d.sequence < coalesce(
                (select sequence from webhook_deliveries where merchant_id = %(merchant_id)s and id = %(after)s),
                case when %(after)s::uuid is null then 9223372036854775807 else 0 end)
            and d.sequence > coalesce(
                (select sequence from webhook_deliveries where merchant_id = %(merchant_id)s and id = %(before)s),
                case when %(before)s::uuid is null then 0 else 9223372036854775807 end)
            and (%(status)s::text is null or d.status = %(status)s)
        order by d.sequence {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "endpoint_id": endpoint_id,
            "after": after,
            "before": before,
            "status": status,
            "limit": limit,
        },
    )
    return [_delivery(row) for row in rows]


async def attempts(
    queries: Queries, delivery_ids: Sequence[UUID], *, merchant_id: UUID, limit: int = ATTEMPTS_SHOWN
) -> Sequence[Attempt]:
    """The last `limit` attempts of each of some deliveries, in order."""
    rows = await queries.fetch_all(
        """
        select a.delivery_id, a.number, a.at, a.latency_ms, a.http_status, a.reply, a.error
        from unnest(%(ids)s::uuid[]) as w (id)
        cross join lateral (
            select delivery_id, number, at, latency_ms, http_status, reply, error from webhook_attempts
            where merchant_id = %(merchant_id)s and delivery_id = w.id
            order by number desc limit %(limit)s
        ) a
        order by a.delivery_id, a.number
        """,
        {"merchant_id": merchant_id, "ids": list(delivery_ids), "limit": limit},
    )
    return [Attempt(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Backlog:
    """What has not arrived at endpoints that are enabled: deliveries, events not taken up yet, and since when."""

    pending: int
    behind: int
    oldest_at: datetime | None


async def backlog(queries: Queries) -> Backlog:
    """What has not arrived."""
    row = await queries.fetch_one(
        """
        -- all merchants: a figure of the whole service
        select coalesce(sum(w.pending), 0) as pending, coalesce(sum(s.sequence - e.sequence), 0) as behind,
            min(w.oldest_at) as oldest_at
        from webhook_endpoints e
        join event_streams s on s.merchant_id = e.merchant_id
        cross join lateral (
            select sum(l.queued) as pending, min(l.opened_at) as oldest_at from webhook_lanes l
            where l.merchant_id = e.merchant_id and l.endpoint_id = e.id
        ) w
        where e.state = 'enabled'
        """
    )
    assert row is not None, "an aggregate always answers"
    return Backlog(int(row["pending"]), int(row["behind"]), row["oldest_at"])


@dataclass(frozen=True, slots=True)
class Forgotten:
    """A pending delivery that nobody would ever look at, or a lane that counts wrongly: there must be none."""

    merchant_id: UUID
    endpoint_id: UUID
    object_id: UUID
    pending: int
    queued: int | None


async def forgotten(queries: Queries, *, limit: int) -> Sequence[Forgotten]:
    """Objects with pending deliveries that have no lane, or with another number of them than their lane says."""
    rows = await queries.fetch_all(
        """
        -- all merchants: an invariant of the whole service
        select merchant_id, endpoint_id, object_id, coalesce(p.pending, 0) as pending, l.queued
        from (
            select merchant_id, endpoint_id, object_id, count(*) as pending from webhook_deliveries
            where status = 'pending' group by merchant_id, endpoint_id, object_id
        ) p
        full join webhook_lanes l using (merchant_id, endpoint_id, object_id)
        where p.pending is distinct from l.queued
        limit %(limit)s
        """,
        {"limit": limit},
    )
    return [Forgotten(**row) for row in rows]


def _delivery(row: dict[str, Any]) -> Delivery:
    return Delivery(**row | {"status": Status(row["status"])})
