"""Looks over what is kept, again and again, for laws that are broken; each that is opens a case, and is a figure.

A round goes through merchants one after the other, and goes on where the last one stopped, in time and in place: of
each merchant it looks at what has changed since, at what is open, and at one more part of all the rest. Each page is
one short transaction with a limit of time, which reads and locks nothing. Of several processes one looks a merchant
over, and notes when.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from recoup.audit.core.invariants import (
    BEHIND_MAX,
    OF_PRESENT_WORK,
    OVERDUE_MAX,
    Hit,
    Invariant,
    among_many,
    case_of,
)
from recoup.audit.flow import Audit
from recoup.audit.store import invariants as laws
from recoup.audit.store import looks as store
from recoup.audit.walks import CHANGED, Ledger, Page, Walk, Walks
from recoup.db import Connection, Database
from recoup.events.core import Places
from recoup.kit.clock import Clock, rfc3339
from recoup.merchants.core import Merchant

EVERY_S: Final = 300.0
"""How often merchants are looked over."""
ROUND_S: Final = 60.0
"""How long one round may take; the next goes on with the merchants that it did not come to."""
MERCHANT_S: Final = 10.0
"""How long one merchant may take of it."""
PAGE_MS: Final = 5000
"""How long one statement may take."""
MERCHANTS_AT_ONCE: Final = 500
CASES_MAX: Final = 100
"""Cases of one law that are open at once for one merchant; what is more has one case together."""
OVERDUE_SHOWN: Final = 100
SETTLED_S: Final = EVERY_S - 10.0
"""How long a process must be up to judge laws of present work: after a stop there is some to catch up with."""
_FIRST: Final = UUID(int=0)

_log: Final = structlog.get_logger("recoup.audit")


class Watch:
    """Watches over all merchants. `followers` are those who must keep up with events; `figures` takes how many cases
    of each law are open."""

    def __init__(  # noqa: PLR0913 - it looks at every subject
        self,
        database: Database,
        *,
        audit: Audit,
        ledger: Ledger,
        followers: Mapping[str, Places],
        merchant: Callable[[UUID], Awaitable[Merchant | None]],
        clock: Clock,
        new_id: Callable[[], UUID],
        figures: Callable[[Mapping[str, int]], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._audit = audit
        self._walks = Walks(ledger)
        self._followers = followers
        self._merchant = merchant
        self._clock = clock
        self._new_id = new_id
        self._figures = figures
        self._monotonic = monotonic
        self._up_since = monotonic()
        self._looked_at = _FIRST

    async def go(self) -> int:
        """One round; how many laws were found broken."""
        ends_at = self._monotonic() + ROUND_S
        found = 0
        while self._monotonic() < ends_at:
            merchants = await store.merchants_after(
                self._database, after=self._looked_at, limit=MERCHANTS_AT_ONCE
            )
            for merchant_id in merchants:
                found += await self._turn(merchant_id)
                self._looked_at = merchant_id
                if self._monotonic() >= ends_at:
                    break
            else:
                if len(merchants) < MERCHANTS_AT_ONCE:
                    self._looked_at = _FIRST
                    break
        found += await self._overdue()
        self._figures(await store.figures(self._database))
        return found

    async def look_at(self, merchant: Merchant) -> Sequence[Hit]:
        """A merchant's part of a round: so many pages of each walk, and for so long; opens cases."""
        ends_at = self._monotonic() + MERCHANT_S
        places = await store.places(self._database, merchant_id=merchant.id)
        hits = await self._behind(merchant) if self._is_settled else []
        for walk in self._walks.all:
            place = places.get(walk.name, "")
            for _ in range(walk.pages_max):
                page = await self._page(merchant, walk, place)
                if page is None:
                    break
                hits += page.hits
                place = page.place
                if not page.more or self._monotonic() >= ends_at:
                    break
            if place != places.get(walk.name, ""):
                await store.move_on(self._database, merchant_id=merchant.id, walk=walk.name, place=place)
        hits = _each_once(hits)
        await self._open(merchant, hits)
        return hits

    async def everything(self, merchant: Merchant) -> Sequence[Hit]:
        """All that is broken of a merchant, through all rows; for a person who asks, and for tests. Opens no case."""
        hits = await self._behind(merchant)
        for walk in self._walks.all:
            place = ""
            while walk.name != CHANGED:
                async with self._database.connection() as connection:
                    page = await walk.look(connection, merchant, place, self._now(merchant))
                hits += page.hits
                place = page.place
                if not page.more:
                    break
        hits += [hit for merchant_id, hit in await self._late() if merchant_id == merchant.id]
        return _each_once(hits)

    @property
    def _is_settled(self) -> bool:
        return self._monotonic() - self._up_since >= SETTLED_S

    def _now(self, merchant: Merchant) -> datetime:
        return merchant.now(self._clock.now())

    async def _turn(self, merchant_id: UUID) -> int:
        wall = self._clock.now()
        merchant = await self._merchant(merchant_id)
        since = wall - timedelta(seconds=EVERY_S / 2)
        if merchant is None or not await store.take_turn(
            self._database, merchant_id=merchant_id, at=wall, unless_since=since
        ):
            return 0
        try:
            return len(await self.look_at(merchant))
        except Exception:  # noqa: BLE001 - one merchant's trouble is not another's
            _log.exception("audit.not_looked_over", merchant_id=str(merchant_id))
            return 0

    async def _page(self, merchant: Merchant, walk: Walk, place: str) -> Page | None:
        """One page; None where it could not be read, and is tried again in the next round."""
        try:
            async with self._database.transaction() as connection:
                await store.limit_time(connection, milliseconds=PAGE_MS)
                return await walk.look(connection, merchant, place, self._now(merchant))
        except Exception:  # noqa: BLE001 - the other walks go on
            _log.exception("audit.walk_failed", walk=walk.name, merchant_id=str(merchant.id))
            return None

    async def _behind(self, merchant: Merchant) -> list[Hit]:
        hits, wall = [], self._clock.now()
        for name, places in self._followers.items():
            since = await laws.not_followed_since(self._database, places, merchant_id=merchant.id)
            if since is not None and since < wall - BEHIND_MAX:
                facts = {"follower": name, "since": rfc3339(since)}
                hits.append(Hit(Invariant.FOLLOWERS_KEEP_UP, name, None, facts))
        return hits

    async def _late(self) -> list[tuple[UUID, Hit]]:
        wall = self._clock.now()
        found = await laws.overdue(self._database, before=wall - OVERDUE_MAX, wall=wall, limit=OVERDUE_SHOWN)
        return [
            (
                one.merchant_id,
                Hit(
                    Invariant.NOTHING_OVERDUE,
                    one.kind,
                    None,
                    {"kind": one.kind, "rows_at_least": one.rows, "since": rfc3339(one.since)},
                ),
            )
            for one in found
        ]

    async def _overdue(self) -> int:
        """Work that is not done, of all merchants at once: the fronts of the queues are looked at."""
        if not self._is_settled:
            return 0
        found = await self._late()
        for merchant_id, hit in found:
            merchant = await self._merchant(merchant_id)
            if merchant is not None:
                await self._open(merchant, [hit])
        return len(found)

    async def _open(self, merchant: Merchant, hits: Sequence[Hit]) -> None:
        """A case for each; of many of one law, the last one stands for the rest."""
        for hit in hits:
            _log.error(
                "audit.invariant_broken",
                invariant=hit.invariant.value,
                about=hit.about,
                merchant_id=str(merchant.id),
                **({} if hit.invariant in OF_PRESENT_WORK else {"facts": dict(hit.facts)}),
            )

            async def work(connection: Connection, hit: Hit = hit) -> None:
                there = await store.open_of(
                    connection, hit.invariant, merchant_id=merchant.id, most=CASES_MAX
                )
                now = self._now(merchant)
                kept = hit if there < CASES_MAX else among_many(hit)
                case = case_of(kept, id_=self._new_id(), now=now)
                await self._audit.open(connection, merchant, case, now=now)

            await self._database.retrying(work)


def _each_once(hits: Sequence[Hit]) -> list[Hit]:
    return list({one.subject: one for one in hits}.values())
