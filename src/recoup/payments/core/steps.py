"""The plan for every step of a payment: facts in, the changed payment and the events out; nothing is done here.

Each function takes a `Snapshot` and returns a `Step`, or raises a `Refusal` where a caller asked for what the payment's
state forbids. A step is committed whole or not at all, and only onto the version it was planned from.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

from msgspec.structs import replace

from recoup.kit.refusals import Refusal, conflict
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Declined,
    Outcome,
    Pending,
    Unknown,
    Unprocessed,
    Withdrawn,
)
from recoup.payments.core.answers import closed, says_nothing_new, why_of
from recoup.payments.core.answers import resumed as resumed_attempt
from recoup.payments.core.machine import (
    MOVES,
    AttemptState,
    News,
    OperationState,
    Status,
    moved,
)
from recoup.payments.core.records import (
    ATTEMPTS_MAX,
    Attempt,
    DeclineRecord,
    NewPayment,
    NextAction,
    Payment,
    Snapshot,
)
from recoup.payments.core.step import Step, Target

INTERRUPTED: Final = Unknown("the server stopped while this was under way")
"""What is known of an attempt or operation whose maker is gone: whether it was sent nobody can say."""

_ASK_AFTER_S: Final = (2, 5, 10, 20, 40, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)
"""How long to wait before asking a processor again, by how often it was asked; the last one repeats for ever."""


def ask_again_at(asked: int, now: datetime) -> datetime:
    """When to ask next about something asked `asked` times before: ever slower, never never."""
    return now + timedelta(seconds=_ASK_AFTER_S[min(asked, len(_ASK_AFTER_S) - 1)])


def opened(new: NewPayment, *, payment_method_id: UUID | None, now: datetime) -> Step:
    """A payment that has not been attempted yet."""
    payment = Payment(
        merchant_id=new.merchant_id,
        id=new.id,
        status=Status.REQUIRES_PAYMENT_METHOD,
        version=1,
        events_count=1,
        amount=new.money.minor,
        currency=new.money.currency,
        capture=new.capture,
        initiator=new.initiator,
        customer_id=new.customer_id,
        payment_method_id=payment_method_id,
        merchant_reference=new.merchant_reference,
        return_url=new.return_url,
        routing=new.routing,
        recovery_policy=new.recovery_policy,
        recovery_id=None,
        authorized=0,
        captured=0,
        capture_pending=0,
        released=0,
        refunded=0,
        refund_pending=0,
        attempts_count=0,
        attempt_id=None,
        processor_account_id=None,
        decline=None,
        failure=None,
        next_action=None,
        metadata=new.metadata,
        created_at=now,
        updated_at=now,
        agreement=new.agreement,
        merchant_category=new.merchant_category,
        debt=new.money.minor if new.divisible else None,
        part_of=new.part_of,
    )
    return Step(None, Snapshot(payment), ("payment.created",))


def started(snapshot: Snapshot, target: Target, *, now: datetime, patience: timedelta) -> Step:
    """One more attempt. `patience` is the longest its maker may work on it; then it is asked about."""
    payment = snapshot.payment
    if MOVES[payment.status].get(News.STARTED) is None or snapshot.open_attempt is not None:
        raise conflict("payment_unexpected_state", _why_not_start(payment))
    refuse_while_in_parts(payment)
    return _begun(snapshot, target, News.STARTED, now=now, patience=patience)


def refuse_while_in_parts(payment: Payment) -> None:
    """Refuses what would charge, or end, a payment of which a part may be taken at this moment."""
    if payment.part_open:
        raise conflict(
            "payment_under_way",
            "A part of this payment is being charged by itself, or nobody knows yet what became of it. Wait for "
            "payment.part_received, or for the part to be declined, and try again then.",
            retry_after_s=1,
        )


def _why_not_start(payment: Payment) -> str:
    match payment.status:
        case Status.UNRESOLVED:
            return (
                "An earlier attempt of this payment has no known outcome, so nothing else may be tried: it could be "
                "charged twice. The processor is being asked; wait for payment.captured, payment.declined or "
                "payment.failed."
            )
        case Status.PROCESSING:
            return "This payment is being processed. Wait for its outcome before you try again."
        case _:
            return f"This payment is {payment.status}: it takes no further attempt. Create a new payment instead."


def _begun(snapshot: Snapshot, target: Target, news: News, *, now: datetime, patience: timedelta) -> Step:
    payment = snapshot.payment
    if payment.attempts_count >= ATTEMPTS_MAX:
        raise conflict(
            "attempts_exhausted", f"A payment takes {ATTEMPTS_MAX} attempts at most; create a new one."
        )
    attempt = Attempt(
        merchant_id=payment.merchant_id,
        id=target.attempt_id,
        payment_id=payment.id,
        number=payment.attempts_count + 1,
        reason=target.reason,
        state=AttemptState.STARTED,
        processor_account_id=target.processor_account_id,
        payment_method_id=target.payment_method_id,
        fingerprint=target.fingerprint,
        brand=target.brand,
        amount=payment.amount,
        reference=None,
        decline=None,
        why=None,
        rule=None,
        action_url=None,
        decision_id=target.decision_id,
        asked=0,
        started_at=now,
        finished_at=None,
        latency_ms=None,
    )
    changed = replace(
        payment,
        status=moved(payment.status, news),
        version=payment.version + 1,
        payment_method_id=target.payment_method_id,
        processor_account_id=target.processor_account_id,
        attempt_id=attempt.id,
        attempts_count=attempt.number,
        decline=None,
        failure=None,
        next_action=None,
        updated_at=now,
    )
    after = replace(snapshot, payment=changed, attempts=(*snapshot.attempts, attempt))
    return Step(snapshot, after, (), ask_at=now + patience)


def first_attempt(opening: Step, target: Target, *, now: datetime, patience: timedelta) -> Step:
    """Open a payment and start its first attempt in one step, so that one transaction writes both."""
    begun = started(opening.after, target, now=now, patience=patience)
    return replace(begun, before=None, happened=opening.happened)


def answered(
    snapshot: Snapshot,
    attempt_id: UUID,
    outcome: Outcome | Withdrawn,
    *,
    now: datetime,
    latency_ms: int | None,
) -> Step | None:
    """What an attempt's answer, or evidence about it, does to the payment; None where it says nothing new."""
    payment = snapshot.payment
    attempt = next(one for one in snapshot.attempts if one.id == attempt_id)
    if says_nothing_new(attempt, outcome):
        return None
    answered = closed(attempt, outcome, now=now, latency_ms=latency_ms)
    changed = _with_outcome(payment, outcome, now=now)
    attempts = tuple(answered if one.id == attempt_id else one for one in snapshot.attempts)
    after = replace(snapshot, payment=changed, attempts=attempts)
    kept = outcome.network_transaction_id if isinstance(outcome, Approved) else None
    return Step(snapshot, after, (f"payment.{changed.status}",), ask_at_of(after, now), kept)


def resumed(snapshot: Snapshot, *, now: datetime, patience: timedelta) -> Step:
    """The customer came back: the same attempt goes on. `patience` is the longest its maker may work on that."""
    payment, waiting = snapshot.payment, snapshot.open_attempt
    if MOVES[payment.status].get(News.RESUMED) is None or waiting is None:
        raise _cannot_resume(payment)
    changed = replace(
        payment,
        status=moved(payment.status, News.RESUMED),
        version=payment.version + 1,
        next_action=None,
        updated_at=now,
    )
    attempts = tuple(resumed_attempt(one) if one is waiting else one for one in snapshot.attempts)
    return Step(snapshot, replace(snapshot, payment=changed, attempts=attempts), (), ask_at=now + patience)


def _cannot_resume(payment: Payment) -> Refusal:
    if payment.status is Status.PROCESSING:
        return conflict(
            "payment_under_way", "This payment is being processed right now; ask again soon.", retry_after_s=1
        )
    return conflict(
        "payment_unexpected_state",
        f"This payment is {payment.status} and awaits no customer: leave `return_parameters` out.",
        param="return_parameters",
    )


def failed_over(
    snapshot: Snapshot,
    attempt_id: UUID,
    outcome: Declined | Unprocessed,
    target: Target,
    *,
    now: datetime,
    latency_ms: int | None,
    patience: timedelta,
) -> Step:
    """Close an attempt that certainly holds no money, and start the next, in one step."""
    payment = snapshot.payment
    attempt = next(one for one in snapshot.attempts if one.id == attempt_id)
    answered = closed(attempt, outcome, now=now, latency_ms=latency_ms)
    attempts = tuple(answered if one.id == attempt_id else one for one in snapshot.attempts)
    between = replace(snapshot, attempts=attempts)
    assert between.open_attempt is None, "no failover while an attempt may hold money"
    step = _begun(between, target, News.FAILED_OVER, now=now, patience=patience)
    noted = replace(step.payment, events_count=payment.events_count + 1)
    return replace(
        step, before=snapshot, after=replace(step.after, payment=noted), happened=("payment.failed_over",)
    )


def asked(snapshot: Snapshot, *, now: datetime) -> Step:
    """Count one more unanswered question about everything that is open, and say when to ask next."""
    attempts = tuple(
        replace(one, asked=one.asked + 1) if one is snapshot.open_attempt and _is_open(one) else one
        for one in snapshot.attempts
    )
    operations = tuple(
        replace(one, asked=one.asked + 1) if one.state in OPEN_OPERATIONS else one
        for one in snapshot.operations
    )
    payment = replace(snapshot.payment, version=snapshot.payment.version + 1)
    after = Snapshot(payment, attempts, operations)
    return Step(snapshot, after, (), ask_at_of(after, now))


def recovery_attached(snapshot: Snapshot, recovery_id: UUID, *, now: datetime) -> Step:
    """Name the recovery of a payment; what is open stays asked about."""
    payment = replace(snapshot.payment, recovery_id=recovery_id, version=snapshot.payment.version + 1)
    after = replace(snapshot, payment=payment)
    return Step(snapshot, after, (), ask_at_of(after, now))


def method_replaced(snapshot: Snapshot, payment_method_id: UUID, *, now: datetime) -> Step | None:
    """The next attempt is to be made with another payment method; what the last one answered stays known."""
    payment = snapshot.payment
    if payment.payment_method_id == payment_method_id:
        return None
    if MOVES[payment.status].get(News.STARTED) is None or snapshot.open_attempt is not None:
        raise conflict("payment_unexpected_state", _why_not_start(payment))
    changed = replace(
        payment, payment_method_id=payment_method_id, version=payment.version + 1, updated_at=now
    )
    after = replace(snapshot, payment=changed)
    return Step(snapshot, after, (), ask_at_of(after, now))


def abandoned(snapshot: Snapshot, *, now: datetime, proof: Withdrawn | None = None) -> Step:
    """Cancel a payment that holds no money. `proof` is the processor's promise to forget the open attempt."""
    payment, held = snapshot.payment, snapshot.open_attempt
    forgotten = proof is not None and held is not None and held.state is AttemptState.REQUIRES_ACTION
    if MOVES[payment.status].get(News.ABANDONED) is None or (held is not None and not forgotten):
        raise conflict("payment_unexpected_state", _why_not_cancel(payment))
    refuse_while_in_parts(payment)
    attempts = snapshot.attempts
    if proof is not None and forgotten:
        attempts = tuple(
            closed(one, proof, now=now, latency_ms=None) if one is held else one for one in attempts
        )
    changed = replace(
        payment,
        status=moved(payment.status, News.ABANDONED),
        version=payment.version + 1,
        events_count=payment.events_count + 1,
        next_action=None,
        updated_at=now,
    )
    after = replace(snapshot, payment=changed, attempts=attempts)
    return Step(snapshot, after, ("payment.canceled",))


def _why_not_cancel(payment: Payment) -> str:
    match payment.status:
        case Status.UNRESOLVED:
            return (
                "Whether this payment took the money is not known yet, so it cannot be canceled now. The processor is "
                "being asked; wait for the outcome, then cancel or refund what was taken."
            )
        case Status.PROCESSING:
            return (
                "This payment is being processed. Wait for its outcome, then cancel or refund what was taken."
            )
        case Status.REQUIRES_ACTION:
            return (
                "The processor still lets the customer complete this payment, so it cannot be canceled now."
            )
        case Status.AUTHORIZED | Status.PARTIALLY_CAPTURED:
            return f"This payment became {payment.status} just now: ask again to let go of what is held."
        case Status.CAPTURED:
            return "This payment is captured: refund it instead."
        case _:
            return f"This payment is {payment.status} and cannot be canceled now."


OPEN_OPERATIONS: Final = frozenset({OperationState.STARTED, OperationState.PENDING, OperationState.UNKNOWN})


def _is_open(attempt: Attempt) -> bool:
    return attempt.state is not AttemptState.APPROVED


def is_open(snapshot: Snapshot) -> bool:
    """Whether the end of anything of this payment is still to come."""
    attempt = snapshot.open_attempt
    waits = attempt is not None and _is_open(attempt)
    return waits or any(one.state in OPEN_OPERATIONS for one in snapshot.operations)


def ask_at_of(snapshot: Snapshot, now: datetime) -> datetime | None:
    """When to ask about whatever is still open: the least asked decides; None where nothing is open."""
    attempt = snapshot.open_attempt
    counts = [one.asked for one in snapshot.operations if one.state in OPEN_OPERATIONS]
    if attempt is not None and _is_open(attempt):
        counts.append(attempt.asked)
    return ask_again_at(min(counts), now) if counts else None


def _with_outcome(payment: Payment, outcome: Outcome | Withdrawn, *, now: datetime) -> Payment:
    base = replace(
        payment, version=payment.version + 1, events_count=payment.events_count + 1, updated_at=now
    )
    cleared = replace(base, next_action=None, decline=None, failure=None)
    match outcome:
        case Approved(captured=True):
            status = moved(payment.status, News.TAKEN)
            return replace(cleared, status=status, authorized=payment.amount, captured=payment.amount)
        case Approved():
            return replace(cleared, status=moved(payment.status, News.HELD), authorized=payment.amount)
        case Declined(decline=decline):
            return replace(
                cleared, status=moved(payment.status, News.REFUSED), decline=DeclineRecord(decline, now)
            )
        case Unprocessed() | Withdrawn():
            status = moved(payment.status, News.NEVER_PROCESSED)
            return replace(cleared, status=status, failure=why_of(outcome))
        case Unknown():
            return replace(cleared, status=moved(payment.status, News.LOST_SIGHT), failure=why_of(outcome))
        case ActionRequired():
            action = NextAction("", hosted=True) if outcome.needs_a_page else NextAction(outcome.url)
            return replace(cleared, status=moved(payment.status, News.ACTION_NEEDED), next_action=action)
        case Pending():
            return replace(cleared, status=moved(payment.status, News.ANSWER_LATER))
        case _:
            assert_never(outcome)
