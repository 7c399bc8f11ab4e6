"""What we know of a payment: its rows as values, and its sums.

Rows are msgspec structs, which are made and changed several times for each payment at a fifth of a dataclass's cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from msgspec import Struct

from recoup.kit.money import Money
from recoup.outcomes.core import Decline, Script
from recoup.payments.core.machine import (
    HOLDS_MONEY_MAYBE,
    AttemptState,
    OperationKind,
    OperationState,
    Reason,
    Status,
)

ATTEMPTS_MAX: Final = 50
"""The most attempts one payment can ever have, over all calls and recoveries."""
OPERATIONS_MAX: Final = 100
"""The most captures, cancellations and refunds of one payment."""


@dataclass(frozen=True, slots=True)
class DeclineRecord:
    """A decline and when it came."""

    decline: Decline
    at: datetime


@dataclass(frozen=True, slots=True)
class NextAction:
    """What the customer must do: go to `url`, or where `hosted` to our page for the attempt."""

    url: str
    hosted: bool = False


@dataclass(frozen=True, slots=True)
class Amounts:
    """The sums of one payment, in minor units of its currency.

    `authorized` is what an issuer approved; of it `captured` was taken, `capture_pending` is being taken,
    `released` was let go. `refunded` was given back, `refund_pending` is on its way. Two laws hold always, and the
    database keeps them too: captured + capture_pending + released <= authorized, and refunded + refund_pending <=
    captured.
    """

    amount: int
    authorized: int = 0
    captured: int = 0
    capture_pending: int = 0
    released: int = 0
    refunded: int = 0
    refund_pending: int = 0

    def __post_init__(self) -> None:
        parts = (self.captured, self.capture_pending, self.released, self.refunded, self.refund_pending)
        assert min(parts) >= 0, "no part of a payment is negative"
        assert self.authorized in (0, self.amount), "an approval is for the whole amount"
        assert self.captured + self.capture_pending + self.released <= self.authorized, "more taken than held"
        assert self.refunded + self.refund_pending <= self.captured, "more given back than taken"

    @property
    def capturable(self) -> int:
        """What may still be captured."""
        return self.authorized - self.captured - self.capture_pending - self.released

    @property
    def refundable(self) -> int:
        """What may still be refunded."""
        return self.captured - self.refunded - self.refund_pending


class Payment(Struct, frozen=True):
    """One payment as its row has it. `attempt_id` names the attempt that holds, or last tried to hold, the money."""

    merchant_id: UUID
    id: UUID
    status: Status
    version: int
    events_count: int
    amount: int
    currency: str
    capture: str
    initiator: str
    customer_id: UUID | None
    payment_method_id: UUID | None
    merchant_reference: str | None
    return_url: str | None
    routing: tuple[UUID, ...] | None
    recovery_policy: str | None
    recovery_id: UUID | None
    authorized: int
    captured: int
    capture_pending: int
    released: int
    refunded: int
    refund_pending: int
    attempts_count: int
    attempt_id: UUID | None
    processor_account_id: UUID | None
    decline: DeclineRecord | None
    failure: str | None
    next_action: NextAction | None
    metadata: dict[str, str]
    created_at: datetime
    updated_at: datetime
    agreement: str | None = None
    merchant_category: str | None = None
    debt: int | None = None
    """What was owed at first, where a part of it may be charged by itself; `amount` is what is left of it. None: it is
    charged whole or not at all."""
    part_id: UUID | None = None
    """The payment that charges, or once charged, a part of it: there is one at most."""
    part_open: bool | None = None
    """Whether that one may still bring money; until then this payment is not charged."""
    part_of: UUID | None = None
    """The payment of which this one is a part."""

    @property
    def in_part(self) -> int:
        """What a part of it brought."""
        return 0 if self.debt is None else self.debt - self.amount

    @property
    def amounts(self) -> Amounts:
        """Its sums."""
        return Amounts(
            self.amount,
            self.authorized,
            self.captured,
            self.capture_pending,
            self.released,
            self.refunded,
            self.refund_pending,
        )

    @property
    def money(self) -> Money:
        """What the merchant wants to be paid."""
        return Money(self.amount, self.currency)


class Action(Struct, frozen=True):
    """What a page of ours does in the customer's browser, and what the connector needs to go on with afterwards.

    `step` tells the actions of one attempt apart.
    """

    url: str
    step: int = 1
    form: dict[str, str] | None = None
    script: Script | None = None
    kept: dict[str, str] = {}

    def __repr__(self) -> str:
        """Without what opens the challenge."""
        return f"Action(step={self.step})"


PLAIN_STEP: Final = 0
"""The step of what came back from a plain link."""


class Returned(Struct, frozen=True):
    """What the customer's browser brought back from an action, by the action's step."""

    step: int
    parameters: dict[str, str]

    def __repr__(self) -> str:
        """Without what it was."""
        return f"Returned(step={self.step})"


BY_HAND: Final = "resolved by hand"
"""How the reason begins that an attempt has which a person closed."""


class Attempt(Struct, frozen=True):
    """One request to one processor account to move money for a payment."""

    merchant_id: UUID
    id: UUID
    payment_id: UUID
    number: int
    reason: Reason
    state: AttemptState
    processor_account_id: UUID
    payment_method_id: UUID
    fingerprint: str
    brand: str
    amount: int
    reference: str | None
    decline: Decline | None
    why: str | None
    rule: str | None
    action_url: str | None
    decision_id: UUID
    asked: int
    started_at: datetime
    finished_at: datetime | None
    latency_ms: int | None
    action: Action | None = None
    returned: Returned | None = None

    @property
    def is_by_hand(self) -> bool:
        """Whether a person closed it, not its processor."""
        return self.why is not None and self.why.startswith(BY_HAND)

    @property
    def brought_back(self) -> dict[str, str] | None:
        """What came back from the action that the attempt waits for, or waited for last; None: nothing yet."""
        action, returned = self.action, self.returned
        if action is None or returned is None or returned.step != action.step:
            return None
        return returned.parameters

    def __repr__(self) -> str:
        """Without the fingerprint, which would tell one card from another."""
        return f"Attempt(id={self.id}, number={self.number}, state={self.state})"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a capture, cancellation or refund did not happen."""

    code: str
    message: str


class Operation(Struct, frozen=True):
    """A capture, cancellation or refund. `final` says that a capture lets go of the rest. `attempt_id` is the attempt
    whose money it is about; older rows do not say."""

    merchant_id: UUID
    id: UUID
    payment_id: UUID
    kind: OperationKind
    state: OperationState
    amount: int
    currency: str
    final: bool
    reason: str | None
    reference: str | None
    failure: Failure | None
    why: str | None
    asked: int
    metadata: dict[str, str]
    created_at: datetime
    finished_at: datetime | None
    attempt_id: UUID | None = None


class Snapshot(Struct, frozen=True):
    """A payment with all that belongs to it: what a step is planned from, and what the API shows."""

    payment: Payment
    attempts: tuple[Attempt, ...] = ()
    operations: tuple[Operation, ...] = ()

    @property
    def open_attempt(self) -> Attempt | None:
        """The attempt that might hold money, if there is one: there is never a second."""
        held = [attempt for attempt in self.attempts if attempt.state in HOLDS_MONEY_MAYBE]
        assert len(held) <= 1, "two attempts of one payment may hold money"
        return held[0] if held else None

    def attempt(self, attempt_id: UUID) -> Attempt | None:
        """One of its attempts."""
        return next((one for one in self.attempts if one.id == attempt_id), None)

    def operation(self, operation_id: UUID) -> Operation | None:
        """One of its captures, cancellations or refunds."""
        return next((one for one in self.operations if one.id == operation_id), None)


@dataclass(frozen=True, slots=True)
class NewPayment:
    """What the caller asks for, parsed. `divisible`: a part of it may be charged by itself, should it be refused."""

    id: UUID
    merchant_id: UUID
    money: Money
    capture: str
    initiator: str
    customer_id: UUID | None
    merchant_reference: str | None
    return_url: str | None
    routing: tuple[UUID, ...] | None
    recovery_policy: str | None
    metadata: dict[str, str]
    agreement: str | None = None
    merchant_category: str | None = None
    divisible: bool = False
    part_of: UUID | None = None
