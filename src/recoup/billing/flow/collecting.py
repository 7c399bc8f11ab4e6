"""Stops the collecting of open invoices: nothing charges them by itself any more, and nothing wins them back.

Their payments are canceled in the transaction that stops it, so that no try that is due this moment comes after it:
recovery and messages hear that their payment is gone. A payment that may hold money stays, and settles its invoice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recoup.billing import store
from recoup.billing.core import settling
from recoup.billing.core.records import Invoice
from recoup.billing.core.step import Step
from recoup.billing.flow.charging import Charging
from recoup.billing.store import dunning
from recoup.db import Connection
from recoup.merchants.core import Merchant


@dataclass(frozen=True, slots=True)
class Collecting:
    """Holds open invoices of subscriptions that are held, and frees them of their payments."""

    charging: Charging

    async def held(
        self,
        connection: Connection,
        merchant: Merchant,
        subscription_ids: Sequence[UUID],
        *,
        owed: Sequence[UUID] = (),
        until: datetime | None = None,
    ) -> Sequence[Invoice]:
        """Their open invoices that are collected, and those of `owed`, held until the transaction ends: before any
        credit balance is. As many as one transaction may change; the others are looked for once it is done."""
        if not subscription_ids:
            return ()
        return await dunning.lock_collected(
            connection, merchant_id=merchant.id, subscription_ids=subscription_ids, owed=owed, until=until
        )

    async def freed(
        self, connection: Connection, merchant: Merchant, invoices: Sequence[Invoice], *, now: datetime
    ) -> Sequence[Invoice]:
        """Held invoices without their payments, as far as those hold no money: once everything else is held that will
        be, because it tells the merchant's events."""
        if not any(one.payment_id for one in invoices):
            return invoices
        await store.take_numbers(connection, merchant_id=merchant.id, count=0)  # held before the events are
        return await self.charging.freed(connection, merchant, invoices, now=now)

    async def stopped(
        self, connection: Connection, merchant: Merchant, invoices: Sequence[Invoice], *, now: datetime
    ) -> Step:
        """The step after which nobody collects held invoices of subscriptions that end."""
        return settling.stopped(await self.freed(connection, merchant, invoices, now=now), now=now)
