"""Store and forward: what must be told is kept, told, and forgotten when it is acknowledged; else told again later."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import PurePath
from typing import Final

import structlog

from recoup.db import Database
from recoup.sandbox.chain import store
from recoup.sandbox.chain.messages import Advice
from recoup.sandbox.chain.store import Holder

AT_ONCE_MAX: Final = 100
AGAIN_FIRST_S: Final = 0.2
AGAIN_MAX_S: Final = 10.0

_log: Final = structlog.get_logger("recoup.sandbox")


class Forwarding:
    """Tells what one holder keeps. `tell` says whether it was acknowledged."""

    def __init__(self, database: Database, holder: Holder, tell: Callable[[Advice], Awaitable[bool]]) -> None:
        self._database = database
        self._holder = holder
        self._tell = tell
        self._something = asyncio.Event()
        self._something.set()

    def wake(self) -> None:
        """There is something to tell."""
        self._something.set()

    async def told(self, advice: Advice) -> bool:
        """Tell one that is kept now; where nobody acknowledges it, it is told again later. Never raises."""
        try:
            if await self._tell(advice):
                await store.forget(self._database, advice, self._holder)
                return True
        except Exception as error:  # noqa: BLE001 - it is kept, so it is told again, whatever it was
            _log_failed(error)
        self.wake()
        return False

    async def run(self) -> None:
        """Tell what is there, also what an earlier process left; and again what nobody acknowledges."""
        failures = 0
        while True:
            await self._something.wait()
            self._something.clear()
            if await self._all_told():
                failures = 0
                continue
            failures += 1
            with suppress(TimeoutError):
                async with asyncio.timeout(min(AGAIN_MAX_S, AGAIN_FIRST_S * 2.0 ** min(failures, 10))):
                    await asyncio.Event().wait()
            self._something.set()

    async def _all_told(self) -> bool:
        try:
            advices = await store.waiting(self._database, self._holder, limit=AT_ONCE_MAX)
            told = [await self.told(advice) for advice in advices]
        except Exception as error:  # noqa: BLE001 - tried again, whatever it was
            _log_failed(error)
            return False
        if len(advices) == AT_ONCE_MAX:
            self.wake()
        return all(told)


def _log_failed(error: Exception) -> None:
    """Without the error's text, which may quote what was told."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    at = f"{PurePath(where.filename).name}:{where.lineno}"
    _log.error("sandbox forwarding failed", error=type(error).__name__, where=at)
