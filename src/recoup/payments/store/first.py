"""SQL of the first tries of payments, of many at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

from recoup.db import Queries
from recoup.payments.core.first import FirstTry
from recoup.payments.core.machine import AttemptState, Reason

PAYMENTS_MAX: Final = 1_000
"""The most payments that are asked about at once."""
_APPROVED: Final = {
    AttemptState.APPROVED: True,
    AttemptState.REVERSED: True,
    AttemptState.DECLINED: False,
}


async def first_tries(
    queries: Queries, payment_ids: Sequence[UUID], *, merchant_id: UUID
) -> Mapping[UUID, FirstTry]:
    """What came of the first try of each of these payments; one that was not tried is left out."""
    assert len(payment_ids) <= PAYMENTS_MAX, "what is read together has an end"
    rows = await queries.fetch_all(
        """
        select a.payment_id, a.started_at, a.finished_at, a.reason, a.payment_method_id, a.brand, a.state
        from unnest(%(ids)s::uuid[]) as wanted (id)
        join attempts a on a.merchant_id = %(merchant_id)s and a.payment_id = wanted.id and a.number = 1
        """,
        {"merchant_id": merchant_id, "ids": list(payment_ids)},
    )
    return {
        row["payment_id"]: FirstTry(
            payment_id=row["payment_id"],
            at=row["started_at"],
            finished_at=row["finished_at"],
            reason=Reason(row["reason"]),
            payment_method_id=row["payment_method_id"],
            brand=row["brand"],
            approved=_APPROVED.get(AttemptState(row["state"])),
        )
        for row in rows
    }
