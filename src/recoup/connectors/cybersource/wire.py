"""What CyberSource answers and tells, as structs: only what is read, named as it names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta, Struct, field

from recoup.connectors.base import Delivery, HttpResponse
from recoup.kit.money import Money
from recoup.kit.secret import Secret
from recoup.outcomes.core import Checks

_AVS: Final[Mapping[str, tuple[str, str]]] = {
    **dict.fromkeys("DMVXY", ("pass", "pass")),
    **dict.fromkeys("CKN4", ("fail", "fail")),
    **dict.fromkeys("LWZ", ("fail", "pass")),
    **dict.fromkeys("AOT", ("pass", "fail")),
    **dict.fromkeys("EGIRSU12", ("unavailable", "unavailable")),
    "B": ("pass", "unavailable"),
    "P": ("unavailable", "pass"),
    "F": ("fail", "pass"),
    "3": ("pass", "pass"),
}
_CVC: Final[Mapping[str, str]] = {
    "M": "pass",
    **dict.fromkeys("DIN", "fail"),
    **dict.fromkeys("SUX123", "unavailable"),
}
_NETWORK_CODE: Final = re.compile(r"[0-9A-Z]{2}", re.ASCII)
_ADVICE_CODE: Final = re.compile(r"[0-9]{2}", re.ASCII)


class Wire(Struct, frozen=True, rename="camel"):
    """Names are the processor's, in our spelling."""


class Id(Wire, frozen=True):
    id: str


class Code(Wire, frozen=True):
    code: str = ""
    code_raw: str = ""


class Verified(Wire, frozen=True):
    result_code: str = ""


class Processor(Wire, frozen=True):
    """What the acquirer and the issuer said."""

    response_code: str = ""
    response_details: str = ""
    response_category_code: str = ""
    network_transaction_id: str = ""
    transaction_id: str = ""
    avs: Code = Code()
    card_verification: Verified = Verified()
    merchant_advice: Code = Code()

    def network_code(self) -> str | None:
        """The response code where it has the form of the networks' own."""
        return self.response_code if _NETWORK_CODE.fullmatch(self.response_code) else None

    def advice_code(self) -> str | None:
        """The merchant advice code, as the network gave it."""
        advice = self.merchant_advice.code_raw or self.merchant_advice.code
        return advice if _ADVICE_CODE.fullmatch(advice) else None

    def checks(self) -> Checks:
        """What the issuer said of address and security code."""
        address, postal_code = _AVS.get(self.avs.code, (None, None))
        return Checks(
            cvc=_CVC.get(self.card_verification.result_code), postal_code=postal_code, address=address
        )

    def raw(self) -> dict[str, str]:
        """What else says why, by the processor's names."""
        said = {
            "processorInformation.responseCode": self.response_code,
            "processorInformation.responseDetails": self.response_details,
            "processorInformation.responseCategoryCode": self.response_category_code,
            "processorInformation.avs.code": self.avs.code,
            "processorInformation.avs.codeRaw": self.avs.code_raw,
            "processorInformation.cardVerification.resultCode": self.card_verification.result_code,
            "processorInformation.merchantAdvice.code": self.merchant_advice.code,
            "processorInformation.merchantAdvice.codeRaw": self.merchant_advice.code_raw,
        }
        return {name: value for name, value in said.items() if value}


class Reference(Wire, frozen=True):
    code: str = ""


class Amounts(Wire, frozen=True):
    currency: str = ""
    total_amount: Decimal | None = None
    authorized_amount: Decimal | None = None

    def are(self, money: Money) -> bool:
        """Whether what was authorised, else the total, is that much."""
        return self._is(
            self.total_amount if self.authorized_amount is None else self.authorized_amount, money
        )

    def have(self, money: Money) -> bool:
        """Whether that much is the total or what was authorised: a change may repeat what its charge was for."""
        return self._is(self.total_amount, money) or self._is(self.authorized_amount, money)

    def _is(self, told: Decimal | None, money: Money) -> bool:
        return (
            self.currency == money.currency
            and told is not None
            and told.is_finite()
            and told == money.major()
        )


class Ordered(Wire, frozen=True):
    amount_details: Amounts = Amounts()


class Why(Wire, frozen=True):
    reason: str = ""
    message: str = ""


class Tokens(Wire, frozen=True):
    customer: Id | None = None
    payment_instrument: Id | None = None

    def token(self) -> tuple[Secret | None, str | None]:
        """The processor's names for the card it kept and for whose it is."""
        if self.payment_instrument is None:
            return None, None
        return Secret(self.payment_instrument.id), None if self.customer is None else self.customer.id


class Payer(Wire, frozen=True):
    """Where the customer authenticates."""

    step_up_url: Annotated[str, Meta(max_length=2048, pattern=r"^[!-~]*\Z")] = ""
    access_token: Annotated[str, Meta(max_length=20_000, pattern=r"^[!-~]*\Z")] = ""
    authentication_transaction_id: Annotated[str, Meta(max_length=100, pattern=r"^[!-~]*\Z")] = ""

    def __repr__(self) -> str:
        """Without what opens the challenge."""
        return "Payer(…)"


class Answer(Wire, frozen=True):
    """What became of a payment, capture, refund or reversal."""

    id: str
    status: str
    client_reference_information: Reference = Reference()
    order_information: Ordered = Ordered()
    processor_information: Processor = Processor()
    error_information: Why = Why()
    token_information: Tokens = Tokens()
    consumer_authentication_information: Payer = Payer()


class Invalid(Wire, frozen=True):
    """A request that the processor did not take."""

    status: str
    reason: str
    message: str = ""


class Message(Wire, frozen=True):
    rmsg: str


class Unauthorised(Wire, frozen=True):
    response: Message


class Application(Wire, frozen=True):
    """One service of a transaction: `ics_auth`, `ics_bill`, `ics_credit`, `ics_auth_reversal`."""

    name: str
    reason_code: str | int = ""
    r_code: str | int = ""
    r_message: str = ""

    @property
    def done(self) -> bool:
        """Whether it was carried out."""
        return str(self.r_code) == "1" and str(self.reason_code) == "100"


class Applications(Wire, frozen=True):
    applications: tuple[Application, ...] = ()


class Details(Wire, frozen=True):
    """What the transaction search tells of a transaction."""

    id: str
    client_reference_information: Reference = Reference()
    application_information: Applications = Applications()
    order_information: Ordered = Ordered()
    processor_information: Processor = Processor()

    def application(self, name: str) -> Application | None:
        """The service of that name."""
        return next((one for one in self.application_information.applications if one.name == name), None)


class Summary(Wire, frozen=True):
    id: str
    client_reference_information: Reference = Reference()


class Summaries(Wire, frozen=True):
    transaction_summaries: tuple[Summary, ...] = ()


class Found(Wire, frozen=True):
    embedded: Summaries = field(default=Summaries(), name="_embedded")


class Event(Wire, frozen=True):
    """A webhook. Its payload is an object, or a list of them; where it is encrypted, a text."""

    event_type: str
    notification_id: str = ""
    event_date: str = ""
    payload: Any = None


Read = TypeVar("Read", Answer, Invalid, Unauthorised, Details, Found)


def read(response: HttpResponse, type_: type[Read], *statuses: int) -> Read | None:
    """The answer, if it has one of these statuses and is one of this type."""
    if response.status not in statuses:
        return None
    try:
        return msgspec.convert(_without_nulls(response.json()), type_)
    except (msgspec.ValidationError, RecursionError):
        return None


def _without_nulls(value: object) -> object:
    """A field that is null is one that is not there: the transaction search has many."""
    if isinstance(value, dict):
        return {name: _without_nulls(held) for name, held in value.items() if held is not None}
    return [_without_nulls(held) for held in value] if isinstance(value, list) else value


def event(delivery: Delivery) -> Event | None:
    """What a webhook says."""
    try:
        return msgspec.json.decode(delivery.body, type=Event)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
