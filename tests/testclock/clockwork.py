"""A house whose worker has handlers that note when they ran, and rows to be due whenever a test says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.payments.house import House

from recoup.db import due
from recoup.merchants.core import Merchant

Act = Callable[[Merchant, UUID, datetime], Awaitable[datetime | None]]


class Clockwork(House):
    """`ran` is what ran, with the merchant's time; `acts` what an object's handler does besides."""

    def handlers(self) -> Mapping[str, Any]:
        self.ran: list[tuple[str, UUID, datetime]] = []
        self.acts: dict[UUID, Act] = {}

        def noting(kind: str) -> Act:
            async def note(merchant: Merchant, object_id: UUID, now: datetime) -> datetime | None:
                self.ran.append((kind, object_id, now))
                act = self.acts.get(object_id)
                return None if act is None else await act(merchant, object_id, now)

            return note

        return {**super().handlers(), "bell": noting("bell"), "chime": noting("chime")}

    async def put(
        self, merchant: Merchant, kind: str = "bell", *, after: timedelta, object_id: UUID | None = None
    ) -> UUID:
        """A row that is due so long after the machine's now."""
        object_id = object_id or self.new_id()
        async with self.database.connection() as connection:
            await due.put(
                connection, merchant_id=merchant.id, kind=kind, object_id=object_id, due_at=self.now + after
            )
        return object_id

    def another(self) -> Clockwork:
        """A second process."""
        return Clockwork(self.database, bank=self.bank, clock=self.clock)
