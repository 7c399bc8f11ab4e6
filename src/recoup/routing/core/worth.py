"""What asking an account is worth and how unsure that is, put to an option that has its estimate and price."""

from __future__ import annotations

from recoup.routing.core.cost import expected_cost_per_approval, expected_value, value_spread
from recoup.routing.core.deciding import Option
from recoup.routing.core.facts import Facts


def valued(option: Option, facts: Facts, *, margin: int) -> Option:
    """The option with value, spread and cost for this margin, in basis points of the amount; without what is not known
    of it."""
    estimate, price = option.estimate, option.price
    value, spread, cost = None, 0, None
    if price is not None:
        cost = expected_cost_per_approval(estimate, price)
    if price is not None and estimate is not None:
        value = expected_value(estimate, price, facts, margin)
        spread = value_spread(estimate, price, facts, margin)
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
