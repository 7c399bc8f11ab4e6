"""A part of a payment as the API shows it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.kit.ids import Kind, render
from recoup.payments.core import Payment


class PartObject(Struct, kw_only=True, frozen=True):
    """A part of a payment that is charged by itself."""

    payment: Annotated[str, Meta(description="The payment that charges it.")]
    status: Annotated[
        Literal["open", "received", "refused"],
        Meta(description="While it is `open`, the payment that it is a part of is not charged."),
    ]
    amount_received: Annotated[
        int,
        Meta(description="What it brought, which is asked of nobody any more; 0 while it brought nothing."),
    ]


def part_object(payment: Payment) -> PartObject | None:
    """The part of a payment, where it has one."""
    if payment.part_id is None:
        return None
    status: Literal["open", "received", "refused"] = "received" if payment.in_part else "refused"
    return PartObject(
        payment=render(Kind.PAYMENT, payment.part_id),
        status="open" if payment.part_open else status,
        amount_received=payment.in_part,
    )
