"""The plan for what turns out not to have lasted: money that was returned, a capture or refund that failed after all.

Only evidence leads here. Each step takes the sums back to what is true, so that their two laws hold on; where they
could not hold, or where something of the payment is still under way, it is hindered, and nothing changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias, assert_never
from uuid import UUID

from msgspec.structs import replace

from recoup.kit.cardlike import kept
from recoup.outcomes.core import Declined, Refused
from recoup.payments.core.answers import WORDS_MAX
from recoup.payments.core.machine import (
    AttemptNews,
    AttemptState,
    News,
    OperationKind,
    OperationNews,
    OperationState,
    Status,
    attempt_moved,
    moved,
    operation_moved,
)
from recoup.payments.core.records import Attempt, DeclineRecord, Failure, Operation, Payment, Snapshot
from recoup.payments.core.step import Step
from recoup.payments.core.steps import OPEN_OPERATIONS, ask_at_of

_HELD: Final = frozenset({Status.AUTHORIZED, Status.PARTIALLY_CAPTURED})


@dataclass(frozen=True, slots=True)
class MoneyReturned:
    """What an attempt took was returned, whole."""

    attempt_id: UUID
    declined: Declined


@dataclass(frozen=True, slots=True)
class CaptureLost:
    """A capture failed after it was done; without an operation, the capture that came with the approval."""

    operation_id: UUID | None
    refused: Refused


@dataclass(frozen=True, slots=True)
class RefundLost:
    """A refund failed after it was done: the money is back."""

    operation_id: UUID
    refused: Refused


@dataclass(frozen=True, slots=True)
class HoldGone:
    """The processor let go of what was held and not captured, without being asked by us."""

    attempt_id: UUID


Undoing: TypeAlias = MoneyReturned | CaptureLost | RefundLost | HoldGone


class Hindrance(StrEnum):
    """Why something is not undone now."""

    UNDER_WAY = "under_way"
    """Something of the payment has no end yet: first that, then this."""
    GIVEN_BACK = "given_back"
    """Of the money that came back, some was refunded before: a person must see."""
    NOT_HELD = "not_held"
    """The payment does not hold that money."""


def hindrance(snapshot: Snapshot, undoing: Undoing) -> Hindrance | None:
    """What stands against undoing; None: nothing."""
    match undoing:
        case MoneyReturned():
            return _against_return(snapshot, undoing)
        case CaptureLost():
            return _against_capture_lost(snapshot, undoing)
        case RefundLost():
            refund = snapshot.operation(undoing.operation_id)
            done = refund is not None and refund.state is OperationState.SUCCEEDED
            return None if done else Hindrance.NOT_HELD
        case HoldGone():
            if snapshot.payment.status not in _HELD or not _is_held_by(snapshot, undoing.attempt_id):
                return Hindrance.NOT_HELD
            return Hindrance.UNDER_WAY if _changes_the_hold(snapshot) else None
        case _:
            assert_never(undoing)


def _against_return(snapshot: Snapshot, undoing: MoneyReturned) -> Hindrance | None:
    payment = snapshot.payment
    if payment.status is not Status.CAPTURED or not _is_held_by(snapshot, undoing.attempt_id):
        return Hindrance.NOT_HELD
    if any(one.state in OPEN_OPERATIONS for one in snapshot.operations):
        return Hindrance.UNDER_WAY
    return Hindrance.GIVEN_BACK if payment.refunded else None


def _against_capture_lost(snapshot: Snapshot, undoing: CaptureLost) -> Hindrance | None:
    payment, amount = snapshot.payment, _captured_amount(snapshot, undoing.operation_id)
    if not amount:
        return Hindrance.NOT_HELD
    if _changes_the_hold(snapshot):
        return Hindrance.UNDER_WAY
    given_back = payment.refunded + payment.refund_pending
    return Hindrance.GIVEN_BACK if given_back > payment.captured - amount else None


def _is_held_by(snapshot: Snapshot, attempt_id: UUID) -> bool:
    attempt = snapshot.attempt(attempt_id)
    return attempt is not None and attempt.state is AttemptState.APPROVED


def _changes_the_hold(snapshot: Snapshot) -> bool:
    """Whether a capture or a cancellation is under way."""
    return any(
        one.kind is not OperationKind.REFUND and one.state in OPEN_OPERATIONS for one in snapshot.operations
    )


def _captured_amount(snapshot: Snapshot, operation_id: UUID | None) -> int:
    """How much a capture that was done took; 0 where there is no such capture."""
    if operation_id is not None:
        capture = snapshot.operation(operation_id)
        done = capture is not None and capture.state is OperationState.SUCCEEDED
        return _amount_of(capture) if done else 0
    payment = snapshot.payment
    return payment.captured if payment.status is Status.CAPTURED and taken_at_once(snapshot) else 0


def taken_at_once(snapshot: Snapshot) -> bool:
    """Whether what is captured came with the approval, not by captures of ours."""
    captures = (one for one in snapshot.operations if one.kind is OperationKind.CAPTURE)
    by_us = any(one.state is OperationState.SUCCEEDED for one in captures)
    return snapshot.payment.captured > 0 and not by_us


def _amount_of(operation: Operation | None) -> int:
    return 0 if operation is None else operation.amount


def undone(snapshot: Snapshot, undoing: Undoing, *, now: datetime) -> Step:
    """Undo it. Nothing may hinder it."""
    assert hindrance(snapshot, undoing) is None, "what is hindered is not undone"
    match undoing:
        case MoneyReturned():
            return _returned(snapshot, undoing, now=now)
        case CaptureLost():
            return _uncaptured(snapshot, undoing, now=now)
        case RefundLost():
            return _unrefunded(snapshot, undoing, now=now)
        case HoldGone():
            return _let_go(snapshot, now=now)
        case _:
            assert_never(undoing)


def _returned(snapshot: Snapshot, undoing: MoneyReturned, *, now: datetime) -> Step:
    payment, decline = snapshot.payment, undoing.declined.decline
    attempts = tuple(
        _reversed(one, undoing.declined, now=now) if one.id == undoing.attempt_id else one
        for one in snapshot.attempts
    )
    failure = Failure("reversed", "The payment was returned after it was captured.")
    operations = tuple(_failed(one, failure, now=now) if _took(one) else one for one in snapshot.operations)
    nothing = replace(
        payment,
        status=moved(payment.status, News.REVERSED),
        authorized=0,
        captured=0,
        released=0,
        decline=DeclineRecord(decline, now),
    )
    return _step(
        snapshot,
        nothing,
        ("payment.reversed", "payment.declined"),
        now=now,
        attempts=attempts,
        operations=operations,
    )


def _reversed(attempt: Attempt, declined: Declined, *, now: datetime) -> Attempt:
    return replace(
        attempt,
        state=attempt_moved(attempt.state, AttemptNews.REVERSED),
        decline=declined.decline,
        rule=declined.decline.rule,
        finished_at=now,
    )


def _took(operation: Operation) -> bool:
    return operation.kind is OperationKind.CAPTURE and operation.state is OperationState.SUCCEEDED


def _failed(operation: Operation, failure: Failure, *, now: datetime) -> Operation:
    state = operation_moved(operation.state, OperationNews.UNDONE)
    return replace(operation, state=state, failure=failure, finished_at=now)


def _failure(refused: Refused) -> Failure:
    return Failure(kept(refused.code, longest=WORDS_MAX), kept(refused.message, longest=WORDS_MAX))


def _uncaptured(snapshot: Snapshot, undoing: CaptureLost, *, now: datetime) -> Step:
    payment = snapshot.payment
    left = payment.captured - _captured_amount(snapshot, undoing.operation_id)
    news = News.UNCAPTURED_SOME if left else News.UNCAPTURED_ALL
    changed = replace(payment, captured=left, status=moved(payment.status, news))
    operations = _with_failed(snapshot, undoing.operation_id, undoing.refused, now=now)
    return _step(snapshot, changed, ("payment.capture_failed",), now=now, operations=operations)


def _unrefunded(snapshot: Snapshot, undoing: RefundLost, *, now: datetime) -> Step:
    payment, refund = snapshot.payment, snapshot.operation(undoing.operation_id)
    changed = replace(payment, refunded=payment.refunded - _amount_of(refund))
    operations = _with_failed(snapshot, undoing.operation_id, undoing.refused, now=now)
    happened = ("refund.failed", "payment.refund_failed")
    step = _step(snapshot, changed, happened, now=now, operations=operations)
    return replace(step, operation_id=undoing.operation_id)


def _let_go(snapshot: Snapshot, *, now: datetime) -> Step:
    payment = snapshot.payment
    news = News.RELEASED_ALL if payment.captured == 0 else News.RELEASED_REST
    released = payment.released + payment.amounts.capturable
    changed = replace(payment, released=released, status=moved(payment.status, news))
    return _step(snapshot, changed, (f"payment.{changed.status}",), now=now)


def _with_failed(
    snapshot: Snapshot, operation_id: UUID | None, refused: Refused, *, now: datetime
) -> tuple[Operation, ...]:
    failure = _failure(refused)
    return tuple(
        _failed(one, failure, now=now) if one.id == operation_id else one for one in snapshot.operations
    )


def _step(
    snapshot: Snapshot,
    changed: Payment,
    happened: tuple[str, ...],
    *,
    now: datetime,
    attempts: tuple[Attempt, ...] | None = None,
    operations: tuple[Operation, ...] | None = None,
) -> Step:
    payment = replace(
        changed,
        version=snapshot.payment.version + 1,
        events_count=snapshot.payment.events_count + sum(fact.startswith("payment.") for fact in happened),
        updated_at=now,
    )
    after = Snapshot(
        payment,
        snapshot.attempts if attempts is None else attempts,
        snapshot.operations if operations is None else operations,
    )
    return Step(snapshot, after, happened, ask_at_of(after, now))
