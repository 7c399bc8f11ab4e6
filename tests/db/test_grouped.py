"""Grouped writes: nobody waits for ever, nobody gets another's answer, and one bad row fails alone.

The first half runs on a database made of a few lines, on which a seed chooses every pause, failure and cancellation;
the second half on PostgreSQL.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID, uuid5

import psycopg
import pytest

from recoup.db import Database, Grouped, Overloaded

SPACE = UUID(int=0)
A, B, C = (UUID(int=number) for number in (1, 2, 3))
HANGS_AFTER_S = 20


class FakeDatabase:
    """Answers each row with its own words, and fails, pauses and loses connections as it is told.

    `breaks` is asked twice for each statement: before it, and after its commit.
    """

    def __init__(
        self, *, pauses: Callable[[], int] = lambda: 1, breaks: Callable[[], Exception | None] = lambda: None
    ) -> None:
        self.groups: list[list[dict[str, Any]]] = []
        self.under_way = 0
        self.under_way_max = 0
        self.failures: list[Exception] = []
        self.opened = asyncio.Event()
        self.opened.set()
        self._pauses, self._breaks = pauses, breaks

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[FakeDatabase]:
        self.under_way += 1
        self.under_way_max = max(self.under_way, self.under_way_max)
        try:
            yield self
        finally:
            self.under_way -= 1

    def cursor(self, **_: object) -> FakeCursor:
        return FakeCursor(self)

    async def run(self, rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        await wait_turns(self._pauses())
        await self.opened.wait()
        if failure := self.failures.pop() if self.failures else self._breaks():
            raise failure
        if any(row["name"].startswith("bad") for row in rows):
            raise psycopg.errors.CheckViolation("a bad row")
        self.groups.append(rows)
        if self._breaks():
            raise psycopg.OperationalError("the connection broke after the commit")
        return [(row["n"], row["name"]) for row in rows if not row["name"].startswith("unseen")]


class FakeCursor:
    """One statement on the fake."""

    def __init__(self, database: FakeDatabase) -> None:
        self._database = database
        self._rows: list[tuple[Any, ...]] = []

    async def execute(self, _statement: str, params: list[Any]) -> None:
        self._rows = await self._database.run(json.loads(params[0].obj))

    async def fetchall(self) -> list[tuple[Any, ...]]:
        return self._rows


def grouped(database: FakeDatabase, **limits: int) -> Grouped:
    return Grouped(cast("Database", database), "", name="things", retry_delays_s=(0,) * 6, **limits)


def row(key: UUID, name: str) -> bytes:
    return json.dumps({"merchant_id": str(key), "name": name}).encode()


async def finish(*work: Awaitable[Any]) -> list[Any]:
    """Everything's result or exception; a hang fails the test."""
    async with asyncio.timeout(HANGS_AFTER_S):
        return await asyncio.gather(*work, return_exceptions=True)


async def wait_turns(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


async def test_rows_that_wait_go_together_and_each_gets_its_own_answer() -> None:
    database = FakeDatabase()
    writes = grouped(database)
    answers = await finish(*(writes.write(A, row(A, f"row {n}")) for n in range(10)))
    assert answers == [(f"row {n}",) for n in range(10)]
    assert [len(group) for group in database.groups] == [10]


async def test_a_lone_row_is_written_at_once() -> None:
    database = FakeDatabase()
    assert await finish(grouped(database).write(A, row(A, "alone"))) == [("alone",)]


async def test_a_row_the_statement_does_not_return_is_answered_with_none() -> None:
    writes = grouped(FakeDatabase())
    assert await finish(writes.write(A, row(A, "unseen")), writes.write(A, row(A, "x"))) == [None, ("x",)]


async def test_one_transaction_touches_one_merchant_only() -> None:
    database = FakeDatabase()
    writes = grouped(database)
    await finish(*(writes.write(key, row(key, str(n))) for n in range(5) for key in (A, B, C)))
    assert sorted(len(group) for group in database.groups) == [5, 5, 5]
    assert all(len({one["merchant_id"] for one in group}) == 1 for group in database.groups)


async def test_a_group_is_never_larger_than_its_limit() -> None:
    database = FakeDatabase()
    writes = grouped(database, rows_max=4)
    await finish(*(writes.write(A, row(A, str(n))) for n in range(10)))
    assert [len(group) for group in database.groups] == [4, 4, 2]


async def test_a_busy_merchant_does_not_starve_a_quiet_one() -> None:
    database = FakeDatabase()
    writes = grouped(database, rows_max=4)
    await finish(*(writes.write(A, row(A, str(n))) for n in range(100)), writes.write(B, row(B, "quiet")))
    turns = [group[0]["merchant_id"] for group in database.groups]
    assert turns.index(str(B)) <= 1


async def test_a_bad_row_fails_alone() -> None:
    database = FakeDatabase()
    writes = grouped(database)
    answers = await finish(*(writes.write(A, row(A, name)) for name in ("one", "bad", "two", "bad too")))
    assert answers[0] == ("one",) and answers[2] == ("two",)
    assert all(isinstance(answers[at], psycopg.errors.CheckViolation) for at in (1, 3))
    assert answers[1] is not answers[3]


async def test_a_failure_that_passes_is_not_seen() -> None:
    database = FakeDatabase()
    database.failures = [
        psycopg.errors.DeadlockDetected(),
        psycopg.OperationalError("the connection is lost"),
    ]
    writes = grouped(database)
    assert await finish(writes.write(A, row(A, "x")), writes.write(A, row(A, "y"))) == [("x",), ("y",)]


async def test_a_failure_that_stays_reaches_everyone_and_the_next_row_is_written() -> None:
    database = FakeDatabase()
    database.failures = [psycopg.OperationalError("the connection is lost") for _ in range(7)]
    writes = grouped(database)
    answers = await finish(writes.write(A, row(A, "x")), writes.write(A, row(A, "y")))
    assert all(isinstance(answer, psycopg.OperationalError) for answer in answers)
    assert await finish(writes.write(A, row(A, "later"))) == [("later",)]


async def test_a_bug_reaches_everyone_and_the_next_row_is_written() -> None:
    database = FakeDatabase()
    database.failures = [ZeroDivisionError()]
    writes = grouped(database)
    answers = await finish(writes.write(A, row(A, "x")), writes.write(A, row(A, "y")))
    assert all(isinstance(answer, ZeroDivisionError) for answer in answers)
    assert await finish(writes.write(A, row(A, "later"))) == [("later",)]


async def test_more_rows_than_the_queue_holds_are_refused_at_once() -> None:
    database = FakeDatabase()
    database.opened.clear()
    writes = grouped(database, queued_max=3)
    first = asyncio.gather(*(writes.write(A, row(A, str(n))) for n in range(3)))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="things"):
        await writes.write(A, row(A, "too many"))
    database.opened.set()
    assert await finish(first) == [[("0",), ("1",), ("2",)]]
    assert await finish(writes.write(A, row(A, "later"))) == [("later",)]


async def test_a_caller_that_gives_up_in_the_queue_is_not_written() -> None:
    database = FakeDatabase()
    database.opened.clear()
    writes = grouped(database, rows_max=1)
    tasks = [asyncio.create_task(writes.write(A, row(A, name))) for name in ("first", "given up", "last")]
    await wait_turns(5)
    tasks[1].cancel()
    database.opened.set()
    answers = await finish(*tasks)
    assert (answers[0], answers[2]) == (("first",), ("last",))
    assert isinstance(answers[1], asyncio.CancelledError)
    assert [group[0]["name"] for group in database.groups] == ["first", "last"]


async def test_a_caller_that_gives_up_under_way_leaves_the_others_their_answers() -> None:
    database = FakeDatabase()
    database.opened.clear()
    writes = grouped(database)
    tasks = [asyncio.create_task(writes.write(A, row(A, name))) for name in ("given up", "stays")]
    await wait_turns(5)
    tasks[0].cancel()
    await asyncio.sleep(0)
    database.opened.set()
    assert (await finish(*tasks))[1] == ("stays",)


async def test_closing_waits_for_what_is_queued() -> None:
    database = FakeDatabase(pauses=lambda: 20)
    writes = grouped(database, rows_max=1)
    tasks = [asyncio.create_task(writes.write(A, row(A, str(n)))) for n in range(3)]
    await asyncio.sleep(0)
    async with asyncio.timeout(HANGS_AFTER_S):
        await writes.close()
    assert all(task.done() for task in tasks) or await finish(*tasks)
    assert len(database.groups) == 3


async def test_a_shut_down_loop_leaves_nobody_waiting() -> None:
    database = FakeDatabase()
    database.opened.clear()
    writes = grouped(database, rows_max=1)
    tasks = [asyncio.create_task(writes.write(key, row(key, "x"))) for key in (A, A, B)]
    await wait_turns(5)
    for writer in [task for task in asyncio.all_tasks() if task.get_name().startswith("grouped")]:
        writer.cancel()
    answers = await finish(*tasks)
    assert all(isinstance(answer, asyncio.CancelledError) for answer in answers)


@pytest.mark.parametrize("turns", range(12))
@pytest.mark.parametrize("writers_max", [1, 2])
async def test_a_row_that_comes_just_as_a_writer_ends_is_not_forgotten(turns: int, writers_max: int) -> None:
    """Nobody comes after it to wake a writer by chance: each moment of a writer's life is tried."""
    writes = grouped(FakeDatabase(), writers_max=writers_max)

    async def late() -> object:
        await wait_turns(turns)
        return await writes.write(A, row(A, "late"))

    assert await finish(writes.write(A, row(A, "early")), late()) == [("early",), ("late",)]


@pytest.mark.parametrize("seed", range(40))
async def test_in_any_order_of_arrivals_failures_and_cancellations_everyone_is_answered(seed: int) -> None:
    """A lost wake-up would hang here, a mixed-up answer would differ."""
    chance = random.Random(seed)
    database = FakeDatabase(
        pauses=lambda: chance.choice((0, 1, 1, 2, 7)),
        breaks=lambda: psycopg.errors.SerializationFailure() if chance.random() < 0.05 else None,
    )
    rows_max, writers_max = chance.choice((1, 2, 8, 64)), chance.choice((1, 2, 3))
    writes = grouped(database, rows_max=rows_max, writers_max=writers_max)

    async def one(number: int) -> str:
        await wait_turns(chance.randrange(60))
        key, name = (
            chance.choice((A, B, C)),
            f"{chance.choice(('good', 'good', 'good', 'unseen', 'bad'))} {number}",
        )
        write = asyncio.create_task(writes.write(key, row(key, name)))
        if chance.random() < 0.1:
            await wait_turns(chance.randrange(10))
            write.cancel()
        try:
            answer = await write
        except asyncio.CancelledError:
            return "given up"
        except psycopg.errors.CheckViolation:
            assert name.startswith("bad")
            return "refused"
        assert answer == (None if name.startswith("unseen") else (name,))
        return name

    answers = await finish(*(one(number) for number in range(300)))
    assert [answer for answer in answers if not isinstance(answer, str)] == []
    assert database.under_way_max <= writers_max
    assert max(len(group) for group in database.groups) <= rows_max
    written = {one["name"] for group in database.groups for one in group}
    assert set(answers) - {"given up", "refused"} <= written
    assert not any(name.startswith("bad") for name in written)


CREATE = """
create table if not exists grouped_things (
    merchant_id uuid, id uuid, name text check (name <> 'bad'), primary key (merchant_id, id)
)
"""
INSERT = """
with given as (select * from json_to_recordset(%s) as row (n int, merchant_id uuid, id uuid, name text)),
written as (
    insert into grouped_things (merchant_id, id, name)
    select merchant_id, id, name from given order by merchant_id, id
    returning merchant_id, id, name
)
select n, name, id from given join written using (merchant_id, id, name)
"""
INSERT_AGAIN = """
with given as (select * from json_to_recordset(%s) as row (n int, merchant_id uuid, id uuid, name text)),
written as (
    insert into grouped_things (merchant_id, id, name)
    select merchant_id, id, name from given order by merchant_id, id
    on conflict do nothing
)
select n, name, id from given
"""


def thing(key: UUID, name: str) -> bytes:
    return json.dumps({"merchant_id": str(key), "id": str(uuid5(key, name)), "name": name}).encode()


@pytest.fixture
async def things(database: Database) -> Database:
    await database.execute(CREATE)
    await database.execute("delete from grouped_things")
    return database


async def test_hundreds_of_writers_on_postgres_each_get_their_own_row(things: Database) -> None:
    writes = Grouped(things, INSERT, name="things", writers_max=2)
    names = [(key, f"{n} 'quoted' \\ ü €") for n in range(150) for key in (A, B, C)]
    answers = await finish(*(writes.write(key, thing(key, name)) for key, name in names))
    assert answers == [(name, uuid5(key, name)) for key, name in names]
    assert await things.fetch_one("select count(*) as n from grouped_things") == {"n": len(names)}


async def test_a_row_postgres_refuses_fails_alone(things: Database) -> None:
    writes = Grouped(things, INSERT, name="things")
    answers = await finish(*(writes.write(A, thing(A, name)) for name in ("a", "bad", "b", "a", "c")))
    kinds = [type(answer).__name__ for answer in answers]
    assert sorted(kinds) == ["CheckViolation", "UniqueViolation", "tuple", "tuple", "tuple"]
    assert await things.fetch_one("select count(*) as n from grouped_things") == {"n": 3}


async def test_writers_survive_the_loss_of_all_connections(things: Database) -> None:
    """Rows may have been committed just before the line broke: written again, they are there once."""
    writes = Grouped(things, INSERT_AGAIN, name="things", writers_max=3, rows_max=8)

    async def cut() -> None:
        for _ in range(3):
            await asyncio.sleep(0.02)
            await things.fetch_all(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where pid <> pg_backend_pid()"
                " and datname = current_database() and usename = current_user"
            )

    names = [f"{n}" for n in range(400)]
    answers = await finish(cut(), *(writes.write(A, thing(A, name)) for name in names))
    assert answers[1:] == [(name, uuid5(A, name)) for name in names]
    assert await things.fetch_one("select count(*) as n from grouped_things") == {"n": 400}


async def test_opposite_orders_do_not_deadlock_for_good(things: Database) -> None:
    update = """
    with given as (select * from json_to_recordset(%s) as row (n int, id uuid, name text))
    update grouped_things t set name = given.name from given where t.merchant_id = '{}' and t.id = given.id
    returning n, t.id
    """.replace("{}", str(A))
    names = [str(n) for n in range(20)]
    fill = Grouped(things, INSERT, name="things")
    await finish(*(fill.write(A, thing(A, name)) for name in names))
    writes = Grouped(things, cast("Any", update), name="renames", writers_max=4, rows_max=10)
    orders = itertools.chain.from_iterable(names if n % 2 else reversed(names) for n in range(10))
    answers = await finish(*(writes.write(A, thing(A, name)) for name in orders))
    assert [answer for answer in answers if not isinstance(answer, tuple)] == []
