"""When invoices are charged: as soon as they are due, or on the best day of what the customer agreed to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from recoup.billing.core.bills import Charge
from recoup.billing.core.cycles import Open
from recoup.billing.core.machine import Status
from recoup.billing.core.records import Subscription
from recoup.merchants.core import Merchant


class Moments(Protocol):
    """Chooses when invoices that open are charged."""

    async def choose(
        self, merchant: Merchant, opening: Sequence[tuple[Subscription, Open]], *, now: datetime
    ) -> Mapping[UUID, Charge]:
        """By subscription: when, and why then where it is not when it is due."""
        ...


class WhenDue:
    """Charges everything when it is due."""

    async def choose(
        self, merchant: Merchant, opening: Sequence[tuple[Subscription, Open]], *, now: datetime
    ) -> Mapping[UUID, Charge]:
        """By subscription: when it is due, or now where that is past. What is given up as unpaid is not charged."""
        return {
            one.id: Charge(None if one.status is Status.UNPAID else max(turn.due, now))
            for one, turn in opening
        }
