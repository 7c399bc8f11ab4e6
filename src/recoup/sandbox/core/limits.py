"""The card networks' own count of tries that they had forbidden: a second opinion, which knows nothing of budgets.

Visa: never again after a refusal of its category 1, and at most 15 more tries in the 30 days after a declined one.
Mastercard, for the same amount: not for 30 days after advice 03 or 21, and at most 10 declined tries in 24 hours and 35
in 30 days. What others allow is not published. The rules are written here once more, from what the networks publish, on
purpose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from recoup.kit.money import Money

APPROVED: Final = "00"
VISA_NEVER: Final = frozenset({"04", "07", "12", "15", "41", "43", "46", "57", "R0", "R1", "R3"})
"""Visa's category 1: the issuer will never approve."""
VISA_MONTH_MAX: Final = 15
MASTERCARD_STOPS: Final = frozenset({"03", "21"})
MASTERCARD_DAY_MAX: Final = 10
MASTERCARD_MONTH_MAX: Final = 35
_DAY: Final = timedelta(days=1)
_MONTH: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Seen:
    """One authorisation as the network passed it on: when, for how much, and its answer."""

    at: datetime
    amount: Money
    code: str
    advice: str | None


@dataclass(slots=True)
class Broken:
    """How many tries there were, and how many broke each rule."""

    tries: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)


class Counting:
    """Counts card by card."""

    def __init__(self) -> None:
        self.broken = Broken()

    def card(self, brand: str | None, tries: Sequence[Seen]) -> None:
        """All tries of one card, oldest first."""
        self.broken.tries += len(tries)
        for place, one in enumerate(tries):
            self.broken.by_rule.update(_broken(brand, one, tries[:place]))


def _broken(brand: str | None, one: Seen, before: Sequence[Seen]) -> Iterator[str]:
    """The rules that a try breaks, given those before it."""
    declined = [other for other in before if other.code != APPROVED]
    month = [other for other in declined if one.at - other.at < _MONTH]
    match brand:
        case "visa":
            if any(other.code in VISA_NEVER for other in declined):
                yield "visa.category_1"
            if len(month) > VISA_MONTH_MAX:
                yield "visa.15_in_30_days"
        case "mastercard":
            same = [other for other in month if other.amount == one.amount]
            if any(other.advice in MASTERCARD_STOPS for other in same):
                yield "mastercard.stopped"
            if sum(one.at - other.at < _DAY for other in same) >= MASTERCARD_DAY_MAX:
                yield "mastercard.10_in_24_hours"
            if len(same) >= MASTERCARD_MONTH_MAX:
                yield "mastercard.35_in_30_days"
        case _:
            return
