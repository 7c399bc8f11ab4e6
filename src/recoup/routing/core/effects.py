"""The effects that approval is a sum of: which there are, how far each may go, and under which key its cell lies.

Priors are orders of magnitude, not anybody's data. At 90 % approval one point is 0.11 on the logit. Acquirers differ by
about a point over all traffic; who publishes figures of local acquiring, or of routing by issuer, speaks of one to ten
points for the payments concerned. Halving or doubling all of the variances changes what is won by less than luck does
(tried in `bench/routing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from math import log
from typing import Final, Protocol
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
    before BINs became longer (ISO/IEC 7812-1:2017); 6-digit ones that differ in the last digit are often one issuer's.
    """
    if digits is None:
        return None
    return digits[:6] if len(digits) >= _LONG_BIN else digits[:-1]


def _relation(facts: Facts, account: LearnableAccount) -> str:
    if facts.issuer_country is None or account.country is None:
        return _NONE
    return "domestic" if facts.issuer_country == account.country else "abroad"


Keyed = tuple[tuple[int, float, float], ...]
"""Cells to look up: key, prior variance, rate of forgetting."""


class Plan:
    """A side's levels, ready for look-up."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.shared = tuple(
            (level.name, f"{side.name} {level.name}", level.variance, level.rate) for level in side.shared
        )
        self.own = tuple(
            (level.name, f"{side.name} own {level.name}", level.variance, level.rate) for level in side.own
        )


BY_ROUTE: Final = Plan(ROUTE)
BY_CARDHOLDER: Final = Plan(CARDHOLDER)


class Situation:
    """A payment, made ready to be looked up at every account."""

    __slots__ = ("_facts", "_own", "_shared", "_values")

    def __init__(self, facts: Facts) -> None:
        values = self._values = _values(facts)
        self._facts = facts
        self._shared = {plan: self._of_situation(plan) for plan in (BY_ROUTE, BY_CARDHOLDER)}
        self._own = {
            plan: tuple(
                (_hash(level, values[name]) if name in values else None, level, variance, rate)
                for name, level, variance, rate in plan.own
            )
            for plan in (BY_ROUTE, BY_CARDHOLDER)
        }

    def _of_situation(self, plan: Plan) -> Keyed:
        values = self._values
        return tuple(
            (_hash(level, values[name]), variance, rate) for name, level, variance, rate in plan.shared
        )

    def shared(self, plan: Plan) -> Keyed:
        """The cells that every account shares."""
        return self._shared[plan]

    def own(self, plan: Plan, account: LearnableAccount) -> Keyed:
        """The account's own cells."""
        salt = _hash_of(account.id)
        relation = _relation(self._facts, account)
        return tuple(
            (salt ^ (_hash(level, relation) if hashed is None else hashed), variance, rate)
            for hashed, level, variance, rate in self._own[plan]
        )


def keys(facts: Facts, account: LearnableAccount) -> tuple[int, ...]:
    """The keys of every cell that says something of this payment at this account."""
    situation = Situation(facts)
    return tuple(
        key
        for plan in (BY_ROUTE, BY_CARDHOLDER)
        for key, _, _ in (*situation.shared(plan), *situation.own(plan, account))
    )


def own_keys(facts: Facts, account: LearnableAccount) -> frozenset[int]:
    """The keys among them that are the account's alone."""
    situation = Situation(facts)
    return frozenset(key for plan in (BY_ROUTE, BY_CARDHOLDER) for key, _, _ in situation.own(plan, account))
