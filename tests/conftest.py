"""What tests share: one PostgreSQL server for the whole run, and a fresh, migrated database for each module.

The server is our own embedded one, started in the pytest process that all xdist workers belong to. Set
RECOUP_TEST_DATABASE_URL to run on another server; its role must be allowed to create databases.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import hypothesis
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from recoup.db import Database, migrate
from recoup.db.embedded import EmbeddedPostgres

_OTHER_SERVER: Final = "RECOUP_TEST_DATABASE_URL"
_DROPS_MAX: Final = 50
_VACUUM_S: Final = 0.1
_WITH_SERVERS: Final = {"acceptance", "demo", "whole"}
"""The folders whose files start whole servers, which takes long."""
_GARBAGE_EVERY: Final = 20_000
"""So many more objects than before have the garbage collector look for some: it costs less than the usual 700."""
_FIXTURES_OF_POSTGRES: Final = {"server_url", "database_url", "empty_database_url"}
_server_url: Final = pytest.StashKey[str]()
_stack: Final = pytest.StashKey[ExitStack]()
_numbers: Final = itertools.count(1)

hypothesis.settings.register_profile(
    "ci", derandomize=True, deadline=None, database=None, max_examples=100, print_blob=True
)
hypothesis.settings.register_profile("search", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_configure(config: pytest.Config) -> None:
    """Start the server before the xdist workers start, because it has to outlive every one of them."""
    config.stash[_stack] = ExitStack()
    distributes = config.getoption("numprocesses", None) or config.getoption("tx", None)
    is_worker = hasattr(config, "workerinput")
    if distributes and not is_worker and "not postgres" not in (config.option.markexpr or ""):
        _start_server(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server."""
    config.stash[_stack].close()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # Any: an xdist type that it does not publish
    """Tell a worker where the server is."""
    node.workerinput["server_url"] = node.config.stash.get(_server_url, "")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collecting makes stays until the end: the garbage collector need not look at it again and again."""
    gc.disable()
    collected = yield
    gc.freeze()
    gc.set_threshold(_GARBAGE_EVERY)
    gc.enable()
    return collected


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs PostgreSQL, so that `-m "not postgres"` leaves it out; put first the files that take long.

    Workers are given files in this order: none of them is left alone at the end with a long one.
    """
    for item in items:
        if isinstance(item, pytest.Function) and _FIXTURES_OF_POSTGRES & set(item.fixturenames):
            item.add_marker("postgres")
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: not (item.path in slow or item.path.parent.name in _WITH_SERVERS))


def _start_server(config: pytest.Config) -> str:
    if not (url := os.environ.get(_OTHER_SERVER, "")):
        url = config.stash[_stack].enter_context(_embedded_server())
    config.stash[_server_url] = url
    return url


@contextmanager
def _embedded_server() -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="recoup-tests-"))
    server = EmbeddedPostgres(folder, settings={"fsync": "off", "synchronous_commit": "off"})
    try:
        url = server.start()
        _administer(make_conninfo(url, user="postgres"), sql.SQL("alter role recoup createdb"))
        yield url
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _administer(url: str, *statements: sql.SQL | sql.Composed) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def _create(server_url: str, *, name: str, template: str | None) -> str:
    statement = sql.SQL("create database {} template {}").format(
        sql.Identifier(name), sql.Identifier(template or "template0")
    )
    _administer(server_url, statement)
    return make_conninfo(server_url, dbname=name)


def _drop(server_url: str, *, name: str) -> None:
    """An autovacuum that works there may be ended by a superuser only; it is soon done."""
    statement = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
    for left in reversed(range(_DROPS_MAX)):
        try:
            _administer(server_url, statement)
            break
        except psycopg.errors.InsufficientPrivilege:
            if not left:
                raise
            time.sleep(_VACUUM_S)


def _migrate(url: str) -> None:
    """In a thread of its own: a fixture may run while a loop of the test's is set."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(migrate(url))).result()


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> str:
    """A server on which this role may create databases."""
    given: str = getattr(request.config, "workerinput", {}).get("server_url", "")
    return given or request.config.stash.get(_server_url, None) or _start_server(request.config)


@pytest.fixture(scope="session")
def _names() -> Callable[[], str]:
    return lambda: f"recoup_test_{os.getpid()}_{next(_numbers)}"


@pytest.fixture(scope="session")
def _template(server_url: str, _names: Callable[[], str]) -> Iterator[str]:
    name = _names()
    _migrate(_create(server_url, name=name, template=None))
    yield name
    _drop(server_url, name=name)


@pytest.fixture(scope="module")
def database_url(server_url: str, _template: str, _names: Callable[[], str]) -> Iterator[str]:
    """A fresh and migrated database for the tests of one module."""
    name = _names()
    yield _create(server_url, name=name, template=_template)
    _drop(server_url, name=name)


@pytest.fixture
def empty_database_url(server_url: str, _names: Callable[[], str]) -> Iterator[str]:
    """A database of one test's own, without any table."""
    name = _names()
    yield _create(server_url, name=name, template=None)
    _drop(server_url, name=name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The module's database, opened for one test."""
    async with await Database.open(database_url, connections_max=10) as opened:
        yield opened
