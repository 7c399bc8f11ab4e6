"""A real server for the acceptance tests of one module, which know it by what it promises over HTTP alone."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from tests.whole.served import Client, Served, client_of, serving


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Served]:
    """A server that is impatient with processors, on a database of its own."""
    folder = tmp_path_factory.mktemp("acceptance") / "data"
    with serving(folder, RECOUP_DATABASE_URL=database_url, RECOUP_PROCESSOR_TIMEOUT_S="1") as served:
        yield served


@pytest.fixture
async def shop(served: Served) -> AsyncIterator[Client]:
    """A merchant's server, with the sandbox merchant's key."""
    async with client_of(served) as client:
        yield client
