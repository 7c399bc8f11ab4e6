"""What later subjects may ask about the first tries of payments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from recoup.db import Queries
from recoup.merchants.core import Merchant
from recoup.payments.core.first import FirstTry
from recoup.payments.store import first


async def tried_first(
    queries: Queries, merchant: Merchant, payment_ids: Sequence[UUID]
) -> Mapping[UUID, FirstTry]:
    """What came of the first try of each of these payments; one that was not tried is left out."""
    return await first.first_tries(queries, payment_ids, merchant_id=merchant.id)
