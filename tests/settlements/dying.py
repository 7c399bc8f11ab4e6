"""A process that goes on with a report and is killed right after its next chunk: run by a test, again and again."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.settlements.reports import parts

from recoup.db import Database
from recoup.kit.ids import uuid7
from recoup.settlements.core.tolerance import Tolerances
from recoup.settlements.flow import Importing, Upload


class _Anybody:
    async def account(self, merchant_id: UUID, account_id: UUID) -> Any:
        """Whatever is asked for is there."""
        return account_id


async def _caught_up(_: UUID) -> None:
    return None


def _die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def _main(url: str, merchant_id: UUID, account_id: UUID, content: bytes, now: datetime) -> None:
    upload = Upload(account_id, "stripe", None, Tolerances.USUAL, lambda: parts(content, 1 << 16))
    async with await Database.open(url, connections_max=2) as database:
        importing = Importing(
            database,
            accounts=_Anybody(),
            catch_up=_caught_up,
            tells_dispute_fees=lambda name: False,
            new_id=lambda: uuid7(now, os.urandom),
            chunk_lines=2,
        )
        merchant: Any = _Side(merchant_id)
        seen = await importing.look_over(merchant, upload)
        report = await database.retrying(
            lambda one: importing.begin(one, merchant, upload, seen=seen, now=now)
        )
        await importing.work(merchant, report, upload.source, now=now, progress=_die)


class _Side:
    """As much of a merchant as an import needs."""

    livemode = False

    def __init__(self, id_: UUID) -> None:
        self.id = id_


if __name__ == "__main__":
    _, to, merchant, account, path, at = sys.argv
    asyncio.run(_main(to, UUID(merchant), UUID(account), Path(path).read_bytes(), datetime.fromisoformat(at)))
