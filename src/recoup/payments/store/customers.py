"""SQL of the tries of customers, of many at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final
from uuid import UUID

from psycopg.rows import DictRow

from recoup.db import Queries
from recoup.kit.money import Money
from recoup.outcomes.core import Category
from recoup.payments.core.past import CustomerTry

CUSTOMERS_MAX: Final = 500
"""The most customers that are asked about at once."""
PAYMENTS_MAX: Final = 24
"""Of how many payments the tries are read, the newest of each customer: two years of monthly ones."""
TRIES_MAX: Final = 8
"""How many tries of each of them, the last."""


async def tries_of_customers(
    queries: Queries, customer_ids: Sequence[UUID], *, merchant_id: UUID
) -> dict[UUID, tuple[CustomerTry, ...]]:
    """What came of the latest tries of these customers, oldest first; who has none is left out."""
    assert len(customer_ids) <= CUSTOMERS_MAX, "what is read together has an end"
    rows = await queries.fetch_all(
        """
        select p.customer_id, p.currency, a.started_at, a.amount, a.state, a.decline ->> 'category' as category
        from unnest(%(ids)s::uuid[]) as wanted (id)
        cross join lateral (
            select id, customer_id, currency
            from payments
            where merchant_id = %(merchant_id)s and customer_id = wanted.id
            order by id desc
            limit %(payments)s
        ) p
        cross join lateral (
            select started_at, amount, state, decline
            from attempts
            where merchant_id = %(merchant_id)s and payment_id = p.id
                and state in ('approved', 'reversed', 'declined')
            order by number desc
            limit %(tries)s
        ) a
        order by p.customer_id, a.started_at
        """,
        {
            "merchant_id": merchant_id,
            "ids": list(set(customer_ids)),
            "payments": PAYMENTS_MAX,
            "tries": TRIES_MAX,
        },
    )
    grouped = groupby(rows, key=itemgetter("customer_id"))
    return {customer_id: tuple(_try(row) for row in group) for customer_id, group in grouped}


def _try(row: DictRow) -> CustomerTry:
    approved = row["state"] != "declined"
    category = "" if approved else row["category"] or Category.OTHER.value
    return CustomerTry(row["started_at"], Money(row["amount"], row["currency"]), approved, category)
