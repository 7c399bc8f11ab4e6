"""SQL of recovery policies: versions of each name, added and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from recoup.db import Connection, Queries
from recoup.routing.core.policy_reading import Format

NAMES_MAX: Final = 100
"""The most names of policies that a merchant may have."""
_COLUMNS: Final[LiteralString] = "name, version, format, source, note, created_by, created_at"


@dataclass(frozen=True, slots=True)
class SavedPolicy:
    """A version of a policy, as it was written."""

    name: str
    version: int
    format: Format
    source: str
    note: str | None
    created_by: str | None
    created_at: datetime


async def add(connection: Connection, saved: SavedPolicy, *, merchant_id: UUID) -> None:
    """A new version. Whoever adds holds the merchant's row."""
    await connection.execute(
        """
        insert into recovery_policies (merchant_id, name, version, format, source, note, created_by, created_at)
        values (%(merchant_id)s, %(name)s, %(version)s, %(format)s, %(source)s, %(note)s, %(created_by)s,
            %(created_at)s)
        """,
        {name: getattr(saved, name) for name in SavedPolicy.__slots__} | {"merchant_id": merchant_id},
    )


async def read(queries: Queries, *, merchant_id: UUID, name: str, version: int | None) -> SavedPolicy | None:
    """One version, or the newest of that name."""
    row = await queries.fetch_one(
        f"""
        select {_COLUMNS} from recovery_policies
        where merchant_id = %(merchant_id)s and name = %(name)s
            and (%(version)s::integer is null or version = %(version)s)
        order by version desc limit 1
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "name": name, "version": version},
    )
    return None if row is None else _saved(row)


async def newest(queries: Queries, *, merchant_id: UUID) -> Sequence[SavedPolicy]:
    """The newest version of each name, by name."""
    rows = await queries.fetch_all(
        f"""
        select distinct on (name) {_COLUMNS} from recovery_policies
        where merchant_id = %(merchant_id)s
        order by name, version desc limit %(most)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "most": NAMES_MAX},
    )
    return [_saved(row) for row in rows]


def _saved(row: dict[str, Any]) -> SavedPolicy:
    return SavedPolicy(**row | {"format": Format(row["format"])})
