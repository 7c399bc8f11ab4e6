"""SQL of what came of recoveries' tries, each with the decision that led to it, for learning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from recoup.db import Queries


@dataclass(frozen=True, slots=True)
class Tried:
    """One try with an outcome. `known` is what its decision was made from; None where that was not kept."""

    recovery_id: UUID
    decision_id: UUID
    person: UUID
    known: dict[str, Any] | None = field(repr=False)
    at: datetime
    account_id: UUID
    approved: bool


async def count(queries: Queries, *, merchant_id: UUID, limit: int) -> int:
    """How many recoveries there are that tried anything, as far as `limit`."""
    row = await queries.fetch_one(
        """
        select count(*) as many from (
            select id from recoveries
            where merchant_id = %(merchant_id)s and tries_made > 0 and payment_id is not null limit %(limit)s
        ) tried
        """,
        {"merchant_id": merchant_id, "limit": limit},
    )
    assert row is not None, "an aggregate always answers"
    return int(row["many"])


async def page(
    queries: Queries, *, merchant_id: UUID, since: UUID, before: UUID, limit: int
) -> Mapping[UUID, Sequence[Tried]]:
    """The tries of so many recoveries that were opened last before one and not before `since`, newest recovery first;
    each recovery's in the order of their making."""
    rows = await queries.fetch_all(
        """
        with tried as materialized (
            select id, payment_id from recoveries
            where merchant_id = %(merchant_id)s and id < %(before)s and id >= %(since)s and tries_made > 0
                and payment_id is not null
            order by id desc limit %(limit)s
        )
        select t.id as recovery_id, a.state, a.started_at, a.processor_account_id, d.id as decision_id,
            d.data #> '{facts,known}' as known, coalesce(p.customer_id, a.payment_method_id) as person
        from tried t
        join payments p on p.merchant_id = %(merchant_id)s and p.id = t.payment_id
        left join attempts a on a.merchant_id = %(merchant_id)s and a.payment_id = t.payment_id
            and a.reason = 'recovery' and a.state in ('approved', 'declined', 'reversed')
        left join lateral (
            select id, data from decisions
            where merchant_id = %(merchant_id)s and object_id = t.id and kind = 'recovery'
                and created_at <= a.started_at
            order by created_at desc, id desc limit 1
        ) d on true
        order by t.id desc, a.number
        """,
        {"merchant_id": merchant_id, "since": since, "before": before, "limit": limit},
    )
    found: dict[UUID, list[Tried]] = {}
    for row in rows:
        tries = found.setdefault(row["recovery_id"], [])
        if row["decision_id"] is not None:
            tries.append(
                Tried(
                    recovery_id=row["recovery_id"],
                    decision_id=row["decision_id"],
                    person=row["person"],
                    known=row["known"],
                    at=row["started_at"],
                    account_id=row["processor_account_id"],
                    approved=row["state"] != "declined",
                )
            )
    return found
