"""What a processor writes down: operations, and what may still be captured, let go of or given back of a charge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from recoup.kit.money import Money
from recoup.sandbox.core.processors import Processor, ProcessorName

CHANGES_MAX: Final = 100
"""How many captures, cancellations and refunds one charge may have."""


class OperationKind(StrEnum):
    """What a key stands for. A withdrawal is a key that was burnt before anything came with it."""

    CHARGE = "charge"
    VERIFICATION = "verification"
    CAPTURE = "capture"
    CANCELLATION = "cancellation"
    REFUND = "refund"
    WITHDRAWAL = "withdrawal"


class OperationState(StrEnum):
    """Where an operation stands. Charges are approved or declined; changes are done or refused, or fail later."""

    APPROVED = "approved"
    DECLINED = "declined"
    PENDING = "pending"
    REQUIRES_ACTION = "requires_action"
    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that was asked for under one key: a charge, or a change of one (`charge_key`, and `charge_reference`,
    the processor's name for it), or a burnt key.

    From `due_at` on it is in `due_state`. `card` names the card without its number, `account` the account that pays,
    `held` what was taken of that (in its own currency). Times are the world's.
    """

    processor: ProcessorName
    key: str
    epoch: int
    kind: OperationKind
    state: OperationState
    reference: str
    created_at: datetime
    due_at: datetime | None = None
    due_state: OperationState | None = None
    charge_key: str | None = None
    charge_reference: str | None = None
    order_key: str | None = None
    merchant_reference: str | None = None
    amount: int | None = None
    currency: str | None = None
    capture: bool | None = None
    by_merchant: bool | None = None
    card: str | None = None
    brand: str | None = None
    country: str | None = None
    account: str | None = None
    held: int | None = None
    exp_month: int | None = None
    exp_year: int | None = None
    cvc_given: bool | None = None
    postal_code_given: bool | None = None
    return_url: str | None = None
    decline_code: str | None = None
    network_code: str | None = None
    advice_code: str | None = None
    message: str | None = None
    cvc_check: str | None = None
    postal_code_check: str | None = None
    address_check: str | None = None
    network_transaction_id: str | None = None
    remember: bool | None = None

    def state_at(self, now: datetime) -> OperationState:
        """Where it stands: what was to come has come once its time is there."""
        if self.due_state is not None and self.due_at is not None and self.due_at <= now:
            return self.due_state
        return self.state

    @property
    def money(self) -> Money:
        """What it is about; a burnt key is about nothing."""
        assert self.amount is not None and self.currency is not None, "a withdrawal has no amount"
        return Money(self.amount, self.currency)

    @property
    def asked_for(self) -> Money:
        """What its customer authenticates for: a verification is for nothing."""
        assert self.currency is not None, "a withdrawal has no customer"
        return Money(self.amount or 0, self.currency)

    def is_saved_at(self, now: datetime) -> bool:
        """Whether the processor remembers its card: it was asked to, and the issuer had nothing against it."""
        known = self.card is not None and not self.card.startswith("unknown:")
        return bool(self.remember) and known and self.state_at(now) is OperationState.APPROVED


@dataclass(frozen=True, slots=True)
class Book:
    """The money of one approved charge, in the smallest unit of its currency."""

    authorized: int
    captured: int = 0
    released: int = 0
    refunded: int = 0
    captures: int = 0

    @property
    def capturable(self) -> int:
        """What is still held."""
        return self.authorized - self.captured - self.released

    @property
    def refundable(self) -> int:
        """What was taken and not given back."""
        return self.captured - self.refunded


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a change is not carried out."""

    code: str
    message: str


def book(charge: Operation, changes: Iterable[Operation], *, now: datetime) -> Book:
    """Add up a charge. What is pending counts as done; a charge that is not approved holds nothing."""
    if charge.kind is not OperationKind.CHARGE or charge.state_at(now) is not OperationState.APPROVED:
        return Book(0)
    authorized = charge.money.minor
    captured, released, refunded, captures = (authorized, 0, 0, 1) if charge.capture else (0, 0, 0, 0)
    for change in changes:
        if change.state_at(now) not in _COUNTS:
            continue
        amount = change.money.minor
        match change.kind:
            case OperationKind.CAPTURE:
                captured, captures = captured + amount, captures + 1
            case OperationKind.CANCELLATION:
                released += amount
            case OperationKind.REFUND:
                refunded += amount
            case OperationKind.CHARGE | OperationKind.VERIFICATION | OperationKind.WITHDRAWAL:
                raise AssertionError("not a change")
    return Book(authorized, captured, released, refunded, captures)


def capture(of: Book, amount: int, processor: Processor) -> Refused | None:
    """Why this cannot be captured, or None."""
    if of.captures and not processor.multiple_captures:
        return Refused("already_captured", "This processor captures a charge once.")
    if amount > of.capturable:
        return Refused("amount_too_large", f"There is no more than {of.capturable} left to capture.")
    return None


def cancellation(of: Book) -> Refused | None:
    """Why there is nothing to let go of, or None."""
    return None if of.capturable else Refused("nothing_to_cancel", "Nothing of this charge is held any more.")


def refund(of: Book, amount: int) -> Refused | None:
    """Why this cannot be given back, or None."""
    if amount > of.refundable:
        return Refused("amount_too_large", f"There is no more than {of.refundable} left to refund.")
    return None


_COUNTS: Final = frozenset({OperationState.DONE, OperationState.PENDING})
