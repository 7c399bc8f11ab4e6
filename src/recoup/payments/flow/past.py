"""What later subjects may ask about customers' earlier tries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from recoup.db import Queries
from recoup.merchants.core import Merchant
from recoup.payments.core.past import CustomerTry
from recoup.payments.store import customers


async def tries_of_customers(
    queries: Queries, merchant: Merchant, customer_ids: Sequence[UUID]
) -> Mapping[UUID, Sequence[CustomerTry]]:
    """What came of the latest tries of these customers, oldest first; who has none is left out."""
    return await customers.tries_of_customers(queries, customer_ids, merchant_id=merchant.id)
