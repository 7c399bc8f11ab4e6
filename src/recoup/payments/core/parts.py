"""A part of a payment that was refused, charged by itself: the plans of its beginning, and of what it comes to.

The part is a payment of its own, for its own amount. While it may bring money, the payment that it is a part of is not
charged: so all that is ever charged for a debt is what was owed, whoever tries. What the part brought is taken off
what is left to pay; where it brought nothing, the debt is as it was. A payment has one part, ever.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from recoup.kit.money import Money
from recoup.kit.refusals import conflict
from recoup.payments.core.machine import MOVES, News, Status
from recoup.payments.core.records import NewPayment, Payment, Snapshot
from recoup.payments.core.step import Step
from recoup.payments.core.steps import ask_at_of

RECEIVED: Final = "payment.part_received"
NO_RECOVERY: Final = "none"
"""The recovery of a part: it is won back with the whole."""
_REFUSED: Final = frozenset({Status.REQUIRES_PAYMENT_METHOD, Status.DECLINED, Status.FAILED})


def begun(snapshot: Snapshot, part_id: UUID, *, amount: int, now: datetime) -> Step:
    """A part is to be charged by itself; refuses where the whole may hold money, or had a part."""
    payment = snapshot.payment
    startable = MOVES[payment.status].get(News.STARTED) is not None and snapshot.open_attempt is None
    if payment.debt is None or payment.part_id is not None or payment.authorized or not startable:
        raise conflict(
            "payment_not_divisible",
            f"This payment is {payment.status}, and no part of it may be charged now.",
        )
    assert 0 < amount < payment.amount, "a part is less than the whole"
    return _written(snapshot, replace(payment, part_id=part_id, part_open=True), (), now=now)


def opening_of(payment: Payment, part_id: UUID, *, amount: int) -> NewPayment:
    """The part as a payment: of the same customer, by the same agreement."""
    return NewPayment(
        id=part_id,
        merchant_id=payment.merchant_id,
        money=Money(amount, payment.currency),
        capture="automatic",
        initiator=payment.initiator,
        customer_id=payment.customer_id,
        merchant_reference=payment.merchant_reference,
        return_url=None,
        routing=payment.routing,
        recovery_policy=NO_RECOVERY,
        metadata=payment.metadata,
        agreement=payment.agreement,
        merchant_category=payment.merchant_category,
        part_of=payment.id,
    )


def is_awaited(whole: Payment, part: Payment) -> bool:
    """Whether the whole waits for this part to come to its end."""
    return whole.part_id == part.id and bool(whole.part_open)


def is_refused(part: Payment) -> bool:
    """Whether a part brought nothing, or was never tried: it is let go of, so that nobody tries it any more."""
    return part.status in _REFUSED


def settled(snapshot: Snapshot, part: Payment, *, now: datetime) -> Step | None:
    """The payment after its part came to an end: less is left to pay, or as much as before; None while that is open."""
    payment = snapshot.payment
    assert is_awaited(payment, part), "a part is heard of once"
    match part.status:
        case Status.CAPTURED:
            left = payment.amount - part.captured
            assert 0 < left < payment.amount, "a part is less than the whole"
            return _written(snapshot, replace(payment, amount=left, part_open=False), (RECEIVED,), now=now)
        case Status.CANCELED:  # what was said of the part holds for the whole
            said = part.decline or payment.decline
            return _written(snapshot, replace(payment, part_open=False, decline=said), (), now=now)
        case _:
            return None


def _written(snapshot: Snapshot, payment: Payment, happened: tuple[str, ...], *, now: datetime) -> Step:
    changed = replace(
        payment,
        version=payment.version + 1,
        events_count=payment.events_count + len(happened),
        updated_at=now,
    )
    after = replace(snapshot, payment=changed)
    return Step(snapshot, after, happened, ask_at_of(after, now))
