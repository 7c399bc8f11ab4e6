"""How often a declined card may be tried again: the rules as data (`rules`), and what they leave (`count`)."""

from recoup.budgets.core.count import HISTORY_NEEDED, Budget, PastTry, budgets_by_rule, next_try
from recoup.budgets.core.rules import (
    CAUTIOUS,
    PUBLISHED,
    STOPS,
    Counts,
    Limit,
    Region,
    Stop,
    region_of,
)

__all__ = [
    "CAUTIOUS",
    "HISTORY_NEEDED",
    "PUBLISHED",
    "STOPS",
    "Budget",
    "Counts",
    "Limit",
    "PastTry",
    "Region",
    "Stop",
    "budgets_by_rule",
    "next_try",
    "region_of",
]
