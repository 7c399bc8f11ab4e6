"""Reads a merchant's stream on from a place, for those who keep a cursor in it.

A stream's events are numbered without gap and become visible in the order of their numbers, since they are numbered
under the stream's own row. So whoever writes what an event leads to in one transaction with the place of that event
has worked every event once, whatever dies in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from recoup.db import Queries


class Passed(NamedTuple):
    """An event on the way; `data` is its object as JSON, or None where it was not asked for."""

    sequence: int
    id: UUID
    object_sequence: int
    created_at: datetime
    data: bytes | None


async def read_on(
    queries: Queries,
    subjects: Sequence[str],
    *,
    merchant_id: UUID,
    after: int,
    limit: int,
    without: Sequence[str] = (),
) -> list[Passed]:
    """The events behind a place, oldest first, with what those of some subjects (`payment`, `refund`) tell.

    Events of the types in `without` (`payment.created`) pass without their object, which is most of what is read."""
    rows = await queries.fetch_all(
        """
        select sequence, id, object_sequence, created_at,
            case when split_part(type, '.', 1) = any(%(subjects)s) and type <> all(%(without)s)
                then data::text end as data
        from events
        where merchant_id = %(merchant_id)s and sequence > %(after)s
        order by sequence limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "subjects": list(subjects),
            "without": list(without),
            "after": after,
            "limit": limit,
        },
    )
    return [
        Passed(
            row["sequence"],
            row["id"],
            row["object_sequence"],
            row["created_at"],
            None if row["data"] is None else row["data"].encode(),
        )
        for row in rows
    ]
