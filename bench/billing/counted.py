"""What a stretch of work had PostgreSQL do: statements, transactions, rows, and bytes, as its own books say."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from recoup.db import Connection, Database

_LONG: Final = 90


@dataclass(frozen=True, slots=True)
class Books:
    """What was done so far. `statements` are those that are prepared, which all are from their third use on; a
    transaction's own beginning and end are not among them. `bytes_logged` went to the write-ahead log, `bytes_kept` is
    the size of all tables with their indexes."""

    statements: Counter[str]
    transactions: int
    inserted: int
    updated: int
    updated_in_place: int
    deleted: int
    bytes_logged: int
    bytes_kept: int

    def since(self, before: Books) -> Books:
        """What was done between two looks."""
        return Books(
            self.statements - before.statements,
            self.transactions - before.transactions,
            self.inserted - before.inserted,
            self.updated - before.updated,
            self.updated_in_place - before.updated_in_place,
            self.deleted - before.deleted,
            self.bytes_logged - before.bytes_logged,
            self.bytes_kept - before.bytes_kept,
        )


async def books(database: Database, *, connections: int) -> Books:
    """The books of now, of all of the service's connections, of which there are so many."""
    statements: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        every = [await stack.enter_async_context(database.connection()) for _ in range(connections)]
        for connection in every:
            statements += await _statements(connection)
        row = await every[0].fetch_one(_BOOKS)
    assert row is not None, "sums always answer"
    return Books(statements, *(int(row[name]) for name in Books.__slots__[1:]))


async def _statements(connection: Connection) -> Counter[str]:
    """How often each statement ran on a connection, which then says of rows what it has kept to itself."""
    rows = await connection.fetch_all(
        "select statement, generic_plans + custom_plans as runs from pg_prepared_statements"
    )
    await connection.execute("select pg_stat_force_next_flush()")
    found: Counter[str] = Counter()
    for row in rows:
        found[_shown(row["statement"])] += int(row["runs"])
    return found


def _shown(statement: str) -> str:
    return " ".join(statement.split())[:_LONG]


_BOOKS: Final = """
    select (select xact_commit from pg_stat_database where datname = current_database()) as transactions,
        sum(n_tup_ins) as inserted, sum(n_tup_upd) as updated, sum(n_tup_hot_upd) as updated_in_place,
        sum(n_tup_del) as deleted, pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes_logged,
        sum(pg_total_relation_size(relid)) as bytes_kept
    from pg_stat_user_tables
"""
