"""What processors are asked about a payment, in the words of connectors: charges, completions, changes, questions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from recoup.connectors.base import (
    Agreement,
    Change,
    ChangeKind,
    Charge,
    Completion,
    Initiator,
    Question,
)
from recoup.kit.ids import Kind, made_at, render
from recoup.kit.money import Money
from recoup.payments.core import (
    Attempt,
    Operation,
    OperationKind,
    OperationState,
    Payment,
    Snapshot,
)
from recoup.payments.flow.tools import (
    Means,
    approved_attempt,
    attempt_of,
    initiator_of,
    operation_key,
    way_back,
)


def charge_of(payment: Payment, attempt: Attempt, means: Means, *, callback_url: str | None) -> Charge:
    """An attempt. What is its customer's the processor is asked to remember, once, while they are in session; a token
    that the merchant brought may be good for one payment only. Without a way back to the shop there is none to us."""
    account_id, initiator = attempt.processor_account_id, initiator_of(payment, means)
    theirs = means.customer_id is not None and initiator is Initiator.CUSTOMER
    customer_id, back = payment.customer_id or means.customer_id, way_back(payment, means)
    return Charge(
        key=render(Kind.ATTEMPT, attempt.id),
        payment_key=render(Kind.PAYMENT, payment.id),
        amount=payment.money,
        source=means.source(account_id),
        capture=payment.capture == "automatic",
        initiator=initiator,
        today=attempt.started_at.date(),
        agreement=Agreement(payment.agreement or Agreement.UNSCHEDULED),
        remember=theirs and account_id not in means.remembered_at,
        network_transaction_id=means.network_transaction_id,
        customer_key=None if customer_id is None else render(Kind.CUSTOMER, customer_id),
        merchant_reference=payment.merchant_reference,
        return_url=back,
        billing=means.billing,
        browser=means.browser,
        authentication=means.authentication if initiator is Initiator.CUSTOMER else None,
        callback_url=None if back is None else callback_url,
    )


def completion_of(
    payment: Payment,
    attempt: Attempt,
    returned: Mapping[str, str],
    *,
    charge: Charge | None = None,
    now: datetime,
) -> Completion:
    """The going on of an attempt whose customer came back."""
    return Completion(
        key=render(Kind.ATTEMPT, attempt.id),
        reference=attempt.reference or "",
        amount=payment.money,
        capture=payment.capture == "automatic",
        brand=attempt.brand,
        today=now.date(),
        returned={**(attempt.brought_back or {}), **returned},
        kept={} if attempt.action is None else attempt.action.kept,
        charge=charge,
    )


def question_of(payment: Payment, attempt: Attempt, *, now: datetime) -> Question:
    """What became of an attempt. Processors know the machine's time, in which its id was made."""
    return Question(
        key=render(Kind.ATTEMPT, attempt.id),
        brand=attempt.brand,
        today=now.date(),
        reference=attempt.reference,
        sent_at=made_at(attempt.id),
        amount=payment.money,
        capture=payment.capture == "automatic",
    )


def change_of(snapshot: Snapshot, operation: Operation, *, last4: str | None) -> Change:
    """A capture, cancellation or refund that has begun.

    It is whole only where nothing of the charge was taken, let go of or given back before it.
    """
    attempt, amounts = approved_attempt(snapshot), snapshot.payment.amounts
    whole = amounts.captured if operation.kind is OperationKind.REFUND else amounts.authorized
    more_may_follow = (
        operation.kind is OperationKind.CAPTURE and not operation.final and amounts.capturable > 0
    )
    return Change(
        key=operation_key(operation),
        charge_key=render(Kind.ATTEMPT, attempt.id),
        charge_reference=attempt.reference or "",
        amount=Money(operation.amount, operation.currency),
        whole=operation.amount == whole,
        final=not more_may_follow,
        capture_reference=_latest_capture(snapshot),
        last4=last4,
    )


def question_of_change(snapshot: Snapshot, operation: Operation, *, now: datetime) -> Question:
    """What became of a capture, cancellation or refund."""
    attempt = attempt_of(snapshot, operation)
    return Question(
        key=operation_key(operation),
        brand=attempt.brand,
        today=now.date(),
        reference=operation.reference,
        sent_at=made_at(operation.id),
        amount=Money(operation.amount, operation.currency),
        change=ChangeKind(operation.kind),
        charge_key=render(Kind.ATTEMPT, attempt.id),
        charge_reference=attempt.reference,
    )


def _latest_capture(snapshot: Snapshot) -> str | None:
    captures = [
        one
        for one in snapshot.operations
        if one.kind is OperationKind.CAPTURE and one.state is OperationState.SUCCEEDED
    ]
    return max(captures, key=lambda one: one.id).reference if captures else None
