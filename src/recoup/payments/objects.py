"""Payments and refunds as the API shows them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from recoup.connectors.base import Agreement
from recoup.http.fields import ListObject
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.outcomes.codes.merchant_words import MERCHANT_WORDS
from recoup.outcomes.core import AdviceAction, Category, Decline, Signal
from recoup.payments.core import (
    Attempt,
    AttemptState,
    Operation,
    OperationKind,
    OperationState,
    Payment,
    Reason,
    Snapshot,
    Status,
)
from recoup.payments.core.lapse import capture_before
from recoup.payments.part_objects import PartObject, part_object
from recoup.payments.writes import storable

SHOWN_MAX: Final = 512
_NO_OUTCOME = frozenset({AttemptState.STARTED, AttemptState.COMPLETING, AttemptState.PENDING})


class AdviceObject(Struct, kw_only=True, frozen=True):
    """What the network, the issuer or the processor says to do next."""

    action: AdviceAction
    not_before: Annotated[str | None, Meta(description="The earliest time for another try (RFC 3339).")] = (
        None
    )


class DeclineObject(Struct, kw_only=True, frozen=True):
    """Why a payment was declined: raw codes as they came, and what they mean."""

    code: Annotated[str, Meta(description="The standard code, the same for every processor.")]
    category: Category
    hardness: Annotated[
        str, Meta(description="`hard`: this card will not be approved as it stands. `soft`: it may be.")
    ]
    message: str
    processor_code: str | None
    network_code: str | None
    network_advice_code: str | None
    network_rule: Annotated[str | None, Meta(description="The card network's retry rule that it triggers.")]
    advice: AdviceObject
    source: Annotated[str, Meta(description="Where the meaning comes from.")]
    merchant_message: Annotated[
        str, Meta(description="For you and your support; `message` is for the cardholder.")
    ]
    decided_by: Annotated[
        Signal | None, Meta(description="Which of the signals below gave the code; null: none is known.")
    ]
    advice_decided_by: Annotated[Signal | None, Meta(description="Which of them gave the advice.")]
    text: Annotated[str | None, Meta(description="What the processor or the issuer wrote beside the codes.")]
    raw: Annotated[
        dict[str, str], Meta(description="Whatever else the answer said, in the processor's own names.")
    ]


class RedirectObject(Struct, kw_only=True, frozen=True):
    """Where to send the customer, and where they come back to."""

    url: Annotated[
        str,
        Meta(
            description="The bank's or the processor's page, or one of ours that leads there. It is this customer's "
            "alone: do not log it. From our page they come back with `payment` in the query of your `return_url`."
        ),
    ]
    return_url: str | None


class NextActionObject(Struct, kw_only=True, frozen=True):
    """What the customer must do before the payment can go on."""

    type: Literal["redirect_to_url"] = "redirect_to_url"
    redirect_to_url: RedirectObject


class AttemptObject(Struct, kw_only=True, frozen=True):
    """One request to one processor account."""

    id: str
    object: Literal["attempt"] = "attempt"
    processor_account: str
    outcome: Annotated[
        Literal["approved", "declined", "unprocessed", "unknown", "requires_action", "reversed"] | None,
        Meta(
            description="null while there is no answer yet. `reversed`: approved and taken, and later returned."
        ),
    ]
    reason: Reason
    decline: DeclineObject | None
    explanation: Annotated[
        str | None, Meta(description="Why it was not processed, or why its outcome is unknown.")
    ]
    payment_method: str
    started_at: str
    finished_at: str | None
    latency_ms: int | None
    decision: str


class PaymentObject(Struct, kw_only=True, frozen=True):
    """The merchant's intent to be paid once."""

    id: str
    object: Literal["payment"] = "payment"
    status: Status
    amount: Annotated[int, Meta(description="What you asked for, parts included.")]
    currency: str
    amount_capturable: int
    amount_captured: int
    amount_refunded: int
    capture: Literal["automatic", "manual"]
    initiator: Literal["customer", "merchant"]
    payment_method: str | None
    customer: str | None
    processor_account: str | None
    merchant_reference: str | None
    decline: DeclineObject | None
    explanation: Annotated[
        str | None,
        Meta(
            description="For a failed or unresolved payment, and after a capture or cancellation that did not happen: "
            "what happened, and what happens next."
        ),
    ]
    attempts: list[AttemptObject]
    recovery: str | None
    part: Annotated[
        PartObject | None, Meta(description="Where a policy of recovery let a part be charged by itself.")
    ]
    part_of: Annotated[str | None, Meta(description="The payment that this one is a part of.")]
    next_action: NextActionObject | None
    return_url: str | None
    agreement: Annotated[
        Agreement | None, Meta(description="What the customer agreed to, where you said so.")
    ]
    merchant_category: Annotated[str | None, Meta(description="What is sold (ISO 18245), where you said so.")]
    capture_before: Annotated[
        str | None,
        Meta(
            description="While money is held: until when it can be captured for certain (RFC 3339). After that the "
            "processor is asked whether it still is."
        ),
    ]
    created_at: str
    livemode: bool
    metadata: dict[str, str]


class PaymentList(ListObject[PaymentObject], frozen=True):
    """A page of payments."""


class RefundFailureObject(Struct, kw_only=True, frozen=True):
    """Why a refund did not happen."""

    code: str
    message: str


class RefundObject(Struct, kw_only=True, frozen=True):
    """Money given back, or on its way."""

    id: str
    object: Literal["refund"] = "refund"
    payment: str
    status: Annotated[
        Literal["pending", "unresolved", "succeeded", "failed"],
        Meta(
            description="`unresolved`: the processor gave no answer; it is being asked, and nothing is sent again."
        ),
    ]
    amount: int
    currency: str
    reason: str | None
    failure: RefundFailureObject | None
    created_at: str
    finished_at: str | None
    livemode: bool
    metadata: dict[str, str]


class RefundList(ListObject[RefundObject], frozen=True):
    """A page of refunds."""


def decline_object(decline: Decline, at: datetime) -> DeclineObject:
    """A decline that came at `at`."""
    wait = decline.advice.wait
    return DeclineObject(
        code=decline.code,
        category=decline.category,
        hardness=decline.hardness,
        message=decline.message,
        processor_code=decline.processor_code,
        network_code=decline.network_code,
        network_advice_code=decline.network_advice_code,
        network_rule=decline.rule,
        advice=AdviceObject(
            action=decline.advice.action,
            not_before=None if wait is None else rfc3339(at + wait),
        ),
        source=decline.source,
        merchant_message=MERCHANT_WORDS.get(decline.code, ""),
        decided_by=decline.decided_by,
        advice_decided_by=decline.advice_by,
        text=decline.text,
        raw=dict(decline.raw),
    )


def attempt_object(attempt: Attempt) -> AttemptObject:
    """An attempt of a payment."""
    ended = attempt.finished_at
    return AttemptObject(
        id=render(Kind.ATTEMPT, attempt.id),
        processor_account=render(Kind.PROCESSOR_ACCOUNT, attempt.processor_account_id),
        outcome=None if attempt.state in _NO_OUTCOME else attempt.state.value,  # type: ignore[arg-type]
        reason=attempt.reason,
        decline=None if attempt.decline is None or ended is None else decline_object(attempt.decline, ended),
        explanation=attempt.why,
        payment_method=render(Kind.PAYMENT_METHOD, attempt.payment_method_id),
        started_at=rfc3339(attempt.started_at),
        finished_at=None if ended is None else rfc3339(ended),
        latency_ms=attempt.latency_ms,
        decision=render(Kind.DECISION, attempt.decision_id),
    )


PageOf = Callable[[UUID, UUID], str]
"""The address of our page for the customer of an attempt, given its merchant."""


def payment_object(snapshot: Snapshot, *, livemode: bool, page_of: PageOf) -> PaymentObject:
    """A payment with its attempts."""
    payment = snapshot.payment
    decline, until = payment.decline, capture_before(snapshot)
    return PaymentObject(
        id=render(Kind.PAYMENT, payment.id),
        status=payment.status,
        amount=payment.amount + payment.in_part,
        currency=payment.currency,
        amount_capturable=payment.amounts.capturable,
        amount_captured=payment.captured,
        amount_refunded=payment.refunded,
        capture=payment.capture,  # type: ignore[arg-type]
        initiator=payment.initiator,  # type: ignore[arg-type]
        payment_method=_id(Kind.PAYMENT_METHOD, payment.payment_method_id),
        customer=_id(Kind.CUSTOMER, payment.customer_id),
        processor_account=_id(Kind.PROCESSOR_ACCOUNT, payment.processor_account_id),
        merchant_reference=payment.merchant_reference,
        decline=None if decline is None else decline_object(decline.decline, decline.at),
        explanation=_explanation(snapshot),
        attempts=[attempt_object(attempt) for attempt in snapshot.attempts],
        recovery=_id(Kind.RECOVERY, payment.recovery_id),
        part=part_object(payment),
        part_of=_id(Kind.PAYMENT, payment.part_of),
        next_action=_next_action(payment, page_of),
        return_url=payment.return_url,
        agreement=payment.agreement,  # type: ignore[arg-type]
        merchant_category=payment.merchant_category,
        capture_before=None if until is None else rfc3339(until),
        created_at=rfc3339(payment.created_at),
        livemode=livemode,
        metadata=payment.metadata,
    )


def _id(kind: Kind, id_: UUID | None) -> str | None:
    return None if id_ is None else render(kind, id_)


def _explanation(snapshot: Snapshot) -> str | None:
    payment = snapshot.payment
    match payment.status:
        case Status.UNRESOLVED:
            return (
                f"{payment.failure}. The money may or may not have been taken, so nothing else is tried. The processor "
                "is being asked until it answers; then this payment becomes captured, authorized, declined or failed."
            )
        case Status.FAILED:
            return f"Not processed, nothing was charged: {payment.failure}."
        case _:
            return _not_done(snapshot.operations[-1]) if snapshot.operations else None


def _not_done(operation: Operation) -> str | None:
    """Why the latest capture or cancellation did not happen, where it did not; refunds tell themselves."""
    failure = operation.failure
    if failure is None or operation.kind is OperationKind.REFUND:
        return None
    what = "capture" if operation.kind is OperationKind.CAPTURE else "cancellation"
    amount = Money(operation.amount, operation.currency)
    return f"The {what} of {amount} did not happen ({failure.code}): {failure.message}"


def _next_action(payment: Payment, page_of: PageOf) -> NextActionObject | None:
    action = payment.next_action
    if action is None:
        return None
    url = action.url
    if action.hosted:
        assert payment.attempt_id is not None, "it is an attempt that waits for the customer"
        url = page_of(payment.merchant_id, payment.attempt_id)
    redirect = RedirectObject(url=url, return_url=payment.return_url)
    return NextActionObject(redirect_to_url=redirect)


_REFUND_STATUS: dict[OperationState, Literal["pending", "unresolved", "succeeded", "failed"]] = {
    OperationState.STARTED: "pending",
    OperationState.PENDING: "pending",
    OperationState.UNKNOWN: "unresolved",
    OperationState.SUCCEEDED: "succeeded",
    OperationState.FAILED: "failed",
}


def refund_object(operation: Operation, *, livemode: bool) -> RefundObject:
    """A refund."""
    assert operation.kind is OperationKind.REFUND, "only refunds are shown by themselves"
    failure = operation.failure
    return RefundObject(
        id=render(Kind.REFUND, operation.id),
        payment=render(Kind.PAYMENT, operation.payment_id),
        status=_REFUND_STATUS[operation.state],
        amount=operation.amount,
        currency=operation.currency,
        reason=operation.reason,
        failure=None if failure is None else RefundFailureObject(code=failure.code, message=failure.message),
        created_at=rfc3339(operation.created_at),
        finished_at=None if operation.finished_at is None else rfc3339(operation.finished_at),
        livemode=livemode,
        metadata=operation.metadata,
    )


_encode: Final = msgspec.json.Encoder().encode


class Objects:
    """Shows payments and refunds as bytes, for answers, for their records and for events.

    One state of a payment is shown three times in a row (its event, its recorded answer, the answer itself), so the
    last `SHOWN_MAX` are remembered, each with the very snapshot that it shows.
    """

    def __init__(self, page_of: PageOf) -> None:
        self._page_of = page_of
        self._shown: OrderedDict[int, tuple[Snapshot, bytes]] = OrderedDict()

    def payment(self, snapshot: Snapshot, *, livemode: bool) -> bytes:
        """A payment, as JSON."""
        known = self._shown.get(id(snapshot))
        if known is not None and known[0] is snapshot:
            return known[1]
        shown = storable(_encode(payment_object(snapshot, livemode=livemode, page_of=self._page_of)))
        self._shown[id(snapshot)] = (snapshot, shown)
        if len(self._shown) > SHOWN_MAX:
            self._shown.popitem(last=False)
        return shown

    def refund(self, operation: Operation, *, livemode: bool) -> bytes:
        """A refund, as JSON."""
        return storable(_encode(refund_object(operation, livemode=livemode)))
