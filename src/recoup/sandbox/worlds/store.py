"""SQL of worlds: made, moved through time, counted; what happened in them; the faults that wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from recoup.db import Connection, Database, Queries
from recoup.sandbox.core.faults import FAULTS_MAX, Fault
from recoup.sandbox.core.issuer import Standing
from recoup.sandbox.core.news import Telling
from recoup.sandbox.core.processors import ProcessorName
from recoup.sandbox.store import FaultRow, World, standing_of, world_of

ROWS_MAX: Final = 2000
"""More than there are people and published cards with an account."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the processors of a world have done. Amounts are sums by currency, in its smallest unit."""

    charges_asked: int
    charges_made: int
    double_charges: int
    authorized: Mapping[str, int]
    captured: Mapping[str, int]
    released: Mapping[str, int]
    refunded: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """The money of one charge as its processor has it."""

    processor: str
    key: str
    reference: str
    order: str
    merchant_reference: str | None
    state: str
    amount: int
    currency: str
    captured: int
    released: int
    refunded: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A capture, cancellation or refund as its processor has it."""

    kind: str
    processor: str
    key: str
    reference: str
    charge_key: str
    charge_reference: str
    state: str
    amount: int
    currency: str
    created_at: datetime


async def make(
    database: Database, *, world_id: UUID, seed: int, born: int, key_digest: bytes, now: datetime
) -> None:
    """A world, unless it is there; its key opens it from now on."""
    await database.execute(
        """
        insert into sandbox.worlds (world_id, seed, epoch, born, key_digest, clock_offset_ms, created_at)
        values (%(world_id)s, %(seed)s, 1, %(born)s, %(key_digest)s, 0, %(now)s)
        on conflict (world_id) do update set key_digest = excluded.key_digest
        """,
        {"world_id": world_id, "seed": seed, "born": born, "key_digest": key_digest, "now": now},
    )


async def restart(connection: Connection, *, world_id: UUID, seed: int, born: int, now: datetime) -> None:
    """Another seed, and nothing has happened yet. Operations of before stay found by their keys; what was still to be
    told to accounts of before is told to nobody."""
    await connection.execute(
        "delete from sandbox.advices where world_id = %(world_id)s and kind <> '0420'", {"world_id": world_id}
    )
    await connection.execute(
        """
        update sandbox.worlds
        set seed = %(seed)s, born = %(born)s, created_at = %(now)s, epoch = epoch + 1
        where world_id = %(world_id)s
        """,
        {"world_id": world_id, "seed": seed, "born": born, "now": now},
    )


async def set_offset(database: Database, *, world_id: UUID, offset_ms: int) -> None:
    """Move a world's time on; it never goes back."""
    await database.execute(
        """
        update sandbox.worlds set clock_offset_ms = %(offset_ms)s
        where world_id = %(world_id)s and clock_offset_ms < %(offset_ms)s
        """,
        {"world_id": world_id, "offset_ms": offset_ms},
    )


async def set_telling(connection: Connection, *, world_id: UUID, telling: Telling | None) -> bool:
    """Have a world's processors tell so; whether there is such a world."""
    said = None if telling is None else msgspec.json.encode(telling).decode()
    row = await connection.fetch_one(
        """
        update sandbox.worlds set webhooks = %(said)s::jsonb where world_id = %(world_id)s
        returning true as there
        """,
        {"world_id": world_id, "said": said},
    )
    return row is not None


async def world(queries: Queries, *, world_id: UUID) -> World | None:
    """A world."""
    row = await queries.fetch_one(
        "select * from sandbox.worlds where world_id = %(world_id)s", {"world_id": world_id}
    )
    return None if row is None else world_of(row)


async def accounts(queries: Queries, *, world_id: UUID, epoch: int) -> dict[str, Standing]:
    """Every account that something has happened to, by its name."""
    rows = await queries.fetch_all(
        """
        select * from sandbox.accounts where world_id = %(world_id)s and epoch = %(epoch)s
        limit %(limit)s
        """,
        {"world_id": world_id, "epoch": epoch, "limit": ROWS_MAX},
    )
    return {row["account"]: standing_of(row) for row in rows}


async def counts(queries: Queries, *, world_id: UUID, epoch: int, now: datetime) -> Counts:
    """Add up what the processors of a world did, across all of them.

    A charge is made when it is approved; two that are made for one order and not let go of are a double charge.
    """
    row = await queries.fetch_one(
        """
        with charges as materialized (
            select o.key, o.order_key, o.currency, o.amount, o.capture,
                case when o.due_at <= %(now)s then o.due_state else o.state end = 'approved' as made,
                sum(c.amount) filter (where c.kind = 'capture' and c.counts) as captured,
                sum(c.amount) filter (where c.kind = 'cancellation' and c.counts) as released,
                sum(c.amount) filter (where c.kind = 'refund' and c.counts) as refunded
            from sandbox.operations o
            left join (
                select world_id, processor, charge_key, kind, amount,
                    case when due_at <= %(now)s then due_state else state end in ('done', 'pending') as counts
                from sandbox.operations where world_id = %(world_id)s and charge_key is not null
            ) c on c.world_id = o.world_id and c.processor = o.processor and c.charge_key = o.key
            where o.world_id = %(world_id)s and o.epoch = %(epoch)s and o.kind = 'charge'
            group by o.world_id, o.processor, o.key
        ), by_currency as (
            select currency, sum(amount) as authorized,
                sum(case when capture then amount else coalesce(captured, 0) end) as captured,
                sum(coalesce(released, 0)) as released, sum(coalesce(refunded, 0)) as refunded
            from charges where made group by currency
        ), by_order as (
            select count(*) as made from charges
            where made and (capture or coalesce(released, 0) < amount) group by order_key
        )
        select (select count(*) from charges) as charges_asked,
            (select count(*) from charges where made) as charges_made,
            (select coalesce(sum(made - 1), 0)::bigint from by_order) as double_charges,
            (select coalesce(json_agg(b order by currency), '[]'::json) from by_currency b) as amounts
        """,
        {"world_id": world_id, "epoch": epoch, "now": now},
    )
    assert row is not None, "counting always answers"
    amounts = msgspec.convert(row["amounts"], list[_Amounts], strict=False)
    return Counts(
        charges_asked=row["charges_asked"],
        charges_made=row["charges_made"],
        double_charges=row["double_charges"],
        authorized={each.currency: each.authorized for each in amounts},
        captured={each.currency: each.captured for each in amounts},
        released={each.currency: each.released for each in amounts},
        refunded={each.currency: each.refunded for each in amounts},
    )


async def charges(
    queries: Queries,
    *,
    world_id: UUID,
    epoch: int,
    now: datetime,
    order: str | None,
    after: str | None,
    limit: int,
) -> list[ChargeLine]:
    """The charges of a world by their references, each with what was done with it."""
    rows = await queries.fetch_all(
        """
        select o.processor, o.key, o.reference, o.order_key as order, o.merchant_reference, o.amount, o.currency,
            o.created_at, s.state,
            case when s.state <> 'approved' then 0 when o.capture then o.amount else c.captured end as captured,
            c.released, c.refunded
        from unnest(%(processors)s::text[]) as p (processor)
        cross join lateral (
            -- Each processor's next ones by its index, whatever else there is.
            select * from sandbox.operations n
            where n.world_id = %(world_id)s and n.processor = p.processor and n.epoch = %(epoch)s
                and n.kind = 'charge' and (%(order)s::text is null or n.order_key = %(order)s)
                and (%(after)s::text is null or n.reference > %(after)s)
            order by n.reference limit %(limit)s
        ) o
        cross join lateral (
            select case when o.due_at <= %(now)s then o.due_state else o.state end as state
        ) s
        cross join lateral (
            select coalesce(sum(amount) filter (where kind = 'capture'), 0)::bigint as captured,
                coalesce(sum(amount) filter (where kind = 'cancellation'), 0)::bigint as released,
                coalesce(sum(amount) filter (where kind = 'refund'), 0)::bigint as refunded
            from sandbox.operations c
            where c.world_id = %(world_id)s and c.processor = o.processor and c.charge_key = o.key
                and case when c.due_at <= %(now)s then c.due_state else c.state end in ('done', 'pending')
        ) c
        order by o.reference limit %(limit)s
        """,
        {
            "processors": [name.value for name in ProcessorName],
            "world_id": world_id,
            "epoch": epoch,
            "now": now,
            "order": order,
            "after": after,
            "limit": limit,
        },
    )
    return [ChargeLine(**row) for row in rows]


async def changes(
    queries: Queries,
    *,
    world_id: UUID,
    epoch: int,
    now: datetime,
    charge: str | None,
    after: str | None,
    limit: int,
) -> list[ChangeLine]:
    """The captures, cancellations and refunds in a world, by their references."""
    rows = await queries.fetch_all(
        """
        select o.kind, o.processor, o.key, o.reference, o.charge_key, o.charge_reference,
            case when o.due_at <= %(now)s then o.due_state else o.state end as state,
            o.amount, o.currency, o.created_at
        from unnest(%(processors)s::text[]) as p (processor)
        cross join lateral (
            select * from sandbox.operations n
            where n.world_id = %(world_id)s and n.processor = p.processor and n.epoch = %(epoch)s
                and n.charge_key is not null and (%(charge)s::text is null or n.charge_key = %(charge)s)
                and (%(after)s::text is null or n.reference > %(after)s)
            order by n.reference limit %(limit)s
        ) o
        order by o.reference limit %(limit)s
        """,
        {
            "processors": [name.value for name in ProcessorName],
            "world_id": world_id,
            "epoch": epoch,
            "now": now,
            "charge": charge,
            "after": after,
            "limit": limit,
        },
    )
    return [ChangeLine(**row) for row in rows]


async def add_fault(connection: Connection, fault: Fault, *, world_id: UUID, epoch: int) -> bool:
    """A fault that waits; False where too many wait already."""
    cursor = await connection.execute(
        """
        insert into sandbox.faults (world_id, id, epoch, kind, processor, verb, times_left, until, delay_s, last4,
            merchant_reference, decline_code, network_code, advice_code, created_at)
        select %(world_id)s, %(id)s, %(epoch)s, %(kind)s, %(processor)s, %(verb)s, %(left)s, %(until)s, %(delay_s)s,
            %(last4)s, %(merchant_reference)s, %(decline_code)s, %(network_code)s, %(advice_code)s, %(created_at)s
        where (
            select count(*) from sandbox.faults
            where world_id = %(world_id)s and epoch = %(epoch)s and times_left is distinct from 0
                and (until is null or until > %(created_at)s)
        ) < %(most)s
        """,
        {
            "world_id": world_id,
            "id": fault.id,
            "epoch": epoch,
            "kind": fault.kind,
            "processor": fault.processor,
            "verb": fault.on,
            "left": fault.left,
            "until": fault.until,
            "delay_s": fault.delay_s,
            "last4": fault.last4,
            "merchant_reference": fault.merchant_reference,
            "decline_code": fault.decline_code,
            "network_code": fault.network_code,
            "advice_code": fault.advice_code,
            "created_at": fault.created_at,
            "most": FAULTS_MAX,
        },
    )
    return cursor.rowcount == 1


async def faults(queries: Queries, *, world_id: UUID, epoch: int, now: datetime) -> list[Fault]:
    """The faults that wait, oldest first."""
    rows = await queries.fetch_all(
        """
        select * from sandbox.faults
        where world_id = %(world_id)s and epoch = %(epoch)s and times_left is distinct from 0
            and (until is null or until > %(now)s)
        order by id limit %(limit)s
        """,
        {"world_id": world_id, "epoch": epoch, "now": now, "limit": FAULTS_MAX},
    )
    return [_fault(row) for row in rows]


async def remove_fault(database: Database, *, world_id: UUID, id_: UUID) -> bool:
    """Take a fault away before it happens; whether it was there."""
    removed = await database.execute(
        """
        delete from sandbox.faults
        where world_id = %(world_id)s and id = %(id)s and times_left is distinct from 0
        """,
        {"world_id": world_id, "id": id_},
    )
    return removed == 1


class _Amounts(msgspec.Struct, frozen=True, kw_only=True):
    currency: str
    authorized: int
    captured: int
    released: int
    refunded: int


def _fault(row: DictRow) -> Fault:
    return msgspec.convert(row, FaultRow).fault()
