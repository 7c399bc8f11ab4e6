"""The effects that approval is a sum of: which there are, how far each may go, and under which key its cell lies.

Priors are orders of magnitude, not anybody's data. At 90 % approval one point is 0.11 on the logit. Acquirers differ by
about a point over all traffic; who publishes figures of local acquiring, or of routing by issuer, speaks of one to ten
points for the payments concerned. That six-digit BINs which differ in their last digit share an issuer's effect (the
level `range`) is a regularity that we believe in; no published measure of it is known to us.

How wide the accounts' own effects on the route may go matters some. Tried on two to nine worlds of each kind in
`bench/routing`, a week of 50,000 payments each, with the same arithmetic but neither breakers nor fees: doubling all of
their variances made no difference that luck does not. Halving them lost between two and seven hundredths of the gap
between the best static route and the oracle where issuers differ; a quarter lost three to seven, and saved 0.1 points
of approval where acquirers differ by a point and issuers do not. Variances estimated for each level from the merchant's
own cells won five hundredths where issuers differ most, elsewhere between two fewer and three more, which is luck's
size; variances near those that the worlds were made with, between five fewer and three more. So a better prior is not
what is missing, and the variances are fixed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import log
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from recoup.routing.core.facts import Facts

DAY_S: Final = 86_400.0
HALF_LIFE_S: Final = 180 * DAY_S
"""After how long half of what was learned of an effect is forgotten. Issuers change how they judge a few times a year;
a quarter or four times of this makes no difference that a month of payments shows."""
FADED_AFTER_S: Final = 4 * HALF_LIFE_S
"""After how long without a try a cell is as good as new: a sixteenth of its mean is left."""
_LONG_BIN: Final = 8
_ANY: Final = "any"
_NONE: Final = "-"
_VALUES_REMEMBERED: Final = 65_536


class LearnableAccount(Protocol):
    """What learning needs to know of a processor account."""

    @property
    def id(self) -> UUID:
        """Names the account."""
        ...

    @property
    def country(self) -> str | None:
        """Where its acquirer is, so far as the merchant said."""
        ...


@dataclass(frozen=True, slots=True)
class Level:
    """A kind of effect: how far it may go on the logit, as a variance, before anything is known."""

    name: str
    variance: float
    half_life_s: float = HALF_LIFE_S

    @property
    def rate(self) -> float:
        """How fast it is forgotten: kept is exp(-rate x seconds)."""
        return log(2.0) / self.half_life_s


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two models: its logit before anything is known, the effects of situations, those of accounts."""

    name: str
    logit: float
    shared: tuple[Level, ...]
    own: tuple[Level, ...]


ROUTE: Final = Side(
    "route",
    logit=2.5,
    shared=(
        Level("all", 0.5),
        Level("initiator", 0.1),
        Level("form", 0.1),
        Level("country", 0.1),
        Level("bin", 0.2),
        Level("card", 0.06),
        Level("amount", 0.04),
        Level("turn", 1.0),
    ),
    own=(
        Level("all", 0.02),
        Level("initiator", 0.01),
        Level("relation", 0.06),
        Level("country", 0.03),
        Level("brand", 0.01),
        Level("funding", 0.01),
        Level("range", 0.1),
        Level("bin", 0.06),
    ),
)
CARDHOLDER: Final = Side(
    "cardholder",
    logit=-3.0,
    shared=(
        Level("all", 0.5),
        Level("initiator", 0.1),
        Level("form", 0.1),
        Level("country", 0.1),
        Level("bin", 0.2),
        Level("card", 0.1),
        Level("amount", 0.06),
        Level("turn", 1.0),
    ),
    own=(Level("all", 0.02), Level("country", 0.01)),
)


@lru_cache(maxsize=_VALUES_REMEMBERED)
def _hash(level: str, value: str) -> int:
    """64 bits of a level's value, signed as PostgreSQL's bigint is."""
    digest = blake2b(f"{level}\x00{value}".encode(), digest_size=8)
    return int.from_bytes(digest.digest(), signed=True)


@lru_cache(maxsize=_VALUES_REMEMBERED)
def _hash_of(account_id: UUID) -> int:
    return int.from_bytes(blake2b(account_id.bytes, digest_size=8).digest(), signed=True)


def _values(facts: Facts) -> dict[str, str]:
    """The payment's value at every level that does not depend on the account."""
    country = facts.issuer_country or _NONE
    return {
        "all": _ANY,
        "initiator": facts.initiator,
        "form": f"{facts.agreement or _NONE} {facts.authenticated} {facts.charges}",
        "country": country,
        "range": _range(facts.bin) or f"{_NONE} {country} {facts.brand}",
        "bin": facts.bin or f"{_NONE} {country} {facts.brand}",
        "card": f"{facts.brand} {facts.funding}",
        "brand": facts.brand,
        "funding": facts.funding,
        "amount": f"{facts.currency} {facts.amount.bit_length() // 2}",
        "turn": str(min(facts.attempt_number, 3)),
    }


def _range(digits: str | None) -> str | None:
    """Whose card it is, about: issuers hold ranges. An 8-digit BIN lies in the 6-digit one that its issuer was given
    before BINs became longer (ISO/IEC 7812-1:2017); 6-digit ones that differ in the last digit are often one
    issuer's, so we believe.
    """
    if digits is None:
        return None
    return digits[:6] if len(digits) >= _LONG_BIN else digits[:-1]


def _relation(issued_in: str | None, acquired_in: str | None) -> str:
    if issued_in is None or acquired_in is None:
        return _NONE
    return "domestic" if issued_in == acquired_in else "abroad"


class Limits(NamedTuple):
    """Prior variance and rate of forgetting of some levels, and the sum of the variances."""

    each: tuple[tuple[float, float], ...]
    variance: float


def _limits(levels: Sequence[Level]) -> Limits:
    return Limits(
        tuple((level.variance, level.rate) for level in levels), sum(level.variance for level in levels)
    )


class Plan:
    """A side's levels, ready for look-up."""

    def __init__(self, side: Side) -> None:
        self.logit = side.logit
        self.shared = _limits(side.shared)
        self.own = _limits(side.own)
        self.all = (*self.shared.each, *self.own.each)
        self._names_shared = [(level.name, f"{side.name} {level.name}") for level in side.shared]
        self._names_own = [(level.name, f"{side.name} own {level.name}") for level in side.own]

    def shared_hashes(self, values: Mapping[str, str]) -> tuple[int, ...]:
        """The keys of the cells that accounts share, in the order of `shared`."""
        return tuple(_hash(level, values[name]) for name, level in self._names_shared)

    def own_hashes(self, values: Mapping[str, str]) -> tuple[int, ...]:
        """The keys of an account's own cells, but for the account, in the order of `own`."""
        return tuple(_hash(level, values[name]) for name, level in self._names_own)


BY_ROUTE: Final = Plan(ROUTE)
BY_CARDHOLDER: Final = Plan(CARDHOLDER)
PLANS: Final = (BY_ROUTE, BY_CARDHOLDER)


class Situation:
    """A payment, made ready to be looked up at every account."""

    __slots__ = ("_country", "_own", "_values")

    def __init__(self, facts: Facts) -> None:
        self._values = _values(facts)
        self._country = facts.issuer_country
        self._own: dict[tuple[Plan, str], tuple[int, ...]] = {}

    def shared(self, plan: Plan) -> tuple[int, ...]:
        """The keys of the cells that every account shares."""
        return plan.shared_hashes(self._values)

    def own(self, plan: Plan, account: LearnableAccount) -> list[int]:
        """The keys of the account's own cells."""
        relation = _relation(self._country, account.country)
        hashes = self._own.get((plan, relation))
        if hashes is None:
            self._values["relation"] = relation
            hashes = self._own[plan, relation] = plan.own_hashes(self._values)
        salt = _hash_of(account.id)
        return [salt ^ hashed for hashed in hashes]

    def all(self, plan: Plan, account: LearnableAccount) -> tuple[int, ...]:
        """Both, in the order of the plan's `all`."""
        return *self.shared(plan), *self.own(plan, account)


def keys(facts: Facts, account: LearnableAccount) -> tuple[int, ...]:
    """The keys of every cell that says something of this payment at this account."""
    situation = Situation(facts)
    return tuple(key for plan in PLANS for key in situation.all(plan, account))


def own_keys(facts: Facts, account: LearnableAccount) -> frozenset[int]:
    """The keys among them that are the account's alone."""
    situation = Situation(facts)
    return frozenset(key for plan in PLANS for key in situation.own(plan, account))
