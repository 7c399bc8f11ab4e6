"""SQL of the event stream: numbers are given under the stream's own row, so they have no gap."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

from recoup.db import Database, Queries
from recoup.events.core import Event, NewEvent, RawEvent

Connection = AsyncConnection[Any]

_APPEND: Final = """
    with news as (
        select e.*, row_number() over (order by e.place) as step
        from json_to_recordset(%(events)s::json) as e (
            place integer, id uuid, type text, object_id uuid, object_sequence integer, data json,
            created_at timestamptz)
    ), stream as (
        update event_streams set sequence = sequence + (select count(*) from news)
        where merchant_id = %(merchant_id)s
        returning sequence
    )
    insert into events (merchant_id, sequence, id, type, object_id, object_sequence, data, created_at)
    select %(merchant_id)s, stream.sequence - (select count(*) from news) + news.step,
        news.id, news.type, news.object_id, news.object_sequence, news.data, news.created_at
    from news cross join stream
"""


async def append(connection: Connection, merchant_id: UUID, events: Sequence[NewEvent]) -> None:
    """Write events at the end of the merchant's stream. Make it the last statement: it holds the stream's row."""
    rows = [
        {
            "place": place,
            "id": event.id,
            "type": event.type,
            "object_id": event.object_id,
            "object_sequence": event.object_sequence,
            "data": msgspec.Raw(event.data),
            "created_at": event.created_at,
        }
        for place, event in enumerate(events)
    ]
    if rows:
        encoded = msgspec.json.encode(rows).decode()
        await connection.execute(_APPEND, {"merchant_id": merchant_id, "events": encoded})


async def next_object_sequence(connection: Connection, merchant_id: UUID, object_id: UUID) -> int:
    """The number of an object's next event. Call it under the object's own row lock."""
    cursor = await connection.execute(
        """
        select coalesce(max(object_sequence), 0) + 1 as next
        from events where merchant_id = %(merchant_id)s and object_id = %(object_id)s
        """,
        {"merchant_id": merchant_id, "object_id": object_id},
    )
    row = await cursor.fetchone()
    assert row is not None, "an aggregate always answers"
    return int(row["next"])


async def of_objects(
    database: Database, *, merchant_id: UUID, object_ids: Sequence[UUID], limit: int
) -> Sequence[Event]:
    """The events of some objects, in the order of the stream."""
    rows = await database.fetch_all(
        """
        select sequence, id, type, object_id, object_sequence, data, created_at
        from events
        where merchant_id = %(merchant_id)s and object_id = any(%(object_ids)s)
        order by sequence limit %(limit)s
        """,
        {"merchant_id": merchant_id, "object_ids": list(object_ids), "limit": limit},
    )
    return [Event(**row) for row in rows]


async def read(queries: Queries, *, merchant_id: UUID, event_id: UUID) -> Event | None:
    """One event by its id."""
    row = await queries.fetch_one(
        """
        select sequence, id, type, object_id, object_sequence, data, created_at
        from events where merchant_id = %(merchant_id)s and id = %(event_id)s
        """,
        {"merchant_id": merchant_id, "event_id": event_id},
    )
    return None if row is None else Event(**row)


async def after(
    database: Database, *, merchant_id: UUID, sequence: int, type_: str | None, limit: int
) -> Sequence[Event]:
    """Events behind a place in the stream, oldest first: what a consumer reads to prove it has everything."""
    rows = await database.fetch_all(
        """
        select sequence, id, type, object_id, object_sequence, data, created_at
        from events
        where merchant_id = %(merchant_id)s and sequence > %(sequence)s
            and (%(type)s::text is null or type = %(type)s)
        order by sequence limit %(limit)s
        """,
        {"merchant_id": merchant_id, "sequence": sequence, "type": type_, "limit": limit},
    )
    return [Event(**row) for row in rows]


class Pointer(NamedTuple):
    """An event without what it says."""

    sequence: int
    type: str
    object_id: UUID
    created_at: datetime


async def pointers(queries: Queries, *, merchant_id: UUID, after: int, limit: int) -> Sequence[Pointer]:
    """What the events behind a place in the stream are about, oldest first."""
    rows = await queries.fetch_all(
        """
        select sequence, type, object_id, created_at from events
        where merchant_id = %(merchant_id)s and sequence > %(after)s
        order by sequence limit %(limit)s
        """,
        {"merchant_id": merchant_id, "after": after, "limit": limit},
    )
    return [Pointer(**row) for row in rows]


async def newest(
    database: Database,
    *,
    merchant_id: UUID,
    before: UUID | None,
    since: UUID | None,
    type_: str | None,
    limit: int,
) -> Sequence[Event]:
    """Events newest first; or, with the id `since`, those behind it, oldest first. `before` is an id too.

    An id that names no event has nothing before or behind it. The places are bounds that the index understands.
    """
    order = "asc" if since is not None else "desc"
    rows = await database.fetch_all(
        f"""
        select sequence, id, type, object_id, object_sequence, data, created_at
        from events
        where merchant_id = %(merchant_id)s
            and sequence < coalesce(
                (select sequence from events where merchant_id = %(merchant_id)s and id = %(before)s),
                case when %(before)s::uuid is null then 9223372036854775807 else 0 end)
            and sequence > coalesce(
                (select sequence from events where merchant_id = %(merchant_id)s and id = %(since)s),
                case when %(since)s::uuid is null then 0 else 9223372036854775807 end)
            and (%(type)s::text is null or type = %(type)s)
        order by sequence {order} limit %(limit)s
        """,  # noqa: S608 - one of two words of ours
        {"merchant_id": merchant_id, "before": before, "since": since, "type": type_, "limit": limit},
    )
    return [Event(**row) for row in rows]


async def last_sequence(queries: Queries, *, merchant_id: UUID) -> int:
    """The place of the merchant's newest event; 0 where there is none. What came before it is all there."""
    row = await queries.fetch_one(
        "select coalesce(max(sequence), 0) as last from events where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant_id},
    )
    assert row is not None, "an aggregate always answers"
    return int(row["last"])


async def first_of_types(
    queries: Queries, types: Sequence[str], *, merchant_id: UUID, after: int, upto: int
) -> Sequence[RawEvent]:
    """Those events in a part of the stream that are the first of some types of their object, in order."""
    rows = await queries.fetch_all(
        """
        select e.type, e.data::text as data
        from events e
        where e.merchant_id = %(merchant_id)s and e.sequence > %(after)s and e.sequence <= %(upto)s
            and e.type = any(%(types)s)
            and not exists (
                select from events f
                where f.merchant_id = e.merchant_id and f.object_id = e.object_id
                    and f.object_sequence < e.object_sequence and f.type = any(%(types)s))
        order by e.sequence
        """,
        {"merchant_id": merchant_id, "types": list(types), "after": after, "upto": upto},
    )
    return [RawEvent(row["type"], row["data"].encode()) for row in rows]
