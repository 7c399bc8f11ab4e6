"""Makes stored decisions about recoveries again, one or all since a time; changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from recoup.db import Database
from recoup.kit.ids import first_id
from recoup.recovery.core.replaying import replay
from recoup.recovery.store import logged
from recoup.recovery.store.logged import LoggedDecision
from recoup.routing.flow.backtest import Remade

PAGE: Final = 500
_record: Final = msgspec.json.Decoder()


class Replays:
    """Looks back at decisions about recoveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def replay_one(self, merchant_id: UUID, decision_id: UUID) -> Remade | None:
        """Make one decision again; None where the merchant has no such decision about a recovery."""
        found = await logged.one(self._database, merchant_id=merchant_id, decision_id=decision_id)
        return None if found is None else _remade(found)

    async def replay_all(self, merchant_id: UUID, *, since: datetime, limit: int) -> AsyncIterator[Remade]:
        """Make the decisions since then again, up to so many, oldest first."""
        first, after, left = first_id(since), None, limit
        while left > 0:
            page = await logged.page(
                self._database, merchant_id=merchant_id, since=first, after=after, limit=min(PAGE, left)
            )
            if not page:
                return
            for one in page:
                yield _remade(one)
            after, left = page[-1].id, left - len(page)


def _remade(one: LoggedDecision) -> Remade:
    return Remade(one.id, replay(_record.decode(one.data)))
