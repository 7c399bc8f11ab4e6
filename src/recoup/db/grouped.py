"""Grouped writes: concurrent writes of one statement share one transaction, and flows do not know of it.

A commit costs the same for one row as for sixty-four. So rows that are waiting when a writer is free go together, and
nobody waits on purpose: there is no timer, a lone row is written at once, and groups grow only while the database is
busy.

The statement is ONE SQL statement with ONE parameter `%s`, a JSON array with an object for each row, and returns
`n` (a field that is added to each row) and then the row's result:

    with given as (select * from json_to_recordset(%s) as row (n int, merchant_id uuid, id uuid, name text)),
    written as (
        insert into things (merchant_id, id, name) select merchant_id, id, name from given order by merchant_id, id
        on conflict (merchant_id, id) do nothing
        returning merchant_id, id
    )
    select n, id from given join written using (merchant_id, id)

It must be safe to run again with the same rows, because a commit whose connection broke has an unknown outcome and is
retried: either idempotent (`on conflict do nothing`), or refusing the second run by a unique violation, which the
caller then reads as "perhaps my own row" and looks. It must lock rows in one order (`order by`), because another
process may be writing rows of the same merchant.

Rows of one merchant are written by one writer at a time: what they share (its event stream's row) would make a second
one wait for the first one's flush, and what comes meanwhile goes together with the next group instead.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row
from psycopg.types.json import Json

from recoup.db.database import RETRY_DELAYS_S, Connection, Database
from recoup.db.errors import Overloaded, is_transient

ROWS_MAX: Final = 64
QUEUED_MAX: Final = 4096
WRITERS_MAX: Final = 2

Result = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    row: bytes
    answer: asyncio.Future[Result | None]


class Grouped:
    """Groups concurrent writes of one statement into one transaction.

    One transaction carries the rows of one key (a merchant) only, and keys take turns. A row that the database
    refuses fails alone: its group is rolled back and written again row by row. Belongs to one event loop.
    """

    def __init__(
        self,
        database: Database,
        statement: LiteralString,
        *,
        name: str,
        rows_max: int = ROWS_MAX,
        writers_max: int = WRITERS_MAX,
        queued_max: int = QUEUED_MAX,
        retry_delays_s: Sequence[float] = RETRY_DELAYS_S,
    ) -> None:
        assert rows_max > 0 and writers_max > 0 and queued_max > 0, "limits are positive"
        self._database = database
        self._statement = statement
        self._name = name
        self._rows_max, self._writers_max, self._queued_max = rows_max, writers_max, queued_max
        self._retry_delays_s = retry_delays_s
        self._queues: dict[UUID, deque[_Waiting]] = {}
        self._turns: deque[UUID] = deque()
        """The keys that have rows waiting and no writer, in the order of their turns."""
        self._written: set[UUID] = set()
        """The keys that a writer is writing for."""
        self._queued = 0
        self._writers: set[asyncio.Task[None]] = set()

    async def write(self, key: UUID, row: bytes) -> Result | None:
        """Write one row, an encoded JSON object, and return its result columns (None where it returned no row).

        Raises `Overloaded` when too many rows wait, and what the database raises for this row. Cancelled before a
        writer took the row, it is not written; afterwards it may be.
        """
        assert row[:1] == b"{" and row != b"{}", "a row is a JSON object with at least one field"
        if self._queued >= self._queued_max:
            raise Overloaded(f"{self._queued} writes of {self._name} are waiting already.")
        waiting = _Waiting(row, asyncio.get_running_loop().create_future())
        queue = self._queues.get(key)
        if queue is None:
            queue = self._queues[key] = deque()
            if key not in self._written:
                self._turns.append(key)
        queue.append(waiting)
        self._queued += 1
        self._wake()
        return await waiting.answer

    async def close(self) -> None:
        """Wait until everything queued is written."""
        while self._writers:
            await asyncio.gather(*self._writers, return_exceptions=True)

    def _wake(self) -> None:
        """Start a writer where one is free.

        No wake-up can be lost: a writer ends only after it found the queues empty, without a pause between that look
        and the end of its task's claim (see `_write_all`), and every row put into a queue comes by here.
        """
        if self._turns and len(self._writers) < self._writers_max:
            writer = asyncio.create_task(self._write_all(), name=f"grouped {self._name}")
            self._writers.add(writer)

    async def _write_all(self) -> None:
        try:
            while taken := self._take():
                key, group = taken
                try:
                    await self._write_group(group)
                finally:
                    self._release(key)
        except asyncio.CancelledError:
            self._give_up()  # the event loop is being shut down
            raise
        finally:
            writer = asyncio.current_task()
            assert writer is not None, "a writer is a task"
            self._writers.discard(writer)
            self._wake()  # nothing is left, unless a bug broke the loop

    def _give_up(self) -> None:
        while taken := self._take():
            for waiting in taken[1]:
                waiting.answer.cancel()
            self._release(taken[0])

    def _take(self) -> tuple[UUID, list[_Waiting]] | None:
        """The rows to write next: of the key whose turn it is, as many as are queued and one group may hold."""
        while self._turns:
            key = self._turns.popleft()
            queue = self._queues[key]
            group: list[_Waiting] = []
            while queue and len(group) < self._rows_max:
                waiting = queue.popleft()
                self._queued -= 1
                if not waiting.answer.done():  # a caller that gave up is not written
                    group.append(waiting)
            if not queue:
                del self._queues[key]
            if group:
                self._written.add(key)
                return key, group
            if queue:
                self._turns.append(key)
        return None

    def _release(self, key: UUID) -> None:
        """Let the key's next rows be written: they go to the back, the other keys come first."""
        self._written.discard(key)
        if key in self._queues:
            self._turns.append(key)
            self._wake()

    async def _write_group(self, group: Sequence[_Waiting]) -> None:
        """Give every row of the group its result or its own exception."""
        try:
            results = await self._attempt(group)
        except psycopg.Error as error:
            if len(group) == 1 or is_transient(error):
                _fail(group, error)
                return
            for waiting in group:
                await self._write_group([waiting])
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            _fail(group, error)
        except BaseException:
            for waiting in group:
                waiting.answer.cancel()
            raise
        else:
            for n, waiting in enumerate(group):
                if not waiting.answer.done():
                    waiting.answer.set_result(results.get(n))

    async def _attempt(self, group: Sequence[_Waiting]) -> dict[int, Result]:
        """Write the group, and again, all of it, where the failure may pass."""
        array = _array([waiting.row for waiting in group])
        for delay_s in self._retry_delays_s:
            try:
                return await self._execute(array)
            except psycopg.Error as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(delay_s)
        return await self._execute(array)

    async def _execute(self, array: bytes) -> dict[int, Result]:
        async with self._database.connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row)
            await cursor.execute(self._statement, [Json(array, dumps=_as_it_is)])
            return {row[0]: row[1:] for row in await cursor.fetchall()}


async def write_alone(connection: Connection, statement: LiteralString, row: bytes) -> Result | None:
    """Write one row by such a statement in a transaction that is open already."""
    return (await write_together(connection, statement, [row]))[0]


async def write_together(
    connection: Connection, statement: LiteralString, rows: Sequence[bytes]
) -> list[Result | None]:
    """Write rows by such a statement in a transaction that is open already; the result of each."""
    assert len(rows) <= ROWS_MAX, "what is written together has an end"
    cursor = connection.cursor(row_factory=tuple_row)
    await cursor.execute(statement, [Json(_array(rows), dumps=_as_it_is)])
    found = {row[0]: row[1:] for row in await cursor.fetchall()}
    return [found.get(n) for n in range(len(rows))]


def _array(rows: Sequence[bytes]) -> bytes:
    """Encoded objects as one array, each with its number."""
    return b"[%s]" % b",".join(b'{"n":%d,%s' % (n, row[1:]) for n, row in enumerate(rows))


def _as_it_is(encoded: bytes) -> bytes:
    return encoded


def _fail(group: Sequence[_Waiting], error: Exception) -> None:
    for waiting in group:
        if not waiting.answer.done():
            waiting.answer.set_exception(error)
