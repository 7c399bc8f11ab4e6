"""Opens the service for a command that may run beside a server."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable

import msgspec
import uvloop

from recoup import logs, server
from recoup.app import Service
from recoup.settings import Settings, load


def own_settings() -> Settings:
    """The settings of this machine; logs go by them from here on."""
    settings = load(os.environ)
    logs.configure(level=settings.log_level, format_=settings.log_format)
    return settings


def with_service(settings: Settings, work: Callable[[Service], Awaitable[None]]) -> None:
    """Do something with the service, on the same database as a server that may be running."""
    # A server may run beside this, and has the sandbox's ports.
    beside = msgspec.structs.replace(settings, sandbox_port=0, sandbox_link_port=0)

    async def run(store: server.Store) -> None:
        async with server.opened(beside, store) as service:
            await work(service)

    with server.database_beside(settings) as store:
        uvloop.run(run(store))
