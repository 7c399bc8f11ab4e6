"""Real servers for the acceptance tests, which know them by what they promise over HTTP alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.whole.served import Client, Served, client_of, opened, run_apart, serving

from recoup import sandboxed

IMPATIENT = {"RECOUP_PROCESSOR_TIMEOUT_S": "1"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Served]:
    """A server that is impatient with processors, on a database of its own: for tests that look beside the API."""
    folder = tmp_path_factory.mktemp("acceptance") / "data"
    with serving(folder, RECOUP_DATABASE_URL=database_url, **IMPATIENT) as served:
        yield served


@pytest.fixture(scope="session")
def lasting(
    tmp_path_factory: pytest.TempPathFactory, lasting_database_url: str
) -> Iterator[tuple[Served, str]]:
    """Such a server for all other modules, and its database: to start one for each would take longer than they do."""
    folder = tmp_path_factory.mktemp("acceptance") / "data"
    with serving(folder, RECOUP_DATABASE_URL=lasting_database_url, **IMPATIENT) as served:
        yield served, lasting_database_url


@pytest.fixture(scope="module")
def house(request: pytest.FixtureRequest, server_url: str) -> tuple[Served, str]:
    """The module's server, and the key of a merchant whom no other module knows.

    It asks for `server_url` so that its tests are known to need PostgreSQL, whichever server it then takes.
    """
    here = [item for item in request.session.items if item.path == request.path]
    if any("served" in item.fixturenames for item in here if isinstance(item, pytest.Function)):
        served: Served = request.getfixturevalue("served")
        return served, served.key
    served, database_url = request.getfixturevalue("lasting")
    return served, run_apart(_merchant(served, database_url, name=request.path.stem))


async def _merchant(served: Served, database_url: str, *, name: str) -> str:
    async with opened(served, database_url) as service:
        return (await sandboxed.make(service, name=name)).reveal()


@pytest.fixture
async def shop(house: tuple[Served, str]) -> AsyncIterator[Client]:
    """A merchant's server, with the key of a sandbox merchant."""
    served, key = house
    async with client_of(served, key) as client:
        yield client
