"""The pool, the transaction and the retry, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from recoup.db import Connection, Database, DatabaseUnusable, Overloaded
from recoup.db.database import connection_string


@pytest.fixture
async def numbers(database: Database) -> AsyncIterator[Database]:
    """A table of one row."""
    await database.execute("create table numbers (n int primary key)")
    await database.execute("insert into numbers values (1)")
    yield database
    await database.execute("drop table numbers")


async def cut_all(url: str) -> None:
    """End every connection to the database but our own, as a restart does, and wait until they are gone."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where pid <> pg_backend_pid() and datname = current_database() and usename = current_user"
        )


async def test_a_row_comes_back_as_a_dict(database: Database) -> None:
    row = await database.fetch_one("select %(a)s::int as a, '[1]'::json as b, '{}'::jsonb as c", {"a": 1})
    assert row == {"a": 1, "b": [1], "c": {}}


async def test_no_row_is_none_and_no_rows_are_an_empty_list(database: Database) -> None:
    assert await database.fetch_one("select 1 as n where false") is None
    assert await database.fetch_all("select 1 as n where false") == []


async def test_times_come_back_aware_and_in_utc(database: Database) -> None:
    row = await database.fetch_one("select '2026-11-22 08:00:00+02'::timestamptz as at")
    assert row is not None
    assert row["at"] == datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert row["at"].utcoffset().total_seconds() == 0


async def test_a_statement_says_how_many_rows_it_touched(numbers: Database) -> None:
    assert await numbers.execute("update numbers set n = n + 1") == 1
    assert await numbers.execute("delete from numbers where n = %s", [99]) == 0


async def test_a_transaction_is_kept_whole_or_not_at_all(numbers: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with numbers.transaction() as connection:
            await connection.execute("insert into numbers values (2)")
            raise ZeroDivisionError
    async with numbers.transaction() as connection:
        await connection.execute("insert into numbers values (3)")
    assert await numbers.fetch_all("select n from numbers order by n") == [{"n": 1}, {"n": 3}]


async def test_when_every_connection_is_taken_the_next_caller_is_told_to_come_later(
    database_url: str,
) -> None:
    async with await Database.open(database_url, connections_max=1, wait_s=0.05) as database:
        async with database.connection():
            with pytest.raises(Overloaded):
                await database.fetch_one("select 1")
        assert await database.fetch_one("select 1 as n") == {"n": 1}


async def test_a_statement_that_takes_too_long_is_ended(database_url: str) -> None:
    async with await Database.open(database_url, connections_max=2, statement_timeout_s=0.1) as database:
        with pytest.raises(psycopg.errors.QueryCanceled):
            await database.execute("select pg_sleep(5)")


async def test_a_caller_that_gives_up_gives_its_connection_back(numbers: Database, database_url: str) -> None:
    async with await Database.open(database_url, connections_max=1, wait_s=5) as database:
        for _ in range(5):

            async def slow(database: Database = database) -> None:
                async with database.transaction() as connection:
                    await connection.execute("insert into numbers values (7)")
                    await connection.execute("select pg_sleep(10)")

            task = asyncio.create_task(slow())
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await database.fetch_one("select count(*) as n from numbers") == {"n": 1}


async def test_after_a_restart_no_statement_meets_a_dead_connection(database_url: str) -> None:
    async with await Database.open(database_url, connections_max=5) as database:
        await asyncio.gather(*(database.fetch_one("select pg_sleep(0.02)") for _ in range(5)))
        await cut_all(database_url)
        answers = await asyncio.gather(*(database.fetch_one("select 1 as n") for _ in range(20)))
        assert answers == [{"n": 1}] * 20


async def test_work_is_retried_with_the_same_keys_when_the_line_breaks(
    numbers: Database, database_url: str
) -> None:
    tries: list[int] = []

    async def work(connection: Connection) -> int:
        tries.append(len(tries))
        await connection.execute("insert into numbers values (42)")
        if len(tries) <= 2:
            await cut_all(database_url)
        row = await connection.fetch_one("select count(*)::int as n from numbers")
        return int(row["n"]) if row else 0

    assert await numbers.retrying(work) == 2
    assert tries == [0, 1, 2]


async def test_two_transactions_that_block_each_other_both_succeed(numbers: Database) -> None:
    await numbers.execute("insert into numbers values (2)")
    met = asyncio.Barrier(2)
    first_tries = iter((True, True))

    async def both(first: int, second: int) -> None:
        async def work(connection: Connection) -> None:
            await connection.execute("select n from numbers where n = %s for update", [first])
            if next(first_tries, False):
                await met.wait()
            await connection.execute("select n from numbers where n = %s for update", [second])

        await numbers.retrying(work)

    async with asyncio.timeout(20):
        await asyncio.gather(both(1, 2), both(2, 1))


async def test_what_cannot_pass_is_not_retried(numbers: Database) -> None:
    tries: list[int] = []

    async def work(connection: Connection) -> None:
        tries.append(1)
        await connection.execute("insert into numbers values (1)")

    with pytest.raises(psycopg.errors.UniqueViolation):
        await numbers.retrying(work)
    assert tries == [1]


async def test_behind_a_pooler_nothing_is_kept_in_the_session(database_url: str) -> None:
    async with await Database.open(database_url, connections_max=1, behind_pooler=True) as database:
        for _ in range(5):
            await database.fetch_one("select %s::int as n", [1])
        assert await database.fetch_all("select name from pg_prepared_statements") == []
        row = await database.fetch_one("show statement_timeout")
        assert row == {"statement_timeout": "0"}


async def test_a_wrong_address_is_told_without_the_password() -> None:
    for url in ("postgresql://u:hunter2@127.0.0.1:1/x", "postgres//u:hunter2@nowhere/x"):
        with pytest.raises(DatabaseUnusable) as refused:
            await Database.open(url, connections_max=1)
        assert "hunter2" not in f"{refused.value!r} {refused.value.__cause__!r}"
        assert "database_url" in str(refused.value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("host=db connect_timeout=1", {"host": "db", "connect_timeout": "1", "application_name": "recoup"}),
        ("host=a,b target_session_attrs=read-write", {"host": "a,b", "target_session_attrs": "read-write"}),
        ("application_name=mine", {"application_name": "mine"}),
    ],
)
def test_what_the_user_s_address_says_is_kept(given: str, kept: dict[str, str]) -> None:
    complete = conninfo_to_dict(connection_string(given, statement_timeout_s=1))
    assert {name: str(complete[name]) for name in kept} == kept


def test_the_user_s_own_options_come_last_and_so_win() -> None:
    complete = connection_string("options='-c statement_timeout=1s'", statement_timeout_s=15)
    options = str(conninfo_to_dict(complete)["options"])
    assert "statement_timeout=15000" in options and options.endswith("-c statement_timeout=1s")


async def test_a_cancelled_caller_loses_no_connection(database: Database) -> None:
    """A pool that loses one with every client that goes away at the wrong moment is empty after a busy day."""

    async def use() -> None:
        async with database.connection() as connection:
            await connection.execute("select 1")

    for turns in range(100):
        task = asyncio.create_task(use())
        for _ in range(turns % 12):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(asyncio.gather(*(use() for _ in range(50))), 10)
    for _ in range(100):  # the last ones are on their way back
        stats = database._pool.get_stats()
        if stats["pool_size"] == stats["pool_available"] + len(database._warm):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"connections were lost: {stats}")


async def test_the_connection_used_last_is_used_next(database: Database) -> None:
    """The server remembers a session's statements, and a session that rests forgets nothing but costs twice."""
    async with database.connection(), database.connection(), database.connection():
        pass
    backends = {(await database.fetch_all("select pg_backend_pid() as pid"))[0]["pid"] for _ in range(10)}
    assert len(backends) == 1


async def test_who_waits_gets_a_connection_before_it_is_kept(database_url: str) -> None:
    async with await Database.open(database_url, connections_max=1, wait_s=5) as single:
        numbers = await asyncio.gather(*(single.fetch_one("select 1 as one") for _ in range(20)))
    assert numbers == [{"one": 1}] * 20
