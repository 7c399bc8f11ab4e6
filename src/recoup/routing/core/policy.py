"""A merchant's routing policy: rules in order, and what they say of a payment.

The first rule that holds and says how accounts are put in order decides. A rule that only excludes accounts, or
requires some, is remembered, and the next rules are looked at. The last rule always holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from recoup.routing.core.conditions import Condition
from recoup.routing.core.facts import Facts
from recoup.routing.core.words import Matched, Method, Ruling

DEFAULT_RULE: Final = "default"
MARGIN_DEFAULT: Final = 10_000
EXPLORE_DEFAULT: Final = 200
CUSTOMER: Final = "customer"


class Account(Protocol):
    """A processor account, as far as a policy knows it."""

    @property
    def id(self) -> UUID:
        """Names the account."""
        ...


@dataclass(frozen=True, slots=True)
class Action:
    """What a rule does. Without a `method` it decides nothing: it excludes accounts, or requires some.

    `exclude` may not be asked; where `require` is set, nobody else may. The rest is as in `Ruling`.
    """

    method: Method | None = None
    order: tuple[UUID, ...] = ()
    shares: Mapping[UUID, int] = field(default_factory=dict)
    sticky_by: str | None = None
    only: bool = False
    exclude: frozenset[UUID] = frozenset()
    require: frozenset[UUID] | None = None

    @property
    def narrows(self) -> bool:
        """Whether it takes accounts away."""
        return bool(self.exclude) or self.require is not None

    def removes(self, account_id: UUID) -> str | None:
        """Why an account may not be asked; None where it may."""
        if account_id in self.exclude:
            return "excludes it"
        return "requires others" if self.require is not None and account_id not in self.require else None


@dataclass(frozen=True, slots=True)
class Rule:
    """What is done with payments for which all conditions hold."""

    name: str
    conditions: tuple[Condition, ...]
    action: Action
    matched: Matched
    checks: tuple[Callable[[Facts], bool], ...] = field(repr=False, compare=False)
    """The conditions' `holds`, looked up once."""

    def holds(self, facts: Facts) -> bool:
        """Whether all conditions hold."""
        for check in self.checks:  # noqa: SIM110 - on the way of every payment, where all() costs as much as the checks
            if not check(facts):
                return False
        return True


def make_rule(name: str, conditions: tuple[Condition, ...], action: Action) -> Rule:
    """A rule, with its conditions in words."""
    why = "; ".join(condition.told() for condition in conditions) or "it holds for every payment"
    checks = tuple(condition.holds for condition in conditions)
    return Rule(name, conditions, action, Matched(name, why), checks)


_IN_THE_MERCHANTS_ORDER: Final = make_rule(DEFAULT_RULE, (), Action(Method.ORDERED))


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in order, the last of which always holds and decides. Basis points are of the payment's amount (`margin`)
    and of payments (`explore`)."""

    rules: tuple[Rule, ...] = (_IN_THE_MERCHANTS_ORDER,)
    margin: int = MARGIN_DEFAULT
    explore: int = EXPLORE_DEFAULT
    attempts_max: int | None = None
    failover_within_ms: int | None = None
    home_countries: frozenset[str] = frozenset()
    metadata_keys: frozenset[str] = frozenset()
    """The keys of metadata that its conditions look at."""


NO_POLICY: Final = Policy()
"""Accounts in the merchant's own order: what holds where no policy was saved."""


def metadata_keys(policy: Policy) -> frozenset[str]:
    """The keys of a payment's metadata that the policy looks at."""
    return policy.metadata_keys


def rule(policy: Policy, facts: Facts, accounts: Iterable[Account]) -> Ruling:
    """What the policy says of a payment; `accounts` are those that could be excluded."""
    narrowing: list[Rule] = []
    matched: list[Matched] = []
    for one in policy.rules:
        if not one.holds(facts):
            continue
        matched.append(one.matched)
        action = one.action
        if action.narrows:
            narrowing.append(one)
        if action.method is not None:
            return Ruling(
                rule=one.name,
                method=action.method,
                order=action.order,
                shares=action.shares,
                sticky_by=action.sticky_by,
                only=action.only,
                excluded=_excluded(narrowing, accounts) if narrowing else {},
                margin=policy.margin,
                explore=policy.explore,
                attempts_max=policy.attempts_max,
                failover_within_ms=policy.failover_within_ms,
                matched=tuple(matched),
            )
    raise AssertionError("the last rule of a policy always holds and decides")


def _excluded(narrowing: Iterable[Rule], accounts: Iterable[Account]) -> dict[UUID, str]:
    """Why accounts may not be asked: the first rule that takes one away says it."""
    left = [account.id for account in accounts]
    excluded: dict[UUID, str] = {}
    for one in narrowing:
        for account_id in left:
            why = one.action.removes(account_id)
            if why is not None:
                excluded.setdefault(account_id, f"the rule {one.name!r} {why}")
    return excluded


@dataclass(frozen=True, slots=True)
class Looked:
    """How a rule was read for a payment, to be told to a person."""

    rule: str
    holds: bool
    decides: bool
    why: str


def looked_at(policy: Policy, facts: Facts) -> tuple[Looked, ...]:
    """Every rule up to the one that decides: whether it holds, and which condition does not."""
    looked: list[Looked] = []
    for one in policy.rules:
        failing = next((each for each in one.conditions if not each.holds(facts)), None)
        if failing is None:
            decides = one.action.method is not None
            looked.append(Looked(one.name, holds=True, decides=decides, why=one.matched.why))
            if decides:
                break
        else:
            why = f"not so: {failing.told()}; this payment: {failing.found(facts)}"
            looked.append(Looked(one.name, holds=False, decides=False, why=why))
    return tuple(looked)
