"""Migrations go forward only, whole or not at all, once each, whoever starts them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from recoup.db import DatabaseUnusable, migrate
from recoup.db.migrate import Migration, apply, read_migrations


def write(folder: Path, **files: str) -> tuple[Migration, ...]:
    for name, text in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(text)
    return read_migrations(folder)


async def rows(url: str, query: bytes) -> list[tuple[object, ...]]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        return await (await connection.execute(query)).fetchall()


FIRST = "create table a (n int)\n--;\ninsert into a values (1);\n--;\n"
SECOND = "-- a comment; with a semicolon\nalter table a add column t text default '%s --; x'\n"


async def test_every_file_is_applied_once_and_in_order(empty_database_url: str, tmp_path: Path) -> None:
    migrations = write(tmp_path, m0001_first=FIRST, m0002_second=SECOND)
    assert await apply(empty_database_url, migrations) == ["0001_first", "0002_second"]
    assert await apply(empty_database_url, migrations) == []
    assert await rows(empty_database_url, b"select n, t from a") == [(1, "%s --; x")]


async def test_only_what_is_missing_is_applied(empty_database_url: str, tmp_path: Path) -> None:
    await apply(empty_database_url, write(tmp_path, m0001_first=FIRST))
    assert await apply(empty_database_url, write(tmp_path, m0002_second=SECOND)) == ["0002_second"]


async def test_a_file_that_fails_leaves_nothing_behind(empty_database_url: str, tmp_path: Path) -> None:
    broken = write(tmp_path, m0001_first=FIRST, m0002_broken="create table b (n int)\n--;\nselect 1/0\n")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await apply(empty_database_url, broken)
    assert await rows(empty_database_url, b"select to_regclass('b')") == [(None,)]
    assert await rows(empty_database_url, b"select number from schema_migrations") == [(1,)]


async def test_a_file_changed_after_it_was_applied_is_refused(
    empty_database_url: str, tmp_path: Path
) -> None:
    await apply(empty_database_url, write(tmp_path, m0001_first=FIRST))
    with pytest.raises(DatabaseUnusable, match="Migration 0001_first is not the one that was applied"):
        await apply(empty_database_url, write(tmp_path, m0001_first=FIRST + "\n"))


async def test_a_database_of_a_newer_version_is_refused(empty_database_url: str, tmp_path: Path) -> None:
    newer = write(tmp_path, m0001_first=FIRST, m0002_second=SECOND)
    await apply(empty_database_url, newer)
    with pytest.raises(DatabaseUnusable, match=r"newer Recoup \(0002_second\)"):
        await apply(empty_database_url, newer[:1])


async def test_processes_that_start_at_once_apply_each_file_once(
    empty_database_url: str, tmp_path: Path
) -> None:
    migrations = write(tmp_path, m0001_first=FIRST, m0002_second=SECOND)
    applied = await asyncio.gather(*(apply(empty_database_url, migrations) for _ in range(6)))
    assert sorted(name for names in applied for name in names) == ["0001_first", "0002_second"]


@pytest.mark.parametrize("name", ["m0002_gap", "m1_short", "m0001_Upper"])
def test_a_file_out_of_order_is_a_bug(tmp_path: Path, name: str) -> None:
    with pytest.raises(AssertionError):
        write(tmp_path, **{name: "select 1"})


async def test_the_product_s_own_migrations_apply_to_an_empty_database(empty_database_url: str) -> None:
    applied = await migrate(empty_database_url)
    assert applied and applied[0].startswith("0001_")
    assert await migrate(empty_database_url) == []
