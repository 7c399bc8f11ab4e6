"""What must hold of a processor's token, and of what a merchant says about the card behind it."""

from __future__ import annotations

import re
from typing import Final

from recoup.kit.refusals import invalid
from recoup.kit.secret import Secret
from recoup.vault.core.cards import Expiry, luhn_valid, read_expiry
from recoup.vault.core.customers import check_country
from recoup.vault.core.ranges import BRANDS, DEBITS, UNKNOWN, brand_of

_TOKEN: Final = re.compile(r"[!-~]{1,1000}")
NETWORK_ID_DIGITS_MAX: Final = 15
_CARD_NUMBER: Final = re.compile(r"[0-9]{12,19}")


def check_token(token: Secret, *, param: str) -> None:
    """Refuses what no processor gives as a token; a card number in its place too, which would then not be treated
    as one."""
    text = token.reveal()
    if _is_card_number(text.replace(" ", "").replace("-", "")):
        raise invalid(
            "token_is_card_number",
            "This token is a card number. Send the processor's own token, or the card itself as type `card`.",
            param=param,
        )
    if not _TOKEN.fullmatch(text):
        raise invalid(
            "invalid_token",
            "A token has 1 to 1000 visible ASCII characters and no space: send it as the processor gave it.",
            param=param,
        )


def _is_card_number(text: str) -> bool:
    """Whether it reads as one; some processors' tokens are digits too, of no network or without a check digit."""
    return _CARD_NUMBER.fullmatch(text) is not None and brand_of(text) != UNKNOWN and luhn_valid(text)


def check_network_transaction_id(text: str | None, *, param: str) -> None:
    """Refuses a card number in its place, which would be stored and shown; no network has ids of more digits."""
    if text is not None and len(text) > NETWORK_ID_DIGITS_MAX and _is_card_number(text):
        raise invalid(
            "network_transaction_id_is_card_number",
            "This network transaction id is a card number. Send what the network called the first payment.",
            param=param,
        )


def check_known(
    *, brand: str, exp_month: int | None, exp_year: int | None, country: str | None, param: str
) -> Expiry | None:
    """The expiry that a merchant says of what we do not see; refuses a brand, expiry or country that cannot be."""
    if brand not in BRANDS | DEBITS:
        listed = ", ".join(sorted(BRANDS | DEBITS))
        raise invalid("unknown_value", f"`{param}.brand` must be one of: {listed}.", param=f"{param}.brand")
    check_country(country, param=f"{param}.country")
    return check_known_expiry(exp_month, exp_year, param=param)


def check_known_expiry(exp_month: int | None, exp_year: int | None, *, param: str) -> Expiry | None:
    """An expiry that may be left out, whole."""
    if exp_month is None and exp_year is None:
        return None
    if exp_month is None or exp_year is None:
        missing = "exp_month" if exp_month is None else "exp_year"
        raise invalid(
            "missing_field", "Send `exp_month` and `exp_year`, or neither.", param=f"{param}.{missing}"
        )
    return read_expiry(exp_month, exp_year, param=param)
