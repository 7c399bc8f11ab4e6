"""Reminds merchants of the day by which a dispute must be answered. That it has passed, only the processor decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from recoup.db import Connection, Database
from recoup.disputes import store
from recoup.disputes.core.concluding import EVIDENCE_DUE, next_reminder
from recoup.disputes.flow.writing import Writer
from recoup.merchants.core import Merchant


class Reminding:
    """Works what is due of the days by which to answer."""

    def __init__(self, database: Database, writer: Writer) -> None:
        self._database = database
        self._writer = writer

    async def remind(self, merchant: Merchant, dispute_id: UUID, now: datetime) -> datetime | None:
        """The handler of `dispute.evidence_due`: tell the merchant, once for each time; when to look again."""

        async def work(connection: Connection) -> datetime | None:
            before = await store.lock(connection, merchant_id=merchant.id, dispute_id=dispute_id)
            if before is None or before.reminder_at is None or not before.awaits_us:
                return None
            if now < before.reminder_at:
                return before.reminder_at
            later = next_reminder(before, now, self._writer.reminders)
            after = replace(before, reminder_at=later)
            await self._writer.write(connection, merchant, before, after, now=now, told=(EVIDENCE_DUE,))
            return later

        return await self._database.retrying(work)
