"""One line of a history, understood; or what is wrong with it, by line and column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from recoup.kit.currencies import DECIMALS
from recoup.outcomes.core import Decline
from recoup.vault.core.cards import luhn_valid
from recoup.vault.core.ranges import UNKNOWN, brand_of, lengths_of

FIELD_MAX: Final = 255
_DIGITS: Final = re.compile(r"(?<![+0-9])[0-9](?:[ \u00a0-]?[0-9]){13,18}(?![0-9])")
"""What may be a card number: 14 to 19 digits, perhaps in groups. Numbers of 13 digits are as old as they are rare,
while timestamps and telephone numbers of 13 are everywhere."""
_AMOUNT: Final = re.compile(r"([0-9]{1,15})(?:([.,])([0-9]{1,4}))?")
_NOT_DIGITS: Final = re.compile(r"[^0-9]")


@dataclass(frozen=True, slots=True)
class Line:
    """One try. `customer` is the merchant's own name for who pays, or our id; `account` whatever names the account."""

    number: int
    external_id: str
    payment: str | None
    customer: str | None
    tried_at: datetime
    amount: int
    currency: str
    approved: bool
    decline: Decline | None
    account: str | None
    brand: str
    funding: str
    country: str | None
    initiator: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A line that tells of no try that an issuer answered."""

    number: int
    why: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """A line that cannot be taken. `column` names the field; what stood there is not repeated."""

    number: int
    column: str
    what: str


@dataclass(frozen=True, slots=True)
class CardNumber:
    """A column that holds what is a card number: the whole file is refused."""

    number: int
    column: str


Read = Line | Ignored | Wrong | CardNumber


class BadField(Exception):
    """What is wrong with one field."""

    def __init__(self, column: str, what: str) -> None:
        super().__init__(what)
        self.column, self.what = column, what


def card_number_in(text: str) -> bool:
    """Whether a text holds what is the number of a card, by its network's prefixes and lengths and its check digit."""
    return any(_is_card_number(_NOT_DIGITS.sub("", found[0])) for found in _DIGITS.finditer(text))


def _is_card_number(digits: str) -> bool:
    brand = brand_of(digits)
    return brand != UNKNOWN and len(digits) in lengths_of(brand) and luhn_valid(digits)


def column_with_card_number(cells: Iterable[tuple[str, str]]) -> str | None:
    """The first column that holds a card number."""
    return next((name for name, text in cells if card_number_in(text)), None)


def minor_of(text: str, currency: str, *, minor: bool, column: str) -> int:
    """An amount: `4999` in the smallest unit, or `49.99`. A comma is read as a decimal mark where it can be nothing
    else."""
    found = _AMOUNT.fullmatch(text)
    if found is None or (minor and found[2]):
        raise BadField(column, "is no amount")
    whole, mark, fraction = found[1], found[2], found[3] or ""
    if minor:
        return int(whole)
    decimals = DECIMALS[currency]
    extra = fraction[decimals:]
    if extra.strip("0") or (mark == "," and len(fraction) != decimals):
        raise BadField(column, f"is no amount in {currency}")
    digits: str = whole + fraction[:decimals].ljust(decimals, "0")
    return int(digits)


def currency_of(text: str, *, column: str) -> str:
    """A currency, in capitals or not."""
    code = text.upper()
    if code not in DECIMALS:
        raise BadField(column, "is no currency of ISO 4217")
    return code


def kept_text(text: str, *, column: str) -> str | None:
    """A name; None where it is empty."""
    if len(text) > FIELD_MAX or "\x00" in text:
        raise BadField(column, f"is longer than {FIELD_MAX} characters, or no text")
    return text or None
