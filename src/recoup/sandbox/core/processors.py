"""The three processors: where they are at home, what they take, what they charge, and whom their issuers like."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from recoup.kit.money import Money

EEA: Final = frozenset(
    {"AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE"}
    | {"IS", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK"}
)
"""The European Economic Area, inside which a card is as good as domestic."""

BRANDS: Final = frozenset(
    {"visa", "mastercard", "amex", "discover", "diners", "jcb", "unionpay", "carnet", "maestro"}
)


class ProcessorName(StrEnum):
    """The processors, by the first part of their paths."""

    ALPHA = "alpha"
    BRAVO = "bravo"
    CHARLIE = "charlie"


@dataclass(frozen=True, slots=True)
class Processor:
    """One processor. None means any.

    Fees: so many basis points of the amount, and a fixed part in hundredths of the currency's unit; `cross_border`
    basis points come on top for a card from elsewhere. `refused_*_per_mille` is how often an issuer that looks at where
    a payment comes from turns it down without a better reason.
    """

    name: ProcessorName
    home: frozenset[str]
    currencies: frozenset[str] | None
    countries: frozenset[str] | None
    brands: frozenset[str]
    multiple_captures: bool
    fee_basis_points: int
    fee_hundredths: int
    fee_cross_border_basis_points: int
    refused_at_home_per_mille: int
    refused_abroad_per_mille: int

    def at_home(self, country: str) -> bool:
        """Whether a card of that country is domestic here."""
        return country in self.home

    def takes(self, *, currency: str, brand: str, country: str) -> bool:
        """Whether such a payment is processed at all. The country is empty where nobody knows it."""
        return (
            brand in self.brands
            and (self.currencies is None or currency in self.currencies)
            and (self.countries is None or not country or country in self.countries)
        )

    def fee(self, amount: Money, *, country: str) -> int:
        """What a charge of this amount costs the merchant, in the currency's smallest unit, rounded up."""
        points = self.fee_basis_points
        if not self.at_home(country):
            points += self.fee_cross_border_basis_points
        fixed = self.fee_hundredths * int(10**amount.decimals)
        return -(-(amount.minor * points + fixed * 100) // 10_000)


ALPHA: Final = Processor(
    ProcessorName.ALPHA,
    home=frozenset({"US"}),
    currencies=None,
    countries=None,
    brands=BRANDS,
    multiple_captures=True,
    fee_basis_points=290,
    fee_hundredths=30,
    fee_cross_border_basis_points=150,
    refused_at_home_per_mille=40,
    refused_abroad_per_mille=110,
)
"""American: takes everything from everywhere, and costs most."""

BRAVO: Final = Processor(
    ProcessorName.BRAVO,
    home=frozenset({"US", "CA", "GB"}),
    currencies=frozenset({"USD", "CAD", "GBP", "EUR", "CHF", "SEK", "NOK", "DKK", "PLN", "AUD"}),
    countries=None,
    brands=BRANDS - {"amex", "carnet", "maestro"},
    multiple_captures=True,
    fee_basis_points=250,
    fee_hundredths=25,
    fee_cross_border_basis_points=100,
    refused_at_home_per_mille=55,
    refused_abroad_per_mille=85,
)
"""British with a branch in America: ten currencies, and no American Express."""

CHARLIE: Final = Processor(
    ProcessorName.CHARLIE,
    home=EEA,
    currencies=frozenset({"EUR", "GBP"}),
    countries=EEA | {"GB", "CH"},
    brands=frozenset({"visa", "mastercard"}),
    multiple_captures=False,
    fee_basis_points=180,
    fee_hundredths=20,
    fee_cross_border_basis_points=160,
    refused_at_home_per_mille=25,
    refused_abroad_per_mille=75,
)
"""European: euros and pounds from European cards, cheap at home, and one capture a charge."""

PROCESSORS: Final = {processor.name: processor for processor in (ALPHA, BRAVO, CHARLIE)}
