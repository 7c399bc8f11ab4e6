"""A whole server for the tests of the demo and of the documentation's code."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from recoup import server
from recoup.kit.secret import Secret
from recoup.sandboxed import Ready
from recoup.settings import Settings

MASTER_KEY: Final = Secret(b64encode(bytes(32)).decode())
"""The servers of a module share a database, so they need the same one."""


@pytest.fixture
async def serving(database_url: str, tmp_path: Path) -> AsyncIterator[Ready]:
    """A server with a sandbox merchant of its own, impatient with processors."""
    settings = Settings(
        data_dir=tmp_path, master_key=MASTER_KEY, port=0, processor_timeout_s=1.5, worker_poll_s=0.05
    )
    async with server.running(settings, server.Store(database_url, alone=False)) as (_, ready):
        yield ready
