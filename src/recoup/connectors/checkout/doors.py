"""What Checkout.com turns away at its door: requests that are not valid, keys that are not, and too many of them."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from recoup.connectors.base import HttpResponse
from recoup.connectors.checkout.answers import NAME, Asked, read
from recoup.outcomes.core import Declined, Refused, Unprocessed, declined

_CARD_ERRORS: Final = frozenset(
    {
        *("card_expired", "card_number_invalid", "cvv_invalid"),
        *("card_expiry_month_invalid", "card_expiry_year_invalid"),
    }
)
"""What is wrong with the card itself; their rows stand in the table of codes."""


class Error(Struct, frozen=True):
    """A request that was turned away."""

    error_type: str
    error_codes: list[str] = []


REQUEST_ID: Final = "cko-request-id"
_NOT_LET_IN: Final = {401: "the key is not valid", 429: "too many requests"}


def _turned_away(response: HttpResponse) -> Error | None:
    """Checkout.com's own word that a request was not valid, so that nothing was done."""
    error = read(response, Error, 422)
    if error is None or error.error_type != "request_invalid" or not error.error_codes:
        return None
    return None if any("duplicate" in code for code in error.error_codes) else error


def _not_let_in(response: HttpResponse) -> Unprocessed | None:
    """An invalid key, or too many requests: both without a body that says so, but under Checkout.com's own number.

    Since a key at work is told by 409, 429 is about rates alone (Checkout.com: support article on 409 and 429).
    """
    if response.status not in _NOT_LET_IN or not response.headers.get(REQUEST_ID):
        return None
    said = read(response, Error, response.status)
    if said is not None and any("duplicate" in code for code in said.error_codes):
        return None
    return Unprocessed(f"HTTP {response.status}: {_NOT_LET_IN[response.status]}")


def refused_at_the_door(response: HttpResponse, asked: Asked) -> Declined | Unprocessed | None:
    """What a payment that was turned away means; what is wrong with the card itself is a decline."""
    error = _turned_away(response)
    if error is None:
        return _not_let_in(response)
    if len(error.error_codes) == 1 and error.error_codes[0] in _CARD_ERRORS:
        return declined(NAME, error.error_codes[0], on=asked.today, brand=asked.brand)
    return Unprocessed(f"HTTP {response.status}: {error.error_type} {' '.join(error.error_codes)}")


def change_refused(response: HttpResponse) -> Refused | Unprocessed | None:
    """What a change that was turned away means."""
    error = _turned_away(response)
    if error is None:
        return _not_let_in(response)
    return Refused(error.error_codes[0], "Checkout.com does not take this request for this payment.")
