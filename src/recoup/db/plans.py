"""Keeps the plans of prepared statements right while tables grow from nothing.

A statement's plan is made once and kept. Made while a table is empty, it may look rows up by the merchant alone, since
in an empty table every index costs the same; kept while the table grows, it reads ever more rows. Fresh statistics make
PostgreSQL plan anew, and autovacuum takes them once a minute: too seldom for the first minutes of a table's life. So
small tables that have grown by a half are analyzed every `EVERY_S`, which takes a few milliseconds; large ones are left
to autovacuum. One whose rows only changed is as it was for a plan, and is let be: each analysis has every connection
plan anew every statement that names the table, and the one that writes a payment takes some milliseconds to plan.
"""

from __future__ import annotations

from typing import Final

from psycopg import sql

from recoup.db.database import Database

EVERY_S: Final = 5.0
SMALL_ROWS: Final = 20_000
"""A table that its statistics call larger is autovacuum's."""
_ROWS_MIN: Final = 50
_GROWN: Final = 1.5
_TABLES_MAX: Final = 200


async def refresh(database: Database) -> int:
    """Analyze the small tables that have grown by a half since they were last analyzed; how many there were."""
    stale = await database.fetch_all(
        """
        select s.schemaname, s.relname
        from pg_stat_user_tables s
        join pg_class c on c.oid = s.relid
        where c.reltuples < %(small)s
            and s.n_live_tup > greatest(%(least)s, c.reltuples * %(grown)s)
            and pg_has_role(c.relowner, 'usage')
        limit %(limit)s
        """,
        {"small": SMALL_ROWS, "least": _ROWS_MIN, "grown": _GROWN, "limit": _TABLES_MAX},
    )
    async with database.connection() as connection:
        for table in stale:
            name = sql.Identifier(table["schemaname"], table["relname"])
            await connection.execute(sql.SQL("analyze (skip_locked) {}").format(name), prepare=False)
    return len(stale)
