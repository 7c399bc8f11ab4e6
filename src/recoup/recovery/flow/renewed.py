"""What becomes of recoveries when the card that they wait for, or would try, is another since now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from recoup.db import Database
from recoup.merchants.core import Merchant
from recoup.recovery import store
from recoup.recovery.flow import POLICY_WINDOW_MAX, Recoveries


class Tried(Protocol):
    """What is asked of payments."""

    async def tried_with(
        self, merchant: Merchant, payment_method_id: UUID, fingerprints: Sequence[bytes], *, since: datetime
    ) -> Sequence[UUID]:
        """The payments that were tried since then with a payment method, whose card was recognised by these."""
        ...


class Cards(Protocol):
    """What is asked of the vault."""

    async def fingerprints(self, merchant_id: UUID, method_id: UUID) -> Sequence[bytes]:
        """What a payment method's card is and was recognised by."""
        ...


class RenewedCards:
    """Plans anew for them."""

    def __init__(self, database: Database, recoveries: Recoveries, *, payments: Tried, cards: Cards) -> None:
        self._database = database
        self._recoveries = recoveries
        self._payments = payments
        self._cards = cards

    async def on_changed(self, merchant: Merchant, method_id: UUID, now: datetime) -> datetime | None:
        """The handler of a card's change: plan every open recovery of its payment method anew."""
        again = None
        for payment_id in await self._open_with(merchant, method_id, now):
            again = await self._recoveries.on_payment_news(merchant, payment_id, now) or again
        return again

    async def waits(self, merchant: Merchant, method_id: UUID, now: datetime) -> bool:
        """Whether a recovery of this payment method is open."""
        return bool(await self._open_with(merchant, method_id, now))

    async def methods(self, merchant: Merchant, limit: int) -> Sequence[UUID]:
        """The payment methods of open recoveries."""
        return await store.open_methods(self._database, merchant_id=merchant.id, limit=limit)

    async def _open_with(self, merchant: Merchant, method_id: UUID, now: datetime) -> list[UUID]:
        fingerprints = await self._cards.fingerprints(merchant.id, method_id)
        tried = await self._payments.tried_with(
            merchant, method_id, fingerprints, since=now - POLICY_WINDOW_MAX
        )
        found = await store.of_payments(self._database, tried, merchant_id=merchant.id)
        return [one for one in tried if one in found and found[one].is_open]
