"""What must hold of a card before it is kept, and what may be known of it without its number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from recoup.kit.refusals import Refusal, invalid
from recoup.kit.secret import Secret
from recoup.vault.core.bins import Issuing, issuing_of
from recoup.vault.core.ranges import WITHOUT_CHECK_DIGIT, brand_of, lengths_of

YEARS_AHEAD_MAX: Final = 50
_CENTURY: Final = 2000
_LAST_ON_EARTH: Final = timedelta(hours=12)
_LONG_BIN: Final = 8
_SHORT_BIN: Final = 6
_LENGTH_WITH_LONG_BIN: Final = 16
_TYPED_LENGTH_MAX: Final = 64
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What is kept beside a card's ciphertext. `bin` and `last4` together are what the card industry lets be shown."""

    brand: str
    bin: str
    last4: str
    issuing: Issuing


@dataclass(frozen=True, slots=True)
class Expiry:
    """The last month in which a card is good."""

    month: int
    year: int


def luhn_valid(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    values = [int(digit) for digit in digits]
    plain, doubled = values[-1::-2], values[-2::-2]
    return (sum(plain) + sum(_DOUBLED[value] for value in doubled)) % 10 == 0


def check_number(typed: Secret, *, param: str) -> tuple[Secret, CardFacts]:
    """A card number as digits alone, with what may be known of it; spaces and hyphens between digits are let pass.

    Refuses what is no card number (`invalid_number`) and a mistyped one (`incorrect_number`).
    """
    digits = _digits(typed)
    if digits is None:
        raise _refused("invalid_number", "The card number is not one: send 12 to 19 digits.", param)
    facts = _facts(digits)
    if len(digits.reveal()) not in lengths_of(facts.brand):
        message = f"A card of the brand {facts.brand} does not have this many digits: check the number."
        raise _refused("invalid_number", message, param)
    if facts.brand not in WITHOUT_CHECK_DIGIT and not luhn_valid(digits.reveal()):
        message = "The card number is incorrect: a digit is wrong, or two are swapped."
        raise _refused("incorrect_number", message, param)
    return digits, facts


def check_security_code(code: Secret | None, *, brand: str, param: str) -> None:
    """Refuses a security code that cannot be one of this brand: four digits for amex, three for the others."""
    if code is None:
        return
    lengths = {"amex": {4}, "unknown": {3, 4}}.get(brand, {3})
    text = code.reveal()
    if len(text) not in lengths or not _is_digits(text):
        wanted = " or ".join(str(length) for length in sorted(lengths))
        raise _refused("invalid_cvc", f"The security code must have {wanted} digits for this card.", param)


def check_expiry(month: int, year: int, *, now: datetime, param: str) -> Expiry:
    """The expiry of a card that is new to us; two digits of a year mean this century.

    Refuses a month or a year that cannot be, and one that is over. A card is good until its last month has ended
    everywhere on Earth.
    """
    expiry = read_expiry(month, year, param=param)
    earth = now - _LAST_ON_EARTH
    if expiry.year < earth.year or expiry.year > earth.year + YEARS_AHEAD_MAX:
        raise _bad_year(param, "is over, or too far ahead")
    if (expiry.year, expiry.month) < (earth.year, earth.month):
        raise _bad_month(param, "is over: the card has expired")
    return expiry


def read_expiry(month: int, year: int, *, param: str) -> Expiry:
    """An expiry that may lie in the past: a card on file often says less than its issuer knows."""
    whole_year = year + _CENTURY if 0 <= year < 100 else year
    if not 1 <= month <= 12:
        raise _bad_month(param, "must be a month from 1 to 12")
    if not _CENTURY <= whole_year < _CENTURY + 1000:
        raise _bad_year(param, "must be a year, such as 2030")
    return Expiry(month, whole_year)


def _facts(digits: Secret) -> CardFacts:
    number = digits.reveal()
    long = len(number) == _LENGTH_WITH_LONG_BIN
    return CardFacts(
        brand=brand_of(number),
        bin=number[: _LONG_BIN if long else _SHORT_BIN],
        last4=number[-4:],
        issuing=issuing_of(number),
    )


def _digits(typed: Secret) -> Secret | None:
    text = (
        typed.reveal().replace(" ", "").replace("-", "") if len(typed.reveal()) <= _TYPED_LENGTH_MAX else ""
    )
    return Secret(text) if 12 <= len(text) <= 19 and _is_digits(text) else None


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _refused(code: str, message: str, param: str) -> Refusal:
    return invalid(code, message, param=param)


def _bad_month(param: str, why: str) -> Refusal:
    return invalid("invalid_expiry_month", f"The card's expiry month {why}.", param=f"{param}.exp_month")


def _bad_year(param: str, why: str) -> Refusal:
    return invalid("invalid_expiry_year", f"The card's expiry year {why}.", param=f"{param}.exp_year")
