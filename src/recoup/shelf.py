"""What a command remembers of a file that is larger than its memory: objects by their ids, and ids that came before.

It lies in a database of SQLite without a name, which is on disk as far as it does not fit in memory, which nobody else
can open, and which is gone with the process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec


class Shelf:
    """Keeps objects, and tells which ids come for the first time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("pragma journal_mode = off")
        connection.execute("create table objects (id text primary key, json blob not null) without rowid")
        connection.execute("create table seen (id text primary key) without rowid")
        connection.execute("begin")

    def put(self, id_: str, found: Mapping[str, Any]) -> None:
        """Keep an object; the one that is put last is the one that is kept."""
        self._connection.execute(
            "insert or replace into objects (id, json) values (?, ?)", (id_, msgspec.json.encode(found))
        )

    def get(self, id_: str) -> Mapping[str, Any] | None:
        """An object by its id."""
        row = self._connection.execute("select json from objects where id = ?", (id_,)).fetchone()
        if row is None:
            return None
        found: Mapping[str, Any] = msgspec.json.decode(row[0])
        return found

    def first_time(self, id_: str) -> bool:
        """Whether this id comes for the first time since `begin_again`."""
        return self._connection.execute("insert or ignore into seen (id) values (?)", (id_,)).rowcount == 1

    def begin_again(self) -> None:
        """No id has come yet."""
        self._connection.execute("delete from seen")


@contextmanager
def shelf() -> Iterator[Shelf]:
    """A shelf that is gone at the end."""
    connection = sqlite3.connect("", isolation_level=None)
    try:
        yield Shelf(connection)
    finally:
        connection.close()
