"""What asking an account is worth and how unsure that is, put to an option that has its estimate and price."""

from __future__ import annotations

from dataclasses import replace

from recoup.routing.core.cost import expected_cost_per_approval, expected_value
from recoup.routing.core.deciding import Option
from recoup.routing.core.facts import Facts
from recoup.routing.core.words import Estimate, Price


def valued(option: Option, facts: Facts, *, margin: int) -> Option:
    """The option with value, spread and cost for this margin, in basis points of the amount; without what is not known
    of it."""
    estimate, price = option.estimate, option.price
    if price is None:
        return replace(option, value=None, value_spread=0, cost_per_approval=None)
    cost = expected_cost_per_approval(estimate, price)
    if estimate is None:
        return replace(option, value=None, value_spread=0, cost_per_approval=cost)
    return replace(
        option,
        value=expected_value(estimate, price, facts, margin),
        value_spread=value_spread(estimate, price, facts, margin=margin),
        cost_per_approval=cost,
    )


def value_spread(estimate: Estimate, price: Price, facts: Facts, *, margin: int) -> int:
    """The standard deviation of a value, which is linear in the probability."""
    sure, never = replace(estimate, probability=1.0), replace(estimate, probability=0.0)
    span = expected_value(sure, price, facts, margin) - expected_value(never, price, facts, margin)
    return round(abs(span) * estimate.spread)
