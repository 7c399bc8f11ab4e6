"""SQL of what must always hold: each query finds what breaks a law, so that nothing found is proof.

They run every few minutes beside the payments. So each looks at a bounded part of one merchant's rows, by an index, and
says where it has come to; whoever calls goes on from there. What is looked up for each of many rows has a `limit`, so
that whole keys are looked up however the tables looked when the plan was made. They read the tables of every subject: a
law that joins two subjects belongs to neither. They write none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

from recoup.db import Queries
from recoup.db.due import SLOTS
from recoup.events.core import Places
from recoup.kit.ids import made_at

COUNTED_MAX: Final = 1000
"""Up to how many deliveries of one object at one endpoint are counted."""


class Wrong(NamedTuple):
    """A payment that breaks laws, with the facts."""

    payment_id: UUID
    broken: Sequence[str]
    facts: Mapping[str, Any]


_HELD: Final = """
    select count(*) filter (where a.state = 'approved') as approved,
        count(*) filter (where a.state in ('started', 'completing', 'pending', 'requires_action', 'unknown'))
            as waiting,
        count(*) filter (where a.state in ('started', 'completing') and a.started_at < %(before)s) as left_alone
    from attempts a where a.merchant_id = %(merchant_id)s and a.payment_id = p.id
"""
_CHANGED: Final = """
    select coalesce(sum(o.amount) filter (where o.kind = 'refund' and o.state = 'succeeded'), 0) as refunds_done,
        coalesce(sum(o.amount) filter (where o.kind = 'refund' and o.state in ('started', 'pending', 'unknown')), 0)
            as refunds_waiting,
        coalesce(sum(o.amount) filter (where o.kind = 'capture' and o.state in ('started', 'pending', 'unknown')), 0)
            as captures_waiting,
        count(*) filter (where o.state in ('started', 'pending', 'unknown')) as waiting,
        count(*) filter (where o.state = 'started' and o.created_at < %(before)s) as left_alone
    from operations o where o.merchant_id = %(merchant_id)s and o.payment_id = p.id
"""
_ASKED: Final = """
    select (
        select true from due d
        where d.merchant_id = %(merchant_id)s and d.kind = 'payment.settle' and d.object_id = p.id
        limit 1) is not null as asked
"""
_LOOKED: Final = f"""
    select p.id, p.status, p.amount, p.authorized, p.captured, p.capture_pending, p.released, p.refunded,
        p.refund_pending, a.approved, a.waiting as attempts_waiting, o.refunds_done, o.refunds_waiting,
        o.captures_waiting, o.waiting as changes_waiting, d.asked, array_remove(array[
            case when a.approved + a.waiting > 1 or (a.approved > 0) <> (p.authorized > 0)
                    or (a.approved > 0 and p.status not in (
                        'authorized', 'partially_captured', 'captured', 'canceled'))
                    or (a.approved = 0 and p.status in ('authorized', 'partially_captured', 'captured'))
                then 'charged_once' end,
            case when p.authorized > p.amount or p.captured + p.capture_pending + p.released > p.authorized
                    or p.refunded + p.refund_pending > p.captured or p.refunded <> o.refunds_done
                    or p.refund_pending <> o.refunds_waiting or p.capture_pending <> o.captures_waiting
                then 'amounts_in_bounds' end,
            case when d.asked then null
                when a.left_alone + o.left_alone > 0 then 'started_is_looked_after'
                when a.waiting + o.waiting > 0 or p.status in ('processing', 'requires_action', 'unresolved')
                    then 'open_is_asked_about' end
        ], null) as broken
    from unnest(%(payments)s::uuid[]) as w (id)
    cross join lateral (
        select * from payments where merchant_id = %(merchant_id)s and id = w.id limit 1
    ) p
    cross join lateral ({_HELD}) a
    cross join lateral ({_CHANGED}) o
    cross join lateral ({_ASKED}) d
"""  # noqa: S608 - texts of ours


async def wrong_payments(
    queries: Queries, payment_ids: Sequence[UUID], *, merchant_id: UUID, started_before: datetime
) -> list[Wrong]:
    """Those of these payments that break a law of their own rows. A payment, its attempts, its captures and refunds and
    its due row are written by one statement, so what one look sees of them must hold, at any moment."""
    rows = await queries.fetch_all(
        f"select * from ({_LOOKED}) looked where cardinality(broken) > 0",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "payments": list(payment_ids), "before": started_before},
    )
    return [
        Wrong(
            row["id"],
            row["broken"],
            {name: _plain(row[name]) for name in row if name not in ("id", "broken")},
        )
        for row in rows
    ]


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | bool | int) else int(value)


async def payments_after(queries: Queries, *, merchant_id: UUID, after: UUID, limit: int) -> list[UUID]:
    """The next of a merchant's payments, oldest first."""
    rows = await queries.fetch_all(
        "select id from payments where merchant_id = %(merchant_id)s and id > %(after)s order by id limit %(limit)s",
        {"merchant_id": merchant_id, "after": after, "limit": limit},
    )
    return [row["id"] for row in rows]


async def payments_waiting(queries: Queries, *, merchant_id: UUID, after: UUID, limit: int) -> list[UUID]:
    """The next of those of which something has no end yet."""
    rows = await queries.fetch_all(
        """
        select payment_id from audit_standings
        where merchant_id = %(merchant_id)s and waits and payment_id > %(after)s
        order by payment_id limit %(limit)s
        """,
        {"merchant_id": merchant_id, "after": after, "limit": limit},
    )
    return [row["payment_id"] for row in rows]


class OpenRecovery(NamedTuple):
    """A recovery that is open, and whether its payment has long been paid."""

    id: UUID
    payment_id: UUID
    is_wrong: bool


async def recoveries_open(
    queries: Queries, *, merchant_id: UUID, after: UUID, limit: int, paid_before: datetime
) -> list[OpenRecovery]:
    """The next of a merchant's open recoveries."""
    rows = await queries.fetch_all(
        """
        select r.id, r.payment_id,
            coalesce(p.status in ('authorized', 'partially_captured', 'captured')
                and p.updated_at < %(paid_before)s, false) as is_wrong
        from (
            select id, payment_id from recoveries
            where merchant_id = %(merchant_id)s and id > %(after)s
                and status in ('scheduled', 'running', 'awaiting_customer', 'paused')
            order by id limit %(limit)s
        ) r
        left join lateral (
            select status, updated_at from payments
            where merchant_id = %(merchant_id)s and id = r.payment_id limit 1
        ) p on true
        order by r.id
        """,
        {"merchant_id": merchant_id, "after": after, "limit": limit, "paid_before": paid_before},
    )
    return [OpenRecovery(**row) for row in rows]


class Lane(NamedTuple):
    """What waits at an endpoint for one object: how many its lane says, and how many there are."""

    endpoint_id: UUID
    object_id: UUID
    queued: int
    pending: int


async def lanes_after(
    queries: Queries, *, merchant_id: UUID, after: tuple[UUID, UUID], limit: int
) -> list[Lane]:
    """The next of a merchant's lanes; of many deliveries only so many are counted, on both sides."""
    rows = await queries.fetch_all(
        """
        select l.endpoint_id, l.object_id, least(l.queued, %(counted)s) as queued, d.pending
        from (
            select endpoint_id, object_id, queued from webhook_lanes
            where merchant_id = %(merchant_id)s and (endpoint_id, object_id) > (%(endpoint_id)s, %(object_id)s)
            order by endpoint_id, object_id limit %(limit)s
        ) l
        cross join lateral (
            select count(*)::integer as pending from (
                select from webhook_deliveries w
                where w.merchant_id = %(merchant_id)s and w.endpoint_id = l.endpoint_id
                    and w.object_id = l.object_id and w.status = 'pending'
                limit %(counted)s) x
        ) d
        order by l.endpoint_id, l.object_id
        """,
        {
            "merchant_id": merchant_id,
            "endpoint_id": after[0],
            "object_id": after[1],
            "limit": limit,
            "counted": COUNTED_MAX,
        },
    )
    return [Lane(**row) for row in rows]


class Pending(NamedTuple):
    """A pending delivery, and whether it has a lane."""

    endpoint_id: UUID
    object_id: UUID
    sequence: int
    has_lane: bool


async def pending_after(
    queries: Queries, *, merchant_id: UUID, after: tuple[UUID, UUID, int], limit: int
) -> list[Pending]:
    """The next of a merchant's pending deliveries."""
    rows = await queries.fetch_all(
        """
        select d.endpoint_id, d.object_id, d.sequence,
            coalesce((n.endpoint_id, n.object_id) = (d.endpoint_id, d.object_id), false) as has_lane
        from (
            select endpoint_id, object_id, sequence from webhook_deliveries
            where merchant_id = %(merchant_id)s and status = 'pending'
                and (endpoint_id, object_id, sequence) > (%(endpoint_id)s, %(object_id)s, %(sequence)s)
            order by endpoint_id, object_id, sequence limit %(limit)s
        ) d
        left join lateral (
            -- The lane or the one behind it, in the order of the one index that has all three: another begins alike.
            select l.endpoint_id, l.object_id from webhook_lanes l
            where l.merchant_id = %(merchant_id)s and (l.endpoint_id, l.object_id) >= (d.endpoint_id, d.object_id)
            order by l.endpoint_id, l.object_id limit 1
        ) n on true
        order by d.endpoint_id, d.object_id, d.sequence
        """,
        {
            "merchant_id": merchant_id,
            "endpoint_id": after[0],
            "object_id": after[1],
            "sequence": after[2],
            "limit": limit,
        },
    )
    return [Pending(**row) for row in rows]


async def not_followed_since(queries: Queries, places: Places, *, merchant_id: UUID) -> datetime | None:
    """When the first event happened, by the machine's clock, that a follower has not followed; None where there is
    none. The id tells, since a test merchant's own time may run ahead."""
    row = await queries.fetch_one(
        f"""
        select e.id from event_streams s
        left join {places.table} p on p.merchant_id = %(merchant_id)s
        join events e on e.merchant_id = %(merchant_id)s and e.sequence = coalesce(p.{places.column}, 0) + 1
        where s.merchant_id = %(merchant_id)s
        """,  # noqa: S608 - a table and a column of ours
        {"merchant_id": merchant_id},
    )
    return None if row is None else made_at(row["id"])


@dataclass(frozen=True, slots=True)
class Overdue:
    """Work of one kind of one merchant that is not done long after its time: at least so many rows, since when."""

    merchant_id: UUID
    kind: str
    rows: int
    since: datetime


async def overdue(queries: Queries, *, before: datetime, wall: datetime, limit: int) -> list[Overdue]:
    """What was due before then and nobody has claimed, from the front of each slot; a merchant whose clock is ahead is
    judged by the machine's all the same."""
    rows = await queries.fetch_all(
        """
        select d.merchant_id, d.kind, count(*)::integer as rows, min(d.due_at) as since
        from unnest(%(slots)s::smallint[]) as s (slot)
        cross join lateral (
            select merchant_id, kind, due_at from due
            where slot = s.slot and due_at < %(before)s and (leased_until is null or leased_until < %(wall)s)
            order by due_at limit %(limit)s
        ) d
        group by d.merchant_id, d.kind order by d.merchant_id, d.kind
        """,
        {"slots": list(range(SLOTS)), "before": before, "wall": wall, "limit": limit},
    )
    return [Overdue(**row) for row in rows]
