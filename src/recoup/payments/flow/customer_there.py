"""A payment of the merchant's whose customer is there after all: they pay it now, or give it another card.

It is the same payment, and so the same debt: of its attempts one at most may hold money, whoever makes them. What the
customer makes is an attempt of theirs (CIT): their bank may ask whether it is them, and they come back to where they
act. The payment stays the merchant's, and so do the tries that follow.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from recoup.connectors.base import Browser
from recoup.merchants.core import Merchant
from recoup.payments.core import Snapshot, steps
from recoup.payments.core.step import Step
from recoup.payments.flow.charging import Charging
from recoup.payments.flow.tools import Means, Tools
from recoup.payments.writes import Along


class CustomerThere:
    """What a customer can do about a payment that the merchant made."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._charging = Charging(tools)

    async def pay(
        self,
        merchant: Merchant,
        snapshot: Snapshot,
        means: Means | None,
        *,
        back_to: str,
        browser: Browser | None,
        now: datetime,
    ) -> Snapshot:
        """Charge with a new card, or with the payment method that there is; refuses where nothing may be tried."""
        if means is None:
            assert snapshot.payment.payment_method_id is not None, "there is something to charge"
            means, _ = await self._tools.wallet.means(merchant, snapshot.payment.payment_method_id)
        there = replace(means, back_to=back_to, browser=browser)
        return await self._charging.confirm(merchant, snapshot, there, claim=None, now=now)

    async def replace_method(
        self, merchant: Merchant, payment_id: UUID, method_id: UUID, *, now: datetime
    ) -> None:
        """Let the next try be made with another payment method; refuses where no further try may come."""

        def plan(fresh: Snapshot) -> Step | None:
            return steps.method_replaced(fresh, method_id, now=now)

        snapshot = await self._tools.load(merchant, payment_id)
        await self._tools.commit(merchant, plan, snapshot, Along())
