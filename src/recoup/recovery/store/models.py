"""SQL of learned models: versions are added, never changed, each with its card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries

_COLUMNS: Final[LiteralString] = "version, status, card, trained_at"


class ModelStatus(StrEnum):
    """What became of a version."""

    TAKEN = "taken"
    """In force until the next one that is taken, or switched off."""
    REFUSED = "refused"
    """Not better than what was in place; kept for its card."""
    OFF = "off"
    """A person went back to sourced priors; nothing is learned again until a person wants it."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A version and its card; the model itself is read by `in_force` alone."""

    version: int
    status: ModelStatus
    card: dict[str, Any] | None
    trained_at: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """The version that plans go by."""

    version: int
    model: dict[str, Any] = field(repr=False)


async def in_force(queries: Queries, *, merchant_id: UUID) -> Stored | None:
    """The model that plans go by; None where there is none, or it was switched off."""
    row = await queries.fetch_one(
        """
        select version, model from recovery_models
        where merchant_id = %(merchant_id)s and status <> 'refused'
        order by version desc limit 1
        """,
        {"merchant_id": merchant_id},
    )
    return None if row is None or row["model"] is None else Stored(row["version"], row["model"])


async def newest(queries: Queries, *, merchant_id: UUID, limit: int) -> Sequence[Trained]:
    """The newest versions, whatever became of them."""
    rows = await queries.fetch_all(
        f"""
        select {_COLUMNS} from recovery_models where merchant_id = %(merchant_id)s
        order by version desc limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "limit": limit},
    )
    return [
        Trained(row["version"], ModelStatus(row["status"]), row["card"], row["trained_at"]) for row in rows
    ]


async def is_off(queries: Queries, *, merchant_id: UUID) -> bool:
    """Whether a person went back to sourced priors, and nobody trained since."""
    row = await queries.fetch_one(
        """
        select status from recovery_models where merchant_id = %(merchant_id)s order by version desc limit 1
        """,
        {"merchant_id": merchant_id},
    )
    return row is not None and row["status"] == ModelStatus.OFF


async def add(
    connection: Connection, trained: Trained, *, merchant_id: UUID, model: dict[str, Any] | None
) -> bool:
    """One version more; False where somebody else has added one of that number."""
    cursor = await connection.execute(
        """
        insert into recovery_models (merchant_id, version, status, model, card, trained_at)
        values (%(merchant_id)s, %(version)s, %(status)s, %(model)s, %(card)s, %(trained_at)s)
        on conflict (merchant_id, version) do nothing
        """,
        {
            "merchant_id": merchant_id,
            "version": trained.version,
            "status": trained.status.value,
            "model": None if model is None else msgspec.json.encode(model).decode(),
            "card": None if trained.card is None else msgspec.json.encode(trained.card).decode(),
            "trained_at": trained.trained_at,
        },
    )
    return cursor.rowcount == 1


async def is_due(queries: Queries, *, merchant_id: UUID, kind: str) -> bool:
    """Whether a merchant's learning is due at any time."""
    row = await queries.fetch_one(
        """
        select 1 as one from due
        where merchant_id = %(merchant_id)s and kind = %(kind)s and object_id = %(merchant_id)s
        """,
        {"merchant_id": merchant_id, "kind": kind},
    )
    return row is not None
