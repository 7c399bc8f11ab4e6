"""What the tables of decline codes are written in: categories, hardness, advice, and the shape of their rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final, TypeVar


class Category(StrEnum):
    """Why an issuer, a network or a processor says no; each standard code has one."""

    FUNDS = "funds"
    LIMIT = "limit"
    ISSUER = "issuer"
    FRAUD = "fraud"
    CREDENTIAL = "credential"
    LIFECYCLE = "lifecycle"
    AUTHENTICATION = "authentication"
    NOT_PERMITTED = "not_permitted"
    MERCHANT_CONFIGURATION = "merchant_configuration"
    PROCESSOR = "processor"
    NETWORK = "network"
    OTHER = "other"


class Hardness(StrEnum):
    """Whether the same card may ever be approved for this payment again, as it stands."""

    HARD = "hard"
    SOFT = "soft"


class AdviceAction(StrEnum):
    """What network, issuer or processor told us to do next."""

    RETRY_LATER = "retry_later"
    RETRY_NOW = "retry_now"
    UPDATE_CARD = "update_card"
    AUTHENTICATE = "authenticate"
    CHANGE_CREDENTIAL_FORM = "change_credential_form"
    FIX_DATA = "fix_data"
    ASK_CUSTOMER = "ask_customer"
    STOP = "stop"
    STOP_SERIES = "stop_series"
    NONE = "none"


class Signal(StrEnum):
    """Which part of an answer decided what a decline means."""

    ADVICE_CODE = "advice_code"
    NETWORK_CODE = "network_code"
    PROCESSOR_CODE = "processor_code"
    TEXT = "text"
    MERCHANT_OVERRIDE = "merchant_override"


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do next, and how long after the decline at the earliest (None: nothing was said)."""

    action: AdviceAction
    wait: timedelta | None = None

    @property
    def stops(self) -> bool:
        """Whether this card must not be tried again, for this payment or for the series."""
        return self.action in STOPS


STOPS: Final = frozenset({AdviceAction.STOP, AdviceAction.STOP_SERIES})

ALL: Final = "all"
"""The network of a row that holds for every network that has no row of its own for the code."""
VISA: Final = "visa"
MASTERCARD: Final = "mastercard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dated:
    """What every row carries: where it comes from, when that was last so, and from and until when it is in force.

    `since` is the first day, `until` the first day no more; None leaves that side open. `citation` is source and date,
    to show.
    """

    source: str
    as_of: date
    since: date | None = None
    until: date | None = None
    citation: str = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "citation", f"{self.source} ({self.as_of.isoformat()})")

    def in_force(self, on: date) -> bool:
        """Whether the row holds on that day."""
        return (self.since is None or self.since <= on) and (self.until is None or on < self.until)


@dataclass(frozen=True, slots=True)
class StandardCode(Dated):
    """One of our standard codes. The message is for the cardholder: what to do, and nothing that helps a thief."""

    code: str
    category: Category
    hardness: Hardness
    advice: Advice
    message: str


@dataclass(frozen=True, slots=True)
class CodeRow(Dated):
    """A raw code and the standard code it means.

    `network` tells whose response code it is (in the tables of networks only). `generic` marks a word that says little
    (no more than "declined", or lost and stolen in one), which a more exact network code may refine. `advice` overrides
    what the standard code says.
    """

    code: str
    standard: str
    network: str = ALL
    generic: bool = False
    advice: Advice | None = None


@dataclass(frozen=True, slots=True)
class VisaCategory(Dated):
    """The retry category (1 to 4) that Visa puts a response code in."""

    code: str
    category: int


@dataclass(frozen=True, slots=True)
class AdviceCode(Dated):
    """A merchant advice code; `advice` None: it informs, and asks for nothing. `rule`: the network rule it triggers."""

    code: str
    advice: Advice | None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class WrappedCode(Dated):
    """A response code that hides the issuer's reason, together with the advice code that tells what to make of it."""

    code: str
    advice_code: str
    standard: str
    advice: Advice


Row = TypeVar("Row", bound=Dated)


def row_in_force(rows: Iterable[Row], on: date) -> Row | None:
    """The row that holds on that day; the tables hold one at most (a test sees to it)."""
    for row in rows:
        if row.in_force(on):
            return row
    return None
