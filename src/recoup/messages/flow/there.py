"""What every page on which a customer pays asks of a payment: may its card be tried again, and where is their bank."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from recoup.merchants.core import Merchant
from recoup.outcomes.core import AdviceAction, Hardness
from recoup.payments.core import Payment, Snapshot
from recoup.payments.flow.tools import Means


class Payments(Protocol):
    """What going on after the bank asks of payments."""

    async def confirm(
        self,
        merchant: Merchant,
        payment_id: UUID,
        means: Means | None,
        *,
        returned: Mapping[str, str] | None,
        claim: None,
        now: datetime,
    ) -> Snapshot:
        """Go on after the customer acted."""
        ...

    async def sync(self, merchant: Merchant, payment_id: UUID, *, claim: None) -> Snapshot:
        """Ask the processor now."""
        ...


def is_hopeless(payment: Payment) -> bool:
    """Whether what it was declined with says that the same card cannot pay it."""
    record = payment.decline
    if record is None:
        return False
    decline = record.decline
    stops = decline.hardness is Hardness.HARD or decline.advice.stops
    return stops or decline.advice.action is AdviceAction.UPDATE_CARD


def bank_of(snapshot: Snapshot, page_of: Callable[[UUID, UUID], str]) -> str | None:
    """Where the customer is asked whether it is them. `page_of`: our own page for an attempt that waits for them."""
    payment = snapshot.payment
    action = payment.next_action
    if action is None:
        return None
    if not action.hosted:
        return action.url
    assert payment.attempt_id is not None, "it is an attempt that waits for the customer"
    return page_of(payment.merchant_id, payment.attempt_id)


async def went_on(
    payments: Payments, merchant: Merchant, snapshot: Snapshot, brought: Mapping[str, str], *, now: datetime
) -> None:
    """Go on with what the customer brought back from their bank; without anything the processor is only asked.

    Nothing is tried by it, whatever has become of the payment since it was seen.
    """
    attempt, payment_id = snapshot.open_attempt, snapshot.payment.id
    returned = brought or (None if attempt is None else attempt.brought_back)
    if returned is None:
        await payments.sync(merchant, payment_id, claim=None)
    else:
        await payments.confirm(merchant, payment_id, None, returned=returned, claim=None, now=now)
