"""SQL of webhook endpoints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.db.paging import bounds
from recoup.merchants.core import Sealed
from recoup.webhooks.core.endpoints import Endpoint, Reason, State


@dataclass(frozen=True, slots=True)
class Stored:
    """An endpoint as its row has it, its secrets sealed."""

    endpoint: Endpoint
    sealed: Sealed


_COLUMNS: Final[LiteralString] = """
    id, url, description, filters, metadata, state, disabled_reason, disabled_at, failing_since, sequence, version,
    created_at, updated_at, data_key_id, secrets
"""


async def insert(connection: Connection, stored: Stored, *, merchant_id: UUID) -> None:
    """A new endpoint, which follows the events behind the newest one. Hold the stream's row: write an event before."""
    await connection.execute(
        """
        insert into webhook_endpoints (merchant_id, id, url, description, filters, metadata, state, sequence, version,
            created_at, updated_at, data_key_id, secrets)
        select s.merchant_id, %(id)s, %(url)s, %(description)s, %(filters)s, %(metadata)s, %(state)s, s.sequence,
            %(version)s, %(created_at)s, %(updated_at)s, %(data_key_id)s, %(secrets)s
        from event_streams s where s.merchant_id = %(merchant_id)s
        """,
        _values(stored) | {"merchant_id": merchant_id},
    )


async def update(connection: Connection, stored: Stored, *, merchant_id: UUID) -> None:
    """Write an endpoint as it is now, but for its place in the stream."""
    await connection.execute(
        """
        update webhook_endpoints set url = %(url)s, description = %(description)s, filters = %(filters)s,
            metadata = %(metadata)s, state = %(state)s, disabled_reason = %(disabled_reason)s,
            disabled_at = %(disabled_at)s, failing_since = %(failing_since)s, version = %(version)s,
            updated_at = %(updated_at)s, data_key_id = %(data_key_id)s, secrets = %(secrets)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        _values(stored) | {"merchant_id": merchant_id},
    )


async def lock(connection: Connection, *, merchant_id: UUID, endpoint_id: UUID) -> Stored | None:
    """One endpoint, held until the transaction ends."""
    row = await connection.fetch_one(
        f"""
        select {_COLUMNS} from webhook_endpoints
        where merchant_id = %(merchant_id)s and id = %(id)s for no key update
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": endpoint_id},
    )
    return None if row is None else _stored(row)


async def read(queries: Queries, *, merchant_id: UUID, endpoint_id: UUID) -> Stored | None:
    """One endpoint."""
    row = await queries.fetch_one(
        f"select {_COLUMNS} from webhook_endpoints where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": endpoint_id},
    )
    return None if row is None else _stored(row)


async def page(
    queries: Queries, *, merchant_id: UUID, after: UUID | None, before: UUID | None, limit: int
) -> Sequence[Endpoint]:
    """Endpoints that are not deleted, newest first; with `before` oldest first."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await queries.fetch_all(
        f"""
        select {_COLUMNS} from webhook_endpoints
        where merchant_id = %(merchant_id)s and state <> 'deleted' and id < %(after)s and id > %(before)s
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "limit": limit} | bounds(after, before),
    )
    return [_stored(row).endpoint for row in rows]


async def count(queries: Queries, *, merchant_id: UUID) -> int:
    """How many endpoints a merchant has that are not deleted."""
    row = await queries.fetch_one(
        "select count(*) as number from webhook_endpoints where merchant_id = %(merchant_id)s and state <> 'deleted'",
        {"merchant_id": merchant_id},
    )
    assert row is not None, "an aggregate always answers"
    return int(row["number"])


async def all_of(queries: Queries, *, merchant_id: UUID) -> Sequence[Stored]:
    """Every endpoint of a merchant."""
    rows = await queries.fetch_all(
        f"select {_COLUMNS} from webhook_endpoints where merchant_id = %(merchant_id)s order by id",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id},
    )
    return [_stored(row) for row in rows]


async def behind(connection: Connection, *, merchant_id: UUID) -> Sequence[Endpoint]:
    """The merchant's enabled endpoints that have not taken up all events, held; without those that another holds."""
    rows = await connection.fetch_all(
        f"""
        select {_COLUMNS} from webhook_endpoints
        where merchant_id = %(merchant_id)s and state = 'enabled'
            and sequence < (select s.sequence from event_streams s where s.merchant_id = %(merchant_id)s)
        order by id for no key update skip locked
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id},
    )
    return [_stored(row).endpoint for row in rows]


async def advance(connection: Connection, ids: Sequence[UUID], *, merchant_id: UUID, upto: int) -> None:
    """All events up to there have become deliveries of these endpoints."""
    await connection.execute(
        """
        update webhook_endpoints set sequence = %(upto)s
        where merchant_id = %(merchant_id)s and id = any(%(ids)s)
        """,
        {"merchant_id": merchant_id, "ids": list(ids), "upto": upto},
    )


async def mark_health(
    connection: Connection, failing: Sequence[UUID], well: Sequence[UUID], *, merchant_id: UUID, now: datetime
) -> Sequence[Endpoint]:
    """Note since when endpoints have given nothing but failures; the enabled ones among `failing`, held."""
    if well:
        await connection.execute(
            """
            update webhook_endpoints set failing_since = null
            where merchant_id = %(merchant_id)s and id = any(%(ids)s) and failing_since is not null
            """,
            {"merchant_id": merchant_id, "ids": list(well)},
        )
    if not failing:
        return []
    rows = await connection.fetch_all(
        f"""
        update webhook_endpoints set failing_since = coalesce(failing_since, %(now)s)
        where merchant_id = %(merchant_id)s and id = any(%(ids)s) and state = 'enabled'
        returning {_COLUMNS}
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "ids": list(failing), "now": now},
    )
    return [_stored(row).endpoint for row in rows]


async def disable(connection: Connection, endpoint: Endpoint, *, merchant_id: UUID) -> None:
    """Write that an endpoint was disabled."""
    await connection.execute(
        """
        update webhook_endpoints set state = %(state)s, disabled_reason = %(reason)s, disabled_at = %(at)s,
            version = %(version)s, updated_at = %(at)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        {
            "merchant_id": merchant_id,
            "id": endpoint.id,
            "state": endpoint.state,
            "reason": endpoint.disabled_reason,
            "at": endpoint.disabled_at,
            "version": endpoint.version,
        },
    )


def _values(stored: Stored) -> dict[str, Any]:
    endpoint = stored.endpoint
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "description": endpoint.description,
        "filters": list(endpoint.filters),
        "metadata": msgspec.json.encode(dict(endpoint.metadata)).decode(),
        "state": endpoint.state,
        "disabled_reason": endpoint.disabled_reason,
        "disabled_at": endpoint.disabled_at,
        "failing_since": endpoint.failing_since,
        "version": endpoint.version,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
        "data_key_id": stored.sealed.data_key_id,
        "secrets": stored.sealed.ciphertext,
    }


def _stored(row: dict[str, Any]) -> Stored:
    sealed = Sealed(row.pop("data_key_id"), bytes(row.pop("secrets")))
    reason = row["disabled_reason"]
    read = {
        "filters": tuple(row["filters"]),
        "state": State(row["state"]),
        "disabled_reason": None if reason is None else Reason(reason),
    }
    return Stored(Endpoint(**row | read), sealed)
