"""Scheduled payments as the API and events show them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.billing.core.scheduled import ScheduledPayment, Status
from recoup.billing.objects import PaymentFailureObject
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render


class ScheduledPaymentObject(Struct, kw_only=True, frozen=True):
    """One payment that is executed once, at its time."""

    id: str
    object: Literal["scheduled_payment"] = "scheduled_payment"
    status: Annotated[
        Status,
        Meta(
            description="`processing`: begun, and nobody knows yet what became of it. `failed`: refused; recovery may "
            "still bring it to `paid`."
        ),
    ]
    customer: str
    payment_method: str
    amount: Annotated[int, Meta(description="In the smallest unit of the currency.")]
    currency: str
    at: Annotated[str, Meta(description="When it is executed.")]
    payment: Annotated[str | None, Meta(description="The payment that it became.")]
    payment_failure: PaymentFailureObject | None
    paid_at: str | None
    canceled_at: str | None
    description: str | None
    metadata: dict[str, str]
    created_at: str
    livemode: bool


def scheduled_object(one: ScheduledPayment, *, livemode: bool) -> ScheduledPaymentObject:
    """A scheduled payment as it is now."""
    failing = one.failing
    return ScheduledPaymentObject(
        id=render(Kind.SCHEDULED_PAYMENT, one.id),
        status=one.status,
        customer=render(Kind.CUSTOMER, one.customer_id),
        payment_method=render(Kind.PAYMENT_METHOD, one.payment_method_id),
        amount=one.amount,
        currency=one.currency,
        at=rfc3339(one.at),
        payment=None if one.payment_id is None else render(Kind.PAYMENT, one.payment_id),
        payment_failure=None
        if failing is None
        else PaymentFailureObject(code=failing.code, message=failing.message, at=rfc3339(failing.at)),
        paid_at=None if one.paid_at is None else rfc3339(one.paid_at),
        canceled_at=None if one.canceled_at is None else rfc3339(one.canceled_at),
        description=one.description,
        metadata=one.metadata,
        created_at=rfc3339(one.created_at),
        livemode=livemode,
    )
