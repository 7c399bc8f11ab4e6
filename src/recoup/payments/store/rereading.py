"""SQL of who reads payments again after their end: how far their events are followed, and what is due then."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

from recoup.db import Connection, Queries
from recoup.db.due import slot_of
from recoup.events.core import Places

PLACES: Final = Places("payment_rereads", "sequence")
"""How far each merchant's events are followed."""


class Later(NamedTuple):
    """What is to be looked at, and when, in the merchant's time."""

    kind: str
    payment_id: UUID
    at: datetime


async def followed(queries: Queries, *, merchant_id: UUID) -> int:
    """The last of the merchant's events that is followed; 0 where none is."""
    row = await queries.fetch_one(
        "select sequence from payment_rereads where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant_id},
    )
    return 0 if row is None else int(row["sequence"])


async def move_on(connection: Connection, *, merchant_id: UUID, after: int, upto: int) -> bool:
    """Move the cursor; False where somebody else did."""
    cursor = await connection.execute(
        """
        insert into payment_rereads as known (merchant_id, sequence) values (%(merchant_id)s, %(upto)s)
        on conflict (merchant_id) do update set sequence = excluded.sequence where known.sequence = %(after)s
        """,
        {"merchant_id": merchant_id, "after": after, "upto": upto},
    )
    return cursor.rowcount == 1


async def put(connection: Connection, later: Sequence[Later], *, merchant_id: UUID) -> None:
    """Say what is due when; a row that is there is moved."""
    rows = sorted(later)
    await connection.execute(
        """
        insert into due (slot, merchant_id, kind, object_id, due_at)
        select d.slot, %(merchant_id)s, d.kind, d.object_id, d.due_at
        from unnest(%(slots)s::smallint[], %(kinds)s::text[], %(objects)s::uuid[], %(ats)s::timestamptz[])
            as d (slot, kind, object_id, due_at)
        on conflict (merchant_id, kind, object_id)
        do update set due_at = excluded.due_at, leased_until = null, tries = 0
        """,
        {
            "merchant_id": merchant_id,
            "slots": [slot_of(one.payment_id) for one in rows],
            "kinds": [one.kind for one in rows],
            "objects": [one.payment_id for one in rows],
            "ats": [one.at for one in rows],
        },
    )


async def was_told(
    queries: Queries, *, merchant_id: UUID, payment_id: UUID, type_: str, since: datetime
) -> bool:
    """Whether an event of this type was written about a payment since then."""
    row = await queries.fetch_one(
        """
        select 1 as one from events
        where merchant_id = %(merchant_id)s and object_id = %(payment_id)s and type = %(type)s
            and created_at >= %(since)s
        limit 1
        """,
        {"merchant_id": merchant_id, "payment_id": payment_id, "type": type_, "since": since},
    )
    return row is not None
