"""What recovery asks of the subjects around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from recoup.disputes.core.records import Dispute
from recoup.gate.core import Due, Passage
from recoup.merchants.core import Merchant
from recoup.payments.core import Reason
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.facts import PaymentFacts
from recoup.payments.flow.parts import Portion
from recoup.recovery.core import NotOpened
from recoup.recovery.core.arms import Arm
from recoup.recovery.core.learned import Taught
from recoup.recovery.core.policy import Policy, policy_of
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


class Parts(Protocol):
    """What recovery asks of payments that are charged in parts."""

    async def charge(self, merchant: Merchant, payment_id: UUID, portion: Portion, *, now: datetime) -> None:
        """Try a part once; refuses where the payment, or the part, cannot be tried."""
        ...

    async def settle(self, merchant: Merchant, part_id: UUID, now: datetime) -> datetime | None:
        """Take in what a part came to; when to look again, where that is open."""
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


@dataclass(frozen=True, slots=True)
class Chosen:
    """By which policy a recovery goes, and to which arm it belongs."""

    policy: Policy
    arm: Arm | None = None


class Policies(Protocol):
    """By which policies recoveries go."""

    async def opening(self, merchant: Merchant, facts: PaymentFacts) -> Chosen | NotOpened:
        """By which one a recovery of this payment would go; none where the policy does not take on its refusal."""
        ...

    async def newest(self, merchant_id: UUID, name: str) -> Policy:
        """The policy of that name as it is now."""
        ...

    async def of(self, merchant_id: UUID, name: str, version: int | None) -> Policy:
        """A version of a policy; None: the built-in one."""
        ...


class BuiltIn:
    """The policies that are built in, and nobody is held out."""

    async def opening(self, merchant: Merchant, facts: PaymentFacts) -> Chosen | NotOpened:
        """See `Policies`."""
        del merchant
        return Chosen(policy_of(facts.recovery_policy))

    async def newest(self, merchant_id: UUID, name: str) -> Policy:
        """See `Policies`."""
        del merchant_id
        return policy_of(name)

    async def of(self, merchant_id: UUID, name: str, version: int | None) -> Policy:
        """See `Policies`."""
        del merchant_id, version
        return policy_of(name)
