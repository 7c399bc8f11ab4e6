"""SQL of test clocks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.db import Database, Queries

_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class ClockRow:
    """How far a test merchant's clock is ahead, and until when (by the machine's clock) somebody has it for moving."""

    offset: timedelta
    held_until: datetime | None


async def ahead(queries: Queries, *, wall: datetime, limit: int) -> list[tuple[UUID, timedelta]]:
    """Merchants whose clock runs ahead and is not being moved at `wall`, and how far ahead each is."""
    rows = await queries.fetch_all(
        """
        select id, clock_offset_ms from merchants
        where clock_offset_ms > 0 and (clock_moving_until is null or clock_moving_until < %(wall)s)
        limit %(limit)s
        """,
        {"wall": wall, "limit": limit},
    )
    return [(row["id"], row["clock_offset_ms"] * _MILLISECOND) for row in rows]


async def read(database: Database, *, merchant_id: UUID) -> ClockRow | None:
    """The clock; None where there is no such merchant."""
    row = await database.fetch_one(
        "select clock_offset_ms, clock_moving_until from merchants where id = %(merchant_id)s",
        {"merchant_id": merchant_id},
    )
    return None if row is None else ClockRow(row["clock_offset_ms"] * _MILLISECOND, row["clock_moving_until"])


async def begin(
    database: Database, *, merchant_id: UUID, wall: datetime, until: datetime
) -> timedelta | None:
    """Take the clock for moving, until `until` by the machine's clock; its offset, or None where somebody has it."""
    row = await database.fetch_one(
        """
        update merchants set clock_moving_until = %(until)s
        where id = %(merchant_id)s and not livemode
            and (clock_moving_until is null or clock_moving_until < %(wall)s)
        returning clock_offset_ms
        """,
        {"merchant_id": merchant_id, "wall": wall, "until": until},
    )
    return None if row is None else row["clock_offset_ms"] * _MILLISECOND


async def move(
    database: Database, *, merchant_id: UUID, offset: timedelta, held: datetime, until: datetime
) -> bool:
    """Set the clock that we `held` until then, and hold it until `until`; False where somebody else took it over."""
    moved = await database.execute(
        """
        update merchants set clock_offset_ms = %(offset_ms)s, clock_moving_until = %(until)s
        where id = %(merchant_id)s and not livemode and clock_moving_until = %(held)s
        """,
        {"merchant_id": merchant_id, "offset_ms": offset // _MILLISECOND, "held": held, "until": until},
    )
    return moved == 1


async def let_go(database: Database, *, merchant_id: UUID, held: datetime) -> None:
    """Free the clock that we `held` until then; one that somebody else took over stays theirs."""
    await database.execute(
        """
        update merchants set clock_moving_until = null
        where id = %(merchant_id)s and clock_moving_until = %(held)s
        """,
        {"merchant_id": merchant_id, "held": held},
    )


async def release_all(database: Database) -> None:
    """Free every clock: for a start that is known to be the only process alive."""
    # The one statement here over all merchants: each row is its own merchant's.
    await database.execute(
        "update merchants set clock_moving_until = null where clock_moving_until is not null"
    )
