"""Chooses the route of a payment from what is in memory: no query is made on the way, but for a policy's first reading.

Eligibility first; then what the policy rules; then estimates, prices and health of those who can do it; then the order,
with the chance that the decision's own seed gives. What comes back holds everything that the stored decision needs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from recoup.connectors.base import Capabilities
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Outcome
from recoup.routing.core import CALLERS, Arm, Candidate, Facts, RoutableAccount, Route, route
from recoup.routing.core.cost import expected_cost_per_approval, expected_value, price_of, value_spread
from recoup.routing.core.deciding import Option, Placed, decide
from recoup.routing.core.facts import acquirer_of
from recoup.routing.core.record import PROBABILITY_DIGITS
from recoup.routing.core.trials import Assignment
from recoup.routing.core.words import WELL, Estimate, Method, Ruling, Standing
from recoup.routing.flow.health import Asked

PLAIN: Final = Ruling("ordered", Method.ORDERED)
"""What holds for a merchant without a policy: the accounts in the order of their positions."""

Pairs = Sequence[tuple[RoutableAccount, Capabilities]]


@dataclass(frozen=True, slots=True)
class Ruled:
    """What a policy says, which version of it, and the metadata keys that it reads."""

    ruling: Ruling
    version: int | None = None
    metadata_keys: frozenset[str] = frozenset()


class Policies(Protocol):
    """The merchant's routing policies."""

    async def ruled(
        self, merchant_id: UUID, facts: Facts, accounts: Sequence[RoutableAccount], *, version: int | None
    ) -> Ruled | None:
        """What the policy in force (or the one of that version) says; None where there is none."""
        ...


class Estimates(Protocol):
    """What was learned of approvals."""

    def estimates(
        self, merchant_id: UUID, facts: Facts, accounts: Sequence[RoutableAccount]
    ) -> tuple[Mapping[UUID, Estimate], int | None]:
        """How likely each account approves, and how far in the event stream that was learned."""
        ...


class Breakers(Protocol):
    """Who is well. Nothing here waits or raises."""

    def standing(
        self, merchant_id: UUID, account_id: UUID, *, issuer_country: str | None, at: datetime
    ) -> Standing:
        """The health of an account for payments of that country."""
        ...

    def asked(
        self, merchant: Merchant, account_id: UUID, *, issuer_country: str | None, at: datetime
    ) -> Asked | None:
        """A request is about to leave."""
        ...

    def observe(
        self,
        merchant: Merchant,
        account_id: UUID,
        outcome: Outcome,
        *,
        latency_ms: int | None,
        issuer_country: str | None,
        at: datetime,
        expected: float | None = None,
        asked: Asked | None = None,
    ) -> None:
        """Hear an answer."""
        ...


class Trials(Protocol):
    """Policies side by side."""

    def assignment(self, merchant_id: UUID, *, customer_id: UUID | None, seed: bytes) -> Assignment | None:
        """The side that this payment is on; None where no experiment runs."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a router's knowledge comes from; without one, what it would add is left out."""

    policies: Policies | None = None
    estimates: Estimates | None = None
    breakers: Breakers | None = None
    trials: Trials | None = None


class Router:
    """Chooses routes, and hears what came of them."""

    def __init__(self, sources: Sources, *, took: Callable[[float], None] | None = None) -> None:
        """`took` is told how many seconds each choice took."""
        self._sources = sources
        self._took = took

    async def route(
        self,
        merchant_id: UUID,
        facts: Facts,
        accounts: Pairs,
        *,
        requested: Sequence[UUID] | None,
        seed: bytes,
    ) -> tuple[Route, Facts]:
        """The route, and the facts that it was chosen by (of the metadata, what the policy reads)."""
        began = time.perf_counter()
        found = await self._route(merchant_id, facts, accounts, requested=requested, seed=seed)
        if self._took is not None:
            self._took(time.perf_counter() - began)
        return found

    async def _route(
        self,
        merchant_id: UUID,
        facts: Facts,
        accounts: Pairs,
        *,
        requested: Sequence[UUID] | None,
        seed: bytes,
    ) -> tuple[Route, Facts]:
        eligible = route(facts, accounts, requested=requested)
        able = frozenset(eligible.accounts)
        arm: Arm | None = None
        ruled: Ruled | None = None
        if requested is None and able:
            arm, ruled = await self._ruled(merchant_id, facts, [account for account, _ in accounts], seed)
        ruled = ruled or Ruled(PLAIN if requested is None else _callers(requested))
        kept = replace(facts, metadata={k: v for k, v in facts.metadata.items() if k in ruled.metadata_keys})
        if not able:
            return replace(eligible, seed=seed), kept
        by_id = {account.id: account for account, _ in accounts}
        estimates, model = self._estimates(merchant_id, facts, [by_id[one] for one in eligible.accounts])
        ordered = [one for one in eligible.candidates if one.account_id in able]
        options = [
            self._option(merchant_id, facts, by_id[one.account_id], ruled.ruling, estimates)
            for one in ordered
        ]
        unit = None if facts.customer_id is None else render(Kind.CUSTOMER, facts.customer_id)
        placed = decide(options, ruled.ruling, seed=seed, unit=unit)
        chosen = Route(
            candidates=tuple(_candidates(eligible, options, placed, ruled.ruling)),
            rule=ruled.ruling.rule,
            method=ruled.ruling.method,
            policy_version=ruled.version,
            model=model,
            arm=arm,
            seed=seed,
            attempts_max=ruled.ruling.attempts_max,
            failover_within_ms=ruled.ruling.failover_within_ms,
        )
        return chosen, kept

    async def _ruled(
        self, merchant_id: UUID, facts: Facts, accounts: Sequence[RoutableAccount], seed: bytes
    ) -> tuple[Arm | None, Ruled | None]:
        policies, trials = self._sources.policies, self._sources.trials
        if policies is None:
            return None, None
        tried = (
            None
            if trials is None
            else trials.assignment(merchant_id, customer_id=facts.customer_id, seed=seed)
        )
        version = None if tried is None else tried.version
        ruled = await policies.ruled(merchant_id, facts, accounts, version=version)
        return (None if tried is None else Arm(tried.experiment_id, tried.side)), ruled

    def _estimates(
        self, merchant_id: UUID, facts: Facts, accounts: Sequence[RoutableAccount]
    ) -> tuple[Mapping[UUID, Estimate], int | None]:
        """Rounded as they are stored, so that what decides is what is stored; a single account needs none."""
        if self._sources.estimates is None or len(accounts) < 2:
            return {}, None
        found, model = self._sources.estimates.estimates(merchant_id, facts, accounts)
        return {account_id: _rounded(one) for account_id, one in found.items()}, model

    def _option(
        self,
        merchant_id: UUID,
        facts: Facts,
        account: RoutableAccount,
        ruling: Ruling,
        estimates: Mapping[UUID, Estimate],
    ) -> Option:
        estimate, price = estimates.get(account.id), price_of(account, facts)
        value, spread = None, 0
        if estimate is not None and price is not None:
            value = expected_value(estimate, price, facts, ruling.margin)
            spread = value_spread(estimate, price, facts, ruling.margin)
        return Option(
            account_id=account.id,
            label=account.label,
            acquirer=acquirer_of(account),
            estimate=estimate,
            price=price,
            value=value,
            value_spread=spread,
            cost_per_approval=None if price is None else expected_cost_per_approval(estimate, price),
            standing=self._standing(merchant_id, account.id, facts),
            is_drained=account.drained,
        )

    def _standing(self, merchant_id: UUID, account_id: UUID, facts: Facts) -> Standing:
        breakers = self._sources.breakers
        if breakers is None or facts.at is None:
            return WELL
        return breakers.standing(merchant_id, account_id, issuer_country=facts.issuer_country, at=facts.at)

    def asked(
        self, merchant: Merchant, account_id: UUID, *, issuer_country: str | None, at: datetime
    ) -> Asked | None:
        """A request is about to leave: one that hangs counts while it does. Give what is returned to `heard`."""
        breakers = self._sources.breakers
        if breakers is None:
            return None
        return breakers.asked(merchant, account_id, issuer_country=issuer_country, at=at)

    def heard(
        self,
        merchant: Merchant,
        account_id: UUID,
        outcome: Outcome,
        *,
        latency_ms: int,
        issuer_country: str | None,
        expected: float | None,
        at: datetime,
        asked: Asked | None,
    ) -> None:
        """What a processor answered, for the short clock; the long one reads the events."""
        if self._sources.breakers is not None:
            self._sources.breakers.observe(
                merchant,
                account_id,
                outcome,
                latency_ms=latency_ms,
                issuer_country=issuer_country,
                expected=expected,
                at=at,
                asked=asked,
            )


def _callers(requested: Sequence[UUID]) -> Ruling:
    return Ruling(CALLERS, Method.ORDERED, order=tuple(requested))


def _rounded(one: Estimate) -> Estimate:
    digits = PROBABILITY_DIGITS
    return Estimate(
        round(one.probability, digits),
        round(one.low, digits),
        round(one.high, digits),
        round(one.evidence, 2),
        round(one.spread, digits),
    )


def _candidates(
    eligible: Route, options: Sequence[Option], placed: Sequence[Placed], ruling: Ruling
) -> list[Candidate]:
    """Every account that was considered, in the order in which it was, with its turn where it has one."""
    by_id = {one.account_id: one for one in options}
    turns = {one.option.account_id: (turn, one) for turn, one in enumerate(placed, start=1)}
    return [
        _told(one, by_id.get(one.account_id), turns.get(one.account_id), ruling)
        for one in eligible.candidates
    ]


def _told(
    one: Candidate, option: Option | None, turn: tuple[int, Placed] | None, ruling: Ruling
) -> Candidate:
    if option is None:
        return one
    if turn is None:
        why = (
            ruling.excluded.get(one.account_id)
            or f"rule {ruling.rule!r} asks only the accounts that it names"
        )
    else:
        why = f"{one.why}; {turn[1].why}"
    return Candidate(
        account_id=one.account_id,
        label=one.label,
        place=None if turn is None else turn[0],
        why=why,
        acquirer=option.acquirer,
        propensity=0.0 if turn is None else turn[1].propensity,
        estimate=option.estimate,
        price=option.price,
        value=option.value,
        value_spread=option.value_spread,
        cost_per_approval=option.cost_per_approval,
        standing=option.standing,
        is_able=True,
        is_drained=option.is_drained,
    )
