"""SQL of what was learned of approvals: cells, how far the event stream was learned, what each attempt was learned as.

Everything of a batch is written in one transaction that moves the merchant's sequence on from where it was read: who
comes second finds it moved, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.events.core import Places
from recoup.routing.core.learning import Cell, Told

PLACES: Final = Places("routing_learned", "sequence")
"""How far each merchant's events are learned."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to learn a merchant's events after `sequence`, until then by the machine's clock."""

    sequence: int
    until: datetime


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be written: the sequence moves to `sequence`, which is also the version of the cells."""

    sequence: int
    cells: Mapping[int, Cell]
    told: Mapping[UUID, Told]
    learned_at: Mapping[UUID, datetime]


@dataclass(frozen=True, slots=True)
class Place:
    """A cell's place in the order in which cells were learned."""

    version: int
    key: int


FIRST: Final = Place(-1, 0)
"""Before every cell."""


async def lease(database: Database, *, merchant_id: UUID, wall: datetime, until: datetime) -> Lease | None:
    """Take the right to learn a merchant's events; None while somebody else has it."""
    row = await database.fetch_one(
        """
        insert into routing_learned as held (merchant_id, leased_until) values (%(merchant_id)s, %(until)s)
        on conflict (merchant_id) do update set leased_until = excluded.leased_until
        where held.leased_until is null or held.leased_until < %(wall)s
        returning sequence
        """,
        {"merchant_id": merchant_id, "wall": wall, "until": until},
    )
    return None if row is None else Lease(row["sequence"], until)


async def let_go(database: Database, *, merchant_id: UUID, until: datetime) -> None:
    """Free the right that we have until then; one that somebody else took over stays theirs."""
    await database.execute(
        """
        update routing_learned set leased_until = null
        where merchant_id = %(merchant_id)s and leased_until = %(until)s
        """,
        {"merchant_id": merchant_id, "until": until},
    )


async def write(connection: Connection, batch: Batch, *, merchant_id: UUID, held: Lease) -> bool:
    """Write a batch; False where the sequence was moved by somebody else, or by our own write whose answer was lost."""
    moved = await connection.execute(
        """
        update routing_learned set sequence = %(to)s
        where merchant_id = %(merchant_id)s and sequence = %(from)s and leased_until = %(until)s
        """,
        {"merchant_id": merchant_id, "from": held.sequence, "to": batch.sequence, "until": held.until},
    )
    if moved.rowcount != 1:
        return False
    await _write_cells(connection, batch, merchant_id=merchant_id)
    await _write_told(connection, batch, merchant_id=merchant_id)
    return True


async def _write_cells(connection: Connection, batch: Batch, *, merchant_id: UUID) -> None:
    keys = sorted(batch.cells)
    cells = [batch.cells[key] for key in keys]
    await connection.execute(
        """
        insert into routing_cells (merchant_id, key, mean, variance, learned_at, version)
        select %(merchant_id)s, c.key, c.mean, c.variance, c.learned_at, %(version)s
        from unnest(%(keys)s::bigint[], %(means)s::double precision[], %(variances)s::double precision[],
            %(ats)s::timestamptz[]) as c (key, mean, variance, learned_at)
        on conflict (merchant_id, key) do update
        set mean = excluded.mean, variance = excluded.variance, learned_at = excluded.learned_at,
            version = excluded.version
        """,
        {
            "merchant_id": merchant_id,
            "version": batch.sequence,
            "keys": keys,
            "means": [mean for mean, _, _ in cells],
            "variances": [variance for _, variance, _ in cells],
            "ats": [datetime.fromtimestamp(at, UTC) for _, _, at in cells],
        },
    )


async def _write_told(connection: Connection, batch: Batch, *, merchant_id: UUID) -> None:
    attempts = sorted(batch.told)
    await connection.execute(
        """
        insert into routing_observations (merchant_id, attempt_id, told, learned_at)
        select %(merchant_id)s, o.attempt_id, o.told, o.learned_at
        from unnest(%(attempts)s::uuid[], %(told)s::text[], %(ats)s::timestamptz[])
            as o (attempt_id, told, learned_at)
        on conflict (merchant_id, attempt_id) do update
        set told = excluded.told, learned_at = excluded.learned_at
        """,
        {
            "merchant_id": merchant_id,
            "attempts": attempts,
            "told": [batch.told[one].value for one in attempts],
            "ats": [batch.learned_at[one] for one in attempts],
        },
    )


async def cells(queries: Queries, keys: Iterable[int], *, merchant_id: UUID) -> dict[int, Cell]:
    """The cells of these keys, so far as there are any."""
    rows = await queries.fetch_all(
        """
        select c.key, c.mean, c.variance, c.learned_at
        from unnest(%(keys)s::bigint[]) as wanted (key)
        join routing_cells c on c.merchant_id = %(merchant_id)s and c.key = wanted.key
        """,
        {"merchant_id": merchant_id, "keys": sorted(keys)},
    )
    return {row["key"]: (row["mean"], row["variance"], row["learned_at"].timestamp()) for row in rows}


async def told(queries: Queries, attempt_ids: Sequence[UUID], *, merchant_id: UUID) -> dict[UUID, Told]:
    """What these attempts were learned as, so far as they were."""
    rows = await queries.fetch_all(
        """
        select o.attempt_id, o.told
        from unnest(%(attempts)s::uuid[]) as wanted (id)
        join routing_observations o on o.merchant_id = %(merchant_id)s and o.attempt_id = wanted.id
        """,
        {"merchant_id": merchant_id, "attempts": list(attempt_ids)},
    )
    return {row["attempt_id"]: Told(row["told"]) for row in rows}


async def sequences(queries: Queries, merchant_ids: Sequence[UUID]) -> dict[UUID, int]:
    """How far each of these merchants' streams was learned."""
    rows = await queries.fetch_all(
        """
        select l.merchant_id, l.sequence
        from unnest(%(merchants)s::uuid[]) as wanted (id)
        join routing_learned l on l.merchant_id = wanted.id
        """,
        {"merchants": list(merchant_ids)},
    )
    return {row["merchant_id"]: row["sequence"] for row in rows}


async def waiting(queries: Queries, merchant_ids: Sequence[UUID]) -> int:
    """How many events of these merchants' streams were not learned, all together."""
    row = await queries.fetch_one(
        """
        select coalesce(sum(greatest(s.sequence - coalesce(l.sequence, 0), 0)), 0)::bigint as events
        from unnest(%(merchants)s::uuid[]) as wanted (id)
        join event_streams s on s.merchant_id = wanted.id
        left join routing_learned l on l.merchant_id = wanted.id
        """,
        {"merchants": list(merchant_ids)},
    )
    return 0 if row is None else int(row["events"])


async def changed(
    queries: Queries, *, merchant_id: UUID, after: Place, limit: int
) -> list[tuple[Place, Cell]]:
    """A page of the cells that were learned after a place, in their order."""
    rows = await queries.fetch_all(
        """
        select key, mean, variance, learned_at, version
        from routing_cells
        where merchant_id = %(merchant_id)s and (version, key) > (%(version)s, %(key)s)
        order by version, key limit %(limit)s
        """,
        {"merchant_id": merchant_id, "version": after.version, "key": after.key, "limit": limit},
    )
    return [
        (Place(row["version"], row["key"]), (row["mean"], row["variance"], row["learned_at"].timestamp()))
        for row in rows
    ]


async def drop_old_told(database: Database, *, merchant_id: UUID, before: datetime, limit: int) -> int:
    """Forget what attempts were learned as so long ago; how many."""
    return await database.execute(
        """
        delete from routing_observations
        where merchant_id = %(merchant_id)s and attempt_id = any(array(
            select attempt_id from routing_observations
            where merchant_id = %(merchant_id)s and learned_at < %(before)s
            order by learned_at limit %(limit)s))
        """,
        {"merchant_id": merchant_id, "before": before, "limit": limit},
    )


async def drop_old_cells(database: Database, *, merchant_id: UUID, upto: datetime, limit: int) -> int:
    """Drop the cells that were learned last so long ago; how many."""
    return await database.execute(
        """
        delete from routing_cells
        where merchant_id = %(merchant_id)s and key = any(array(
            select key from routing_cells
            where merchant_id = %(merchant_id)s and learned_at <= %(upto)s
            order by learned_at limit %(limit)s))
        """,
        {"merchant_id": merchant_id, "upto": upto, "limit": limit},
    )


async def age_of_cell(queries: Queries, *, merchant_id: UUID, number: int) -> datetime | None:
    """When the cell was learned that is number so and so, counted from the newest; None where there are fewer."""
    row = await queries.fetch_one(
        """
        select learned_at from routing_cells
        where merchant_id = %(merchant_id)s
        order by learned_at desc offset %(number)s limit 1
        """,
        {"merchant_id": merchant_id, "number": number},
    )
    return None if row is None else row["learned_at"]
