"""SQL of accounts' health: a change is written once, whoever sees it, and found by those who did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.routing.core.words import Health


@dataclass(frozen=True, slots=True)
class StoredHealth:
    """How a scope of an account stands, as all processes know it."""

    merchant_id: UUID
    processor_account_id: UUID
    scope: str
    health: Health
    since: datetime
    why: str
    evidence: Mapping[str, Any]
    version: int
    changed_at: datetime


async def degrade(connection: Connection, new: StoredHealth) -> int | None:
    """Write that a scope is degraded; its version, or None where it was written that way already."""
    row = await connection.fetch_one(
        """
        insert into routing_health as held
            (merchant_id, processor_account_id, scope, health, since, why, evidence, version, changed_at)
        values (%(merchant_id)s, %(processor_account_id)s, %(scope)s, 'degraded', %(since)s, %(why)s, %(evidence)s,
            1, %(changed_at)s)
        on conflict (merchant_id, processor_account_id, scope) do update
        set health = excluded.health, since = excluded.since, why = excluded.why, evidence = excluded.evidence,
            version = held.version + 1, changed_at = excluded.changed_at
        where held.health = 'good'
        returning version
        """,
        _params(new),
    )
    return None if row is None else int(row["version"])


async def recover(connection: Connection, new: StoredHealth) -> int | None:
    """Write that a scope is good again; its version, or None where nobody had written that it was not."""
    row = await connection.fetch_one(
        """
        update routing_health
        set health = 'good', since = %(since)s, why = %(why)s, evidence = %(evidence)s, version = version + 1,
            changed_at = %(changed_at)s
        where merchant_id = %(merchant_id)s and processor_account_id = %(processor_account_id)s
            and scope = %(scope)s and health = 'degraded'
        returning version
        """,
        _params(new),
    )
    return None if row is None else int(row["version"])


def _params(new: StoredHealth) -> dict[str, Any]:
    return {
        "merchant_id": new.merchant_id,
        "processor_account_id": new.processor_account_id,
        "scope": new.scope,
        "since": new.since,
        "why": new.why,
        "evidence": msgspec.json.encode(new.evidence).decode(),
        "changed_at": new.changed_at,
    }


async def of_merchant(queries: Queries, *, merchant_id: UUID, limit: int) -> Sequence[StoredHealth]:
    """Everything written of one merchant's accounts."""
    rows = await queries.fetch_all(
        """
        select merchant_id, processor_account_id, scope, health, since, why, evidence, version, changed_at
        from routing_health where merchant_id = %(merchant_id)s
        order by processor_account_id, scope limit %(limit)s
        """,
        {"merchant_id": merchant_id, "limit": limit},
    )
    return [_stored(row) for row in rows]


async def changed(queries: Queries, *, since: datetime, limit: int) -> Sequence[StoredHealth]:
    """What was written from a moment on, oldest first."""
    rows = await queries.fetch_all(
        """
        -- all merchants: each process keeps up with those that it serves, by one look a second
        select merchant_id, processor_account_id, scope, health, since, why, evidence, version, changed_at
        from routing_health where changed_at >= %(since)s
        order by changed_at limit %(limit)s
        """,
        {"since": since, "limit": limit},
    )
    return [_stored(row) for row in rows]


async def degraded(queries: Queries, *, after: tuple[UUID, UUID, str], limit: int) -> Sequence[StoredHealth]:
    """What is degraded, in pages by merchant, account and scope."""
    merchant_id, account_id, scope = after
    rows = await queries.fetch_all(
        """
        -- all merchants: what a process takes up when it starts
        select merchant_id, processor_account_id, scope, health, since, why, evidence, version, changed_at
        from routing_health
        where health = 'degraded'
            and (merchant_id, processor_account_id, scope) > (%(merchant_id)s, %(account_id)s, %(scope)s)
        order by merchant_id, processor_account_id, scope limit %(limit)s
        """,
        {"merchant_id": merchant_id, "account_id": account_id, "scope": scope, "limit": limit},
    )
    return [_stored(row) for row in rows]


def _stored(row: dict[str, Any]) -> StoredHealth:
    return StoredHealth(**{**row, "health": Health(row["health"])})
