"""What Mollie answers, and what it means: payments, captures, refunds, mandates and errors."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final, TypeVar

from msgspec import Meta, Struct, field

from recoup.connectors.base import (
    HttpResponse,
    no_readable_answer,
    shaped,
)
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money, parse_major
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Declined,
    Done,
    Evidence,
    FollowUpEvidence,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.classify import declined

NAME: Final = "mollie"

_BRANDS: Final = {
    "American Express": "amex",
    "Cartes Bancaires": "cartes_bancaires",
    "Diners Club": "diners",
    "Discover": "discover",
    "JCB": "jcb",
    "Maestro": "maestro",
    "Mastercard": "mastercard",
    "Unionpay": "unionpay",
    "Visa": "visa",
}
_ENDED: Final = frozenset({"failed", "canceled", "expired"})
_REFUSED_AT_THE_DOOR: Final = frozenset({400, 401, 403, 404, 405, 415, 422, 429})
"""Statuses of errors with which Mollie says that it did nothing. 409 is not among them: something is under our key."""

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+\Z")]
Text = Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*\Z")]
Url = Annotated[str, Meta(max_length=2000, pattern=r"^https://[!-~]+\Z")]
Aware = Annotated[datetime, Meta(tz=True)]


class Amount(Struct, frozen=True):
    """An amount as Mollie writes it: a decimal number with as many decimals as its currency has."""

    value: str
    currency: str

    def money(self) -> Money | None:
        """The same as ours, or None where it is no amount."""
        return parse_major(self.value, self.currency) if self.currency in DECIMALS else None


def written(amount: Money) -> dict[str, str]:
    """Our amount as Mollie writes it."""
    return {"currency": amount.currency, "value": f"{amount.major():.{amount.decimals}f}"}


class _Link(Struct, frozen=True):
    href: Url


class _Links(Struct, frozen=True):
    checkout: _Link | None = None


class NextLinks(Struct, frozen=True):
    """Where the next page is."""

    next: _Link | None = None


class _StatusReason(Struct, frozen=True):
    code: Name
    message: Text | None = None


class _Details(Struct, frozen=True, rename="camel"):
    card_label: str | None = None
    failure_reason: Name | None = None
    failure_message: Text | None = None
    bank_reason_code: Name | None = None
    bank_reason: Text | None = None


class Payment(Struct, frozen=True, rename="camel", kw_only=True):
    """A payment, as far as it matters here."""

    resource: str
    id: Name
    status: str
    amount: Amount
    amount_captured: Amount | None = None
    sequence_type: str = "oneoff"
    is_cancelable: bool | None = None
    customer_id: Name | None = None
    mandate_id: Name | None = None
    metadata: Any = None
    details: _Details | None = None
    status_reason: _StatusReason | None = None
    links: _Links = field(name="_links", default=_Links())

    @property
    def key(self) -> str | None:
        """Ours, given back."""
        return key_in(self.metadata)

    def is_about(self, key: str, amount: Money | None, *, named: bool = False) -> bool:
        """Whether it is the payment asked about. One asked for by id may have lost our key: metadata can change."""
        ours = self.key == key or (named and self.key is None)
        return ours and self.resource == "payment" and amount in {None, self.amount.money()}

    @property
    def is_released(self) -> bool:
        """Whether nothing is held any more: let go of as a whole, or what captures had left of it."""
        whole, taken = (
            self.amount.money(),
            None if self.amount_captured is None else self.amount_captured.money(),
        )
        rest_let_go = whole is not None and taken is not None and taken.minor < whole.minor
        return self.status == "canceled" or (self.status == "paid" and rest_let_go)

    def means(self, on: date, brand: str) -> Evidence:
        """What became of the money."""
        if self.status in {"paid", "authorized"}:
            saved = self.mandate_id if self.sequence_type == "first" else None
            return Approved(
                self.id,
                captured=self.status == "paid",
                token=None if saved is None else Secret(saved),
                token_customer=None if saved is None else self.customer_id,
            )
        if self.status in _ENDED:
            return self._declined(on, brand)
        if self.status == "open" and self.links.checkout is not None:
            return ActionRequired(self.id, self.links.checkout.href)
        if self.status in {"open", "pending"}:
            return Pending(self.id)
        return Unknown("the payment is in a state that is not known")

    def _declined(self, on: date, brand: str) -> Declined:
        said, told = self.details or _Details(), self.status_reason
        bank = said.bank_reason_code
        raw = {
            "status": self.status,
            "failureReason": said.failure_reason,
            "statusReason": None if told is None else told.code,
            "bankReasonCode": bank,
            "bankReason": said.bank_reason,
        }
        codes = (None if told is None else told.code, said.failure_reason, bank, self.status)
        return declined(
            NAME,
            next(code for code in codes if code),
            on=on,
            network_code=None if bank is None or bank.isdigit() else bank,
            brand=_BRANDS.get(said.card_label or "", brand if bank is None else "sepa_debit"),
            text=said.failure_message or (told.message if told is not None else None) or said.bank_reason,
            raw={name: value for name, value in raw.items() if value},
            reference=self.id,
        )


class Step(Struct, frozen=True, rename="camel", kw_only=True):
    """A capture or a refund of a payment."""

    resource: str
    id: Name
    status: str
    amount: Amount
    payment_id: Name
    metadata: Any = None

    def means(self) -> Done | Refused | Pending | Unknown:
        """What became of it."""
        match (self.resource, self.status):
            case ("capture", "succeeded") | ("refund", "refunded"):
                return Done(self.id)
            case ("capture", "pending") | ("refund", "queued" | "pending" | "processing"):
                return Pending(self.id)
            case ("capture" | "refund", "failed" | "canceled"):
                return Refused(self.status, f"Mollie did not carry out the {self.resource}.")
            case _:
                return Unknown("the answer is in a state that is not known")


class _Payments(Struct, frozen=True):
    payments: list[Any]


class PaymentList(Struct, frozen=True):
    """A page of payments, newest first. Each is read when it is the one that is looked for."""

    embedded: _Payments = field(name="_embedded")
    links: NextLinks = field(name="_links", default=NextLinks())


class _Created(Struct, frozen=True, rename="camel"):
    created_at: Aware


class _Steps(Struct, frozen=True):
    captures: list[Any] = []
    refunds: list[Any] = []


class StepList(Struct, frozen=True):
    """The captures or refunds of a payment."""

    embedded: _Steps = field(name="_embedded")


class Mandate(Struct, frozen=True, rename="camel"):
    """What a customer allowed."""

    id: Name
    status: str
    mandate_reference: Text | None = None


class _Mandates(Struct, frozen=True):
    mandates: list[Mandate]


class MandateList(Struct, frozen=True):
    """The mandates of a customer."""

    embedded: _Mandates = field(name="_embedded")


class Customer(Struct, frozen=True):
    """Somebody who may give mandates."""

    resource: str
    id: Name


class Error(Struct, frozen=True):
    """What is wrong with a request."""

    status: int
    title: Text
    detail: Text
    field: Text | None = None

    def refusal(self) -> Refused | None:
        """Whether a capture or refund is refused. A refund that is a duplicate is one of another's, of the same amount:
        ours is sent once, and what the network repeats is answered by our key."""
        if self.status == 409 and "duplicate refund" in self.detail.lower():
            return Refused("duplicate_refund", self.detail)
        return Refused(self.field or "unprocessable", self.detail) if self.status == 422 else None

    def at_the_door(self) -> Unprocessed | None:
        """Whether it says that nothing was done. About a key used before it says that something was."""
        if self.status not in _REFUSED_AT_THE_DOOR or "idempotency" in self.detail.lower():
            return None
        return Unprocessed(f"HTTP {self.status}: {self.title}" + (f" ({self.field})" if self.field else ""))


Answer = TypeVar("Answer", bound=Struct)


def key_in(metadata: object) -> str | None:
    """Our key in what Mollie kept for us."""
    found = metadata.get("recoup_key") if isinstance(metadata, dict) else None
    return found if isinstance(found, str) else None


def with_key(key: str, listed: list[Any]) -> list[Any]:
    """Those of a list that carry our key, as they came."""
    return [each for each in listed if isinstance(each, dict) and key_in(each.get("metadata")) == key]


def oldest(listed: list[Any]) -> datetime | None:
    """When the last of a page was created."""
    last = listed[-1] if listed else None
    created = shaped(last, _Created)
    return None if created is None else created.created_at


def read(response: HttpResponse, type_: type[Answer]) -> Answer | None:
    """The answer, if it is one of this type."""
    return shaped(response.json(), type_) if response.status in {200, 201} else None


def error_of(response: HttpResponse) -> Error | None:
    """Mollie's own error. One in which status and body disagree is nobody's."""
    if response.status < 400:
        return None
    error = shaped(response.json(), Error)
    return error if error is not None and error.status == response.status else None


def cancelled(response: HttpResponse, charge: str) -> FollowUpEvidence:
    """Whether a payment was cancelled; one that is over never will be, and one that is not still may be."""
    payment = read(response, Payment)
    if payment is None or payment.id != charge:
        return no_readable_answer(response)
    if payment.is_released:
        return Done(charge)
    if payment.status in {"paid", "failed", "expired"}:
        return Refused("not_cancelable", "The payment ended before it was cancelled.")
    return Unknown("the payment is not cancelled, and may still be")
