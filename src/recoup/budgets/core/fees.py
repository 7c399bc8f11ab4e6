"""What networks charge for a try beyond their limits, as far as anybody has published it, each with source and dates.

Fees reach a merchant through an acquirer, who may add to them, so these are the least that a try too many costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from recoup.budgets.core.rules import READ, Region
from recoup.kit.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """The charge for each try beyond any of `rules`.

    `abroad`: where the card's issuer is in another country, if that differs. `regions` None: everywhere that has no fee
    of its own. `since` is the first day, `until` the first no more.
    """

    rules: frozenset[str]
    amount: Money
    source: str
    since: date
    as_of: date = READ
    abroad: Money | None = None
    regions: frozenset[Region] | None = None
    until: date | None = None
    note: str = ""

    def holds(self, rule: str, region: Region | None, on: date) -> bool:
        """Whether it is charged there on that day for a try beyond the rule."""
        here = self.regions is None or region in self.regions
        in_time = self.since <= on and (self.until is None or on < self.until)
        return rule in self.rules and here and in_time


_VISA: Final = frozenset({"visa_reattempts_30d", "visa_category_1"})
_EXCESS: Final = frozenset({"mastercard_declines_24h", "mastercard_declines_30d"})
_ADVICE: Final = frozenset({"mastercard_mac_03", "mastercard_mac_21"})
_EUROPE: Final = frozenset({Region.EUROPE})
_LATIN_AMERICA: Final = frozenset({Region.LATIN_AMERICA})
_FORTE: Final = "Braintree: Mastercard network updates of 2023; Forte: excessive authorization fees"


def _mastercard(cents: int, since: date, until: date | None = None) -> Fee:
    return Fee(rules=_EXCESS, amount=Money(cents, "USD"), source=_FORTE, since=since, until=until)


FEES: Final = (
    Fee(
        rules=_VISA,
        amount=Money(10, "USD"),
        abroad=Money(25, "USD"),
        source="Payway and Payvision: Visa fees for declined transactions; Cielo: Visa retries",
        since=date(2021, 4, 17),
        note="abroad, sources say 0.15 or 0.25 USD; the higher is taken",
    ),
    Fee(
        rules=_EXCESS,
        amount=Money(55, "EUR"),
        source="Payzu: Mastercard excessive authorisation attempts",
        since=date(2024, 8, 1),
        regions=_EUROPE,
    ),
    _mastercard(10, date(2022, 10, 1), date(2023, 11, 1)),
    _mastercard(15, date(2023, 11, 1), date(2024, 1, 1)),
    _mastercard(30, date(2024, 1, 1), date(2025, 1, 1)),
    _mastercard(50, date(2025, 1, 1)),
    Fee(
        rules=_ADVICE,
        amount=Money(250, "BRL"),
        source="Cielo: card brands retry program",
        since=date(2023, 2, 1),
        regions=_LATIN_AMERICA,
    ),
    Fee(
        rules=_ADVICE,
        amount=Money(3, "USD"),
        source="Maast: Mastercard's decline code grouping and MAC",
        since=date(2021, 11, 1),
        note="newer amounts are reported and not confirmed",
    ),
    Fee(
        rules=frozenset({"elo_reattempts_month"}),
        amount=Money(80, "BRL"),
        source="Cielo: card brands retry program",
        since=date(2022, 8, 1),
        note="charged after two months in a row",
    ),
)
"""A region's own stand before those that hold everywhere."""


def excess_fee(rule: str, *, region: Region | None, on: date) -> Fee | None:
    """What a try beyond this rule costs; None where nothing is published, or the rule is our own."""
    return next((fee for fee in FEES if fee.holds(rule, region, on)), None)
