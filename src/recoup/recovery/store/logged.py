"""SQL of stored decisions about recoveries, for those who look back at many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from recoup.db import Queries


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A decision, the recovery that it is about, and its record as JSON."""

    id: UUID
    recovery_id: UUID
    data: bytes = field(repr=False)
    created_at: datetime


async def page(
    queries: Queries, *, merchant_id: UUID, since: UUID, after: UUID | None, limit: int
) -> Sequence[LoggedDecision]:
    """Decisions about recoveries in the order of their ids, from `since` on, behind `after`. For a command that runs
    seldom: it reads past all decisions about routes that were made in between."""
    rows = await queries.fetch_all(
        """
        select id, object_id, data::text as data, created_at from decisions
        where merchant_id = %(merchant_id)s and id >= %(since)s and id > %(after)s and kind = 'recovery'
        order by id limit %(limit)s
        """,
        {"merchant_id": merchant_id, "since": since, "after": after or UUID(int=0), "limit": limit},
    )
    return [
        LoggedDecision(row["id"], row["object_id"], row["data"].encode(), row["created_at"]) for row in rows
    ]


async def one(queries: Queries, *, merchant_id: UUID, decision_id: UUID) -> LoggedDecision | None:
    """One decision about a recovery."""
    row = await queries.fetch_one(
        """
        select id, object_id, data::text as data, created_at from decisions
        where merchant_id = %(merchant_id)s and id = %(id)s and kind = 'recovery'
        """,
        {"merchant_id": merchant_id, "id": decision_id},
    )
    if row is None:
        return None
    return LoggedDecision(row["id"], row["object_id"], row["data"].encode(), row["created_at"])
