"""The plan for captures, cancellations and refunds: what each reserves, and what its answer does to the sums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

from msgspec.structs import replace

from recoup.kit.cardlike import kept
from recoup.kit.refusals import Refusal, conflict, invalid
from recoup.outcomes.core import Done, FollowUp, Pending, Refused, Unknown, Unprocessed, Withdrawn
from recoup.payments.core.answers import WORDS_MAX, why_of
from recoup.payments.core.machine import (
    OPERATION_MOVES,
    News,
    OperationKind,
    OperationNews,
    OperationState,
    Status,
    moved,
    operation_moved,
)
from recoup.payments.core.records import OPERATIONS_MAX, Failure, Operation, Payment, Snapshot
from recoup.payments.core.step import Step
from recoup.payments.core.steps import ask_at_of

_HOLDING: Final = frozenset({Status.AUTHORIZED, Status.PARTIALLY_CAPTURED})
_TAKEN: Final = frozenset({Status.PARTIALLY_CAPTURED, Status.CAPTURED})
_UNDER_WAY: Final = frozenset({OperationState.STARTED, OperationState.PENDING, OperationState.UNKNOWN})
_OPEN_OUTCOMES: Final = frozenset({Status.PROCESSING, Status.UNRESOLVED})


@dataclass(frozen=True, slots=True)
class NewOperation:
    """What the caller asks for. `amount` None means all there is; `final` lets go of what a capture leaves."""

    id: UUID
    kind: OperationKind
    amount: int | None = None
    final: bool = False
    reason: str | None = None
    metadata: dict[str, str] | None = None


def begun(snapshot: Snapshot, new: NewOperation, *, now: datetime, patience: timedelta) -> Step:
    """Reserve the amount and note the operation as started, before anything is sent."""
    payment = snapshot.payment
    if len(snapshot.operations) >= OPERATIONS_MAX:
        raise conflict(
            "operations_exhausted", f"A payment takes {OPERATIONS_MAX} captures and refunds at most."
        )
    amount = _allowed_amount(snapshot, new)
    held = snapshot.open_attempt
    assert held is not None, "money that can be changed is held by an attempt"
    operation = Operation(
        merchant_id=payment.merchant_id,
        id=new.id,
        payment_id=payment.id,
        kind=new.kind,
        state=OperationState.STARTED,
        amount=amount,
        currency=payment.currency,
        final=new.final,
        reason=new.reason,
        reference=None,
        failure=None,
        why=None,
        asked=0,
        metadata=new.metadata or {},
        created_at=now,
        finished_at=None,
        attempt_id=held.id,
    )
    changed = replace(_reserved(payment, operation), version=payment.version + 1, updated_at=now)
    happened = ("refund.created",) if new.kind is OperationKind.REFUND else ()
    after = replace(snapshot, payment=changed, operations=(*snapshot.operations, operation))
    return Step(snapshot, after, happened, ask_at=now + patience, operation_id=new.id)


def _allowed_amount(snapshot: Snapshot, new: NewOperation) -> int:
    payment, amounts = snapshot.payment, snapshot.payment.amounts
    match new.kind:
        case OperationKind.CAPTURE:
            _need(payment, _HOLDING, "captured", "authorized or partially captured")
            _alone(snapshot)
            return _within(new.amount, amounts.capturable, "amount_too_large", "captured")
        case OperationKind.CANCEL:
            _need(payment, _HOLDING, "canceled", "authorized or partially captured")
            _alone(snapshot)
            return amounts.capturable
        case OperationKind.REFUND:
            _need(payment, _TAKEN, "refunded", "captured")
            return _within(new.amount, amounts.refundable, "amount_too_large", "refunded")
        case _:
            assert_never(new.kind)


def _need(payment: Payment, statuses: frozenset[Status], verb: str, needed: str) -> None:
    if payment.status not in statuses:
        message = f"This payment is {payment.status}; only a payment that is {needed} can be {verb}."
        if payment.status in _OPEN_OUTCOMES:
            message = f"{message} Its outcome is not known yet: wait for it, then ask again."
        raise conflict("payment_unexpected_state", message)


def _alone(snapshot: Snapshot) -> None:
    for one in snapshot.operations:
        if one.kind is not OperationKind.REFUND and one.state in _UNDER_WAY:
            message = (
                f"A {one.kind} of this payment is under way; wait for its end before you ask for another."
            )
            raise conflict("operation_under_way", message, retry_after_s=1)


def _within(asked: int | None, limit: int, code: str, verb: str) -> int:
    if limit <= 0:
        raise _nothing_left(verb)
    if asked is None:
        return limit
    if asked > limit:
        raise invalid(code, f"At most {limit} can be {verb} now; ask for {limit} or less.", param="amount")
    return asked


def _nothing_left(verb: str) -> Refusal:
    return conflict(f"nothing_to_be_{verb}", f"Nothing of this payment is left to be {verb}.")


def _reserved(payment: Payment, operation: Operation) -> Payment:
    match operation.kind:
        case OperationKind.CAPTURE:
            return replace(payment, capture_pending=payment.capture_pending + operation.amount)
        case OperationKind.CANCEL:
            return payment
        case OperationKind.REFUND:
            return replace(payment, refund_pending=payment.refund_pending + operation.amount)
        case _:
            assert_never(operation.kind)


def takes(operation: Operation, answer: FollowUp | Withdrawn) -> bool:
    """Whether an operation still takes this answer: an ended one takes none, one that waits no `Unprocessed`."""
    return _news(answer) in OPERATION_MOVES[operation.state]


def contradicts(operation: Operation, answer: FollowUp | Withdrawn) -> bool:
    """Whether an answer that an operation does not take tells another end than is known."""
    match answer:
        case Done():
            return operation.state is not OperationState.SUCCEEDED
        case Refused() | Unprocessed() | Withdrawn():
            return operation.state is not OperationState.FAILED
        case Unknown() | Pending():
            return False
        case _:
            assert_never(answer)


def concluded(
    snapshot: Snapshot, operation_id: UUID, answer: FollowUp | Withdrawn, *, now: datetime
) -> Step | None:
    """What the answer to an operation, or evidence about it, does; None where it says nothing new."""
    payment = snapshot.payment
    operation = snapshot.operation(operation_id)
    assert operation is not None, "an answer to an operation that is not there"
    if _says_nothing_new(operation, answer):
        return None
    news = _news(answer)
    state = operation_moved(operation.state, news)
    closed = replace(
        operation,
        state=state,
        reference=getattr(answer, "reference", None) or operation.reference,
        failure=_failure(answer),
        why=why_of(answer),
        finished_at=None if state in _UNDER_WAY else now,
    )
    changed = _settled(payment, closed)
    happened = _happened(changed, closed)
    changed = replace(
        changed,
        version=payment.version + 1,
        events_count=payment.events_count + sum(fact.startswith("payment.") for fact in happened),
        updated_at=now,
    )
    operations = tuple(closed if one.id == operation_id else one for one in snapshot.operations)
    after = replace(snapshot, payment=changed, operations=operations)
    return Step(snapshot, after, happened, ask_at_of(after, now), operation_id=operation_id)


def _says_nothing_new(operation: Operation, answer: FollowUp | Withdrawn) -> bool:
    match answer:
        case Unknown():
            return operation.state is not OperationState.STARTED
        case Pending():
            return operation.state is OperationState.PENDING
        case Done() | Refused() | Unprocessed() | Withdrawn():
            return False
        case _:
            assert_never(answer)


def _news(answer: FollowUp | Withdrawn) -> OperationNews:
    match answer:
        case Done():
            return OperationNews.DONE
        case Refused():
            return OperationNews.REFUSED
        case Unprocessed():
            return OperationNews.UNPROCESSED
        case Unknown():
            return OperationNews.UNKNOWN
        case Pending():
            return OperationNews.PENDING
        case Withdrawn():
            return OperationNews.WITHDRAWN
        case _:
            assert_never(answer)


def _failure(answer: FollowUp | Withdrawn) -> Failure | None:
    match answer:
        case Refused(code=code, message=message):
            return Failure(kept(code, longest=WORDS_MAX), kept(message, longest=WORDS_MAX))
        case Unprocessed():
            return Failure(
                "processor_unavailable", "The processor could not be reached; nothing happened. Try again."
            )
        case Withdrawn():
            return Failure(
                "not_carried_out", "The processor confirmed that it did nothing and never will. Try again."
            )
        case Done() | Unknown() | Pending():
            return None
        case _:
            assert_never(answer)


def _settled(payment: Payment, closed: Operation) -> Payment:
    """The sums and the status after an operation's end; the payment as it is while the operation is under way."""
    if closed.state in _UNDER_WAY:
        return payment
    done = closed.state is OperationState.SUCCEEDED
    match closed.kind:
        case OperationKind.CAPTURE:
            freed = replace(payment, capture_pending=payment.capture_pending - closed.amount)
            return _captured(freed, closed) if done else freed
        case OperationKind.CANCEL:
            return _released(payment, closed.amount) if done else payment
        case OperationKind.REFUND:
            freed = replace(payment, refund_pending=payment.refund_pending - closed.amount)
            return replace(freed, refunded=freed.refunded + closed.amount) if done else freed
        case _:
            assert_never(closed.kind)


def _captured(payment: Payment, closed: Operation) -> Payment:
    taken = replace(payment, captured=payment.captured + closed.amount)
    rest = taken.amounts.capturable
    if rest and not closed.final:
        return replace(taken, status=moved(payment.status, News.CAPTURED_SOME))
    return replace(taken, released=taken.released + rest, status=moved(payment.status, News.CAPTURED_ALL))


def _released(payment: Payment, amount: int) -> Payment:
    news = News.RELEASED_ALL if payment.captured == 0 else News.RELEASED_REST
    return replace(payment, released=payment.released + amount, status=moved(payment.status, news))


def _happened(changed: Payment, closed: Operation) -> tuple[str, ...]:
    if closed.state in _UNDER_WAY:
        return ()
    if closed.kind is OperationKind.REFUND:
        return ("refund.succeeded", "payment.refunded") if closed.failure is None else ("refund.failed",)
    if closed.state is OperationState.FAILED:
        return (f"payment.{closed.kind}_failed",)
    return (f"payment.{changed.status}",)
