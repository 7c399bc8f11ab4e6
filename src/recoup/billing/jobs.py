"""What billing does by itself: it opens cycles, charges invoices, and hears what becomes of their payments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.billing.core.step import CHARGE, CYCLE
from recoup.billing.flow.charging import Charging
from recoup.billing.flow.cycles import Cycles
from recoup.kit.ids import Kind
from recoup.merchants.core import Merchant
from recoup.payments.core import Payment
from recoup.payments.core.step import MOVED

Handler = Callable[[Merchant, UUID, datetime], Awaitable[datetime | None]]
_OURS: Final = f"{Kind.INVOICE.value}_"


def handlers(cycles: Cycles, charging: Charging) -> Mapping[str, Handler]:
    """The handler of each kind of due row that billing works."""
    return {CYCLE: cycles.cycle, CHARGE: charging.charge, f"event:{MOVED}": charging.hear}


def listens(fact: str, payment: Payment) -> bool:
    """Whether billing wants to hear of this: that a payment stands elsewhere, which bears an invoice's name."""
    reference = payment.merchant_reference
    return (
        fact == MOVED
        and payment.initiator == "merchant"
        and reference is not None
        and reference.startswith(_OURS)
    )
