"""How PostgreSQL will look rows up: the generic plans of statements, on connections with the pool's own settings.

`noted` collects what a store function would send, `Planner.lookups` says which index each statement walks, and by how
many of its columns. A statement that reads a table from end to end is told as `(table, "Seq Scan", 0)`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import psycopg

from recoup.db.database import connection_string

_NAMED: Final = re.compile(r"%\((\w+)\)s|%s")
_READS: Final = {"Seq Scan", "Sample Scan", "Tid Scan", "Tid Range Scan"}
Lookup = tuple[str, str, int]
"""A table, the index that is walked, and how many of its leading columns are known."""


class Notepad:
    """Stands in for a database and a connection: writes down every statement, and finds nothing."""

    rowcount = 0

    def __init__(self) -> None:
        self.statements: list[str] = []

    async def execute(self, query: str, params: Any = None) -> Notepad:
        self.statements.append(query)
        return self

    async def fetch_all(self, query: str, params: Any = None) -> list[Any]:
        self.statements.append(query)
        return []

    async def fetch_one(self, query: str, params: Any = None) -> None:
        self.statements.append(query)

    async def fetchall(self) -> list[Any]:
        return []

    async def fetchone(self) -> None:
        return None


async def noted(work: Callable[[Any], Awaitable[Any]]) -> str:
    """The one statement that a function sends, given a database or a connection."""
    pad = Notepad()
    with suppress(AssertionError):  # it finds nothing, and may say so
        await work(pad)
    (statement,) = pad.statements
    return statement


class Planner:
    """Asks a server for its plans."""

    def __init__(self, url: str) -> None:
        self._connection = psycopg.connect(
            connection_string(url, statement_timeout_s=15), autocommit=True, prepare_threshold=None
        )
        rows = self._connection.execute(
            """
            select c.relname, array_agg(a.attname::text order by k.place), min(i.indrelid::regclass::text)
            from pg_index i
            join pg_class c on c.oid = i.indexrelid
            cross join unnest(i.indkey) with ordinality as k (attnum, place)
            join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attnum
            group by c.relnamespace, c.relname
            order by c.relnamespace = 'public'::regnamespace -- of two with one name, ours comes last and stays
            """
        )
        indexes = rows.fetchall()
        self._columns: dict[str, list[str]] = {name: columns for name, columns, _ in indexes}
        self._table: dict[str, str] = {name: table for name, _, table in indexes}

    def close(self) -> None:
        """Let go of the server."""
        self._connection.close()

    def lookups(self, statement: str) -> set[Lookup]:
        """Every index that a statement walks, and every table that it reads whole."""
        return set(self._of(self.plan(statement)))

    def plan(self, statement: str) -> dict[str, Any]:
        """The generic plan: the one that is kept, whatever the parameters are."""
        names: list[str] = []

        def numbered(found: re.Match[str]) -> str:
            name = found[1] or f"parameter {len(names)}"
            if name not in names:
                names.append(name)
            return f"${names.index(name) + 1}"

        text = _NAMED.sub(numbered, statement)
        given = f"({', '.join(['null'] * len(names))})" if names else ""
        self._connection.execute(f"prepare asked as {text}".encode())
        try:
            row = self._connection.execute(f"explain (format json) execute asked {given}".encode()).fetchone()
        finally:
            self._connection.execute("deallocate asked")
        assert row is not None
        plan: dict[str, Any] = row[0][0]["Plan"]
        return plan

    def _of(self, node: dict[str, Any]) -> Iterator[Lookup]:
        for inner in node.get("Plans", []):
            yield from self._of(inner)
        kind = node["Node Type"]
        if kind in _READS:
            yield node["Relation Name"], kind, 0
        if "Index Name" in node:
            index = node["Index Name"]
            yield self._table[index], index, self._known(index, node.get("Index Cond", ""))

    def _known(self, index: str, condition: str) -> int:
        known = 0
        for column in self._columns[index]:
            if not re.search(rf"\(\(?(?:\w+\.)?{column}\)?(?:::\w+)? (?:=|<|>|<=|>=) ", condition):
                break
            known += 1
        return known
