"""What may keep the next charge of a subscription from being approved, and what is known of that charge beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from msgspec import Struct

from recoup.vault.core import MethodType, PaymentMethod


class Risk(StrEnum):
    """Why the next charge may be refused, or may be held against the merchant."""

    NO_METHOD = "no_payment_method"
    CLOSED = "method_closed"
    EXPIRES = "card_expires"
    NO_TRANSACTION_ID = "no_network_transaction_id"
    NOTICE_LATE = "notice_late"


WHAT_TO_DO: Final[Mapping[Risk, str]] = {
    Risk.NO_METHOD: "There is nothing to charge: set the subscription's payment_method, or ask the customer for one.",
    Risk.CLOSED: "The account behind the payment method is closed, or it was detached: ask the customer for another.",
    Risk.EXPIRES: "The card expires before it is charged. Account updaters are asked about visa and mastercard cards "
    "in the vault; if the card is still the old one two days before, ask the customer for the new one.",
    Risk.NO_TRANSACTION_ID: "Issuers refuse charges without the customer more often where nothing names the payment in "
    "which they agreed: give network_transaction_id when you store the card, or have the customer pay once by "
    "themselves.",
    Risk.NOTICE_LATE: "A notice that rules ask for ahead of this charge can no longer be in time: see notice_required "
    "of invoice.upcoming. It is charged all the same; pause the subscription where you may not charge.",
}
"""What a merchant does about each."""


class Ahead(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a look ahead of the charge of period `number` found: its due time and amount as they were told, the payment
    method that was looked at, what is the matter, the rules that ask for a notice, and the local hour at which the
    method's issuer approves more, if any."""

    number: int
    due: datetime
    amount: int
    method_id: UUID | None
    risks: tuple[Risk, ...] = ()
    rules: tuple[str, ...] = ()
    hour: int | None = None


def risks_of(method: PaymentMethod | None, *, last_day: date) -> tuple[Risk, ...]:
    """What is the matter with a payment method that is charged on `last_day` at the latest.

    A processor's token needs no network transaction id of ours: the processor has it.
    """
    if method is None:
        return (Risk.NO_METHOD,)
    if method.closed_at is not None or method.detached_at is not None:
        return (Risk.CLOSED,)
    found = []
    if expires_by(method, last_day):
        found.append(Risk.EXPIRES)
    if method.type is MethodType.CARD and method.network_transaction_id is None and not method.tokens:
        found.append(Risk.NO_TRANSACTION_ID)
    return tuple(found)


def expires_by(method: PaymentMethod, day: date) -> bool:
    """Whether a card is no longer good on a day; it is good to the end of its month. Unknown: it is not said to be."""
    if method.exp_year is None or method.exp_month is None:
        return False
    return (method.exp_year, method.exp_month) < (day.year, day.month)
