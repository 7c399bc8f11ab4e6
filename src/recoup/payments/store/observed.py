"""SQL of attempts with the decisions that led to them, for those who learn from what came of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from recoup.db import Queries
from recoup.outcomes.core import Decline
from recoup.payments.core.machine import AttemptState
from recoup.payments.core.records import ATTEMPTS_MAX


class Observed(msgspec.Struct, frozen=True):
    """An attempt that has ended. `data` is its decision, as it was stored."""

    id: UUID
    number: int
    account_id: UUID
    state: AttemptState
    decline: Decline | None
    finished_at: datetime
    data: dict[str, Any]


_decoded = msgspec.json.Decoder(tuple[Observed, ...]).decode


async def of_payments(
    queries: Queries, payment_ids: Sequence[UUID], *, merchant_id: UUID
) -> tuple[Observed, ...]:
    """The ended attempts of some payments, oldest payment first."""
    row = await queries.fetch_one(
        """
        select json_agg(o order by o.id)::text as observed
        from unnest(%(payment_ids)s::uuid[]) wanted (id)
        cross join lateral (
            select a.id, a.number, a.processor_account_id as account_id, a.state, a.decline, a.finished_at, d.data
            from attempts a
            join decisions d on d.merchant_id = %(merchant_id)s and d.id = a.decision_id
            where a.merchant_id = %(merchant_id)s and a.payment_id = wanted.id and a.finished_at is not null
            limit %(most)s
        ) o
        """,
        {"merchant_id": merchant_id, "payment_ids": list(payment_ids), "most": ATTEMPTS_MAX},
    )
    found = None if row is None else row["observed"]
    return () if found is None else _decoded(found)
