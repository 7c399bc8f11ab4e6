"""What one currency is worth in another, in the simulated world: fixed, round numbers, good enough to spend by."""

from __future__ import annotations

from typing import Final

from recoup.kit.currencies import DECIMALS
from recoup.kit.money import Money

_CENTS_OF_A_DOLLAR: Final = {
    "USD": 100, "EUR": 110, "GBP": 130, "CHF": 115, "CAD": 73, "AUD": 66, "NZD": 60, "SGD": 75, "HKD": 13,
    "JPY": 1, "CNY": 14, "INR": 1, "BRL": 18, "MXN": 5, "SEK": 10, "NOK": 9, "DKK": 15, "PLN": 26, "CZK": 4,
    "AED": 27, "SAR": 27, "KWD": 325, "BHD": 265, "TRY": 3, "ZAR": 6, "THB": 3, "MYR": 23, "ILS": 28,
}  # fmt: skip
_OTHERS: Final = 1


def convert(amount: Money, currency: str) -> int:
    """The amount in the smallest unit of another currency, rounded up."""
    if amount.currency == currency:
        return amount.minor
    over = amount.minor * _cents(amount.currency) * int(10 ** DECIMALS[currency])
    under = _cents(currency) * int(10**amount.decimals)
    return -(-over // under)


def _cents(currency: str) -> int:
    return _CENTS_OF_A_DOLLAR.get(currency, _OTHERS)
