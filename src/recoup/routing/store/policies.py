"""SQL of routing policies: versions and activations are added, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.routing.core.policy_reading import Format

_COLUMNS: Final[LiteralString] = "version, format, source, names, note, created_by, created_at"


@dataclass(frozen=True, slots=True)
class SavedPolicy:
    """A version of a merchant's policy, as it was written. `names` are the accounts that its names stood for."""

    version: int
    format: Format
    source: str = field(repr=False)
    names: Mapping[str, UUID] = field(repr=False)
    note: str | None
    created_by: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Activation:
    """That a version was put in force. `sequence` counts a merchant's activations from 1."""

    sequence: int
    version: int
    activated_by: str | None
    activated_at: datetime


async def newest_version(queries: Queries, *, merchant_id: UUID) -> int:
    """The number of the version saved last; 0 where there is none."""
    row = await queries.fetch_one(
        "select coalesce(max(version), 0) as newest from routing_policies where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant_id},
    )
    assert row is not None, "an aggregate always answers"
    return int(row["newest"])


async def add(connection: Connection, policy: SavedPolicy, *, merchant_id: UUID) -> None:
    """One version more."""
    await connection.execute(
        """
        insert into routing_policies
            (merchant_id, version, format, source, names, note, created_by, created_at)
        values (%(merchant_id)s, %(version)s, %(format)s, %(source)s, %(names)s, %(note)s, %(created_by)s,
            %(created_at)s)
        """,
        {
            "merchant_id": merchant_id,
            "version": policy.version,
            "format": policy.format,
            "source": policy.source,
            "names": msgspec.json.encode({name: str(id_) for name, id_ in policy.names.items()}).decode(),
            "note": policy.note,
            "created_by": policy.created_by,
            "created_at": policy.created_at,
        },
    )


async def activate(connection: Connection, activation: Activation, *, merchant_id: UUID) -> None:
    """One activation more."""
    await connection.execute(
        """
        insert into routing_policy_activations (merchant_id, sequence, version, activated_by, activated_at)
        values (%(merchant_id)s, %(sequence)s, %(version)s, %(activated_by)s, %(activated_at)s)
        """,
        {
            "merchant_id": merchant_id,
            "sequence": activation.sequence,
            "version": activation.version,
            "activated_by": activation.activated_by,
            "activated_at": activation.activated_at,
        },
    )


async def in_force(queries: Queries, *, merchant_id: UUID) -> Activation | None:
    """The newest activation; None where no policy was ever saved."""
    row = await queries.fetch_one(
        """
        select sequence, version, activated_by, activated_at from routing_policy_activations
        where merchant_id = %(merchant_id)s
        order by sequence desc limit 1
        """,
        {"merchant_id": merchant_id},
    )
    return None if row is None else Activation(**row)


async def read(queries: Queries, *, merchant_id: UUID, version: int) -> SavedPolicy | None:
    """One version."""
    row = await queries.fetch_one(
        f"""
        select {_COLUMNS} from routing_policies
        where merchant_id = %(merchant_id)s and version = %(version)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "version": version},
    )
    return None if row is None else _saved(row)


async def page(
    queries: Queries, *, merchant_id: UUID, after: int | None, before: int | None, limit: int
) -> Sequence[SavedPolicy]:
    """Versions newest first, older than `after`; or oldest first, newer than `before`. Without their source."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await queries.fetch_all(
        f"""
        select version, format, '' as source, '{{}}'::json as names, note, created_by, created_at
        from routing_policies
        where merchant_id = %(merchant_id)s
            and (%(after)s::integer is null or version < %(after)s)
            and (%(before)s::integer is null or version > %(before)s)
        order by version {order} limit %(limit)s
        """,  # noqa: S608 - one of two words of ours
        {"merchant_id": merchant_id, "after": after, "before": before, "limit": limit},
    )
    return [_saved(row) for row in rows]


def _saved(row: dict[str, Any]) -> SavedPolicy:
    names = {name: UUID(id_) for name, id_ in row["names"].items()}
    return SavedPolicy(**{**row, "format": Format(row["format"]), "names": names})
