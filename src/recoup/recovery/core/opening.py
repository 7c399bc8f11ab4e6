"""Whether a payment's refusal opens a recovery, and of which news of a payment one wants to hear."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from recoup.outcomes.core.retry import later
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.core.machine import STANDINGS, Standing
from recoup.recovery.core.planning import FOR_EVER, customer_mends
from recoup.recovery.core.policy import NO_RECOVERY
from recoup.recovery.core.renewed import needs_another_card

_REFUSALS: Final = frozenset({"payment.declined", "payment.failed"})
LISTENED: Final = _REFUSALS | {"payment.authorized", "payment.captured", "payment.canceled"}
"""The events of payments that a recovery may have to hear."""


@dataclass(frozen=True, slots=True)
class Opens:
    """A recovery is to be opened."""


@dataclass(frozen=True, slots=True)
class NotOpened:
    """No recovery, and why."""

    why: str


def opens(payment: PaymentFacts) -> Opens | NotOpened:
    """Whether a payment's refusal opens a recovery: only a soft one, of a payment that the merchant initiated."""
    if payment.initiator != "merchant":
        return NotOpened("the customer was there and can act at once")
    if payment.recovery_policy == NO_RECOVERY:
        return NotOpened("the merchant wants none for this payment")
    if STANDINGS[payment.status] is not Standing.REFUSED:
        return NotOpened(f"the payment is {payment.status}")
    if payment.decline is None:
        return Opens() if payment.status is PaymentStatus.FAILED else NotOpened("there is no decline")
    decline = payment.decline.decline
    if needs_another_card(decline):
        return Opens()
    if decline.rule in FOR_EVER:
        return NotOpened(f"the network allows no further try ({decline.rule})")
    verdict = later(decline)
    if verdict.allowed or customer_mends(decline):
        return Opens()
    return NotOpened(verdict.why)


def listens(fact: str, *, initiator: str, recovery_policy: str | None, recovery_id: UUID | None) -> bool:
    """Whether recovery wants to hear of this event of a payment: what may open a recovery, or change one."""
    if fact in _REFUSALS:
        return recovery_id is not None or (initiator == "merchant" and recovery_policy != NO_RECOVERY)
    return recovery_id is not None and fact in LISTENED
