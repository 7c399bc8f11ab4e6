"""What GoCardless answers, and what it means: payments, refunds, mandates, errors, and the details of events."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final, TypeVar

from msgspec import Meta, Struct

from recoup.connectors.base import (
    HttpResponse,
    no_readable_answer,
    shaped,
)
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    Declined,
    Done,
    FollowUp,
    FollowUpEvidence,
    Outcome,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.classify import declined

VERSION: Final = "2015-07-06"
NAME: Final = "gocardless"

_BRANDS: Final = {"sepa_core": "sepa_debit", "bacs": "bacs_debit", "ach": "ach_debit"}
ON_THE_WAY: Final = frozenset({"pending_customer_approval", "pending_submission", "submitted"})
TAKEN: Final = frozenset({"confirmed", "paid_out", "charged_back"})
"""A charged back payment was taken, and given back later: that is a dispute."""
NOT_TAKEN: Final = frozenset({"failed", "cancelled", "customer_approval_denied"})
_REFUND_ON_THE_WAY: Final = frozenset({"created", "pending_submission", "submitted"})
_REFUND_FAILED: Final = frozenset({"cancelled", "bounced", "failed", "funds_returned"})
_VAGUE: Final = frozenset({"refer_to_payer", "other"})
LIVE_MANDATE: Final = frozenset({"pending_customer_approval", "pending_submission", "submitted", "active"})
DEAD_MANDATE: Final = {
    "cancelled": "mandate_cancelled",
    "suspended_by_payer": "mandate_suspended_by_payer",
    "failed": "mandate_failed",
    "expired": "mandate_expired",
    "consumed": "mandate_consumed",
    "blocked": "mandate_blocked",
}
_REASONS: Final = """
    ACH_RETURN-R01 ACH_RETURN-R05 ACH_RETURN-R06 ACH_RETURN-R07 ACH_RETURN-R08 ACH_RETURN-R09 ACH_RETURN-R10
    ACH_RETURN-R11 ACH_RETURN-R16 ACH_RETURN-R17 ACH_RETURN-R20 ACH_RETURN-R23 ACH_RETURN-R24 ACH_RETURN-R26
    ACH_RETURN-R29 ACH_RETURN-R32 ACH_RETURN-R34 ACH_RETURN-R51 ACH_RETURN-R67 ACH_RETURN-R75 ACH_RETURN-R81
    ACH_RETURN-R83 ACH_RETURN-R84 ACH_RETURN-R85
    ACH_RETURN-C01 ACH_RETURN-C02 ACH_RETURN-C03 ACH_RETURN-C05 ACH_RETURN-C06 ACH_RETURN-C07
    NOTIFICATION_OF_CHANGE-C01 NOTIFICATION_OF_CHANGE-C02 NOTIFICATION_OF_CHANGE-C03 NOTIFICATION_OF_CHANGE-C05
    NOTIFICATION_OF_CHANGE-C06 NOTIFICATION_OF_CHANGE-C07 NOTIFICATION_OF_CHANGE-C08 NOTIFICATION_OF_CHANGE-C09
    NOTIFICATION_OF_CHANGE-R08
    ARUDD-0 ARUDD-6 ARUDD-8 ARUDD-9 ARUDD-A
    AM04 MS02 MS03 RR04 SL01 TK82-1
    PAYMENT_INFORMATION-0237 INFORMATION_LIST-0253 INFORMATION_LIST-0282
    DISHONOUR-AM02 DISHONOUR-AM04 DISHONOUR-BE05 DISHONOUR-MS01 NEGATIVE_ACKNOWLEDGEMENT-AM04
    PAYMENT_STATUS_REPORT-901 PAYMENT_STATUS_REPORT-903 PAYMENT_STATUS_REPORT-907 PAYMENT_STATUS_REPORT-908
    PAYMENT_STATUS_REPORT-909 PAYMENT_STATUS_REPORT-911 PAYMENT_STATUS_REPORT-914 PAYMENT_STATUS_REPORT-916
    PAYMENT_STATUS_REPORT-918 PAYMENT_STATUS_REPORT-919 PAYMENT_STATUS_REPORT-921 PAYMENT_STATUS_REPORT-990
"""
SAYS_MORE: Final = frozenset(_REASONS.split())
"""The reason codes that say more than a vague cause beside them; each has a row in GoCardless's table."""


Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+\Z")]
Text = Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*\Z")]
Aware = Annotated[datetime, Meta(tz=True)]
Labels = dict[str, str]


class Payment(Struct, frozen=True, kw_only=True):
    id: Name
    amount: int
    currency: str
    status: str
    amount_refunded: int | None = None
    metadata: Labels = {}

    def is_about(self, key: str, amount: Money | None, *, named: bool = False) -> bool:
        """Whether it is the payment asked about. One asked for by id may have lost our key: metadata can change."""
        asked = amount is None or (self.amount, self.currency) == (amount.minor, amount.currency)
        return asked and self.metadata.get("recoup_key", key if named else None) == key


class PaymentAnswer(Struct, frozen=True):
    payments: Payment


class _Cursors(Struct, frozen=True):
    after: Name | None = None


class _Paging(Struct, frozen=True):
    cursors: _Cursors


class PaymentList(Struct, frozen=True):
    """A page of payments. Each is read when it is the one that is looked for."""

    payments: list[Any]
    meta: _Paging


class _RefundLinks(Struct, frozen=True):
    payment: Name | None = None


class Refund(Struct, frozen=True, kw_only=True):
    id: Name
    amount: int
    currency: str
    status: str
    links: _RefundLinks
    metadata: Labels = {}


class RefundAnswer(Struct, frozen=True):
    refunds: Refund


class RefundList(Struct, frozen=True):
    """The refunds of a payment."""

    refunds: list[Any]


class Mandate(Struct, frozen=True):
    id: Name
    status: str
    reference: Text | None = None


class MandateList(Struct, frozen=True):
    mandates: list[Mandate]


class Details(Struct, frozen=True):
    """Why something happened: the cause in GoCardless's words, the reason code in the scheme's."""

    cause: Name
    origin: Text | None = None
    scheme: Text | None = None
    reason_code: Text | None = None
    description: Text | None = None
    will_attempt_retry: bool | None = None

    @property
    def code(self) -> str:
        """The cause; of a vague one, the reason code where that says more."""
        exact = self.cause in _VAGUE and self.reason_code in SAYS_MORE
        return self.reason_code if exact and self.reason_code else self.cause

    def declined(self, on: date, reference: str | None) -> Declined:
        """The decline. A reason code of digits alone (BECS, PayTo) would read as a card network's: it is kept apart."""
        said = {
            "cause": self.cause,
            "origin": self.origin,
            "scheme": self.scheme,
            "reason_code": self.reason_code,
        }
        return declined(
            NAME,
            self.code,
            on=on,
            network_code=None if not self.reason_code or self.reason_code.isdigit() else self.reason_code,
            brand=_BRANDS.get(self.scheme or "", "unknown"),
            text=self.description,
            raw={name: value for name, value in said.items() if value},
            reference=reference,
        )


class Event(Struct, frozen=True, kw_only=True):
    id: Name
    created_at: Aware
    resource_type: str
    action: str
    details: Details
    links: Labels
    resource_metadata: dict[str, Any] = {}

    @property
    def key(self) -> str | None:
        found = self.resource_metadata.get("recoup_key")
        return found if isinstance(found, str) else None


class EventList(Struct, frozen=True):
    events: list[Event]


class Delivered(Struct, frozen=True):
    events: list[Any]


class _Problem(Struct, frozen=True):
    message: Text | None = None
    reason: Name | None = None
    links: dict[str, Any] = {}


class Error(Struct, frozen=True):
    type: str
    code: int
    message: Text = ""
    errors: list[_Problem] = []

    @property
    def reason(self) -> str:
        return next((problem.reason for problem in self.errors if problem.reason), self.type)

    @property
    def made_before(self) -> str | None:
        """What was made earlier under the same key, where that is what is wrong."""
        for problem in self.errors:
            if problem.reason == "idempotent_creation_conflict":
                found = problem.links.get("conflicting_resource_id")
                return found if isinstance(found, str) else ""
        return None


class _ErrorAnswer(Struct, frozen=True):
    error: Error


Answer = TypeVar("Answer", bound=Struct)


def with_key(key: str, listed: list[Any], type_: type[Answer]) -> list[Answer | None]:
    """Those of a list that carry our key; None for one that cannot be read."""
    return [shaped(each, type_) for each in listed if _key_of(each) == key]


def _key_of(value: object) -> object:
    labels = value.get("metadata") if isinstance(value, dict) else None
    return labels.get("recoup_key") if isinstance(labels, dict) else None


def read(response: HttpResponse, type_: type[Answer], *, status: int = 200) -> Answer | None:
    """The answer, if it is one of this type. What was created is 201, or 200 where it was there before."""
    return shaped(response.json(), type_) if response.status in {200, status} else None


def error_of(response: HttpResponse) -> Error | None:
    """GoCardless's own error. One in which status and body disagree is nobody's."""
    if response.status < 400:
        return None
    answer = shaped(response.json(), _ErrorAnswer)
    return answer.error if answer is not None and answer.error.code == response.status else None


def at_the_door(error: Error) -> Unprocessed | None:
    """Whether nothing was done: refused for what was asked or by whom, and not for a fault of GoCardless's own."""
    if error.type in {"invalid_api_usage", "validation_failed"} and error.code < 500:
        return Unprocessed(f"HTTP {error.code}: {error.reason}")
    return None


def not_created(error: Error, on: date) -> Outcome:
    """A payment that was refused. A key used before names the payment that was made then: that is the one."""
    made = error.made_before
    if made is not None:
        return Pending(made) if made.startswith("PM") else Unknown("our key was used before")
    if error.type == "invalid_state" and error.code < 500:
        return declined(NAME, error.reason, on=on, brand="unknown", text=error.message or None)
    return at_the_door(error) or Unknown(f"HTTP {error.code}: {error.type}")


def change_refused(error: Error) -> FollowUp | None:
    made = error.made_before
    if made is not None:
        return Pending(made) if made.startswith("RF") else Unknown("our key was used before")
    if error.type in {"invalid_state", "validation_failed"} and error.code < 500:
        return Refused(error.reason, error.message or "GoCardless gave no reason.")
    return at_the_door(error)


def named(mandates: list[Mandate], id_: Secret) -> Mandate | None:
    return next((each for each in mandates if each.id == id_.reveal()), None)


def refunded(
    refund: Refund, *, key: str, amount: Money | None, charge: str | None
) -> Done | Refused | Unknown | Pending:
    """What the state of a refund means, if it is the one asked about."""
    asked = amount is None or (refund.amount, refund.currency) == (amount.minor, amount.currency)
    if refund.metadata.get("recoup_key") != key or not asked or refund.links.payment != charge:
        return Unknown("the answer is about another refund")
    if refund.status == "paid":
        return Done(refund.id)
    if refund.status in _REFUND_ON_THE_WAY:
        return Pending(refund.id)
    if refund.status in _REFUND_FAILED:
        return Refused(refund.status, "The refund did not reach the customer's bank account.")
    return Unknown("the refund is in a state that is not known")


def cancelled(response: HttpResponse, charge: str) -> FollowUpEvidence:
    """Whether a payment was cancelled: once submitted it never can be, and before that it still may be."""
    answer = read(response, PaymentAnswer)
    if answer is None or answer.payments.id != charge:
        return no_readable_answer(response)
    if answer.payments.status == "cancelled":
        return Done(charge)
    if answer.payments.status in {"submitted", *TAKEN, *NOT_TAKEN}:
        return Refused(
            "cancellation_failed", "The payment was submitted to the banks before it was cancelled."
        )
    return Unknown("the payment is not cancelled, and may still be")
