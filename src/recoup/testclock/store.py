"""SQL of test clocks."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from recoup.db import Database


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
    return None if row is None else timedelta(milliseconds=row["clock_offset_ms"])


async def move(database: Database, *, merchant_id: UUID, offset: timedelta, until: datetime | None) -> None:
    """Set the clock; `until` keeps it for moving on, None lets go of it."""
    await database.execute(
        """
        update merchants set clock_offset_ms = %(offset_ms)s, clock_moving_until = %(until)s
        where id = %(merchant_id)s and not livemode
        """,
        {"merchant_id": merchant_id, "offset_ms": offset // timedelta(milliseconds=1), "until": until},
    )
