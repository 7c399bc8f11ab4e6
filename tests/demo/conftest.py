"""A whole server for the tests of the demo and of the documentation's code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recoup import server
from recoup.sandboxed import Ready
from recoup.settings import Settings


@pytest.fixture
async def serving(database_url: str, tmp_path: Path) -> AsyncIterator[Ready]:
    """A server with a sandbox merchant of its own, impatient with processors."""
    settings = Settings(data_dir=tmp_path, port=0, processor_timeout_s=1.5, worker_poll_s=0.05)
    async with server.running(settings, server.Store(database_url, alone=False)) as (_, ready):
        yield ready
