"""A policy of recovery as data: how long, how often, by what method; of those built in, each number has its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.outcomes.core import Category

DAY: Final = timedelta(days=1)
ELSEWHERE: Final = UUID(int=0)
"""Stands among accounts for the place where the payment failed, where that is no account of ours."""

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


class Method(StrEnum):
    """How a policy chooses its tries."""

    JOINT = "joint"
    """Time, route and number together, by the greatest expected net value."""
    SCHEDULE = "schedule"
    """On fixed days after the refusal."""
    BASELINE = "baseline"
    """On the days on which the merchant tried before Recoup did: what the hold-out goes by."""


class Routes(StrEnum):
    """Whom a policy lets be asked, where it names no accounts."""

    ANY = "any"
    """Every account that can do it."""
    SAME = "same"
    """The account that refused last, as long as it can do it."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The hours of the customer's day in which tries are made, `ends` not included."""

    begins: time = DAY_BEGINS
    ends: time = DAY_ENDS


@dataclass(frozen=True, slots=True)
class Partial:
    """That a part of what is owed may be charged first, once: `min_share` (in basis points) of it at least, and neither
    the part nor the rest less than `min_amount` (in hundredths of the currency's unit)."""

    min_share: int = 4_000
    min_amount: int = 500


PARTIAL_DEFAULT: Final = Partial()
ALL_DAY: Final = Hours()
MARGIN_DEFAULT: Final = 8_000
LOST_PER_DAY_DEFAULT: Final = 30
TRY_COSTS_DEFAULT: Final = 10
"""In hundredths of the currency's unit: own estimate, near what gateways ask for an authorization."""
OLD_DAYS: Final = (1, 3, 5, 7)
"""The schedule that a merchant who named none is taken to have had: the most usual one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a recovery goes: how long, how often, by what method, with whom, and what it reckons with.

    `version`: None where it is built in. `days` (of a schedule or the baseline) are days after the refusal, `at` the
    local time of these tries (None: that of the refusal). `accounts`, where not empty, are the only ones that may be
    asked. `margin` (of what is recovered) and `lost_per_day` (of its value) are in basis points, `try_costs` in
    hundredths of the currency's unit. `declines`: whose refusals it takes on; None: all that can be recovered.
    `partial`: None where only the whole is charged.
    """

    name: str
    window: timedelta
    tries_max: int
    version: int | None = None
    method: Method = Method.JOINT
    days: tuple[int, ...] = ()
    at: time | None = None
    hours: Hours = ALL_DAY
    asking: bool = True
    step_up: bool = True
    routes: Routes = Routes.ANY
    accounts: tuple[UUID, ...] = ()
    margin: int = MARGIN_DEFAULT
    lost_per_day: int = LOST_PER_DAY_DEFAULT
    try_costs: int = TRY_COSTS_DEFAULT
    declines: frozenset[Category] | None = None
    partial: Partial | None = None

    def covers(self, category: Category) -> bool:
        """Whether it takes on refusals of this category."""
        return self.declines is None or category in self.declines

    def allowed(self, able: tuple[UUID, ...], *, last: UUID | None) -> tuple[UUID, ...]:
        """Of the accounts that can do it, those that may be asked; `last` is the one that refused last."""
        may = {*self.accounts, ELSEWHERE}  # what is asked elsewhere is not ours to forbid
        named = tuple(one for one in able if one in may) if self.accounts else able
        same = tuple(one for one in named if one == last)
        return (same or named) if self.routes is Routes.SAME else named


DEFAULT: Final = Policy(
    name="default",
    # Of all levers the window weighs most: 28 days instead of 7 recover about eight points more at as many tries, and
    # each of them holds a payday of somebody who is paid monthly. Longer, and the next month's payment is in the way.
    window=28 * DAY,
    # Well-timed first and second tries win most of what can be won. Four leave room for a late payday, and stay far
    # below what networks allow a card in a month (15 with the strictest), all of which share it.
    tries_max=4,
)
BASELINE: Final = Policy(
    name="baseline",
    window=DEFAULT.window,
    tries_max=len(OLD_DAYS),
    method=Method.BASELINE,
    days=OLD_DAYS,
    routes=Routes.SAME,
)

POLICIES: Final[Mapping[str, Policy]] = {DEFAULT.name: DEFAULT, BASELINE.name: BASELINE}
"""Those that are built in. A merchant may put others of these names in their place."""
NO_RECOVERY: Final = "none"
"""The policy of a payment that its merchant does not want recovered."""


def policy_of(name: str | None) -> Policy:
    """The built-in policy of that name; the default where none was asked for."""
    return POLICIES.get(name or DEFAULT.name, DEFAULT)
