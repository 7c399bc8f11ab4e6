"""How a payment of tests begins, without a database: opened, and aimed at a processor."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.kit.money import Money
from recoup.payments.core import NewPayment, Reason, steps
from recoup.payments.core.step import Step, Target

START: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
PATIENCE: Final = timedelta(seconds=40)
AMOUNT: Final = 1000


def opened() -> Step:
    new = NewPayment(
        id=UUID(int=1),
        merchant_id=UUID(int=2),
        money=Money(AMOUNT, "USD"),
        capture="manual",
        initiator="customer",
        customer_id=None,
        merchant_reference=None,
        return_url=None,
        routing=None,
        recovery_policy=None,
        metadata={},
    )
    return steps.opened(new, payment_method_id=None, now=START)


def target(number: int) -> Target:
    return Target(
        attempt_id=UUID(int=1000 + number),
        decision_id=UUID(int=number),
        processor_account_id=UUID(int=3),
        payment_method_id=UUID(int=4),
        fingerprint="\\x00",
        brand="visa",
        reason=Reason.INITIAL,
    )
