"""SQL of what processors have still to tell: written with what happened, each with a due row at its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from recoup.db import Connection, Database, Queries
from recoup.db.due import slot_of
from recoup.kit.clock import rfc3339
from recoup.sandbox.core.news import News
from recoup.sandbox.core.processors import ProcessorName

TELL: Final = "sandbox.tell"
"""The kind of due row that has a processor tell something."""

WAITING_MAX: Final = 100_000
"""How much may wait to be told in one world; what would come on top gets lost."""

FRESH: Final = """
    fresh as (
        select n.* from jsonb_to_recordset(%(news)s::jsonb) as n (
            id uuid, slot smallint, processor text, event text, about text, charge_key text,
            occurred_at timestamptz, due_at timestamptz, body text)
"""
"""What is to be told, as a part of a statement that goes on with a condition or ends it."""

TOLD: Final = """
    told as (
        insert into sandbox.news (
            world_id, id, processor, event, about, charge_key, occurred_at, due_at, body)
        select %(world_id)s, n.id, n.processor, n.event, n.about, n.charge_key, n.occurred_at, n.due_at, n.body
        from fresh n
        on conflict (world_id, id) do nothing
    ), dues as (
        insert into due (slot, merchant_id, kind, object_id, due_at)
        select n.slot, %(world_id)s, %(tell)s, n.id, n.due_at from fresh n
        on conflict (merchant_id, kind, object_id) do nothing
    )
"""
"""The rows of what is fresh."""

_TELL: Final = "with " + FRESH + "), " + TOLD + " select true as told"


@dataclass(frozen=True, slots=True)
class Untold:
    """What is to be told now: where it stands, and the digest of the world's key, with which it is signed."""

    processor: ProcessorName
    event: str
    charge_key: str
    due_at: datetime
    body: str
    tries: int
    key_digest: bytes


def news_of(news: Sequence[News]) -> dict[str, str]:
    """The parameters of `FRESH` and `TOLD`, but for the world's id."""
    rows = [
        {
            "id": str(one.id),
            "slot": slot_of(one.id),
            "processor": one.processor.value,
            "event": one.event,
            "about": one.about,
            "charge_key": one.charge_key,
            "occurred_at": rfc3339(one.occurred_at),
            "due_at": rfc3339(one.due_at),
            "body": one.body,
        }
        for one in news
    ]
    return {"tell": TELL, "news": msgspec.json.encode(rows).decode()}


async def tell(connection: Connection, news: Sequence[News], *, world_id: UUID) -> None:
    """Have these told, each at its time."""
    if news:
        await connection.execute(_TELL, {"world_id": world_id} | news_of(news))


async def untold(queries: Queries, *, world_id: UUID, id_: UUID) -> Untold | None:
    """What is to be told; None where it is told already, or is not so any more."""
    row = await queries.fetch_one(
        """
        select n.processor, n.event, n.charge_key, n.due_at, n.body, n.tries, w.key_digest
        from sandbox.news n join sandbox.worlds w on w.world_id = n.world_id
        where n.world_id = %(world_id)s and n.id = %(id)s
        """,
        {"world_id": world_id, "id": id_},
    )
    return None if row is None else Untold(**row | {"processor": ProcessorName(row["processor"])})


async def count_try(database: Database, *, world_id: UUID, id_: UUID) -> None:
    """Nobody took it this time."""
    await database.execute(
        "update sandbox.news set tries = tries + 1 where world_id = %(world_id)s and id = %(id)s",
        {"world_id": world_id, "id": id_},
    )


async def drop_news(database: Database, *, world_id: UUID, id_: UUID) -> None:
    """It was taken, or is given up."""
    await database.execute(
        "delete from sandbox.news where world_id = %(world_id)s and id = %(id)s",
        {"world_id": world_id, "id": id_},
    )


async def take_back(connection: Connection, *, world_id: UUID, about: str, after: datetime) -> None:
    """What was to be told of this as from a later moment will not come to pass. Its due rows find nothing to do."""
    await connection.execute(
        """
        delete from sandbox.news
        where world_id = %(world_id)s and about = %(about)s and occurred_at > %(after)s
        """,
        {"world_id": world_id, "about": about, "after": after},
    )


async def count_untold(queries: Queries, *, world_id: UUID, limit: int) -> int:
    """How much is still to be told, counted up to a limit."""
    row = await queries.fetch_one(
        """
        select count(*) as waiting
        from (select 1 from sandbox.news where world_id = %(world_id)s limit %(limit)s) n
        """,
        {"world_id": world_id, "limit": limit},
    )
    return 0 if row is None else int(row["waiting"])
