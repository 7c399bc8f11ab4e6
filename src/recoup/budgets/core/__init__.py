"""How often a declined card may be tried again: the rules as data (`rules`), what they leave (`count`), and what one
try too many costs (`fees`)."""

from recoup.budgets.core.count import (
    HISTORY_NEEDED,
    TRIES_MAX,
    Budget,
    PastTry,
    budgets_by_rule,
    in_force,
    next_try,
    room,
    still_counts,
    stops,
)
from recoup.budgets.core.fees import Fee, excess_fee
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
    "TRIES_MAX",
    "Budget",
    "Counts",
    "Fee",
    "Limit",
    "PastTry",
    "Region",
    "Stop",
    "budgets_by_rule",
    "excess_fee",
    "in_force",
    "next_try",
    "region_of",
    "room",
    "still_counts",
    "stops",
]
