"""SQL of what was billed of a subscription and is not paid."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from recoup.billing.core.records import Invoice
from recoup.billing.store import invoice_of_row
from recoup.db import Queries

UNPAID_MAX: Final = 200
"""The most invoices that are looked through: the newest, which those of the current period are."""


async def unpaid(queries: Queries, *, merchant_id: UUID, subscription_id: UUID) -> Sequence[Invoice]:
    """A subscription's newest invoices that are open, void or uncollectible."""
    rows = await queries.fetch_all(
        """
        select number, data::text as data from invoices
        where merchant_id = %(merchant_id)s and subscription_id = %(id)s
            and status in ('open', 'void', 'uncollectible')
        order by id desc limit %(limit)s
        """,
        {"merchant_id": merchant_id, "id": subscription_id, "limit": UNPAID_MAX},
    )
    return [invoice_of_row(row) for row in rows]
