"""What the parts of a routing decision hand each other: estimates, prices, standings, and what a policy rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

THOUSANDTHS: Final = 1000
"""Prices and values are integers in thousandths of a minor unit, so that tenths of a cent still tell accounts apart."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How likely an account approves this payment: the mean, an 80 % interval, and how many tries speak for it.

    `spread` is the standard deviation of the part that is the account's own: what is uncertain of the payment itself is
    so at every account, and no reason to try another.
    """

    probability: float
    low: float
    high: float
    evidence: float
    spread: float = 0.0


@dataclass(frozen=True, slots=True)
class Price:
    """What one try costs at an account, in thousandths of a minor unit of the payment's currency.

    `assumed`: by the price book, because nobody said what the account costs.
    """

    approved: int
    declined: int
    assumed: bool = False


class Health(StrEnum):
    """What the short clock says of an account."""

    GOOD = "good"
    DEGRADED = "degraded"
    """Its breaker is open: others go first, and a small share of payments probes it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An account's health for this payment. `probe_share` is the part of payments that may ask it first although it is
    degraded."""

    health: Health = Health.GOOD
    probe_share: float = 0.0
    why: str = ""


WELL: Final = Standing()


class Method(StrEnum):
    """How accounts are put in order."""

    ORDERED = "ordered"
    SPLIT = "split"
    LEARNED = "learned"
    LEAST_COST = "least_cost"


@dataclass(frozen=True, slots=True)
class Matched:
    """A rule of a policy whose conditions hold for a payment, and these conditions in words."""

    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a policy says of one payment, before estimates, prices and chance are looked at.

    `rule` names the rule that decided; `method` how the accounts are put in order. `order` lists accounts (`ordered`).
    `shares` are percentages that sum to 100 (`split`), drawn for the payment, or for `sticky_by` where that is set (the
    same unit always draws the same). Accounts that are eligible and not named come after the named ones, in the
    merchant's order, unless `only`. `excluded` tells why an account may not be asked. `margin` is the merchant's gross
    margin in basis points of the amount, for what an approval is worth. `explore` is the largest share of payments that
    `learned` may send to an account other than the best, in basis points. `matched` are the rules that held, in the
    order of the policy; the last one is `rule`.
    """

    rule: str
    method: Method
    order: tuple[UUID, ...] = ()
    shares: Mapping[UUID, int] = field(default_factory=dict)
    sticky_by: str | None = None
    only: bool = False
    excluded: Mapping[UUID, str] = field(default_factory=dict)
    margin: int = 10_000
    explore: int = 200
    attempts_max: int | None = None
    failover_within_ms: int | None = None
    matched: tuple[Matched, ...] = ()
