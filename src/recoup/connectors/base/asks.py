"""What is asked of a processor, in words that no processor shapes: accounts, cards and tokens, charges, changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from recoup.kit.money import Money
from recoup.kit.secret import Secret


class Initiator(StrEnum):
    """Who started the payment: the customer in session (CIT), or the merchant by agreement (MIT)."""

    CUSTOMER = "customer"
    MERCHANT = "merchant"


class Agreement(StrEnum):
    """What a stored credential was agreed for: charges on no fixed dates, or a series at fixed intervals."""

    UNSCHEDULED = "unscheduled"
    RECURRING = "recurring"


class ChangeKind(StrEnum):
    """What is done to an approved charge."""

    CAPTURE = "capture"
    CANCEL = "cancel"
    REFUND = "refund"


@dataclass(frozen=True, slots=True)
class Account:
    """A merchant's account at a processor, as a connector sees it.

    `base_url` is where it is spoken to, without a slash at the end. `timeout_s` is how long one call may take, where
    the merchant wants less than the gateway allows. `now` is the wall clock's time, for processors that want requests
    signed with it; nothing else may depend on it.
    """

    base_url: str
    credentials: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    timeout_s: float | None = None
    livemode: bool = False
    now: datetime | None = None

    def credential(self, name: str) -> str:
        """A credential in the clear, or nothing where the account has none of that name: the processor then refuses."""
        found = self.credentials.get(name)
        return "" if found is None else found.reveal()


@dataclass(frozen=True, slots=True)
class Card:
    """A card in the clear, for as long as a request is built. `cvc` is there only in the customer's own session."""

    number: Secret
    exp_month: int
    exp_year: int
    brand: str
    cvc: Secret | None = None
    holder: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Token:
    """A processor's own name for a saved payment method, good at the account that gave it and nowhere else.

    `customer` is the processor's name for whose it is, where that processor wants both. `brand` is the card's where the
    merchant or the processor told us, else `unknown`.
    """

    value: Secret
    customer: str | None = None
    brand: str = "unknown"


Source = Card | Token
"""With what is paid."""


@dataclass(frozen=True, slots=True)
class Billing:
    """Who pays, as far as known. Country is ISO 3166-1 alpha-2; no field shows in a `repr`."""

    name: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    line1: str | None = field(default=None, repr=False)
    line2: str | None = field(default=None, repr=False)
    city: str | None = field(default=None, repr=False)
    state: str | None = field(default=None, repr=False)
    postal_code: str | None = field(default=None, repr=False)
    country: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Browser:
    """The customer's browser, which 3-D Secure asks about. `time_zone_offset` is in minutes west of UTC."""

    ip: str | None = field(default=None, repr=False)
    user_agent: str | None = field(default=None, repr=False)
    accept: str | None = field(default=None, repr=False)
    language: str | None = field(default=None, repr=False)
    color_depth: int | None = field(default=None, repr=False)
    screen_width: int | None = field(default=None, repr=False)
    screen_height: int | None = field(default=None, repr=False)
    time_zone_offset: int | None = field(default=None, repr=False)
    java_enabled: bool | None = field(default=None, repr=False)


class Authenticated(StrEnum):
    """How far a 3-D Secure authentication went, in the protocol's own letters."""

    FULLY = "Y"
    ATTEMPTED = "A"
    """The issuer or its stand-in said that it was tried: most networks shift liability for that too."""


@dataclass(frozen=True, slots=True)
class Authentication:
    """What a 3-D Secure authentication of the customer came to, wherever it was made.

    It is good for one payment. `cryptogram` is its proof: 20 bytes in base64, which networks call CAVV, AAV or AEVV.
    `eci` is the network's own indicator, of two digits; the transaction ids are those of the directory server and of
    the issuer's access control server.
    """

    version: str
    status: Authenticated
    eci: str
    cryptogram: Secret
    ds_transaction_id: str
    acs_transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """What is asked of a processor: take or hold this amount from this card or token.

    `key` is the attempt's id; `payment_key` is the payment's, the same for every attempt at it, for processors that can
    show or count by it. `customer_key` is our id of the customer. `today` is the date on which declines are classified
    (tables have effective dates). `remember` asks the processor to keep the credential for later payments by
    `agreement`; a payment by the merchant names the `network_transaction_id` of the one that the customer agreed to.
    `return_url` is where the customer comes back to after authenticating; without one, no challenge is possible.
    `callback_url` is our own address, for processors whose challenge ends with a form that the browser posts.
    `authentication`: they did authenticate, elsewhere; only a connector that `takes_authentication` says so on.
    """

    key: str
    payment_key: str
    amount: Money
    source: Source
    capture: bool
    initiator: Initiator
    today: date
    agreement: Agreement = Agreement.UNSCHEDULED
    remember: bool = False
    network_transaction_id: str | None = None
    customer_key: str | None = None
    merchant_reference: str | None = None
    return_url: str | None = None
    billing: Billing = Billing()
    browser: Browser | None = None
    authentication: Authentication | None = None
    callback_url: str | None = field(default=None, repr=False)

    @property
    def challengeable(self) -> Browser | None:
        """The browser of a customer who can be challenged on a page of ours, and has not authenticated elsewhere."""
        here = self.initiator is Initiator.CUSTOMER and self.authentication is None
        return self.browser if here and self.callback_url is not None else None


@dataclass(frozen=True, slots=True)
class Verification:
    """A question whether a card or token is good, without taking money: a zero-amount authorisation or the like."""

    key: str
    currency: str
    source: Source
    today: date
    remember: bool = False
    customer_key: str | None = None
    return_url: str | None = None
    billing: Billing = Billing()
    browser: Browser | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """The customer came back from what `ActionRequired` asked: the charge goes on, under its own key.

    `returned` holds the parameters with which the processor sent the customer back. They are not believed; they are
    handed to the processor, which is asked. `kept` is what `ActionRequired` gave us to keep. `charge` is what was asked
    at first, without the security code: for connectors that want the card again (`wants_card_again`), else None.
    """

    key: str
    reference: str
    amount: Money
    capture: bool
    brand: str
    today: date
    returned: Mapping[str, str] = field(default_factory=dict, repr=False)
    kept: Mapping[str, str] = field(default_factory=dict, repr=False)
    charge: Charge | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about something already sent: our key, and the processor's reference where we have one.

    `sent_at` bounds a search by time; `capture` says whether a charge was to be taken in the same step. Of a change,
    `change` says which it was, `charge_key` and `charge_reference` of which charge.
    """

    key: str
    brand: str
    today: date
    reference: str | None = None
    sent_at: datetime | None = None
    amount: Money | None = None
    capture: bool | None = None
    change: ChangeKind | None = None
    charge_key: str | None = None
    charge_reference: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A capture, cancellation or refund of an approved charge. `charge_reference` is the processor's name for that.

    `whole` says that `amount` is all there is to capture, cancel or refund; `final` that no capture follows.
    `capture_reference` is the processor's name for the latest capture where that was a step of its own; `last4` the end
    of the card's number, which some processors want with a refund.
    """

    key: str
    charge_key: str
    charge_reference: str
    amount: Money
    whole: bool = True
    final: bool = True
    capture_reference: str | None = None
    last4: str | None = None
