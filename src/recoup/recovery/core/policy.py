"""The numbers of a recovery as data: how long and how often, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from typing import Final

from recoup.outcomes.core import Category

DAY: Final = timedelta(days=1)

DAY_BEGINS: Final = time(6)
DAY_ENDS: Final = time(22)
"""Nothing is tried in the customer's night: banks do their upkeep then, and a decline may ring somebody's phone."""


class Cause(StrEnum):
    """Why a payment was refused, as far as it decides what may help."""

    FUNDS = "funds"
    """Money is missing: time helps, and payday most of all."""
    LIMIT = "limit"
    """A limit of the card is used up: limits begin anew by the day, the week and the month."""
    ISSUER = "issuer"
    """The issuer gives no reason: another way to it may help at once, and about half of these hide missing money."""
    TECHNICAL = "technical"
    """Somebody on the way was not there: hours help, and so does another processor."""
    UNRECOGNISED = "unrecognised"
    """No table knows the code: tried again later, by the same processor as long as it is there."""


CAUSES: Final[Mapping[Category, Cause]] = {
    Category.FUNDS: Cause.FUNDS,
    Category.LIMIT: Cause.LIMIT,
    Category.ISSUER: Cause.ISSUER,
    Category.PROCESSOR: Cause.TECHNICAL,
    Category.NETWORK: Cause.TECHNICAL,
    Category.MERCHANT_CONFIGURATION: Cause.TECHNICAL,
    Category.OTHER: Cause.UNRECOGNISED,
}
"""In the categories left out, time changes nothing and the customer must act."""
WORDS: Final[Mapping[Cause, str]] = {
    Cause.FUNDS: "there was not enough money",
    Cause.LIMIT: "a limit of the card was reached",
    Cause.ISSUER: "the issuer gave no reason",
    Cause.TECHNICAL: "the payment did not get through",
    Cause.UNRECOGNISED: "the processor gave a code that no table knows",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long a recovery goes on, and how often it may try."""

    name: str
    window: timedelta
    tries_max: int


DEFAULT: Final = Policy(
    name="default",
    # Of all levers the window weighs most: 28 days instead of 7 recover about eight points more at as many tries, and
    # each of them holds a payday of somebody who is paid monthly. Longer, and the next month's payment is in the way.
    window=28 * DAY,
    # Well-timed first and second tries win most of what can be won. Four leave room for a late payday, and stay far
    # below what networks allow a card in a month (15 with the strictest), all of which share it.
    tries_max=4,
)

POLICIES: Final[Mapping[str, Policy]] = {DEFAULT.name: DEFAULT}
NO_RECOVERY: Final = "none"
"""The policy of a payment that its merchant does not want recovered."""


def policy_of(name: str | None) -> Policy:
    """The policy of that name; the default where none was asked for."""
    return POLICIES.get(name or DEFAULT.name, DEFAULT)
