"""What Access Worldpay answers, and what it means: payments, what the queries show of them, next steps, and errors."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit

from msgspec import Meta, Struct, field

from recoup.connectors.base import (
    ChangeKind,
    HttpResponse,
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
    FollowUpEvidence,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.classify import declined

NAME: Final = "worldpay"

_NO: Final = frozenset(
    {"fraudHighRisk", "3dsAuthenticationFailed", "3dsUnavailable", "3dsDeviceDataRequired", "3dsChallenged"}
)
"""Outcomes without a refusal code after which nothing is authorised, and nothing will be."""
_AUTHORIZED: Final = "authorizationSucceeded"
_HELD: Final = frozenset({_AUTHORIZED, "settlementFailed", "settlementTimedOut"})
_TAKEN: Final = frozenset({"saleSucceeded", "settlementRequested", "settlementRequestSubmitted"})
_AFTER_TAKING: Final = ("refund", "reversal")
_STILL_HELD: Final = frozenset({"cancellationFailed", "cancellationTimedOut"})
_LET_GO: Final = frozenset({"cancellationRequestSubmitted", "reversalRequestSubmitted"})
_ON_THE_WAY: Final = frozenset({"authorizationRequested", "saleRequested", "cancellationRequested"})
_REFUSED: Final = frozenset({"authorizationRefused", "saleRefused"})
_FAILED: Final = frozenset({"authorizationFailed", "saleFailed"})
_EVENTS: Final = {
    ChangeKind.CAPTURE: "settlement",
    ChangeKind.CANCEL: "cancellation",
    ChangeKind.REFUND: "refund",
}
_AT_THE_DOOR: Final = frozenset({400, 401, 403, 404, 405, 406, 415, 429})
_RISKS: Final = {"notMatched": "fail", "matched": "pass"}

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+\Z")]
Text = Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*\Z")]
Url = Annotated[str, Meta(max_length=4000, pattern=r"^(https://|/)[!-~]+\Z")]


class Link(Struct, frozen=True):
    """Where a next step is asked for."""

    href: Url


class _Advice(Struct, frozen=True):
    code: Name | None = None


class _Token(Struct, frozen=True):
    href: Url


class _Risk(Struct, frozen=True):
    type: str
    risk: str
    detail: str | None = None


class Payment(Struct, frozen=True, rename="camel", kw_only=True):
    """What came of asking for a payment."""

    outcome: Name
    transaction_reference: Name
    scheme_reference: Text | None = None
    refusal_code: Name | None = None
    refusal_description: Text | None = None
    raw_code: Name | None = None
    advice: _Advice | None = None
    token: _Token | None = None
    risk_factors: list[_Risk] = []

    def means(self, on: date, brand: str) -> Evidence:
        """Whether the money is held, on its way, or refused."""
        if self.outcome in {"authorized", "sentForSettlement"}:
            return Approved(
                self.transaction_reference,
                captured=self.outcome == "sentForSettlement",
                network_transaction_id=(self.scheme_reference or "").strip() or None,
                checks=self._checks(),
                token=None if self.token is None else Secret(self.token.href),
            )
        if self.outcome == "refused" or self.outcome in _NO:
            return self._declined(on, brand)
        return Unknown("the outcome is one that is not known")

    def _declined(self, on: date, brand: str) -> Declined:
        told = None if self.advice is None else self.advice.code
        said = {"outcome": self.outcome, "refusalCode": self.refusal_code, "advice": told}
        return declined(
            NAME,
            self.refusal_code or self.outcome,
            on=on,
            network_code=self.raw_code,
            advice_code=told,
            brand=brand,
            text=self.refusal_description,
            raw={name: value for name, value in said.items() if value},
            reference=self.transaction_reference,
            checks=self._checks(),
        )

    def _checks(self) -> Checks:
        """What the issuer said of code and address; only what is amiss is told."""
        found = {(each.type, each.detail): _RISKS.get(each.risk, "unavailable") for each in self.risk_factors}
        return Checks(
            cvc=found.get(("cvc", None)),
            postal_code=found.get(("avs", "postcode")),
            address=found.get(("avs", "address")),
        )


class _Value(Struct, frozen=True):
    amount: int
    currency: str


class _Scheme(Struct, frozen=True):
    reference: Text | None = None


class Event(Struct, frozen=True, rename="camel", kw_only=True):
    """One thing that happened to a payment."""

    event_name: Name
    command_id: Name | None = None
    code: Name | None = None
    description: Text | None = None
    settlement_reference: Name | None = None
    refund_reference: Name | None = None
    value: _Value | None = None


class Shown(Struct, frozen=True, rename="camel", kw_only=True):
    """A payment as the queries show it: in short, or with all that happened."""

    transaction_reference: Name
    last_event: Name
    value: _Value
    scheme: _Scheme | None = None
    events: list[Event] = []
    links: dict[str, Link] = field(name="_links", default={})

    def is_about(self, key: str, amount: Money | None) -> bool:
        """Whether it is the payment asked about."""
        asked = amount is None or (self.value.amount, self.value.currency) == (amount.minor, amount.currency)
        return self.transaction_reference == key and asked

    @property
    def was_refused(self) -> bool:
        """Whether the reason is to be read from what happened."""
        return self.last_event in _REFUSED

    def means(self, on: date, brand: str, *, capture: bool | None = None) -> Evidence:
        """What became of the money. What was let go of before we heard of it was not taken, and never will be.

        Where it was to be settled by itself (`capture`), an authorisation alone is on the way to that.
        """
        last = self.last_event
        if last in _ON_THE_WAY or (capture and last == _AUTHORIZED):
            return Pending(self.transaction_reference)
        if last in _REFUSED | _FAILED | _LET_GO:
            return self._declined(on, brand)
        taken = last in _TAKEN or last.startswith(_AFTER_TAKING)
        if taken or last in _HELD or last in _STILL_HELD:
            scheme = None if self.scheme is None else self.scheme.reference
            network_id = (scheme or "").strip() or None
            return Approved(self.transaction_reference, captured=taken, network_transaction_id=network_id)
        return Unknown("Worldpay itself does not know what became of it")

    def _declined(self, on: date, brand: str) -> Declined:
        said = next((each for each in self.events if each.event_name == self.last_event), None)
        code = None if said is None else said.code
        return declined(
            NAME,
            code or ("refused" if self.last_event in _REFUSED else self.last_event),
            on=on,
            brand=brand,
            text=None if said is None else said.description,
            raw={"lastEvent": self.last_event},
            reference=self.transaction_reference,
        )

    def change(
        self, kind: ChangeKind, key: str, amount: Money | None, *, command: str | None = None
    ) -> FollowUpEvidence:
        """What became of a change: by our key, which only cancellations do not carry, or by Worldpay's id of it."""
        step = _EVENTS[kind]
        steps = [each for each in self.events if each.event_name.startswith(step)]
        if kind is ChangeKind.CANCEL:
            ours = [each for each in steps if command is None or each.command_id in {None, command}]
            ours = ours or [each for each in steps if each.event_name == "cancellationRequestSubmitted"]
        else:
            asked = [each for each in steps if key in {each.settlement_reference, each.refund_reference}]
            command = asked[0].command_id if asked else None
            ours = _with(steps, asked) if asked and _is_of(asked[0], amount) else []
        names = {each.event_name for each in ours}
        reference = command or self.transaction_reference
        if f"{step}Failed" in names:
            return Refused(f"{step}Failed", f"Worldpay could not carry out the {step}.")
        if f"{step}RequestSubmitted" in names:
            return Done(reference)
        if f"{step}Requested" in names:
            return Pending(reference)
        return Unknown(f"no {step} of ours was found")


def _with(steps: list[Event], asked: list[Event]) -> list[Event]:
    """What came of what was asked: known by its id; without one, only where nothing else of the kind was asked for."""
    ids = {each.command_id for each in asked}
    if len(ids) == 1 and None not in ids:
        return [each for each in steps if each.command_id in ids]
    requests = [each for each in steps if each.event_name.endswith("Requested")]
    return steps if requests == asked and len(asked) == 1 else []


def _is_of(event: Event, amount: Money | None) -> bool:
    if amount is None or event.value is None:
        return True
    return (event.value.amount, event.value.currency) == (amount.minor, amount.currency)


class _Payments(Struct, frozen=True):
    payments: list[Any]


class Found(Struct, frozen=True):
    """The payments with a transaction reference."""

    embedded: _Payments = field(name="_embedded")


class Steps(Struct, frozen=True, rename="camel", kw_only=True):
    """What can be done to a payment next. The last event is in words here, such as `Sent for Settlement`."""

    last_event: Text
    links: dict[str, Any] = field(name="_links")

    def path(self, step: str) -> str | None:
        """Where this step is asked for. Only the path is taken: we speak to the account's address and no other."""
        for name, link in self.links.items():
            found = shaped(link, Link) if name.rpartition(":")[2] == step else None
            if found is not None:
                path = urlsplit(found.href).path
                return path if path.startswith("/payments/") and ".." not in path else None
        return None


class Accepted(Struct, frozen=True, rename="camel", kw_only=True):
    """A change that Worldpay took, and will carry out."""

    links: dict[str, Any] = field(name="_links")
    command_id: Name | None = None

    def is_one(self) -> bool:
        """Whether it says where the payment's events are: nothing else looks so."""
        return any(name.endswith(":events") for name in self.links)


class Error(Struct, frozen=True, rename="camel"):
    """What is wrong with a request."""

    error_name: Name
    message: Text

    def at_the_door(self, status: int) -> Unprocessed | None:
        """Whether nothing was done: said by Worldpay's own words, with a status that goes with them."""
        return Unprocessed(f"HTTP {status}: {self.error_name}") if status in _AT_THE_DOOR else None


Answer = TypeVar("Answer", bound=Struct)


def read(response: HttpResponse, type_: type[Answer]) -> Answer | None:
    """The answer, if it is one of this type."""
    return shaped(response.json(), type_) if response.status in {200, 201, 202} else None


def error_of(response: HttpResponse) -> Error | None:
    """Worldpay's own error."""
    return shaped(response.json(), Error) if response.status >= 400 else None


def money(value: int, currency: str) -> Money | None:
    """An amount, or None where the currency is none."""
    return Money(value, currency) if currency in DECIMALS else None
