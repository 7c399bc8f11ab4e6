"""What recovery asks of the subjects around it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from recoup.disputes.core.records import Dispute
from recoup.gate.core import Due, Passage
from recoup.merchants.core import Merchant
from recoup.payments.core import Reason
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.core.learned import Taught
from recoup.vault.core import Customer


class Payments(Protocol):
    """What recovery asks of payments."""

    async def facts(self, merchant: Merchant, payment_id: UUID) -> PaymentFacts | None:
        """What is known of a payment; None where there is none."""
        ...

    async def retry(
        self,
        merchant: Merchant,
        payment_id: UUID,
        *,
        reason: Reason,
        accounts: Sequence[UUID] | None,
        now: datetime,
    ) -> PaymentStatus:
        """One more try; refuses where the payment's state forbids it."""
        ...

    async def attach_recovery(self, merchant: Merchant, payment_id: UUID, recovery_id: UUID) -> None:
        """Name the recovery that was opened for a payment."""
        ...

    async def on_same_card(self, merchant: Merchant, payment_id: UUID, *, since: datetime) -> Sequence[UUID]:
        """The payments that were tried since then on the card of this one."""
        ...


class Customers(Protocol):
    """What recovery asks of the vault."""

    async def get(self, merchant_id: UUID, customer_id: UUID) -> Customer:
        """One customer; refuses with 404."""
        ...


class Disputes(Protocol):
    """What recovery asks of disputes."""

    async def get(self, merchant: Merchant, dispute_id: UUID) -> Dispute:
        """One dispute; refuses with 404."""
        ...

    async def stops(
        self, merchant: Merchant, *, payment_method_id: UUID | None, fingerprint: str | None
    ) -> str | None:
        """Why nothing may be tried on this card, or None."""
        ...


class Gate(Protocol):
    """What may hold a try that is due."""

    async def passage(self, merchant: Merchant, due: Due, now: datetime) -> Passage:
        """Whether it may be made, and where."""
        ...


class Models(Protocol):
    """What was learned from merchants' own tries."""

    async def of(self, merchant_id: UUID) -> Taught | None:
        """The model that this merchant's plans go by; None: sourced priors alone."""
        ...
