"""SQL of looking over: whose turn it is, up to where each walk has come, and how many cases are open."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database, Queries

FIGURES_MAX: Final = 10_000
"""Up to how many open cases the figures count."""


async def limit_time(connection: Connection, *, milliseconds: int) -> None:
    """Let no statement of this transaction take longer."""
    await connection.execute(
        "select set_config('statement_timeout', %(limit)s, true)", {"limit": str(milliseconds)}
    )


async def merchants_after(queries: Queries, *, after: UUID, limit: int) -> list[UUID]:
    """The next merchants."""
    rows = await queries.fetch_all(
        """
        -- all merchants: they are looked over one after the other
        select merchant_id from event_streams where merchant_id > %(after)s order by merchant_id limit %(limit)s
        """,
        {"after": after, "limit": limit},
    )
    return [row["merchant_id"] for row in rows]


async def take_turn(database: Database, *, merchant_id: UUID, at: datetime, unless_since: datetime) -> bool:
    """Look a merchant over now, unless somebody did so since then."""
    taken = await database.execute(
        """
        insert into audit_looks as known (merchant_id, looked_at) values (%(merchant_id)s, %(at)s)
        on conflict (merchant_id) do update set looked_at = excluded.looked_at
        where known.looked_at < %(unless_since)s
        """,
        {"merchant_id": merchant_id, "at": at, "unless_since": unless_since},
    )
    return taken == 1


async def places(queries: Queries, *, merchant_id: UUID) -> dict[str, str]:
    """Up to where each walk has come."""
    rows = await queries.fetch_all(
        "select walk, place from audit_walks where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant_id},
    )
    return {row["walk"]: row["place"] for row in rows}


async def move_on(database: Database, *, merchant_id: UUID, walk: str, place: str) -> None:
    """A walk has come to there."""
    await database.execute(
        """
        insert into audit_walks (merchant_id, walk, place) values (%(merchant_id)s, %(walk)s, %(place)s)
        on conflict (merchant_id, walk) do update set place = excluded.place
        """,
        {"merchant_id": merchant_id, "walk": walk, "place": place},
    )


async def open_of(queries: Queries, invariant: str, *, merchant_id: UUID, most: int) -> int:
    """How many cases of a law are open, up to a number."""
    row = await queries.fetch_one(
        """
        select count(*) as open from (
            select from audit_cases
            where merchant_id = %(merchant_id)s and kind = 'invariant_broken' and state = 'open'
                and starts_with(subject, %(begin)s)
            limit %(most)s) x
        """,
        {"merchant_id": merchant_id, "begin": f"{invariant}:", "most": most},
    )
    assert row is not None, "an aggregate always answers"
    return int(row["open"])


async def figures(queries: Queries) -> dict[str, int]:
    """How many cases of each law are open, of all merchants together."""
    rows = await queries.fetch_all(
        """
        -- all merchants: a figure of the whole service
        select split_part(x.subject, ':', 1) as invariant, count(*)::integer as open
        from (
            select subject from audit_cases where state = 'open' and kind = 'invariant_broken' limit %(most)s
        ) x
        group by 1
        """,
        {"most": FIGURES_MAX},
    )
    return {row["invariant"]: row["open"] for row in rows}
