"""The pool of connections, the transaction and the retry: the only way to PostgreSQL."""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final, LiteralString, Protocol, Self, TypeVar

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout, TooManyRequests

from recoup.db.errors import DatabaseUnusable, Overloaded, is_transient
from recoup.db.lists import QuickListDumper

T = TypeVar("T")
Params = Mapping[str, Any] | Sequence[Any] | None

SERVER_VERSION_MIN: Final = 150000
RETRY_DELAYS_S: Final = (0.01, 0.05, 0.25, 0.5, 1.0, 2.0)
"""Waits before each retry; together they outlast a failover, which takes 1 to 2 seconds."""

_CONNECTIONS_MIN: Final = 2
_WAITING_MAX: Final = 1000
_WAIT_S: Final = 5.0
_IDLE_IN_TRANSACTION_S: Final = 60
_WARM_MAX: Final = 2
"""How many connections are kept at hand, before those of the pool."""
_WARM_S: Final = 60.0
_LINE_DEFAULTS: Final[Mapping[str, str | int]] = MappingProxyType(
    {
        "application_name": "recoup",
        "client_encoding": "UTF8",
        "connect_timeout": 5,
        # A line that was cut without a word is noticed within a minute when idle, in ten seconds when in use.
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
    }
)
_PREPARE_AFTER_USES: Final = 2
_ALWAYS_BY_INDEX: Final = (
    "-c plan_cache_mode=force_generic_plan"
    " -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c jit=off"
)
"""Every hot statement finds few rows by an index. A plan made while a table was small (read it whole, hash it) would be
kept while the table grows, and planning anew each time costs more than the statements themselves."""


class Queries(Protocol):
    """What a store needs to read by: the database, for one statement by itself, or a transaction's connection."""

    async def fetch_all(self, query: LiteralString, params: Params = None) -> list[DictRow]:
        """Every row."""
        ...

    async def fetch_one(self, query: LiteralString, params: Params = None) -> DictRow | None:
        """The first row, or None."""
        ...


class Connection(psycopg.AsyncConnection[DictRow]):
    """A connection whose rows are dicts."""

    async def fetch_all(self, query: LiteralString, params: Params = None) -> list[DictRow]:
        """Every row of one statement."""
        return await (await self.execute(query, params)).fetchall()

    async def fetch_one(self, query: LiteralString, params: Params = None) -> DictRow | None:
        """The first row of one statement, or None."""
        return await (await self.execute(query, params)).fetchone()


class Database:
    """A bounded pool of connections to one PostgreSQL database."""

    def __init__(self, pool: AsyncConnectionPool[Connection]) -> None:
        self._pool = pool
        self._warm: list[Connection] = []
        self._waiting = 0
        self._borrowed: dict[Connection, float] = {}
        self._places = asyncio.Semaphore(max(1, pool.max_size // 2))

    @classmethod
    async def open(
        cls,
        conninfo: str,
        *,
        connections_max: int,
        statement_timeout_s: float = 15.0,
        behind_pooler: bool = False,
        wait_s: float = _WAIT_S,
    ) -> Self:
        """Connect, after a look at the server; raises `DatabaseUnusable`.

        Behind a transaction pooler such as PgBouncer nothing may be kept in a session: no statement is prepared, and
        the time limits are left to the pooler's own settings.
        """
        complete = connection_string(
            conninfo, statement_timeout_s=statement_timeout_s, session_settings=not behind_pooler
        )
        await _inspect(complete)
        pool = AsyncConnectionPool(
            complete,
            connection_class=Connection,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "prepare_threshold": None if behind_pooler else _PREPARE_AFTER_USES,
            },
            min_size=min(_CONNECTIONS_MIN, connections_max),
            max_size=connections_max,
            max_waiting=_WAITING_MAX,
            timeout=wait_s,
            configure=_configure,
            open=False,
        )
        await pool.open(wait=True)
        return cls(pool)

    async def close(self) -> None:
        """Close every connection."""
        while self._warm:
            await self._to_pool(self._warm.pop())
        await self._pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def connection(self) -> AsyncGenerator[Connection]:
        """A connection on which every statement is its own transaction; raises `Overloaded` when none gets free."""
        connection = await self._take()
        try:
            yield connection
        finally:
            await self._give_back(connection)

    async def _take(self) -> Connection:
        """A living connection, the one used last first: the server's memory of its statements is the warmest."""
        while self._warm:
            connection = self._warm.pop()
            if not _is_dead(connection):
                return connection
            await connection.close()
            await self._to_pool(connection)
        self._waiting += 1
        try:
            connection = await self._from_pool()
        finally:
            self._waiting -= 1
        self._borrowed[connection] = time.monotonic()
        return connection

    async def _from_pool(self) -> Connection:
        """A living connection. When a server has restarted, all that were idle are dead, and are passed over here."""
        try:
            connection = await self._pool.getconn()
            for _ in range(self._pool.max_size):
                if not _is_dead(connection):
                    break
                await connection.close()
                await self._pool.putconn(connection)  # which opens another in its place
                connection = await self._pool.getconn()
        except (PoolTimeout, TooManyRequests) as error:
            raise Overloaded("No database connection became free in time.") from error
        return connection

    async def _give_back(self, connection: Connection) -> None:
        """Keep a connection at hand for the next statement, unless somebody waits for one or it is not clean.

        The pool hands its connections out in turn; a few that are used again and again cost the server far less. What
        the pool does to old connections it does when it gets one back, after `_WARM_S`.
        """
        clean = not connection.closed and connection.info.transaction_status is TransactionStatus.IDLE
        fresh = time.monotonic() - self._borrowed[connection] < _WARM_S
        if clean and fresh and not self._waiting and len(self._warm) < _WARM_MAX and not self._pool.closed:
            self._warm.append(connection)
        else:
            await self._to_pool(connection)

    async def _to_pool(self, connection: Connection) -> None:
        """Give a connection back, whoever is cancelled meanwhile: one that is lost is lost to the pool for good."""
        self._borrowed.pop(connection, None)
        await asyncio.shield(self._pool.putconn(connection))

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Connection]:
        """A connection inside one transaction (read committed): committed at the end, rolled back by an exception."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    @asynccontextmanager
    async def place(self) -> AsyncGenerator[None]:
        """A place to hold a transaction in and read by other connections meanwhile; raises `Overloaded` when none gets
        free. There are half as many as connections: else all of them could be held by those who wait for one more."""
        try:
            async with asyncio.timeout(self._pool.timeout):
                await self._places.acquire()
        except TimeoutError as error:
            raise Overloaded("No place for one more transaction became free in time.") from error
        try:
            yield
        finally:
            self._places.release()

    async def retrying(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` in a transaction, again and with the same keys where the failure may pass.

        The commit of a lost connection is of unknown outcome, so `work` must be safe to run twice: with keys made
        before, a second run meets its own rows.
        """
        for delay_s in RETRY_DELAYS_S:
            try:
                return await self._once(work)
            except psycopg.Error as error:
                if not is_transient(error):
                    raise
                await asyncio.sleep(delay_s)
        return await self._once(work)

    async def fetch_all(self, query: LiteralString, params: Params = None) -> list[DictRow]:
        """Every row of one statement, committed by itself."""
        async with self.connection() as connection:
            return await connection.fetch_all(query, params)

    async def fetch_one(self, query: LiteralString, params: Params = None) -> DictRow | None:
        """The first row of one statement, committed by itself, or None."""
        async with self.connection() as connection:
            return await connection.fetch_one(query, params)

    async def execute(self, query: LiteralString, params: Params = None) -> int:
        """Run one statement, committed by itself; how many rows it touched."""
        async with self.connection() as connection:
            return (await connection.execute(query, params)).rowcount

    async def _once(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async with self.transaction() as connection:
            return await work(connection)


def connection_string(conninfo: str, *, statement_timeout_s: float, session_settings: bool = True) -> str:
    """The user's connection string with our defaults beneath it: whatever it says itself is kept."""
    try:
        given = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        # The library's own message repeats the string, password and all.
        raise DatabaseUnusable(
            "database_url is not a PostgreSQL connection string such as postgresql://user:password@host:5432/name."
        ) from None
    merged = {**_LINE_DEFAULTS, **{name: value for name, value in given.items() if value is not None}}
    if session_settings:
        limits = (
            f"-c timezone=UTC -c statement_timeout={int(statement_timeout_s * 1000)}"
            f" -c idle_in_transaction_session_timeout={_IDLE_IN_TRANSACTION_S * 1000}"
        )
        merged["options"] = f"{_ALWAYS_BY_INDEX} {limits} {merged.get('options', '')}".strip()
    return make_conninfo("", **merged)


async def _inspect(conninfo: str) -> None:
    """One connection made by hand, because a pool does not say why it gets none."""
    try:
        async with await psycopg.AsyncConnection.connect(conninfo) as connection:
            version = connection.info.server_version
            encoding = connection.info.parameter_status("server_encoding")
    except psycopg.OperationalError as error:
        raise DatabaseUnusable(f"Cannot connect to the database of database_url: {error}") from error
    if version < SERVER_VERSION_MIN:
        raise DatabaseUnusable(f"The database is PostgreSQL {version // 10000}; Recoup needs 15 or newer.")
    if encoding != "UTF8":
        raise DatabaseUnusable(f"The database is encoded in {encoding}; make one with encoding 'UTF8'.")


async def _configure(connection: Connection) -> None:
    set_json_loads(msgspec.json.decode, connection)
    connection.adapters.register_dumper(list, QuickListDumper)


def _is_dead(connection: Connection) -> bool:
    """Whether the server has closed this idle connection, seen without a round trip.

    An idle connection has nothing to say, so one with something to read brings its end (or a notice: then it is
    replaced as well, which costs little).
    """
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
