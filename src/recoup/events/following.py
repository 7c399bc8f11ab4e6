"""Goes round the merchants whose streams have moved on, for those who keep a place in each stream.

A follower works one merchant's new events and moves its place in the same transaction (see `reading_on`). What is the
same for all of them is here: which merchants have news, page by page; that one merchant's trouble is not another's; and
that a trouble which stays, such as an event that cannot be read, is tried ever more seldom, and counted.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from recoup.db import Database, Queries
from recoup.events.core import Places

MERCHANTS_AT_ONCE: Final = 500
"""How many merchants' streams one round compares with the places reached."""
PAUSE_FIRST_S: Final = 1.0
PAUSE_MAX_S: Final = 60.0
"""How long a merchant is let alone after a failure: twice as long each time."""
STOPPED_MAX: Final = 10_000
"""How many failures are remembered; beyond, a merchant is tried in every round."""
_FIRST: Final = UUID(int=0)

_log: Final = structlog.get_logger("recoup.events")


async def behind(
    queries: Queries, places: Places, *, after: UUID, limit: int
) -> tuple[list[UUID], UUID | None]:
    """The merchants among the next `limit` after `after` whose events are not all followed; and the last of those
    looked at, None where there are no more behind it."""
    rows = await queries.fetch_all(
        f"""
        -- all merchants: a look at one page of streams, in their order, for work to do
        select s.merchant_id, s.sequence > coalesce(p.{places.column}, 0) as is_behind
        from (
            select merchant_id, sequence from event_streams
            where merchant_id > %(after)s order by merchant_id limit %(limit)s
        ) s
        left join {places.table} p on p.merchant_id = s.merchant_id
        order by s.merchant_id
        """,  # noqa: S608 - a table and a column of ours
        {"after": after, "limit": limit},
    )
    last = rows[-1]["merchant_id"] if len(rows) == limit else None
    return [row["merchant_id"] for row in rows if row["is_behind"]], last


@dataclass(frozen=True, slots=True)
class _Stopped:
    """When a merchant is tried again, and how long it was let alone for that."""

    until: float
    pause_s: float


class Rounds:
    """Goes round again and again. `follow` works one merchant's new events, and says how much that was."""

    def __init__(
        self,
        database: Database,
        places: Places,
        follow: Callable[[UUID], Awaitable[int]],
        *,
        name: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._places = places
        self._follow = follow
        self.name = name
        self._monotonic = monotonic
        self._looked_at = _FIRST
        self._stopped: dict[UUID, _Stopped] = {}

    @property
    def stopped(self) -> int:
        """How many merchants' events could not be followed when they were tried last."""
        return len(self._stopped)

    async def go(self) -> int:
        """Follow what is new of the next page of merchants; how much that was."""
        merchants, last = await behind(
            self._database, self._places, after=self._looked_at, limit=MERCHANTS_AT_ONCE
        )
        self._looked_at = last or _FIRST
        return sum([await self.follow(one) for one in merchants if not self._is_let_alone(one)])

    async def follow(self, merchant_id: UUID, by: Callable[[UUID], Awaitable[int]] | None = None) -> int:
        """Follow one merchant, whose trouble is logged and leaves its place where it is. `by` does it in another way
        than in the rounds."""
        try:
            done = await (by or self._follow)(merchant_id)
        except Exception:  # noqa: BLE001 - one merchant's trouble is not another's
            _log.exception("not_followed", by=self.name, merchant_id=str(merchant_id))
            self._let_alone(merchant_id)
            return 0
        self._stopped.pop(merchant_id, None)
        return done

    def _is_let_alone(self, merchant_id: UUID) -> bool:
        stopped = self._stopped.get(merchant_id)
        return stopped is not None and stopped.until > self._monotonic()

    def _let_alone(self, merchant_id: UUID) -> None:
        before = self._stopped.get(merchant_id)
        if before is None and len(self._stopped) >= STOPPED_MAX:
            return
        pause_s = PAUSE_FIRST_S if before is None else min(2 * before.pause_s, PAUSE_MAX_S)
        self._stopped[merchant_id] = _Stopped(self._monotonic() + pause_s, pause_s)
