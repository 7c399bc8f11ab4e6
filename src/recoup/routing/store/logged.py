"""SQL of stored decisions, for those who look back at many of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from recoup.db import Queries
from recoup.kit.ids import first_id


@dataclass(frozen=True, slots=True)
class LoggedDecision:
    """A route's decision: the payment that it is about, and its record as JSON."""

    id: UUID
    payment_id: UUID
    data: bytes = field(repr=False)
    created_at: datetime


async def by_id(queries: Queries, ids: Collection[UUID], *, merchant_id: UUID) -> dict[UUID, bytes]:
    """The records of some decisions, as JSON; those that are gone are left out."""
    rows = await queries.fetch_all(
        """
        select id, data::text as data from decisions
        where merchant_id = %(merchant_id)s and id = any(%(ids)s)
        """,
        {"merchant_id": merchant_id, "ids": list(ids)},
    )
    return {row["id"]: row["data"].encode() for row in rows}


async def one(queries: Queries, *, merchant_id: UUID, decision_id: UUID) -> LoggedDecision | None:
    """One route's decision; None where there is none of that id, or it is not about a route."""
    row = await queries.fetch_one(
        """
        select id, object_id, data::text as data, created_at from decisions
        where merchant_id = %(merchant_id)s and id = %(id)s and kind = 'route'
        """,
        {"merchant_id": merchant_id, "id": decision_id},
    )
    return None if row is None else _logged(row)


async def page(
    queries: Queries, *, merchant_id: UUID, since: datetime, after: UUID | None, limit: int
) -> Sequence[LoggedDecision]:
    """Decisions about routes made since then, in the order of their ids, behind `after`."""
    rows = await queries.fetch_all(
        """
        select id, object_id, data::text as data, created_at from decisions
        where merchant_id = %(merchant_id)s and id >= %(since)s and id > %(after)s and kind = 'route'
        order by id limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "since": first_id(since),
            "after": after or UUID(int=0),
            "limit": limit,
        },
    )
    return [_logged(row) for row in rows]


def _logged(row: dict[str, Any]) -> LoggedDecision:
    return LoggedDecision(row["id"], row["object_id"], row["data"].encode(), row["created_at"])
