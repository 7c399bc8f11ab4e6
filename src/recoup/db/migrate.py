"""Brings a database forward to this version's schema: numbered SQL files, each applied once, never taken back.

A file is `migrations/NNNN_name.sql`, numbered without a gap from 0001. A line that is only `--;` separates its
statements. All of a file runs in one transaction together with its row in `schema_migrations`, so a crash leaves it
done or not done. Several processes may start at once: each file is applied under a lock on that table, and the second
process finds it done. A file that was applied is never edited: its checksum is compared at every start.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

import psycopg
from psycopg.rows import TupleRow

from recoup.db.database import connection_string
from recoup.db.errors import DatabaseUnusable

_NAME: Final = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
_SEPARATOR: Final = re.compile(r"^--;[ \t]*$", re.MULTILINE)
_CREATE_TRIES: Final = 3
_UNLIMITED_S: Final = 0.0
"""A migration of a large table takes as long as it takes."""

_COLLISIONS: Final = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateObject,
)
_CREATE_TABLE: Final = """
create table if not exists schema_migrations (
    number integer primary key check (number > 0),
    name text not null,
    checksum text not null,
    applied_at timestamptz not null default now()
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered file."""

    number: int
    name: str
    checksum: str
    statements: tuple[bytes, ...]

    def __str__(self) -> str:
        return f"{self.number:04}_{self.name}"


async def migrate(conninfo: str) -> list[str]:
    """Apply what is missing, in order, and return the names of what this call applied.

    Raises `DatabaseUnusable` where the database was migrated by a newer or a changed Recoup.
    """
    migrations = read_migrations(files("recoup.db") / "migrations")
    return await apply(conninfo, migrations)


def read_migrations(folder: Traversable) -> tuple[Migration, ...]:
    """The files of a folder, in order."""
    found = sorted(
        (file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name
    )
    migrations = tuple(_read(file) for file in found)
    numbers = [migration.number for migration in migrations]
    assert numbers == list(range(1, len(numbers) + 1)), (
        f"migrations are numbered from 1 without a gap: {numbers}"
    )
    return migrations


def _read(file: Traversable) -> Migration:
    matched = _NAME.fullmatch(file.name)
    assert matched, f"{file.name} is not named like 0001_words.sql"
    text = file.read_text(encoding="utf-8")
    statements = tuple(part.strip().encode() for part in _SEPARATOR.split(text) if part.strip())
    checksum = hashlib.sha256(text.encode()).hexdigest()
    return Migration(int(matched[1]), matched[2], checksum, statements)


async def apply(conninfo: str, migrations: Sequence[Migration]) -> list[str]:
    """Apply these migrations where they are missing."""
    complete = connection_string(conninfo, statement_timeout_s=_UNLIMITED_S)
    try:
        connection = await psycopg.AsyncConnection.connect(complete, autocommit=True, prepare_threshold=None)
    except psycopg.OperationalError as error:
        raise DatabaseUnusable(f"Cannot connect to the database of database_url: {error}") from error
    async with connection:
        await _create_table(connection)
        await _refuse_unknown(connection, known=migrations)
        return [str(migration) for migration in migrations if await _apply_once(connection, migration)]


async def _create_table(connection: psycopg.AsyncConnection[TupleRow]) -> None:
    """Two processes may both find no table and both make it; `if not exists` does not prevent that collision."""
    for _ in range(_CREATE_TRIES):
        try:
            await connection.execute(_CREATE_TABLE)
        except _COLLISIONS:
            continue
        return
    raise DatabaseUnusable("The table schema_migrations cannot be made; try again.")


async def _refuse_unknown(
    connection: psycopg.AsyncConnection[TupleRow], *, known: Sequence[Migration]
) -> None:
    cursor = await connection.execute(
        "select number, name from schema_migrations where number > %s order by number limit 1", [len(known)]
    )
    if newer := await cursor.fetchone():
        raise DatabaseUnusable(
            f"This database was migrated by a newer Recoup ({newer[0]:04}_{newer[1]}). "
            "Run that version or a newer one: a migration is never taken back."
        )


async def _apply_once(connection: psycopg.AsyncConnection[TupleRow], migration: Migration) -> bool:
    async with connection.transaction():
        await connection.execute("lock table schema_migrations in exclusive mode")
        cursor = await connection.execute(
            "select checksum from schema_migrations where number = %s", [migration.number]
        )
        if applied := await cursor.fetchone():
            _refuse_changed(migration, applied=applied[0])
            return False
        for statement in migration.statements:
            await connection.execute(statement)
        await connection.execute(
            "insert into schema_migrations (number, name, checksum) values (%s, %s, %s)",
            [migration.number, migration.name, migration.checksum],
        )
    return True


def _refuse_changed(migration: Migration, *, applied: str) -> None:
    if applied != migration.checksum:
        raise DatabaseUnusable(
            f"Migration {migration} is not the one that was applied to this database. "
            "Restore the file, and put the change into a new one."
        )
