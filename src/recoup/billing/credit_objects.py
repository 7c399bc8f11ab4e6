"""Customers' credit balances as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.billing.core.records import CreditChange
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render

_Minor = Annotated[int, Meta(description="In the smallest unit of the currency.")]


class CreditChangeObject(Struct, kw_only=True, frozen=True):
    """What was added to a credit balance, or, negative, taken from it."""

    amount: _Minor
    currency: str
    balance: Annotated[int, Meta(description="What it was afterwards.")]
    reason: str
    invoice: str | None
    created_at: str


class CreditBalanceObject(Struct, kw_only=True, frozen=True):
    """What a customer has with you, to be taken off the next invoices."""

    object: Literal["credit_balance"] = "credit_balance"
    customer: str
    balances: Annotated[dict[str, int], Meta(description="By currency, in its smallest unit.")]
    changes: Annotated[list[CreditChangeObject], Meta(description="The last 100, newest first.")]
    livemode: bool


def credit_object(
    customer: str, balances: Mapping[str, int], changes: Sequence[CreditChange], *, livemode: bool
) -> CreditBalanceObject:
    """A customer's credit as it is now."""
    return CreditBalanceObject(
        customer=customer,
        balances=dict(balances),
        changes=[
            CreditChangeObject(
                amount=one.amount,
                currency=one.currency,
                balance=one.balance,
                reason=one.reason,
                invoice=None if one.invoice_id is None else render(Kind.INVOICE, one.invoice_id),
                created_at=rfc3339(one.created_at),
            )
            for one in changes
        ],
        livemode=livemode,
    )
