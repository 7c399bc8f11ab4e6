"""SQL of subscriptions that come from elsewhere: what the old biller's names stand for here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.billing.core.importing.drafting import Named
from recoup.billing.core.importing.judging import Kind, Known, Name
from recoup.billing.core.importing.lines import PlanKey
from recoup.billing.core.records import Subscription
from recoup.db import Connection, Queries

_subscription: Final = msgspec.json.Decoder(Subscription)


async def known(
    queries: Queries, names: Sequence[Name], *, merchant_id: UUID, source: str
) -> dict[Name, Known]:
    """What those of these names stand for that are known."""
    rows = await queries.fetch_all(
        """
        select n.* from unnest(%(kinds)s::text[], %(ids)s::text[]) wanted (kind, external_id)
        cross join lateral (
            select kind, external_id, object_id, digest, noted_at from billing_names
            where merchant_id = %(merchant_id)s and source = %(source)s and kind = wanted.kind
                and external_id = wanted.external_id
            limit 1
        ) n
        """,
        {
            "merchant_id": merchant_id,
            "source": source,
            "kinds": [one.kind.value for one in names],
            "ids": [one.external_id for one in names],
        },
    )
    return {
        Name(Kind(row["kind"]), row["external_id"]): Known(
            row["object_id"], bytes(row["digest"]), row["noted_at"]
        )
        for row in rows
    }


async def plans_like(queries: Queries, keys: Sequence[PlanKey], *, merchant_id: UUID) -> dict[PlanKey, UUID]:
    """The plans that are the same as these; of several the oldest that is active."""
    rows = await queries.fetch_all(
        """
        select wanted.place, p.id
        from unnest(%(names)s::text[], %(amounts)s::text[], %(currencies)s::text[], %(units)s::text[],
            %(counts)s::text[]) with ordinality wanted (name, amount, currency, unit, count, place)
        cross join lateral (
            select id from plans
            where merchant_id = %(merchant_id)s and data ->> 'name' = wanted.name
                and data ->> 'amount' = wanted.amount and data ->> 'currency' = wanted.currency
                and data -> %(span)s::text ->> 'unit' = wanted.unit
                and data -> %(span)s::text ->> 'count' = wanted.count
            order by active desc, id limit 1
        ) p
        """,
        {
            "merchant_id": merchant_id,
            "span": "interval",
            "names": [one.name for one in keys],
            "amounts": [str(one.amount) for one in keys],
            "currencies": [one.currency for one in keys],
            "units": [one.interval.unit.value for one in keys],
            "counts": [str(one.interval.count) for one in keys],
        },
    )
    return {keys[row["place"] - 1]: row["id"] for row in rows}


async def other_source(queries: Queries, *, merchant_id: UUID, source: str) -> str | None:
    """Another source that names of this merchant are known by, if there is one."""
    row = await queries.fetch_one(
        """
        (select source from billing_names where merchant_id = %(merchant_id)s and source < %(source)s limit 1)
        union all
        (select source from billing_names where merchant_id = %(merchant_id)s and source > %(source)s limit 1)
        limit 1
        """,
        {"merchant_id": merchant_id, "source": source},
    )
    return None if row is None else str(row["source"])


async def note(
    connection: Connection, new: Sequence[Named], *, merchant_id: UUID, source: str, now: datetime
) -> int:
    """Say what new names stand for; how many were new. Whoever notes one at the same time is waited for."""
    return (
        await connection.execute(
            """
            insert into billing_names (merchant_id, source, kind, external_id, object_id, digest, noted_at)
            select %(merchant_id)s, %(source)s, r.kind, r.external_id, r.object_id, r.digest, %(now)s
            from json_to_recordset(%(rows)s::json) as r (
                kind text, external_id text, object_id uuid, digest bytea)
            order by r.kind, r.external_id
            on conflict (merchant_id, source, kind, external_id) do nothing
            """,
            {"merchant_id": merchant_id, "source": source, "now": now, "rows": _encoded(new)},
        )
    ).rowcount


async def note_again(
    connection: Connection, changed: Sequence[Named], *, merchant_id: UUID, source: str, now: datetime
) -> None:
    """Say by which lines names were changed last; what they stand for is locked."""
    await connection.execute(
        """
        insert into billing_names (merchant_id, source, kind, external_id, object_id, digest, noted_at)
        select %(merchant_id)s, %(source)s, r.kind, r.external_id, r.object_id, r.digest, %(now)s
        from json_to_recordset(%(rows)s::json) as r (
            kind text, external_id text, object_id uuid, digest bytea)
        order by r.kind, r.external_id
        on conflict (merchant_id, source, kind, external_id)
        do update set digest = excluded.digest, noted_at = excluded.noted_at
        """,
        {"merchant_id": merchant_id, "source": source, "now": now, "rows": _encoded(changed)},
    )


async def subscriptions_of(
    queries: Queries, ids: Sequence[UUID], *, merchant_id: UUID
) -> dict[UUID, Subscription]:
    """Those of these subscriptions that there are."""
    rows = await queries.fetch_all(
        """
        select s.data from unnest(%(ids)s::uuid[]) wanted (id)
        cross join lateral (
            select data::text as data from subscriptions
            where merchant_id = %(merchant_id)s and id = wanted.id limit 1
        ) s
        """,
        {"merchant_id": merchant_id, "ids": list(ids)},
    )
    return {one.id: one for one in (_subscription.decode(row["data"]) for row in rows)}


def _encoded(names: Sequence[Named]) -> str:
    rows: list[dict[str, Any]] = [
        {
            "kind": one.name.kind,
            "external_id": one.name.external_id,
            "object_id": one.object_id,
            "digest": f"\\x{one.digest.hex()}",
        }
        for one in names
    ]
    return msgspec.json.encode(rows).decode()
