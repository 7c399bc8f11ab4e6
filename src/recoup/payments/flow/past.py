"""What later subjects may ask about customers' earlier tries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from recoup.db import Queries
from recoup.merchants.core import Merchant
from recoup.payments import store
from recoup.payments.core.past import CustomerTry, refused_at_first
from recoup.payments.store import customers


async def tries_of_customers(
    queries: Queries, merchant: Merchant, customer_ids: Sequence[UUID]
) -> Mapping[UUID, Sequence[CustomerTry]]:
    """What came of the latest tries of these customers, oldest first; who has none is left out."""
    return await customers.tries_of_customers(queries, customer_ids, merchant_id=merchant.id)


async def first_tries(
    queries: Queries, merchant: Merchant, payment_ids: Sequence[UUID]
) -> Mapping[UUID, bool]:
    """Whether the first charge of these payments was refused; those of which that cannot be said are left out."""
    found = await store.snapshots(queries, payment_ids, merchant_id=merchant.id)
    told = {
        one: refused_at_first([(each.reason, each.state) for each in snapshot.attempts])
        for one, snapshot in found.items()
    }
    return {one: refused for one, refused in told.items() if refused is not None}
