"""What evidence about something closed amounts to: nothing, a confirmation, a change, or a contradiction.

What is still open takes its answer by the tables of moves (`steps.answered`, `operations.concluded`). Here is what may
follow its end. Nothing here moves money towards us: a payment that we hold as declined never becomes paid by a message,
it becomes a case for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias, assert_never

from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Declined,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Pending,
    Refused,
    Unknown,
    Withdrawn,
)
from recoup.payments.core.machine import AttemptState, OperationKind, OperationState, Status
from recoup.payments.core.records import Attempt, Operation, Snapshot
from recoup.payments.core.steps import OPEN_OPERATIONS
from recoup.payments.core.undoing import (
    CaptureLost,
    HoldGone,
    MoneyReturned,
    RefundLost,
    Undoing,
    taken_at_once,
)


class Agrees(StrEnum):
    """Evidence that changes nothing."""

    CONFIRMS = "confirms"
    """It says what we hold."""
    NOTHING = "nothing"
    """It says nothing of how this ended."""


class Against(StrEnum):
    """How evidence contradicts what is closed and stays so."""

    APPROVED_AFTER_ALL = "approved_after_all"
    CAPTURED_ELSEWHERE = "captured_elsewhere"
    NOT_CAPTURED = "not_captured"
    DECLINED_AFTER_SOME = "declined_after_some"
    CARRIED_OUT_AFTER_ALL = "carried_out_after_all"
    NOT_CANCELED = "not_canceled"
    REFUNDED_ELSEWHERE = "refunded_elsewhere"
    OTHER_AMOUNT = "other_amount"
    NOT_AS_RESOLVED = "not_as_resolved"


Verdict: TypeAlias = Agrees | Against | Undoing

_CLOSED_WITHOUT_MONEY: Final = frozenset(
    {AttemptState.DECLINED, AttemptState.UNPROCESSED, AttemptState.REVERSED}
)


def of_attempt(snapshot: Snapshot, attempt: Attempt, evidence: Evidence) -> Verdict:
    """What evidence about a closed attempt amounts to."""
    match evidence:
        case Unknown() | Pending() | ActionRequired():
            return Agrees.NOTHING
        case Approved():
            if attempt.state in _CLOSED_WITHOUT_MONEY:
                return Against.APPROVED_AFTER_ALL
            return _approval_again(snapshot, evidence)
        case Declined():
            if attempt.state in _CLOSED_WITHOUT_MONEY:
                return Agrees.CONFIRMS
            return _declined_after_approval(snapshot, attempt, evidence)
        case _:
            assert_never(evidence)


def _approval_again(snapshot: Snapshot, evidence: Approved) -> Agrees | Against:
    """Whether the money was taken must agree too; a capture that has no end yet, or failed after all, explains much."""
    payment = snapshot.payment
    captures = [one for one in snapshot.operations if one.kind is OperationKind.CAPTURE]
    if evidence.captured and payment.captured == 0:
        explained = any(
            one.state in OPEN_OPERATIONS or one.state is OperationState.FAILED for one in captures
        )
        lost_at_once = payment.capture == "automatic"
        return Agrees.NOTHING if explained or lost_at_once else Against.CAPTURED_ELSEWHERE
    if not evidence.captured and taken_at_once(snapshot):
        return Against.NOT_CAPTURED
    return Agrees.CONFIRMS


def _declined_after_approval(snapshot: Snapshot, attempt: Attempt, evidence: Declined) -> Verdict:
    payment = snapshot.payment
    if attempt.is_by_hand:
        return Against.NOT_AS_RESOLVED
    match payment.status:
        case Status.AUTHORIZED:
            return HoldGone(attempt.id)
        case Status.CAPTURED if payment.refunded < payment.captured:
            return MoneyReturned(attempt.id, evidence)
        case Status.CAPTURED | Status.CANCELED:
            return Agrees.NOTHING
        case _:
            return Against.DECLINED_AFTER_SOME


def of_operation(operation: Operation, answer: FollowUpEvidence) -> Verdict:
    """What evidence about an ended capture, cancellation or refund amounts to."""
    done = operation.state is OperationState.SUCCEEDED
    match answer:
        case Unknown() | Pending():
            return Agrees.NOTHING
        case Done():
            return Agrees.CONFIRMS if done else Against.CARRIED_OUT_AFTER_ALL
        case Refused():
            return _lost(operation, answer) if done else Agrees.CONFIRMS
        case _:
            assert_never(answer)


def _lost(operation: Operation, refused: Refused) -> Verdict:
    match operation.kind:
        case OperationKind.CAPTURE:
            return CaptureLost(operation.id, refused)
        case OperationKind.REFUND:
            return RefundLost(operation.id, refused)
        case OperationKind.CANCEL:
            return Against.NOT_CANCELED
        case _:
            assert_never(operation.kind)


@dataclass(frozen=True, slots=True)
class _Words:
    known: str
    told: str
    remedy: str


_WORDS: Final = {
    Against.CAPTURED_ELSEWHERE: _Words(
        "not captured",
        "captured",
        "The processor took the money although nothing was captured here: refund it there, or find who captured it.",
    ),
    Against.NOT_CAPTURED: _Words(
        "captured",
        "authorized",
        "The processor says that the money is only held: look at the payment there, and capture it there before the "
        "authorisation lapses.",
    ),
    Against.DECLINED_AFTER_SOME: _Words(
        "partially captured",
        "declined",
        "The processor says declined although a part was captured: look there whether the captured part was returned.",
    ),
    Against.CARRIED_OUT_AFTER_ALL: _Words(
        "failed",
        "carried out",
        "The processor carried out what is held here as failed: do not ask for it again; correct your books, or undo "
        "it at the processor.",
    ),
    Against.NOT_CANCELED: _Words(
        "canceled",
        "not canceled",
        "The processor says that the money is still held: cancel it there, or let the authorisation lapse.",
    ),
    Against.REFUNDED_ELSEWHERE: _Words(
        "not refunded here",
        "refunded",
        "Money of this payment was given back without Recoup, so its refundable amount here is too high: refund "
        "nothing more of it before you have compared the sums with the processor's.",
    ),
    Against.NOT_AS_RESOLVED: _Words(
        "approved, by hand",
        "declined",
        "A person resolved this attempt as approved, and the processor says that it was declined: you were not paid. "
        "Look at the processor; then charge the customer again with a new payment.",
    ),
    Against.OTHER_AMOUNT: _Words(
        "our amount",
        "another amount",
        "The processor tells another amount than was asked for: compare the two at the processor before anything else.",
    ),
}


def words_of(against: Against, snapshot: Snapshot, attempt: Attempt, shown: str) -> tuple[str, str, str]:
    """What we hold, what was told, and what a person should do. `shown` is how the API names the attempt."""
    if against is not Against.APPROVED_AFTER_ALL:
        words = _WORDS[against]
        return words.known, words.told, words.remedy
    known = attempt.state.value
    if any(one.state is AttemptState.APPROVED for one in snapshot.attempts):
        then = "another attempt holds or took the money of this payment: void or refund this second approval there"
    elif snapshot.open_attempt is not None:
        then = (
            "another attempt of this payment is under way: void this approval there before that one is paid"
        )
    else:
        then = (
            "nothing else holds the money of this payment: void or refund the approval there, and try the payment "
            "again only after that"
        )
    return known, "approved", f"The processor says that it approved {shown}, held here as {known}; {then}."


_TWO_ENDS: Final = (
    "The processor told two ends of one thing, and the first that came stands here: look there which of them is true, "
    "and ask again here with `sync`."
)


def words_of_answer(
    snapshot: Snapshot, attempt: Attempt, outcome: Outcome | Withdrawn, *, shown: str
) -> tuple[str, str, str]:
    """The same for an answer about an attempt that had another end when it came."""
    if isinstance(outcome, Approved) and attempt.state in _CLOSED_WITHOUT_MONEY:
        return words_of(Against.APPROVED_AFTER_ALL, snapshot, attempt, shown)
    return attempt.state.value, type(outcome).__name__.lower(), _TWO_ENDS


def words_of_change(operation: Operation, answer: FollowUp | Withdrawn) -> tuple[str, str, str]:
    """The same for an answer about a capture, cancellation or refund."""
    if isinstance(answer, Done):
        words = _WORDS[Against.CARRIED_OUT_AFTER_ALL]
        return words.known, words.told, words.remedy
    return operation.state.value, type(answer).__name__.lower(), _TWO_ENDS


HINDERED: Final = (
    "The processor says that the money came back after a part of it had been refunded, so the customer may have been "
    "paid twice: compare the sums with the processor's, and correct the balance with them."
)
