"""What Adyen answers, read: payments, changes that it took in, errors; and amounts with its own decimals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Final, TypeVar

from msgspec import Meta, Struct

from recoup.connectors.base import (
    Change,
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
    Evidence,
    FollowUp,
    FollowUpEvidence,
    Pending,
    Refused,
    Unknown,
    Unprocessed,
    declined,
)

NAME: Final = "adyen"
CURRENCIES: Final = frozenset(
    """
    AED ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BMD BND BOB BRL BSD BWP BYN BZD CAD CHF CLP CNY COP CRC CUP CVE CZK
    DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD ISK JMD JOD JPY
    KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LYD MAD MDL MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK
    NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD STN SVC SZL THB TND
    TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XOF XPF YER ZAR ZMW
    """.split()  # noqa: SIM905 - a table of words
)
"""What Adyen's page of currency codes lists, of the currencies that are still in use."""

_MORE_DECIMALS: Final = {"CLP": 100, "ISK": 100}
_FEWER_DECIMALS: Final = {"CVE": 100, "IDR": 100}
_KEY_IN_USE: Final = "704"
_NO_ACQUIRER: Final = "905"
_DOOR_STATUSES: Final = frozenset({400, 401, 403, 422})
_DOOR_TYPES: Final = frozenset({"validation", "security", "configuration"})
_CARD_ERRORS: Final = frozenset({"101", "103", "129", "140", "141", "153"})
"""Errors that say what is wrong with the card itself; their rows stand in the table of codes."""
_RAW_CODE: Final = re.compile(r"\s*([0-9A-Za-z]{1,3})\s*:")
_ADVICE: Final = re.compile(r"\s*([0-9]{1,2})\b")
_WHY: Final = (
    *("refusalReasonRaw", "merchantAdviceCode", "acquirerCode", "avsResult", "avsResultRaw", "cvcResult"),
    *("cvcResultRaw", "threeDAuthenticatedResponse", "threeDOfferedResponse", "fraudResultType"),
    *("inferredRefusalReason", "paymentMethodVariant", "refusalCodeRaw", "issuerResponseCode"),
)
"""What of `additionalData` says why; attempts at other acquirers (`retry.attempt…`) are kept too."""
_CVC: Final = {"1": "pass", "2": "fail"}
_POSTAL_CODE: Final = {
    **dict.fromkeys(("6", "7", "14", "15", "19", "20", "23", "24"), "pass"),
    **dict.fromkeys(("1", "2", "16", "17", "26"), "fail"),
}
_ADDRESS: Final = {
    **dict.fromkeys(("1", "7", "9", "12", "20", "21", "24", "25"), "pass"),
    **dict.fromkeys(("2", "6", "10", "13", "26"), "fail"),
}

Name = Annotated[str, Meta(min_length=1, max_length=80, pattern=r"^[!-~]+\Z")]
Url = Annotated[str, Meta(max_length=8000, pattern=r"^https?://[!-~]+\Z")]
Struct_ = TypeVar("Struct_", bound=Struct)


class Amount(Struct, frozen=True):
    """Minor units, with Adyen's own decimals."""

    value: int
    currency: str

    def money(self) -> Money | None:
        """In minor units as everybody else counts them; None where there is no such amount."""
        if self.currency not in DECIMALS or not 0 <= self.value <= MINOR_MAX:
            return None
        minor, rest = divmod(self.value, _MORE_DECIMALS.get(self.currency, 1))
        return None if rest else Money(minor * _FEWER_DECIMALS.get(self.currency, 1), self.currency)


class Action(Struct, frozen=True):
    """What the customer has to do."""

    type: str
    url: Url | None = None
    method: str | None = None


class Payment(Struct, frozen=True, rename="camel"):
    """An answer about a payment."""

    result_code: str
    psp_reference: Name | None = None
    merchant_reference: str | None = None
    amount: Amount | None = None
    refusal_reason: str | None = None
    refusal_reason_code: str | None = None
    additional_data: Mapping[str, object] | None = None
    action: Action | None = None


class Received(Struct, frozen=True, rename="camel"):
    """An answer about a change."""

    psp_reference: Name
    payment_psp_reference: str
    reference: str
    status: str
    amount: Amount | None = None


class Error(Struct, frozen=True, rename="camel"):
    """A request that was not carried out, or of which Adyen does not know whether it was."""

    status: int
    error_code: str
    error_type: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer about a payment must be about."""

    key: str
    amount: Amount
    capture: bool
    brand: str
    today: date
    customer: str | None = None


def amount_of(money: Money) -> Amount | None:
    """As Adyen counts it; None where its decimals cannot say it."""
    minor, rest = divmod(money.minor, _FEWER_DECIMALS.get(money.currency, 1))
    if rest or money.currency not in CURRENCIES:
        return None
    return Amount(minor * _MORE_DECIMALS.get(money.currency, 1), money.currency)


def why_no_amount(currency: str) -> str:
    """What is wrong with an amount that Adyen cannot be told."""
    if currency in _FEWER_DECIMALS:
        return f"Adyen takes whole {currency} only"
    return f"Adyen does not take {currency}"


def read(response: HttpResponse, type_: type[Struct_], *statuses: int) -> Struct_ | None:
    """An answer of this shape and one of these statuses (200 where none is named), or None."""
    return decoded(response.body, type_) if response.status in (statuses or (200,)) else None


def said(fields: Mapping[str, object], name: str) -> str | None:
    """A field of `additionalData`, where it is text and not empty."""
    value = fields.get(name)
    return value if isinstance(value, str) and value else None


def payment_answer(response: HttpResponse, asked: Asked) -> Evidence:
    """What an answer about a payment means."""
    answer = read(response, Payment)
    if answer is None:
        return no_readable_answer(response)
    if answer.merchant_reference not in {None, asked.key}:
        return Unknown("the answer is about another payment")
    if answer.amount not in {None, asked.amount}:
        return Unknown("the answer is about another amount")
    return _result(answer, asked)


def _result(answer: Payment, asked: Asked) -> Evidence:
    match answer:
        case Payment(result_code="Authorised", psp_reference=str(reference)):
            return approved(
                reference, answer.additional_data or {}, captured=asked.capture, customer=asked.customer
            )
        case Payment(result_code="Refused" | "Cancelled" | "Error", psp_reference=str()):
            return _declined(answer, asked)
        case Payment(result_code="IdentifyShopper" | "ChallengeShopper"):
            return _declined(answer, asked)
        case Payment(result_code="RedirectShopper", action=Action("redirect", str(url), "GET" | None)):
            return ActionRequired(answer.psp_reference or asked.key, url)
        case Payment(result_code="Pending" | "Received" | "PresentToShopper", psp_reference=str(reference)):
            return Pending(reference)
        case _:
            return Unknown("the result is none that Adyen names for a card")


def approved(
    reference: str, more: Mapping[str, object], *, captured: bool, customer: str | None = None
) -> Approved:
    """An approval with what came beside it; the token has an older and a newer name.

    `customer` is the shopper reference that we sent, for accounts whose answers do not repeat it. What is sent to
    manual review is not captured before it was accepted there, and may be cancelled instead.
    """
    token = said(more, "tokenization.storedPaymentMethodId") or said(
        more, "recurring.recurringDetailReference"
    )
    shopper = said(more, "tokenization.shopperReference") or said(more, "recurring.shopperReference")
    return Approved(
        reference,
        captured=captured and said(more, "fraudManualReview") != "true",
        network_transaction_id=said(more, "networkTxReference"),
        checks=_checks(more),
        token=None if token is None else Secret(token),
        token_customer=None if token is None else shopper or customer,
    )


def _declined(answer: Payment, asked: Asked) -> Declined:
    return refusal(
        answer.refusal_reason_code or answer.refusal_reason or answer.result_code,
        answer.additional_data or {},
        on=asked.today,
        brand=asked.brand,
        reason=answer.refusal_reason,
        reference=answer.psp_reference,
    )


def refusal(
    code: str,
    more: Mapping[str, object],
    *,
    on: date,
    brand: str,
    reason: str | None,
    reference: str | None,
) -> Declined:
    """A refusal with all that came beside it."""
    raw = {
        name: value
        for name, value in more.items()
        if isinstance(value, str) and (name in _WHY or name.startswith("retry.attempt"))
    }
    text = raw.get("refusalReasonRaw")
    network_code = None if text is None else _RAW_CODE.match(text)
    advice_code = _ADVICE.match(raw.get("merchantAdviceCode", ""))
    return declined(
        NAME,
        code,
        on=on,
        network_code=None if network_code is None else network_code[1].zfill(2),
        advice_code=None if advice_code is None else advice_code[1].zfill(2),
        brand=brand,
        text=text or reason,
        raw=raw | ({} if reason is None else {"refusalReason": reason}),
        reference=reference,
        checks=_checks(more),
    )


def _checks(more: Mapping[str, object]) -> Checks:
    """AVS and CVC results begin with a number of Adyen's own, such as `7 Both postal code and address match`."""
    avs = (said(more, "avsResult") or "").partition(" ")[0]
    cvc = (said(more, "cvcResult") or "").partition(" ")[0]
    return Checks(
        cvc=_CVC.get(cvc, "unavailable") if cvc else None,
        postal_code=_POSTAL_CODE.get(avs, "unavailable") if avs else None,
        address=_ADDRESS.get(avs, "unavailable") if avs else None,
    )


def _door(response: HttpResponse) -> Error | None:
    """Adyen's own word that a request was turned away before anything was done."""
    error = decoded(response.body, Error)
    if error is None or error.status != response.status or error.error_code == _KEY_IN_USE:
        return None
    if response.status == 422 and not error.error_code.strip("0"):
        return None  # an error that Adyen does not know itself, filed under validation
    if response.status in _DOOR_STATUSES and error.error_type in _DOOR_TYPES:
        return error
    nowhere_to_send = error.error_type == "configuration" and error.error_code.startswith(_NO_ACQUIRER)
    return error if response.status == 500 and nowhere_to_send else None


def refused_at_the_door(response: HttpResponse, asked: Asked) -> Declined | Unprocessed | None:
    """What a payment that was turned away means; what is wrong with the card itself is a decline."""
    error = _door(response)
    if error is None:
        return None
    if error.error_code in _CARD_ERRORS:
        return declined(NAME, error.error_code, on=asked.today, brand=asked.brand)
    return Unprocessed(f"HTTP {response.status}: {error.error_type} {error.error_code}")


def change_refused(response: HttpResponse) -> FollowUp | None:
    """What a change that was turned away means."""
    error = _door(response)
    if error is None:
        return None
    if error.error_type == "validation":
        return Refused(error.error_code, "Adyen does not take this request for this payment.")
    return Unprocessed(f"HTTP {response.status}: {error.error_type} {error.error_code}")


def received(response: HttpResponse, change: Change, amount: Amount) -> FollowUpEvidence:
    """Adyen took it in; what became of it comes by webhook."""
    answer = read(response, Received, 200, 201)
    if answer is None or answer.status != "received":
        return no_readable_answer(response)
    if (answer.reference, answer.payment_psp_reference) != (change.key, change.charge_reference):
        return Unknown("the answer is about another change")
    return Pending(answer.psp_reference) if answer.amount in {None, amount} else Unknown("another amount")
