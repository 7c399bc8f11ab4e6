"""What is stored of a route, and what is read back from it: enough to make the same choice again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.routing.core.facts import Facts
from recoup.routing.core.route import Candidate, Route
from recoup.routing.core.words import Estimate, Price

PROBABILITY_DIGITS: Final = 6
"""To how many digits probabilities are stored: what decides is rounded to them before it decides."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Which account of a route is asked now, for what reason (`initial`, `failover`, …), and why in words."""

    account_id: UUID
    reason: str
    why: str


def recorded(route: Route, facts: Facts, turn: Turn | None) -> dict[str, Any]:
    """The record of one turn of a route, None where nobody can be asked. What says nothing is left out."""
    record: dict[str, Any] = {
        "rule": route.rule,
        "method": route.method,
        "reason": None if turn is None else turn.reason,
        "why": "no account can take this payment" if turn is None else turn.why,
        "chosen": None if turn is None else _account(turn.account_id),
        "facts": _facts(facts),
        "candidates": [_candidate(one) for one in route.candidates],
    }
    if route.seed:
        record["seed"] = route.seed.hex()
    if route.policy_version is not None:
        record["policy_version"] = route.policy_version
    if route.model is not None:
        record["model"] = route.model
    if route.arm is not None:
        experiment = render(Kind.EXPERIMENT, route.arm.experiment_id)
        record["experiment"] = {"id": experiment, "arm": route.arm.name}
    return record


def _facts(facts: Facts) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "amount": facts.amount,
        "currency": facts.currency,
        "brand": facts.brand,
        "funding": facts.funding,
        "bin": facts.bin,
        "issuer_country": facts.issuer_country,
        "capture": facts.capture,
        "initiator": facts.initiator,
        "attempt_number": facts.attempt_number,
    }
    optional: dict[str, Any] = {
        "at": None if facts.at is None else rfc3339(facts.at),
        "agreement": facts.agreement,
        "customer": None if facts.customer_id is None else render(Kind.CUSTOMER, facts.customer_id),
        "merchant_category": facts.merchant_category,
        "metadata": dict(facts.metadata) or None,
        "network_transaction_id": facts.network_transaction_id or None,
        "can_challenge": facts.can_challenge or None,
        "authenticated": facts.authenticated or None,
        "needs_challenge": facts.needs_challenge or None,
    }
    if facts.saved_at:
        optional["card_in_vault"] = facts.card_in_vault
        optional["saved_at"] = [_account(account_id) for account_id in sorted(facts.saved_at)]
    return shown | {name: value for name, value in optional.items() if value is not None}


def _candidate(one: Candidate) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "processor_account": _account(one.account_id),
        "label": one.label,
        "place": one.place,
        "why": one.why,
    }
    if not one.is_able:
        return shown
    optional: dict[str, Any] = {
        "acquirer": one.acquirer or None,
        "propensity": None if one.propensity is None else round(one.propensity, PROBABILITY_DIGITS),
        "estimate": _estimate(one.estimate),
        "price": _price(one.price),
        "value": one.value,
        "value_spread": one.value_spread or None,
        "cost_per_approval": one.cost_per_approval,
        "drained": one.is_drained or None,
    }
    shown |= {name: value for name, value in optional.items() if value is not None}
    shown["health"] = one.standing.health
    if one.standing.probe_share:
        shown["probe_share"] = round(one.standing.probe_share, PROBABILITY_DIGITS)
    return shown


def _price(price: Price | None) -> dict[str, Any] | None:
    if price is None:
        return None
    shown: dict[str, Any] = {"approved": price.approved, "declined": price.declined}
    return shown | {"assumed": True} if price.assumed else shown


def _estimate(estimate: Estimate | None) -> dict[str, float] | None:
    if estimate is None:
        return None
    return {
        "probability": round(estimate.probability, PROBABILITY_DIGITS),
        "low": round(estimate.low, PROBABILITY_DIGITS),
        "high": round(estimate.high, PROBABILITY_DIGITS),
        "evidence": round(estimate.evidence, 2),
        "spread": round(estimate.spread, PROBABILITY_DIGITS),
    }


def _account(account_id: UUID) -> str:
    return render(Kind.PROCESSOR_ACCOUNT, account_id)
