"""What processors sent, for those who want to see it or have it read again; what is old is thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database, due
from recoup.kit.clock import Clock
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import not_found
from recoup.merchants.core import Merchant
from recoup.webhooks.core.inbox import Inbound, Result
from recoup.webhooks.flow.inbox import READ
from recoup.webhooks.store import inbox as store

REPLAYED_MAX: Final = 500
"""The most that one call has read again."""
DELETED_AT_ONCE: Final = 2_000
BATCHES_MAX: Final = 500
_FIRST: Final = UUID(int=0)


class Journal:
    """The inbox as it is written down."""

    def __init__(self, database: Database, *, clock: Clock, kept: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._kept = kept

    async def get(self, merchant: Merchant, inbound_id: UUID) -> Inbound:
        """One delivery; refuses with 404."""
        return _there(
            await store.read(self._database, merchant_id=merchant.id, inbound_id=inbound_id), inbound_id
        )

    async def page(
        self,
        merchant: Merchant,
        *,
        account_id: UUID | None,
        result: Result | None,
        after: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Inbound]:
        """Deliveries newest first; with `before` oldest first."""
        return await store.page(
            self._database,
            merchant_id=merchant.id,
            account_id=account_id,
            result=result,
            after=after,
            before=before,
            limit=limit,
        )

    async def replay(
        self, connection: Connection, merchant: Merchant, inbound_id: UUID, *, now: datetime
    ) -> Inbound:
        """Have one delivery read again; refuses with 404."""
        found = await store.reopen_one(connection, merchant_id=merchant.id, inbound_id=inbound_id)
        one = _there(found, inbound_id)
        await due.put(connection, merchant_id=merchant.id, kind=READ, object_id=one.id, due_at=now)
        return one

    async def replay_span(
        self,
        connection: Connection,
        merchant: Merchant,
        account_id: UUID,
        *,
        since: datetime,
        before: datetime,
        after: UUID | None,
        now: datetime,
    ) -> list[UUID]:
        """Have read again what came to an account in a span of time, oldest first and at most `REPLAYED_MAX` of it."""
        ids = await store.reopen(
            connection,
            merchant_id=merchant.id,
            account_id=account_id,
            since=since,
            before=before,
            limit=REPLAYED_MAX,
            after=after or _FIRST,
        )
        for one in ids:
            await due.put(connection, merchant_id=merchant.id, kind=READ, object_id=one, due_at=now)
        return ids

    async def forget_old(self) -> int:
        """Throw away what was kept long enough; how much that was."""
        before, gone = self._clock.now() - self._kept, 0
        for _ in range(BATCHES_MAX):
            count = await store.delete_old(self._database, before=before, limit=DELETED_AT_ONCE)
            gone += count
            if count < DELETED_AT_ONCE:
                break
        return gone


def _there(found: Inbound | None, inbound_id: UUID) -> Inbound:
    if found is None:
        raise not_found("inbound webhook", render(Kind.INBOUND, inbound_id))
    return found
