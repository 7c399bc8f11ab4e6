"""Runs the demo: against a server of its own in a temporary folder, or against one that is up."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import aiohttp
from rich.console import Console
from rich.status import Status

from recoup import logs, server
from recoup.demo import wire
from recoup.demo.chapters import chapters, count
from recoup.demo.page import Page
from recoup.demo.renewal import renewal
from recoup.demo.shop import PATIENCE_S, Shop, Unexpected
from recoup.demo.telling import Chapter, Check
from recoup.kit.secret import Secret
from recoup.settings import LogFormat, LogLevel, Settings, SettingsError

TEST_KEY: Final = "sk_test_"
OWN_TIMEOUT_S: Final = 1.5
OWN_SILENCE_S: Final = 3
"""Longer than the demo's own server waits for a processor."""
SILENCE_S: Final = 90
"""The same for a server whose setting nobody knows: its default is 30 seconds."""


class NotForDemo(SettingsError):
    """The demo cannot run with what it was given; the message says what to give."""


def own_server(console: Console) -> bool:
    """Start a server in a temporary folder, run the demo against it, and leave nothing; whether all claims hold."""
    logs.configure(level=LogLevel.ERROR, format_=LogFormat.CONSOLE)
    folder = Path(tempfile.mkdtemp(prefix="recoup-demo-"))
    settings = Settings(
        data_dir=folder,
        port=0,
        processor_timeout_s=OWN_TIMEOUT_S,
        worker_poll_s=0.1,
        log_level=LogLevel.ERROR,
    )
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        starting = stack.enter_context(console.status("Starting a server for the demo"))
        store = stack.enter_context(server.database_of(settings))
        return asyncio.run(_served(settings, store, console, starting))


async def _served(settings: Settings, store: server.Store, console: Console, starting: Status) -> bool:
    async with server.running(settings, store) as (_, ready):
        starting.stop()
        assert ready.key is not None, "a sandbox has a merchant"
        return await _told(console, base_url=ready.base_url, key=ready.key, silence_s=OWN_SILENCE_S)


def against(console: Console, base_url: str, *, key: str) -> bool:
    """Run the demo against a server that is up; whether all claims hold."""
    if not key.startswith(TEST_KEY):
        raise NotForDemo(f"The demo takes a secret test key only: one that begins with {TEST_KEY}.")
    return asyncio.run(_told(console, base_url=base_url, key=Secret(key), silence_s=SILENCE_S))


async def _told(console: Console, *, base_url: str, key: Secret, silence_s: int) -> bool:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as session:
        shop = Shop(session, base_url=base_url, key=key, run=secrets.token_hex(4), silence_s=silence_s)
        return await tell(shop, Page(console), base_url=base_url)


async def tell(shop: Shop, page: Page, *, base_url: str) -> bool:
    """The whole demo; whether all claims hold."""
    began = time.perf_counter()
    page.open(base_url)
    try:
        await shop.open()
        before = await shop.get("/v1/test/world", wire.World)
    except Unexpected as unexpected:
        page.broken(str(unexpected))
        return False
    told = (
        *chapters(shop),
        Chapter("A renewal, recovered on payday", lambda: renewal(shop)),
        Chapter("What the sandbox counted", lambda: count(shop, before)),
    )
    held, failed = await told_all(told, page)
    page.close(held=held, failed=failed, seconds=time.perf_counter() - began)
    return failed == 0


async def told_all(told: Sequence[Chapter], page: Page) -> tuple[int, int]:
    """Tell every chapter, whatever becomes of the others: how many claims held, and how many did not."""
    held = failed = 0
    for number, chapter in enumerate(told, 1):
        page.chapter(number, chapter.title)
        try:
            async for telling in chapter.tell():
                page.telling(telling)
                held += isinstance(telling, Check) and telling.holds
                failed += isinstance(telling, Check) and not telling.holds
        except Unexpected as unexpected:
            page.broken(str(unexpected))
            failed += 1
    return held, failed
