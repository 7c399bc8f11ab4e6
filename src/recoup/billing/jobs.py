"""What billing does by itself: it opens cycles, charges invoices, and hears what becomes of their payments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.billing.core.ahead import AHEAD, UNSEEN
from recoup.billing.core.dunning import DUNNING
from recoup.billing.core.scheduled import EXECUTE
from recoup.billing.core.step import CHARGE, CYCLE
from recoup.billing.flow.ahead import LookingAhead
from recoup.billing.flow.around import Payments
from recoup.billing.flow.charging import Charging
from recoup.billing.flow.cycles import Cycles
from recoup.billing.flow.giving_up import GivingUp
from recoup.billing.flow.hours import LEARN, Hours
from recoup.billing.flow.scheduled import ScheduledPayments
from recoup.kit.ids import Kind
from recoup.merchants.core import Merchant
from recoup.payments.core import Payment
from recoup.payments.core.step import MOVED
from recoup.recovery.flow.writing import OVER
from recoup.vault.flow.news import METHODS_CHANGED

Handler = Callable[[Merchant, UUID, datetime], Awaitable[datetime | None]]
ManyHandler = Callable[[Merchant, Sequence[UUID], datetime], Awaitable[Mapping[UUID, datetime | None]]]
_INVOICES: Final = f"{Kind.INVOICE.value}_"
_OURS: Final = (_INVOICES, f"{Kind.SCHEDULED_PAYMENT.value}_")


def handlers(
    payments: Payments,
    *,
    cycles: Cycles,
    charging: Charging,
    scheduled: ScheduledPayments,
    giving_up: GivingUp,
) -> Mapping[str, Handler]:
    """The handler of each kind of due row that billing works."""

    async def hear(merchant: Merchant, payment_id: UUID, now: datetime) -> datetime | None:
        seen = await payments.find(merchant, payment_id)
        if seen is None or seen.payment.merchant_reference is None:
            return None
        if seen.payment.merchant_reference.startswith(_INVOICES):
            await charging.hear(merchant, payment_id, now, seen=seen)
            return None
        return await scheduled.hear(merchant, payment_id, now, seen=seen)

    return {
        CYCLE: cycles.cycle,
        CHARGE: charging.charge,
        DUNNING: giving_up.look,
        OVER: giving_up.over,
        EXECUTE: scheduled.execute,
        f"event:{MOVED}": hear,
    }


def at_once(cycles: Cycles) -> Mapping[str, ManyHandler]:
    """The handler of each kind of due row of which many are worked together."""
    return {CYCLE: cycles.open_due}


def listens(fact: str, payment: Payment) -> bool:
    """Whether billing wants to hear of this: that a payment stands elsewhere, which bears a name of ours."""
    reference = payment.merchant_reference
    return (
        fact == MOVED
        and payment.initiator == "merchant"
        and reference is not None
        and reference.startswith(_OURS)
    )


def ahead_handlers(ahead: LookingAhead, hours: Hours) -> Mapping[str, Handler]:
    """The handler of each kind of due row by which charges that are to come are looked at."""
    return {
        AHEAD: ahead.look,
        UNSEEN: ahead.unseen,
        METHODS_CHANGED: ahead.methods_changed,
        LEARN: hours.learn,
    }
