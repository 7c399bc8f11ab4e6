"""The simulated processors in a process of their own, which outlives every `kill -9` of the service.

    python tests/simulation/processors.py

It reads `RECOUP_*` as the service does, serves the processors on `RECOUP_SANDBOX_PORT` and does nothing else.
"""

from __future__ import annotations

import asyncio
import os

import uvloop

from recoup import logs, server
from recoup.settings import load


async def main() -> None:
    """Serve until killed."""
    settings = load(os.environ)
    logs.configure(level=settings.log_level, format_=settings.log_format)
    assert settings.database_url is not None, "the processors share the service's database"
    store = server.Store(settings.database_url.reveal(), alone=False)
    async with server.opened(settings, store):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
