"""Runs the service: database, simulated processors, worker and API in one process, and stops them in order."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import uvicorn

from recoup import sandboxed
from recoup.app import Service, Surroundings
from recoup.background import working
from recoup.connectors.registry import CONNECTORS
from recoup.db import Database, due, migrate
from recoup.db.embedded import EmbeddedPostgres, beside, conninfo_of_running, is_shared
from recoup.http.edge import Edge
from recoup.kit.clock import Clock, SystemClock
from recoup.payments.writes import SETTLE
from recoup.sandbox.chain.hosts import listening
from recoup.sandbox.chain.running import running as running_chain
from recoup.sandbox.flow import Processors
from recoup.sandbox.link import Caller
from recoup.sandbox.server import create_app
from recoup.sandbox.server import serve as serve_sandbox
from recoup.sandboxed import Ready
from recoup.settings import Settings
from recoup.testclock import store as testclock
from recoup.vault.keys import load_master_keys

BACKLOG: Final = 2048
KEEP_ALIVE_S: Final = 75
STOP_S: Final = 30
"""How long a stop waits for requests that have begun."""
COLLECTED_AFTER: Final = (20_000, 20, 50)
NO_SANDBOX: Final = "http://sandbox.invalid"


@dataclass(frozen=True, slots=True)
class Store:
    """The database to use. `alone` says that no other process can be using it: we hold its data folder, and nobody who
    was beside an earlier server is left."""

    conninfo: str = field(repr=False)
    alone: bool


@contextmanager
def database_of(settings: Settings) -> Iterator[Store]:
    """The merchant's own server, or an embedded one while the block runs. Call it on the main thread."""
    if settings.database_url is not None:
        yield Store(settings.database_url.reveal(), alone=False)
        return
    with EmbeddedPostgres(settings.data_dir) as conninfo:
        yield Store(conninfo, alone=not is_shared(settings.data_dir))


@contextmanager
def database_beside(settings: Settings) -> Iterator[Store]:
    """The same for a command that may run beside a server: it shares the embedded PostgreSQL that one has started."""
    conninfo = None if settings.database_url is not None else conninfo_of_running(settings.data_dir)
    if conninfo is not None:
        with beside(settings.data_dir):
            yield Store(conninfo, alone=False)
        return
    with database_of(settings) as store:
        yield store


async def open_database(settings: Settings, conninfo: str) -> Database:
    """The migrated database, with its pool."""
    await migrate(conninfo)
    return await Database.open(
        conninfo,
        connections_max=settings.database_connections_max,
        statement_timeout_s=settings.database_statement_timeout_s,
        behind_pooler=settings.database_behind_pooler,
    )


@asynccontextmanager
async def opened(settings: Settings, store: Store, *, clock: Clock | None = None) -> AsyncIterator[Service]:
    """A service without its servers: for commands, and as the inner part of `running`."""
    clock = clock or SystemClock()
    master = load_master_keys(
        settings.master_key, settings.master_key_file, generate_in=_folder(settings), entropy=os.urandom
    )
    async with AsyncExitStack() as stack:
        database = await open_database(settings, store.conninfo)
        stack.push_async_callback(database.close)
        url, link_port = NO_SANDBOX, None
        if settings.sandbox:
            chain = await stack.enter_async_context(running_chain(database, clock))
            processors = Processors(database, clock, chain.acquirers)
            host = await stack.enter_async_context(
                listening("acquirer", lambda: Caller(processors), port=settings.sandbox_link_port)
            )
            link_port = host.port
            url = await stack.enter_async_context(
                serve_sandbox(create_app(processors), port=settings.sandbox_port)
            )
        started = clock.now()
        if store.alone:
            await _release_interrupted(database, started)
        around = Surroundings(
            database=database,
            clock=clock,
            master=master,
            connectors=CONNECTORS,
            sandbox_url=lambda: url,
            alone_since=started if store.alone else None,
            sandbox_link_port=lambda: link_port,
        )
        service = Service(settings, around)
        await service.vault.check_master_keys()
        await service.open()
        stack.push_async_callback(service.close)
        yield service


async def _release_interrupted(database: Database, now: datetime) -> None:
    """Nobody else is alive: what an earlier process left half done is looked at at once, and what it held is free."""
    async with database.connection() as connection:
        await due.release_all(connection, kinds=[SETTLE], now=now)
    await testclock.release_all(database)


def _folder(settings: Settings) -> Path:
    return settings.data_dir.absolute()


@asynccontextmanager
async def running(settings: Settings, store: Store) -> AsyncIterator[tuple[Service, Ready]]:
    """The whole service, serving while the block runs."""
    listener = listen(settings.host, settings.port)
    port = listener.getsockname()[1]
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104 - compared, not bound
    base_url = f"http://{host}:{port}"
    async with opened(settings, store) as service, AsyncExitStack() as stack:
        ready = Ready(base_url=base_url, key=None)
        if settings.sandbox:
            ready = await sandboxed.ensure(service, folder=_folder(settings), base_url=base_url)
        await stack.enter_async_context(working(service))
        edge = service.edge(base_url=base_url)
        await stack.enter_async_context(served(edge, listener))
        yield service, ready


def listen(host: str, port: int) -> socket.socket:
    """The listening socket; raises OSError where there can be none, and says what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise OSError(
            f"Cannot listen on {host} port {port}: {error.strerror or error}. "
            "Stop what uses it, or choose another with RECOUP_PORT and RECOUP_HOST."
        ) from error


@asynccontextmanager
async def served(edge: Edge, listener: socket.socket) -> AsyncIterator[None]:
    """The API on a socket, while the block runs."""
    server = _Server(
        uvicorn.Config(
            edge,
            http="httptools",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=STOP_S,
            backlog=BACKLOG,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="api server")
    try:
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn gives no more than a flag
            await asyncio.sleep(0.005)
        yield
    finally:
        server.should_exit = True
        await serving
        listener.close()


class _Server(uvicorn.Server):
    """A server that leaves signals to us."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def until_stopped() -> None:
    """Wait for Ctrl-C or a polite kill; a second one ends the process at once."""
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def ask() -> None:
        for signal_ in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(signal_)
        asked.set()

    for signal_ in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_, ask)
    await asked.wait()


def _calm_collector() -> None:
    """Leave what the start made out of every collection, and collect seldom.

    Requests make few cycles, while a full collection stops every request for tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


def run(settings: Settings, announce: Callable[[Ready], None]) -> None:
    """Serve until told to stop."""
    import uvloop

    async def serve(store: Store) -> None:
        async with running(settings, store) as (_, ready):
            _calm_collector()
            announce(ready)
            await until_stopped()

    with ExitStack() as stack:
        store = stack.enter_context(database_of(settings))
        uvloop.run(serve(store))
