"""The shapes of PayPal's answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from recoup.connectors.base import (
    HttpResponse,
    shaped,
)
from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money, parse_major

Name = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[!-~]+\Z")]
Code = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
Url = Annotated[str, Meta(max_length=2000, pattern=r"^https://[!-~]+\Z")]
Secretive = Annotated[str, Meta(min_length=1, max_length=8000, pattern=r"^[!-~]+\Z")]

REFUSALS: Final = frozenset(
    {
        *("AUTHENTICATION_FAILURE", "INVALID_REQUEST", "NOT_AUTHORIZED", "PERMISSION_DENIED"),
        *("RATE_LIMIT_REACHED", "RESOURCE_NOT_FOUND", "UNPROCESSABLE_ENTITY", "UNSUPPORTED_MEDIA_TYPE"),
    }
)
"""Errors that come instead of the deed; INTERNAL_SERVER_ERROR and RESOURCE_CONFLICT may come after it."""

MAYBE_DONE: Final = frozenset(
    {
        *("AUTHORIZATION_ALREADY_CAPTURED", "AUTHORIZATION_VOIDED", "CAPTURE_FULLY_REFUNDED"),
        *("DUPLICATE_INVOICE_ID", "DUPLICATE_REQUEST_ID", "DUPLICATE_TRANSACTION"),
        *("ORDER_ALREADY_AUTHORIZED", "ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_COMPLETED"),
        *("ORDER_COMPLETION_IN_PROGRESS", "PAYPAL_REQUEST_ID_PREVIOUSLY_USED", "PREVIOUSLY_CAPTURED"),
        *("PREVIOUSLY_VOIDED", "PREVIOUS_REQUEST_IN_PROGRESS"),
    }
)
"""Issues that say that it was done before: by somebody else, or by this very request on its first way."""


class Amount(Struct, frozen=True):
    """Major units as text."""

    currency_code: str
    value: str

    def money(self) -> Money | None:
        """As money, where it is any."""
        return parse_major(self.value, self.currency_code) if self.currency_code in DECIMALS else None


class Processor(Struct, frozen=True):
    """What the card's processor said."""

    response_code: Code | None = None
    avs_code: str | None = None
    cvv_code: str | None = None
    payment_advice_code: Code | None = None


class Details(Struct, frozen=True):
    """Why a payment has its status."""

    reason: Code | None = None


class NetworkTransaction(Struct, frozen=True):
    """How the card network calls the payment."""

    id: Name
    date: str | None = None
    network: str | None = None


class Related(Struct, frozen=True):
    """What belongs to a payment."""

    order_id: Name | None = None
    authorization_id: Name | None = None
    capture_id: Name | None = None


class Supplementary(Struct, frozen=True):
    """What PayPal adds."""

    related_ids: Related = Related()


class Link(Struct, frozen=True):
    """Where to go on."""

    href: str
    rel: str


class Payment(Struct, frozen=True, kw_only=True):
    """An authorization, a capture or a refund."""

    id: Name
    status: Code
    amount: Amount | None = None
    custom_id: str | None = None
    invoice_id: str | None = None
    status_details: Details | None = None
    processor_response: Processor | None = None
    network_transaction_reference: NetworkTransaction | None = None
    supplementary_data: Supplementary = Supplementary()
    links: tuple[Link, ...] = ()

    def money(self) -> Money | None:
        """Its amount."""
        return self.amount.money() if self.amount else None

    def carries(self, key: str) -> bool:
        """Whether it is the one with our key."""
        return key in {self.custom_id, self.invoice_id}


class Payments(Struct, frozen=True):
    """What became of an order."""

    authorizations: tuple[Payment, ...] = ()
    captures: tuple[Payment, ...] = ()
    refunds: tuple[Payment, ...] = ()


class Unit(Struct, frozen=True):
    """What is bought; our orders have one."""

    custom_id: str | None = None
    invoice_id: str | None = None
    amount: Amount | None = None
    payments: Payments = Payments()


class Customer(Struct, frozen=True):
    """Whose a saved method is."""

    id: Name


class Vault(Struct, frozen=True):
    """A method that was saved."""

    id: Name | None = None
    status: str | None = None
    customer: Customer | None = None


class Attributes(Struct, frozen=True):
    """What belongs to a payment source."""

    vault: Vault | None = None


class ThreeDSecure(Struct, frozen=True):
    """What came of authentication."""

    authentication_status: str | None = None


class Authentication(Struct, frozen=True):
    """What came of authentication, and who is liable."""

    liability_shift: str | None = None
    three_d_secure: ThreeDSecure = ThreeDSecure()


class Verified(Struct, frozen=True):
    """What a check of a card brought."""

    processor_response: Processor | None = None


class Method(Struct, frozen=True):
    """A card or PayPal account that pays."""

    attributes: Attributes = Attributes()
    authentication_result: Authentication = Authentication()
    verification_status: str | None = None
    verification: Verified = Verified()
    network_transaction_reference: NetworkTransaction | None = None


class Source(Struct, frozen=True):
    """With what is paid."""

    card: Method | None = None
    paypal: Method | None = None

    def method(self) -> Method:
        """The one there is."""
        return self.card or self.paypal or Method()


class Order(Struct, frozen=True):
    """An order."""

    id: Name
    status: Code
    purchase_units: tuple[Unit, ...] = ()
    payment_source: Source = Source()
    links: tuple[Link, ...] = ()
    create_time: str | None = None


class Saved(Struct, frozen=True):
    """A setup token or a payment token."""

    id: Name
    status: str | None = None
    customer: Customer | None = None
    payment_source: Source = Source()


class AccessToken(Struct, frozen=True):
    """The answer of the OAuth step."""

    access_token: Secretive
    token_type: str


class Issue(Struct, frozen=True):
    """One reason for an error."""

    issue: Code
    description: str = ""


class Failure(Struct, frozen=True, kw_only=True):
    """An error, in PayPal's own shape."""

    name: Code
    debug_id: Name
    message: str = ""
    details: tuple[Issue, ...] = ()
    links: tuple[Link, ...] = ()

    @property
    def code(self) -> str:
        """The first issue, else the error's name."""
        return self.details[0].issue if self.details else self.name

    @property
    def text(self) -> str:
        """The first issue in PayPal's words."""
        return (self.details[0].description if self.details else "") or self.message


class _OAuthFailure(Struct, frozen=True):
    error: Literal["invalid_client", "invalid_token", "unauthorized_client"]


ShapeT = TypeVar("ShapeT")


def read(response: HttpResponse, type_: type[ShapeT]) -> ShapeT | None:
    """A successful answer of this shape."""
    return shaped(response.json(), type_) if response.status in {200, 201} else None


def refused(response: HttpResponse) -> Failure | None:
    """The error by which PayPal itself says that nothing was done; no status alone is one."""
    if not 400 <= response.status < 500:
        return None
    oauth = shaped(response.json(), _OAuthFailure) if response.status == 401 else None
    if oauth is not None:
        return Failure(name="AUTHENTICATION_FAILURE", debug_id="none", message=oauth.error)
    failure = shaped(response.json(), Failure)
    if failure is None or failure.name not in REFUSALS:
        return None
    return None if any(one.issue in MAYBE_DONE for one in failure.details) else failure


def payer_action(links: tuple[Link, ...]) -> str | None:
    """Where the customer is to be sent."""
    hrefs: Iterator[str] = (link.href for link in links if link.rel == "payer-action")
    href = next(hrefs, None)
    try:
        return msgspec.convert(href, Url)
    except msgspec.ValidationError:
        return None
