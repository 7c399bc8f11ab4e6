"""SQL of merchants' own readings of decline codes: versions are added, never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.outcomes.core.override import Override, Reading


async def in_force(queries: Queries, *, merchant_id: UUID, limit: int) -> Sequence[Override]:
    """The newest version of every code that was ever overridden."""
    rows = await queries.fetch_all(
        """
        select distinct on (connector, code_key) connector, code, version, reading, note, set_by, set_at
        from decline_overrides
        where merchant_id = %(merchant_id)s
        order by connector, code_key, version desc
        limit %(limit)s
        """,
        {"merchant_id": merchant_id, "limit": limit},
    )
    return [_override(row) for row in rows]


async def history(
    queries: Queries, *, merchant_id: UUID, connector: str, code_key: str, limit: int
) -> Sequence[Override]:
    """The versions of one code, newest first."""
    rows = await queries.fetch_all(
        """
        select connector, code, version, reading, note, set_by, set_at
        from decline_overrides
        where merchant_id = %(merchant_id)s and connector = %(connector)s and code_key = %(code_key)s
        order by version desc
        limit %(limit)s
        """,
        {"merchant_id": merchant_id, "connector": connector, "code_key": code_key, "limit": limit},
    )
    return [_override(row) for row in rows]


async def count_codes(connection: Connection, *, merchant_id: UUID) -> int:
    """How many codes were ever overridden."""
    row = await connection.fetch_one(
        """
        select count(*) as codes from decline_overrides
        where merchant_id = %(merchant_id)s and version = 1
        """,
        {"merchant_id": merchant_id},
    )
    assert row is not None, "an aggregate always answers"
    return int(row["codes"])


async def add(connection: Connection, override: Override, *, merchant_id: UUID, code_key: str) -> None:
    """One version more."""
    await connection.execute(
        """
        insert into decline_overrides
            (merchant_id, connector, code_key, version, code, reading, note, set_by, set_at)
        values (%(merchant_id)s, %(connector)s, %(code_key)s, %(version)s, %(code)s, %(reading)s, %(note)s,
            %(set_by)s, %(set_at)s)
        """,
        {
            "merchant_id": merchant_id,
            "connector": override.connector,
            "code_key": code_key,
            "version": override.version,
            "code": override.code,
            "reading": None if override.reading is None else msgspec.json.encode(override.reading).decode(),
            "note": override.note,
            "set_by": override.set_by,
            "set_at": override.set_at,
        },
    )


def _override(row: dict[str, Any]) -> Override:
    reading = row["reading"]
    return Override(**{**row, "reading": None if reading is None else msgspec.convert(reading, Reading)})
