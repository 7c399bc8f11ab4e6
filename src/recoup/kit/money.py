"""Money: whole minor units of one ISO 4217 currency, exact, never a float."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from recoup.kit.currencies import DECIMALS

MINOR_MAX: Final = 10**12
"""The largest amount taken, in minor units: far above any card payment, far below what a bigint holds."""


class CurrencyMismatch(AssertionError):
    """Two currencies met in one sum: a bug in the caller, never an answer."""


@dataclass(frozen=True, slots=True, order=False)
class Money:
    """An amount in the smallest unit of its currency: `Money(4999, "USD")` is 49.99 dollars."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        assert isinstance(self.minor, int) and not isinstance(self.minor, bool), "money is whole minor units"
        assert self.currency in DECIMALS, f"{self.currency!r} is no ISO 4217 currency"

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._same(other).minor, self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._same(other).minor, self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other).minor

    def __le__(self, other: Money) -> bool:
        return self.minor <= self._same(other).minor

    def _same(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} cannot be added or compared")
        return other

    @property
    def decimals(self) -> int:
        """How many digits stand behind the point in this currency (0, 2, 3 or 4)."""
        return DECIMALS[self.currency]

    def major(self) -> Decimal:
        """The amount in whole units, exact: 49.99 for `Money(4999, "USD")`."""
        return Decimal(self.minor).scaleb(-self.decimals)

    def __str__(self) -> str:
        return f"{self.major():.{self.decimals}f} {self.currency}"

    def split(self, weights: Sequence[int]) -> tuple[Money, ...]:
        """Shares in proportion to whole, non-negative weights, that add up exactly to the whole.

        What rounding leaves over goes, a unit each, to the shares that rounding cut most (the largest remainder
        method), earlier shares first; so no share is off by a whole unit.
        """
        total = sum(weights)
        assert weights and all(weight >= 0 for weight in weights) and total > 0, (
            "weights: some, none negative"
        )
        shares = [self.minor * weight // total for weight in weights]
        cut = [self.minor * weight % total for weight in weights]
        left = self.minor - sum(shares)
        for index in sorted(range(len(weights)), key=lambda i: (-cut[i], i))[:left]:
            shares[index] += 1
        return tuple(Money(share, self.currency) for share in shares)


_MAJOR: Final = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?", re.ASCII)


def parse_major(text: str, currency: str) -> Money | None:
    """Read `49.99` as money, exactly; None where the text is no amount or has too many decimals."""
    if _MAJOR.fullmatch(text) is None:
        return None
    value = Decimal(text).scaleb(DECIMALS[currency])
    return Money(int(value), currency) if value == value.to_integral_value() else None
