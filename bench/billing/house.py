"""The service as these benches need it: on a database of theirs, at a time that they hold, without its servers."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from recoup import server
from recoup.app import Service, Surroundings
from recoup.connectors.base import Connector
from recoup.connectors.registry import CONNECTORS
from recoup.kit.clock import Clock
from recoup.settings import load
from recoup.vault.keys import load_master_keys

CONNECTIONS: Final = 8
"""How many connections the service may hold: few, for all of them are asked what they did."""


@asynccontextmanager
async def opened(
    folder: Path, conninfo: str, *, clock: Clock, connectors: Mapping[str, Connector] = CONNECTORS
) -> AsyncIterator[Service]:
    """The service with whatever it does, and nobody who makes it do so."""
    data = folder / "service"
    settings = load(
        {
            "RECOUP_DATA_DIR": str(data),
            "RECOUP_SANDBOX": "false",
            "RECOUP_DATABASE_CONNECTIONS_MAX": str(CONNECTIONS),
            "RECOUP_DATABASE_STATEMENT_TIMEOUT_S": "600",
            "RECOUP_DECISIONS_KEPT_DAYS": "7300",
        }
    )
    master = load_master_keys(None, None, generate_in=data, entropy=os.urandom)
    async with await server.open_database(settings, conninfo) as database:
        around = Surroundings(
            database=database,
            clock=clock,
            master=master,
            connectors=connectors,
            sandbox_url=lambda: server.NO_SANDBOX,
        )
        service = Service(settings, around)
        await service.vault.check_master_keys()
        await service.open()
        try:
            yield service
        finally:
            await service.close()
