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
    value, spread, cost = None, 0, None
    if price is not None:
        cost = expected_cost_per_approval(estimate, price)
    if price is not None and estimate is not None:
        value = expected_value(estimate, price, facts, margin)
        spread = value_spread(estimate, price, facts, margin=margin)
    return Option(
        account_id=option.account_id,
        label=option.label,
        acquirer=option.acquirer,
        estimate=estimate,
        price=price,
        value=value,
        value_spread=spread,
        cost_per_approval=cost,
        standing=option.standing,
        is_drained=option.is_drained,
    )


def value_spread(estimate: Estimate, price: Price, facts: Facts, *, margin: int) -> int:
    """The standard deviation of a value, which is linear in the probability."""
    sure, never = replace(estimate, probability=1.0), replace(estimate, probability=0.0)
    span = expected_value(sure, price, facts, margin) - expected_value(never, price, facts, margin)
    return round(abs(span) * estimate.spread)
