"""What Checkout.com answers, read: payments, actions, errors; and amounts as it counts them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from recoup.connectors.base import (
    ChangeKind,
    HttpResponse,
    decoded,
    no_readable_answer,
)
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import MINOR_MAX, Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import (
    ActionRequired,
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
    declined,
)

NAME: Final = "checkout"
CURRENCIES: Final = frozenset(DECIMALS) - {"BOV", "CHE", "CHW", "CLF", "COU", "MXV", "USN", "UYI", "UYW"}
"""All but the units of account, which no card is charged in."""
REMEMBER: Final = "remember"
CAPTURE: Final = "capture"
AUTOMATIC: Final = "automatic"

_MORE_DECIMALS: Final = {"CLP": 100}
_ENDS_IN_NOUGHT: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_SAYS_YES: Final = frozenset(
    {"10000", "10008", "10011", "10076", "10077", "10081", "10100", "10200"}
)  # and not 10010: approved in part
_WAITS_FOR_CAPTURE: Final = frozenset({"10100", "10200"})
_APPROVED: Final = frozenset(
    {
        *("Authorized", "Card Verified", "Captured", "Partially Captured", "Paid"),
        *("Refunded", "Partially Refunded"),
    }
)
_CAPTURED: Final = frozenset({"Captured", "Refunded", "Partially Refunded", "Paid"})
_LET_GO: Final = frozenset({"Voided", "Expired"})
_DECLINED: Final = frozenset({"Declined", "Canceled"}) | _LET_GO
_ACTIONS: Final = {
    ChangeKind.CAPTURE: "Capture",
    ChangeKind.CANCEL: "Void",
    ChangeKind.REFUND: "Refund",
}
_DECIDING: Final = frozenset({"Authorization", "Card Verification"})
_URL: Final = re.compile(r"https?://[!-~]{1,8000}")
_WHY: Final = (
    *("recommendation_code", "partner_merchant_advice_code", "partner_response_code", "partner_code"),
    *("partner_error_message", "failure_code", "partner_fraud_status", "acquirer_transaction_id"),
)
_CVV: Final = {"Y": "pass", "D": "fail"}
_POSTAL_CODE: Final = {
    **dict.fromkeys(("D", "F", "M", "P", "W", "X", "Y", "Z", "AE1", "AE2", "AE5", "AE6"), "pass"),
    **dict.fromkeys(("A", "N"), "fail"),
}
_ADDRESS: Final = {
    **dict.fromkeys(("A", "B", "D", "F", "M", "X", "Y", "AE2", "AE3", "AE6", "AE7"), "pass"),
    **dict.fromkeys(("N", "W", "Z"), "fail"),
}

Name = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[!-~]+\Z")]
Struct_ = TypeVar("Struct_", bound=Struct)


class Link(Struct, frozen=True):
    """Where something else is."""

    href: str | None = None


class Source(Struct, frozen=True):
    """With what was paid."""

    id: Name | None = None
    scheme: str | None = None
    avs_check: str | None = None
    cvv_check: str | None = None

    def checks(self) -> Checks:
        """What the issuer said of the security code and the address."""
        avs, cvv = self.avs_check, self.cvv_check
        return Checks(
            cvc=_CVV.get(cvv, "unavailable") if cvv else None,
            postal_code=_POSTAL_CODE.get(avs, "unavailable") if avs else None,
            address=_ADDRESS.get(avs, "unavailable") if avs else None,
        )


class Customer(Struct, frozen=True):
    """Whose the source is."""

    id: Name | None = None


class Risk(Struct, frozen=True):
    """What the risk engine made of it."""

    flagged: bool = False


class Payment(Struct, frozen=True):
    """A payment, as it answers a request, is asked for, or is told by webhook."""

    id: Name
    status: str | None = None
    approved: bool | None = None
    amount: int | None = None
    currency: str | None = None
    reference: str | None = None
    response_code: str | None = None
    response_summary: str | None = None
    scheme_id: str | None = None
    source: Source | None = None
    customer: Customer | None = None
    risk: Risk | None = None
    processing: Mapping[str, object] | None = None
    metadata: Mapping[str, object] | None = None
    links: Mapping[str, Link] | None = msgspec.field(name="_links", default=None)

    @property
    def redirect(self) -> str | None:
        """Where the customer must go, if anywhere."""
        link = (self.links or {}).get("redirect")
        return link.href if link is not None and link.href and _URL.fullmatch(link.href) else None

    @property
    def checks(self) -> Checks:
        """What the issuer said of the security code and the address."""
        return (self.source or Source()).checks()

    @property
    def is_flagged(self) -> bool:
        """Whether the risk engine wants it looked at before it is captured."""
        return self.risk is not None and self.risk.flagged

    def noted(self, name: str) -> object:
        """What we noted with it when it was asked for."""
        return (self.metadata or {}).get(name)


class Listed(Struct, frozen=True):
    """A payment in a list."""

    id: Name
    reference: str | None = None


class Listing(Struct, frozen=True):
    """The payments under a reference."""

    data: list[Listed]
    total_count: int


class Action(Struct, frozen=True):
    """One step of a payment, once it was taken."""

    id: Name
    type: str
    approved: bool
    amount: int | None = None
    reference: str | None = None
    response_code: str | None = None
    response_summary: str | None = None
    processing: Mapping[str, object] | None = None


class Accepted(Struct, frozen=True):
    """A change that was taken in."""

    action_id: Name
    reference: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer about a payment must be about. `capture` and `remember` None: what its metadata says."""

    key: str
    amount: Money | None
    brand: str
    today: date
    capture: bool | None = None
    remember: bool | None = None


def amount_of(money: Money) -> int | None:
    """As Checkout.com counts it; None where it cannot be told."""
    if money.currency not in CURRENCIES or (money.currency in _ENDS_IN_NOUGHT and money.minor % 10):
        return None
    return money.minor * _MORE_DECIMALS.get(money.currency, 1)


def money_of(amount: int | None, currency: str | None) -> Money | None:
    """In minor units as everybody else counts them; None where there is no such amount."""
    if amount is None or currency not in CURRENCIES or not 0 <= amount <= MINOR_MAX:
        return None
    minor, rest = divmod(amount, _MORE_DECIMALS.get(currency, 1))
    return None if rest else Money(minor, currency)


def why_no_amount(currency: str) -> str:
    """What is wrong with an amount that Checkout.com cannot be told."""
    if currency in _ENDS_IN_NOUGHT:
        return f"the last digit of an amount in {currency} must be 0"
    return f"no card is charged in {currency}"


def read(response: HttpResponse, type_: type[Struct_], *statuses: int) -> Struct_ | None:
    """An answer of this shape and one of these statuses, or None."""
    return decoded(response.body, type_) if response.status in statuses else None


def actions_in(response: HttpResponse) -> tuple[Action, ...]:
    """The steps of a payment; none where they cannot be read."""
    if response.status != 200:
        return ()
    try:
        return tuple(msgspec.json.decode(response.body, type=list[Action]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()


def payment_answer(answer: Payment, asked: Asked, actions: Iterable[Action] = ()) -> Evidence:
    """What a payment means for what was asked; a decline looks for its code among the actions too."""
    if answer.reference not in {None, asked.key}:
        return Unknown("the answer is about another payment")
    told = (answer.amount, answer.currency)
    says_how_much = told != (None, None)
    if (
        asked.amount is not None
        and says_how_much
        and told != (amount_of(asked.amount), asked.amount.currency)
    ):
        return Unknown("the answer is about another amount")
    match answer:
        case Payment(status=str(status)) if status in _LET_GO and asked.capture is None and answer.approved:
            return refusal(
                msgspec.structs.replace(answer, response_code=None), on=asked.today, brand=asked.brand
            )
        case Payment(approved=True, status=str(status)) if status in _APPROVED and says_how_much:
            return approved(answer, capture=asked.capture, remember=asked.remember)
        case Payment(status=str(status)) if status in _DECLINED and answer.approved is not True:
            return refusal(answer, on=asked.today, brand=asked.brand, actions=actions)
        case Payment(status="Pending", redirect=str(url)):
            return ActionRequired(answer.id, url)
        case Payment(status="Pending" | "Retry Scheduled"):
            return Pending(answer.id)
        case _:
            return Unknown("the status is none that Checkout.com names for a card")


def approved(answer: Payment, *, capture: bool | None, remember: bool | None) -> Approved | Unknown:
    """An approval in full, with what came beside it."""
    if answer.response_code and answer.response_code not in _SAYS_YES:
        return Unknown("approved in part, or by a code that is no approval")
    remembered = answer.noted(REMEMBER) == "true" if remember is None else remember
    source = answer.source or Source()
    token = source.id if remembered else None
    return Approved(
        answer.id,
        captured=_is_captured(answer, capture=capture),
        network_transaction_id=answer.scheme_id or None,
        checks=answer.checks,
        token=None if token is None else Secret(token),
        token_customer=None if token is None else (answer.customer or Customer()).id,
    )


def _is_captured(answer: Payment, *, capture: bool | None) -> bool:
    """Whether it was taken in the same step: as was asked, unless the risk engine wants it looked at first."""
    said = answer.noted(CAPTURE)
    automatic = capture if capture is not None else said == AUTOMATIC
    if capture is None and said is None:
        return answer.status in _CAPTURED
    held = answer.is_flagged or answer.response_code in _WAITS_FOR_CAPTURE
    return automatic and (not held or answer.status in _CAPTURED)


def needs_its_actions(answer: Payment) -> bool:
    """A payment that was asked for may not say why it was declined: its actions do."""
    return answer.status in _DECLINED and answer.approved is not True and not answer.response_code


def refusal(answer: Payment, *, on: date, brand: str, actions: Iterable[Action] = ()) -> Declined:
    """A refusal with all that came beside it."""
    refused = (each for each in actions if each.type in _DECIDING and not each.approved)
    said = answer if answer.response_code else next(refused, answer)
    more = {**(answer.processing or {}), **(said.processing or {})}
    raw = {name: value for name in _WHY if isinstance(value := more.get(name), str) and value}
    return declined(
        NAME,
        said.response_code or answer.status,
        on=on,
        network_code=raw.get("partner_response_code"),
        advice_code=raw.get("partner_merchant_advice_code") or raw.get("recommendation_code"),
        brand=brand,
        text=said.response_summary,
        raw=raw | ({"risk_flagged": "true"} if answer.is_flagged else {}),
        reference=answer.id,
        checks=answer.checks,
    )


def accepted(response: HttpResponse, key: str) -> FollowUp:
    """Checkout.com took it in; what became of it comes by webhook, or is read among the actions."""
    answer = read(response, Accepted, 202)
    if answer is None:
        return no_readable_answer(response)
    return (
        Pending(answer.action_id)
        if answer.reference == key
        else Unknown("the answer is about another change")
    )


def change_among(
    actions: Iterable[Action], key: str, *, kind: ChangeKind | None, amount: Money | None
) -> FollowUpEvidence:
    """What became of a change: the one action of its kind that bears our key."""
    types = set(_ACTIONS.values()) if kind is None else {_ACTIONS[kind]}
    found = [each for each in actions if each.reference == key and each.type in types]
    if len(found) != 1:
        return Unknown(f"{len(found)} actions bear our key")
    action = found[0]
    if amount is not None and action.amount not in {None, amount_of(amount)} and action.type != "Void":
        return Unknown("the action is of another amount")
    if action.approved:
        return Done(action.id)
    return Refused(
        action.response_code or "declined", action.response_summary or "Checkout.com gave no reason."
    )
