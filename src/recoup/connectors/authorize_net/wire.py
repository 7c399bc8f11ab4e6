"""What Authorize.Net answers and tells, as structs: only what is read, named as it names it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeVar

import msgspec
from msgspec import Struct, field

from recoup.connectors.base import Delivery, HttpResponse
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Checks

_BOM: Final = b"\xef\xbb\xbf"
_AVS: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys("XY", ("pass", "pass")),
    **dict.fromkeys("WZ", ("fail", "pass")),
    **dict.fromkeys("BEGRSU", ("unavailable", "unavailable")),
    "A": ("pass", "fail"),
    "N": ("fail", "fail"),
}
_CVC: Final = {"M": "pass", "N": "fail", "S": "unavailable", "U": "unavailable"}


class Wire(Struct, frozen=True, rename="camel"):
    """Names are the gateway's, in our spelling."""


class Error(Wire, frozen=True):
    error_code: str = ""
    error_text: str = ""


class Said(Wire, frozen=True):
    code: str = ""
    text: str = ""


class Messages(Wire, frozen=True):
    result_code: str
    message: tuple[Said, ...] = ()


class Transaction(Wire, frozen=True):
    """The answer about a transaction that was asked for."""

    response_code: str
    trans_id: str = ""
    avs_result_code: str = ""
    cvv_result_code: str = ""
    cavv_result_code: str = ""
    raw_response_code: str = ""
    network_trans_id: str = ""
    split_tender_id: str = ""
    messages: tuple[Said, ...] = ()
    errors: tuple[Error, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether there is a transaction, and not a part of what was asked for."""
        return self.trans_id not in {"", "0"} and not self.split_tender_id

    @property
    def reason(self) -> Error:
        """The first reason that is given for a refusal."""
        return self.errors[0] if self.errors else Error()

    def raw(self) -> dict[str, str]:
        """What else says why, by the gateway's names."""
        said = {
            "responseCode": self.response_code,
            "rawResponseCode": self.raw_response_code,
            "avsResultCode": self.avs_result_code,
            "cvvResultCode": self.cvv_result_code,
            "cavvResultCode": self.cavv_result_code,
        }
        return {name: value for name, value in said.items() if value}


class Stored(Wire, frozen=True):
    """What came of asking to keep the card."""

    messages: Messages
    customer_profile_id: str = ""
    customer_payment_profile_id_list: tuple[str, ...] = ()


class Answer(Wire, frozen=True):
    messages: Messages
    ref_id: str = ""
    transaction_response: Transaction | None = None
    profile_response: Stored | None = None

    def token(self) -> tuple[Secret | None, str | None]:
        """The gateway's names for the card it kept and for whose it is."""
        stored = self.profile_response
        if (
            stored is None
            or stored.messages.result_code != "Ok"
            or not stored.customer_payment_profile_id_list
        ):
            return None, None
        return Secret(stored.customer_payment_profile_id_list[0]), stored.customer_profile_id


class Order(Wire, frozen=True):
    description: str = ""


class CreditCard(Wire, frozen=True):
    card_number: str = ""


class Payment(Wire, frozen=True):
    credit_card: CreditCard = CreditCard()


class Details(Wire, frozen=True):
    """What the gateway tells of a transaction when asked."""

    trans_id: str
    transaction_status: str
    response_reason_code: int | str = ""
    response_reason_description: str = ""
    avs_response: str = field(default="", name="AVSResponse")
    card_code_response: str = ""
    network_trans_id: str = ""
    auth_amount: Decimal | None = None
    settle_amount: Decimal | None = None
    order: Order = Order()
    payment: Payment = Payment()

    def authorised(self, amount: Money | None) -> bool:
        """Whether it was authorised for that much."""
        return amount is None or _equal(self.auth_amount, amount)

    def settles(self, amount: Money | None) -> bool:
        """Whether that much is or will be settled."""
        return amount is None or _equal(self.settle_amount or self.auth_amount, amount)


class DetailsAnswer(Wire, frozen=True):
    messages: Messages
    transaction: Details


class Summary(Wire, frozen=True):
    trans_id: str
    invoice_number: str = ""


class Summaries(Wire, frozen=True):
    messages: Messages
    transactions: tuple[Summary, ...] = ()


class Batch(Wire, frozen=True):
    batch_id: str


class Batches(Wire, frozen=True):
    messages: Messages
    batch_list: tuple[Batch, ...] = ()


class Payload(Wire, frozen=True):
    id: str


class Event(Wire, frozen=True):
    """A webhook."""

    notification_id: str
    event_type: str
    payload: Payload
    event_date: str = ""


Answered = TypeVar("Answered", Answer, DetailsAnswer, Summaries, Batches)


def read(response: HttpResponse, type_: type[Answered]) -> Answered | None:
    """The answer, if it is one of this type: the gateway answers 200 to everything, after a byte order mark."""
    if response.status != 200:
        return None
    try:
        return msgspec.json.decode(response.body.removeprefix(_BOM), type=type_)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def details(response: HttpResponse) -> Details | None:
    """The transaction that was asked about."""
    answer = read(response, DetailsAnswer)
    return answer.transaction if answer is not None and answer.messages.result_code == "Ok" else None


def event(delivery: Delivery) -> Event | None:
    """What a webhook says."""
    try:
        return msgspec.json.decode(delivery.body, type=Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def checks(avs: str, cvc: str) -> Checks:
    """What the issuer said of address and security code."""
    address, postal_code = _AVS.get(avs, (None, None))
    return Checks(cvc=_CVC.get(cvc), postal_code=postal_code, address=address)


def _equal(told: Decimal | None, amount: Money) -> bool:
    return told is not None and told.is_finite() and told == amount.major()
