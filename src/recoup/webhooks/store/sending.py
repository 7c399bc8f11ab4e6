"""SQL of sending: where there is work, whose turn it is, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.events.core import Event
from recoup.webhooks.core.deliveries import Claimed, Status, Tried
from recoup.webhooks.core.schedule import Again, Delivered, Next, Parked

WORKED_MAX: Final = 10_000
"""Endpoints with work that one look finds."""
FORGOTTEN_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class Work:
    """An enabled endpoint that has not taken up all events, or has something due."""

    merchant_id: UUID
    endpoint_id: UUID
    livemode: bool
    version: int
    is_behind: bool
    is_due: bool


Place = tuple[UUID, UUID]
"""A merchant and an endpoint of theirs: where the look at endpoints has come to."""
BEGINNING: Final[Place] = (UUID(int=0), UUID(int=0))


async def work(
    queries: Queries, *, now: datetime, after: Place = BEGINNING, limit: int = WORKED_MAX
) -> Sequence[Work]:
    """Where there is something to do, in the order of merchants and endpoints, from behind a place on."""
    rows = await queries.fetch_all(
        """
        -- all merchants: the sender looks for work everywhere
        select * from (
            select e.merchant_id, e.id as endpoint_id, m.livemode, e.version, e.sequence < s.sequence as is_behind,
                exists (
                    select from webhook_lanes l
                    where l.merchant_id = e.merchant_id and l.endpoint_id = e.id and l.due_at <= %(now)s
                ) as is_due
            from webhook_endpoints e
            join event_streams s on s.merchant_id = e.merchant_id
            join merchants m on m.id = e.merchant_id
            where e.state = 'enabled' and (e.merchant_id, e.id) > (%(merchant_id)s, %(endpoint_id)s)
        ) as w
        where is_behind or is_due
        order by merchant_id, endpoint_id
        limit %(limit)s
        """,
        {"now": now, "limit": limit, "merchant_id": after[0], "endpoint_id": after[1]},
    )
    return [Work(**row) for row in rows]


async def claim(
    connection: Connection,
    *,
    merchant_id: UUID,
    endpoint_id: UUID,
    now: datetime,
    lease: datetime,
    limit: int,
) -> Sequence[Claimed]:
    """Take up to `limit` lanes of an endpoint that are due, until `lease`, with the first delivery of each.

    In a transaction of the caller's. Two statements: the second sees what whoever held a lane before has written.
    """
    whose = {"merchant_id": merchant_id, "endpoint_id": endpoint_id}
    lanes = await connection.fetch_all(
        """
        with ready as (
            select l.object_id from webhook_lanes l
            where l.merchant_id = %(merchant_id)s and l.endpoint_id = %(endpoint_id)s and l.due_at <= %(now)s
            order by l.due_at limit %(limit)s for update skip locked
        )
        update webhook_lanes l set due_at = %(lease)s
        from ready
        where l.merchant_id = %(merchant_id)s and l.endpoint_id = %(endpoint_id)s and l.object_id = ready.object_id
        returning l.object_id, l.tries, l.trying_since
        """,
        whose | {"now": now, "lease": lease, "limit": limit},
    )
    if not lanes:
        return []
    firsts = await connection.fetch_all(
        """
        select d.id as delivery_id, d.attempts, e.sequence, e.id, e.type, e.object_id, e.object_sequence, e.data,
            e.created_at
        from unnest(%(objects)s::uuid[]) as c (object_id)
        cross join lateral (
            select id, sequence, attempts from webhook_deliveries
            where merchant_id = %(merchant_id)s and endpoint_id = %(endpoint_id)s and object_id = c.object_id
                and status = 'pending'
            order by sequence limit 1
        ) d
        join events e on e.merchant_id = %(merchant_id)s and e.sequence = d.sequence
        """,
        whose | {"objects": [lane["object_id"] for lane in lanes]},
    )
    by_object = {lane["object_id"]: lane for lane in lanes}
    return [
        _claimed(row | by_object[row["object_id"]], endpoint_id=endpoint_id, lease=lease) for row in firsts
    ]


def _claimed(row: Mapping[str, Any], *, endpoint_id: UUID, lease: datetime) -> Claimed:
    event = Event(
        sequence=row["sequence"],
        id=row["id"],
        type=row["type"],
        object_id=row["object_id"],
        object_sequence=row["object_sequence"],
        data=row["data"],
        created_at=row["created_at"],
    )
    return Claimed(
        endpoint_id=endpoint_id,
        object_id=row["object_id"],
        lease=lease,
        tries=row["tries"],
        trying_since=row["trying_since"],
        delivery_id=row["delivery_id"],
        attempts=row["attempts"],
        event=event,
    )


_GIVEN: Final = """
    from json_to_recordset(%(rows)s::json) as r (endpoint_id uuid, object_id uuid, delivery_id uuid,
        lease timestamptz, due_at timestamptz, ended integer, tries integer, trying_since timestamptz, status text,
        number integer, at timestamptz, latency_ms integer, http_status integer, reply text, error text)
"""


async def finish(
    connection: Connection, tried: Sequence[Tried], *, merchant_id: UUID, now: datetime
) -> Sequence[UUID]:
    """Write what became of claimed deliveries of one merchant; the ids of those whose claim was still ours.

    The others were claimed again by somebody after our lease had ended: their outcome is the other's to write. Locks
    are taken in one order, the lanes' before the deliveries'.
    """
    rows = _json([_row(one, now=now) for one in tried])
    held = await connection.fetch_all(
        f"""
        select l.endpoint_id, l.object_id {_GIVEN}
        join webhook_lanes l on l.merchant_id = %(merchant_id)s and l.endpoint_id = r.endpoint_id
            and l.object_id = r.object_id and l.due_at = r.lease
        order by l.endpoint_id, l.object_id for update of l
        """,
        {"merchant_id": merchant_id, "rows": rows},
    )
    ours = {(row["endpoint_id"], row["object_id"]) for row in held}
    kept = [one for one in tried if (one.claimed.endpoint_id, one.claimed.object_id) in ours]
    if not kept:
        return []
    given = {"merchant_id": merchant_id, "now": now, "rows": _json([_row(one, now=now) for one in kept])}
    await _write_lanes(connection, given)
    await _write_deliveries(connection, given)
    return [one.claimed.delivery_id for one in kept]


async def _write_lanes(connection: Connection, given: dict[str, Any]) -> None:
    await connection.execute(
        f"""
        update webhook_lanes l set due_at = r.due_at, queued = l.queued - r.ended, tries = r.tries,
            trying_since = r.trying_since
        {_GIVEN}
        where l.merchant_id = %(merchant_id)s and l.endpoint_id = r.endpoint_id and l.object_id = r.object_id
        """,  # noqa: S608 - pieces of ours
        given,
    )
    await connection.execute(
        f"""
        delete from webhook_lanes l using (select r.endpoint_id, r.object_id {_GIVEN} where r.ended = 1) as g
        where l.merchant_id = %(merchant_id)s and l.endpoint_id = g.endpoint_id and l.object_id = g.object_id
            and l.queued = 0
        """,  # noqa: S608 - pieces of ours
        given,
    )


async def _write_deliveries(connection: Connection, given: dict[str, Any]) -> None:
    await connection.execute(
        f"""
        with written as (
            update webhook_deliveries d set attempts = r.number, status = r.status,
                finished_at = case when r.status = 'pending' then null else %(now)s::timestamptz end
            {_GIVEN}
            where d.merchant_id = %(merchant_id)s and d.id = r.delivery_id
        )
        insert into webhook_attempts (merchant_id, delivery_id, number, at, latency_ms, http_status, reply, error)
        select %(merchant_id)s, r.delivery_id, r.number, r.at, r.latency_ms, r.http_status, r.reply, r.error
        {_GIVEN}
        """,  # noqa: S608 - pieces of ours
        given,
    )


async def release(
    connection: Connection, claimed: Sequence[Claimed], *, merchant_id: UUID, now: datetime
) -> None:
    """Give back what was claimed and not sent."""
    rows = [
        {"endpoint_id": one.endpoint_id, "object_id": one.object_id, "lease": one.lease} for one in claimed
    ]
    await connection.execute(
        """
        update webhook_lanes l set due_at = %(now)s
        from json_to_recordset(%(rows)s::json) as r (endpoint_id uuid, object_id uuid, lease timestamptz)
        where l.merchant_id = %(merchant_id)s and l.endpoint_id = r.endpoint_id and l.object_id = r.object_id
            and l.due_at = r.lease
        """,
        {"merchant_id": merchant_id, "now": now, "rows": _json(rows)},
    )


async def forget(connection: Connection, *, before: datetime) -> int:
    """Throw away deliveries that ended before then, with their attempts; how many, and not all at once."""
    rows = await connection.fetch_all(
        """
        -- all merchants: house-keeping
        with old as (
            select merchant_id, id from webhook_deliveries where finished_at < %(before)s
            order by finished_at limit %(limit)s for update skip locked
        ), attempts as (
            delete from webhook_attempts a using old where a.merchant_id = old.merchant_id and a.delivery_id = old.id
        )
        delete from webhook_deliveries d using old where d.merchant_id = old.merchant_id and d.id = old.id
        returning d.id
        """,
        {"before": before, "limit": FORGOTTEN_AT_ONCE},
    )
    return len(rows)


def _row(one: Tried, *, now: datetime) -> dict[str, Any]:
    claimed, answered = one.claimed, one.answered
    return {
        "endpoint_id": claimed.endpoint_id,
        "object_id": claimed.object_id,
        "delivery_id": claimed.delivery_id,
        "lease": claimed.lease,
        **_after(one.next, claimed, at=one.at, now=now),
        "number": claimed.attempts + 1,
        "at": one.at,
        "latency_ms": one.latency_ms,
        "http_status": answered.status,
        "reply": answered.reply,
        "error": answered.error,
    }


def _after(next_: Next, claimed: Claimed, *, at: datetime, now: datetime) -> dict[str, Any]:
    """The lane and the status after an answer: a lane whose first delivery has ended begins anew with the next."""
    fresh = {"due_at": now, "ended": 1, "tries": 0, "trying_since": None}
    match next_:
        case Delivered():
            return {**fresh, "status": Status.DELIVERED}
        case Parked():
            return {**fresh, "status": Status.PARKED}
        case Again(due_at):
            since = claimed.trying_since or at
            tries = claimed.tries + 1
            return {
                "due_at": due_at,
                "ended": 0,
                "tries": tries,
                "trying_since": since,
                "status": Status.PENDING,
            }


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
