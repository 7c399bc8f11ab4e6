"""SQL of dunning: its policies, what holds for a subscription, and the invoices that it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from msgspec import Struct
from psycopg.rows import DictRow

from recoup.billing.core.dunning import BUILT_IN, Dunning, DunningPolicy, Ruling
from recoup.billing.core.records import Invoice
from recoup.billing.store import AT_ONCE_MAX, invoice_of_row
from recoup.db import Connection, Queries
from recoup.db.paging import bounds


class _Behind(Struct, frozen=True):
    """What of a subscription's row says what holds for it."""

    dunning: Dunning | None = None


_policy: Final = msgspec.json.Decoder(DunningPolicy)
_behind: Final = msgspec.json.Decoder(_Behind)
_HOLDS: Final[LiteralString] = """
    select s.id, s.data::text as subscription, p.data::text as policy
    from subscriptions s
    left join dunning_policies p on p.merchant_id = s.merchant_id
        and case when s.data->>'dunning_policy_id' is null then p.is_default
            else p.id = (s.data->>'dunning_policy_id')::uuid end
    where s.merchant_id = %(merchant_id)s and s.id
"""


async def insert(connection: Connection, new: DunningPolicy) -> None:
    """A new policy."""
    await connection.execute(
        """
        insert into dunning_policies (merchant_id, id, is_default, version, data, created_at, updated_at)
        values (%(merchant_id)s, %(id)s, %(is_default)s, %(version)s, %(data)s, %(created_at)s, %(updated_at)s)
        """,
        _row(new),
    )


async def save(connection: Connection, changed: DunningPolicy) -> None:
    """All that can change of a policy. Whoever changes policies holds the merchant's row."""
    await connection.execute(
        """
        update dunning_policies
        set is_default = %(is_default)s, version = %(version)s, data = %(data)s, updated_at = %(updated_at)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        _row(changed),
    )


async def read(queries: Queries, *, merchant_id: UUID, policy_id: UUID) -> DunningPolicy | None:
    """One policy."""
    row = await queries.fetch_one(
        "select data::text as data from dunning_policies where merchant_id = %(merchant_id)s and id = %(id)s",
        {"merchant_id": merchant_id, "id": policy_id},
    )
    return None if row is None else _policy.decode(row["data"])


async def default(queries: Queries, *, merchant_id: UUID) -> DunningPolicy | None:
    """The one that holds where nobody names any; None: what is built in."""
    row = await queries.fetch_one(
        "select data::text as data from dunning_policies where merchant_id = %(merchant_id)s and is_default",
        {"merchant_id": merchant_id},
    )
    return None if row is None else _policy.decode(row["data"])


async def count(queries: Queries, *, merchant_id: UUID) -> int:
    """How many a merchant has."""
    row = await queries.fetch_one(
        "select count(*) as number from dunning_policies where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant_id},
    )
    assert row is not None, "an aggregate always answers"
    return int(row["number"])


async def page(
    queries: Queries, *, merchant_id: UUID, after: UUID | None, before: UUID | None, limit: int
) -> Sequence[DunningPolicy]:
    """Policies newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await queries.fetch_all(
        f"""
        select data::text as data from dunning_policies
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "limit": limit} | bounds(after, before),
    )
    return [_policy.decode(row["data"]) for row in rows]


async def ruling(queries: Queries, *, merchant_id: UUID, named: UUID | None) -> Ruling:
    """What holds for whoever falls behind now, and names this policy or none."""
    found = (
        await default(queries, merchant_id=merchant_id)
        if named is None
        else await read(queries, merchant_id=merchant_id, policy_id=named)
    )
    return BUILT_IN if found is None else Ruling(found.id, found.rules)


async def rulings_for(
    queries: Queries, *, merchant_id: UUID, subscription_ids: Sequence[UUID]
) -> dict[UUID, Ruling]:
    """What holds for subscriptions: what was fixed when they fell behind, else what would be now."""
    if not subscription_ids:
        return {}
    rows = await queries.fetch_all(
        f"{_HOLDS} = any(%(ids)s)",
        {"merchant_id": merchant_id, "ids": list(subscription_ids)},
    )
    return {row["id"]: _holding(row) for row in rows}


async def ruling_of_payment(queries: Queries, *, merchant_id: UUID, payment_id: UUID) -> Ruling | None:
    """What holds for the subscription whose invoice is paid by a payment; None where it pays none of a subscription."""
    row = await queries.fetch_one(
        f"""{_HOLDS} = (
            select subscription_id from invoices
            where merchant_id = %(merchant_id)s and payment_id = %(payment_id)s)""",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "payment_id": payment_id},
    )
    return None if row is None else _holding(row)


async def lock_collected(
    connection: Connection,
    *,
    merchant_id: UUID,
    subscription_ids: Sequence[UUID],
    owed: Sequence[UUID] = (),
    until: datetime | None = None,
) -> Sequence[Invoice]:
    """The open invoices of these subscriptions that are collected, and those of `owed` that are open, held until the
    transaction ends; of each subscription the newest, so many that all of them are locked together. `until`: made
    before then."""
    assert len(subscription_ids) <= AT_ONCE_MAX, "what is locked together has an end"
    rows = await connection.fetch_all(
        """
        select i.number, i.data::text as data
        from unnest(%(ids)s::uuid[]) as wanted (id)
        cross join lateral (
            select id from invoices
            where merchant_id = %(merchant_id)s and subscription_id = wanted.id and status = 'open'
                and (coalesce((data->>'collecting')::boolean, true) or id = any(%(owed)s::uuid[]))
                and (%(until)s::timestamptz is null or created_at < %(until)s)
            order by id desc limit %(most)s
        ) o
        join invoices i on i.merchant_id = %(merchant_id)s and i.id = o.id
        order by i.id
        for update of i
        """,
        {
            "merchant_id": merchant_id,
            "ids": sorted(subscription_ids),
            "owed": list(owed),
            "until": until,
            "most": AT_ONCE_MAX // max(len(subscription_ids), 1),
        },
    )
    return [invoice_of_row(row) for row in rows]


def _holding(row: DictRow) -> Ruling:
    behind = _behind.decode(row["subscription"])
    if behind.dunning is not None:
        return behind.dunning.ruling
    if row["policy"] is None:
        return BUILT_IN
    found = _policy.decode(row["policy"])
    return Ruling(found.id, found.rules)


def _row(policy: DunningPolicy) -> dict[str, Any]:
    return {
        "merchant_id": policy.merchant_id,
        "id": policy.id,
        "is_default": policy.is_default,
        "version": policy.version,
        "data": msgspec.json.encode(policy).decode(),
        "created_at": policy.created_at,
        "updated_at": policy.updated_at,
    }
