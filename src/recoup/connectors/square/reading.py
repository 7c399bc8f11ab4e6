"""What Square answers, as typed values, and what that means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, TypeVar

from msgspec import Meta, Struct
from msgspec import field as named

from recoup.connectors.base import (
    HttpResponse,
    no_readable_answer,
    shaped,
)
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    Approved,
    Checks,
    Declined,
    Done,
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.classify import declined

Id = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+\Z")]
Code = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+\Z")]

BRANDS: Final[Mapping[str | None, str]] = {
    "VISA": "visa",
    "MASTERCARD": "mastercard",
    "AMERICAN_EXPRESS": "amex",
    "DISCOVER": "discover",
    "DISCOVER_DINERS": "diners",
    "JCB": "jcb",
    "CHINA_UNIONPAY": "unionpay",
    "INTERAC": "interac",
    "EFTPOS": "eftpos_au",
}
CARD: Final = "PAYMENT_METHOD_ERROR"
_REFUND: Final = "REFUND_ERROR"
_AT_THE_DOOR: Final = {
    "AUTHENTICATION_ERROR": (401, 403),
    "INVALID_REQUEST_ERROR": (400, 404, 405, 406, 413, 415, 422),
    "RATE_LIMIT_ERROR": (429,),
}
_MAYBE_UNDER_WAY: Final = frozenset(
    {"IDEMPOTENCY_KEY_REUSED", "CONFLICT", "TEMPORARY_ERROR", "REQUEST_TIMEOUT", "GATEWAY_TIMEOUT"}
)
_CVV: Final = {"CVV_ACCEPTED": "pass", "CVV_REJECTED": "fail"}
_AVS: Final = {"AVS_ACCEPTED": "pass", "AVS_REJECTED": "fail"}
_WHY_NOT: Final = {
    "REFUND_AMOUNT_INVALID": "The amount is more than can be refunded.",
    "REFUND_ALREADY_PENDING": "A refund of this payment is under way already.",
    "PAYMENT_NOT_REFUNDABLE": "The payment cannot be refunded, or no longer.",
    "PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE": "The payment is disputed.",
    "REFUND_DECLINED": "The refund was declined.",
    "REFUND_ERROR_PAYMENT_NEEDS_COMPLETION": "The payment must be captured first.",
    "INSUFFICIENT_PERMISSIONS_FOR_REFUND": "The balance at Square does not cover the refund.",
    "DELAYED_TRANSACTION_EXPIRED": "The authorisation has expired.",
    "DELAYED_TRANSACTION_CANCELED": "The authorisation was cancelled.",
    "DELAYED_TRANSACTION_CAPTURED": "The payment has been captured already.",
    "DELAYED_TRANSACTION_FAILED": "The authorisation has failed.",
    "VERSION_MISMATCH": "The payment changed in the meantime.",
}


class Sum(Struct, frozen=True):
    """An amount."""

    amount: int
    currency: str

    @property
    def money(self) -> Money | None:
        """As money; Square counts the smallest unit as ISO 4217 does."""
        return Money(self.amount, self.currency) if self.currency in DECIMALS else None


class CardObject(Struct, frozen=True, kw_only=True):
    """A card, on file or as it paid."""

    id: Id | None = None
    card_brand: str | None = None
    last4: str | None = named(name="last_4", default=None)
    exp_month: int | None = None
    exp_year: int | None = None
    customer_id: str | None = None
    enabled: bool | None = None
    issuer_alert: str | None = None

    @property
    def brand(self) -> str:
        """In our words."""
        return BRANDS.get(self.card_brand, "unknown")


class Error(Struct, frozen=True):
    """One thing that is wrong."""

    category: str
    code: Code
    detail: str | None = None
    field: str | None = None


class CardDetails(Struct, frozen=True):
    """How a card payment went."""

    status: str | None = None
    card: CardObject | None = None
    cvv_status: str | None = None
    avs_status: str | None = None
    auth_result_code: str | None = None
    errors: list[Error] = []

    @property
    def checks(self) -> Checks:
        """What the issuer said; of the address, Square tells one verdict, which is the postal code's."""
        return Checks(cvc=_CVV.get(self.cvv_status or ""), postal_code=_AVS.get(self.avs_status or ""))


class Payment(Struct, frozen=True, kw_only=True):
    """A payment."""

    id: Id
    status: str
    amount_money: Sum
    approved_money: Sum | None = None
    reference_id: str | None = None
    version_token: str | None = None
    card_details: CardDetails = CardDetails()
    refund_ids: list[Id] = []

    @property
    def is_partial(self) -> bool:
        """Whether less was approved than asked."""
        return self.approved_money is not None and self.approved_money.amount < self.amount_money.amount


class Refund(Struct, frozen=True, kw_only=True):
    """A refund. Our key is its reason."""

    id: Id
    status: str
    amount_money: Sum
    payment_id: str | None = None
    reason: str | None = None


class PaymentAnswer(Struct, frozen=True):
    """An answer with a payment."""

    payment: Payment
    errors: list[Error] = []


class PaymentsAnswer(Struct, frozen=True):
    """A page of payments; Square leaves out an empty list."""

    payments: list[Payment] = []
    cursor: str | None = None


class RefundAnswer(Struct, frozen=True):
    """An answer with a refund."""

    refund: Refund
    errors: list[Error] = []


class CardAnswer(Struct, frozen=True):
    """An answer with a card on file."""

    card: CardObject
    errors: list[Error] = []


class _Customer(Struct, frozen=True):
    id: Id


class CustomerAnswer(Struct, frozen=True):
    """An answer with a customer."""

    customer: _Customer


class _Refusal(Struct, frozen=True):
    errors: Annotated[list[Error], Meta(min_length=1)]
    payment: Payment | None = None


T = TypeVar("T", bound=Struct)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer must be about to be believed."""

    key: str
    brand: str
    today: date
    amount: Money | None = None
    reference: str | None = None

    def is_about(self, payment: Payment) -> bool:
        """Whether it is."""
        return (
            payment.reference_id == self.key
            and self.amount in (None, payment.amount_money.money)
            and self.reference in (None, payment.id)
        )


def read(response: HttpResponse, type_: type[T]) -> T | None:
    """The answer, if it is one of this type."""
    return shaped(response.json(), type_) if response.status == 200 else None


def charged(response: HttpResponse, asked: Asked) -> Evidence | Unprocessed:
    """What the answer to a charge means."""
    answer = read(response, PaymentAnswer)
    if answer is not None:
        return evidence(answer.payment, asked)
    refusal = refusal_of(response)
    if refusal is None:
        return no_readable_answer(response)
    error, failed = refusal.errors[0], refusal.payment
    if failed is not None and not asked.is_about(failed):
        return Unknown("the answer is about another payment")
    if failed is not None:
        is_failed = failed.status == "FAILED" and error.category == CARD
        return (
            refused_card(error, asked, failed)
            if is_failed
            else Unknown("an error with a payment that stands")
        )
    return not_charged(response, error, asked)


def not_charged(response: HttpResponse, error: Error, asked: Asked) -> Evidence | Unprocessed:
    """What an error means where there is no payment."""
    if error.code in _MAYBE_UNDER_WAY:
        return Unknown(f"HTTP {response.status}: {error.code}")
    if error.category == CARD and 400 <= response.status < 500:
        return refused_card(error, asked, None)
    return at_the_door(response, error) or Unknown(f"HTTP {response.status}: {error.code}")


def refusal_of(response: HttpResponse) -> _Refusal | None:
    """What Square itself says against it; a status alone says nothing."""
    return shaped(response.json(), _Refusal) if response.status >= 400 else None


def at_the_door(response: HttpResponse, error: Error) -> Unprocessed | None:
    """Square's word that it did not begin: a wrong token, a wrong field, too many requests."""
    if response.status not in _AT_THE_DOOR.get(error.category, ()) or error.code in _MAYBE_UNDER_WAY:
        return None
    return Unprocessed(f"HTTP {response.status}: {error.code}")


def evidence(payment: Payment, asked: Asked) -> Evidence:
    """What a payment means, if it is the one asked about."""
    if not asked.is_about(payment):
        return Unknown("the answer is about another payment")
    return meaning(payment, asked)


def meaning(payment: Payment, asked: Asked) -> Evidence:
    """What a payment means."""
    match payment.status:
        case "APPROVED" | "COMPLETED" if payment.is_partial:
            return Unknown("less was approved than asked")
        case "APPROVED" | "COMPLETED" as status:
            return Approved(payment.id, captured=status == "COMPLETED", checks=payment.card_details.checks)
        case "PENDING":
            return Pending(payment.id)
        case "FAILED" | "CANCELED" as status:
            said = payment.card_details.errors
            return refused_card(said[0] if said else Error(CARD, status), asked, payment)
        case _:
            return Unknown("the payment is in no known state")


def refused_card(error: Error, asked: Asked, payment: Payment | None) -> Declined:
    """A decline, with what Square says beside it."""
    details = payment.card_details if payment is not None else CardDetails()
    said = {
        "category": error.category,
        "auth_result_code": details.auth_result_code,
        "card_status": details.status,
        "issuer_alert": details.card.issuer_alert if details.card is not None else None,
        "also": " ".join(each.code for each in details.errors if each.code != error.code),
    }
    return declined(
        "square",
        error.code,
        on=asked.today,
        brand=asked.brand,
        text=error.detail,
        raw={name: value for name, value in said.items() if value},
        reference=payment.id if payment is not None else None,
        checks=details.checks,
    )


def refunded(refund: Refund) -> FollowUpEvidence:
    """What a refund means."""
    match refund.status:
        case "COMPLETED":
            return Done(refund.id)
        case "PENDING":
            return Pending(refund.id)
        case "REJECTED" | "FAILED" as status:
            return refused(status)
        case _:
            return Unknown("the refund is in no known state")


def unchanged(response: HttpResponse) -> FollowUp:
    """What an answer means that is not the changed thing."""
    refusal = refusal_of(response)
    if refusal is None:
        return no_readable_answer(response)
    error = refusal.errors[0]
    if error.code in _MAYBE_UNDER_WAY or response.status >= 500:
        return Unknown(f"HTTP {response.status}: {error.code}")
    if error.category in (CARD, _REFUND):
        return refused(error.code)
    said = at_the_door(response, error)
    if said is None:
        return Unknown(f"HTTP {response.status}: {error.code}")
    return refused(error.code) if response.status in (400, 404, 422) else said


def refused(code: str) -> Refused:
    """Square's code in our words."""
    return Refused(code, _WHY_NOT.get(code, "Square will not do this."))


def saved(card: CardObject) -> Secret | None:
    """The card's name, where it is on file."""
    return Secret(card.id) if card.id is not None else None
