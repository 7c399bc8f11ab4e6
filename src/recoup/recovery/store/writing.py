"""SQL that writes recoveries: one statement writes a step whole, and steps of many recoveries at once.

`WRITE` takes many rows of one merchant (see `recoup.db.grouped`). A row with `expected` 0 opens a recovery; any other
is a step, written onto the version it was planned from. Where the recovery has moved on meanwhile, or its payment has
one already, nothing of the row is written, and it is not told as written. With a step go its decision, its events, and
what is due after it (`dues`: without a time, it is due no more).

Of two steps of one recovery in a group one is written, the other is stale. Recoveries are held in the order of their
ids, and what is due in the order of its keys, because another process may be writing the same; the row of the event
stream, which all share, comes last. What is dropped from `due` is looked up row by row: a join with it might walk all
that the merchant has there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from msgspec import Raw, Struct, json

from recoup.db import Connection
from recoup.db.grouped import write_alone
from recoup.recovery.core import Mode, Recovery

COLUMNS: Final[LiteralString] = """
    merchant_id, id, payment_id, status, version, events_count, policy, opened_at, deadline, tries_made, tries_max,
    next_at, plan, decision_id, end_reason, ended_at, updated_at, mode, external_id, paid_elsewhere_at, policy_version,
    asking, experiment_id, arm, stake, tried_after_s, amount, currency, received
"""

WRITE: Final[LiteralString] = f"""
    with given as materialized (
        select distinct on (r.id) r.*
        from json_to_recordset(%s::json) as r (
            n integer, merchant_id uuid, id uuid, expected integer, at timestamptz, recovery json, decision_id uuid,
            decision json, dues json, events json)
        order by r.id, r.n
    ), held as materialized (
        select g.n
        from given g
        join recoveries r on r.merchant_id = g.merchant_id and r.id = g.id
        where g.expected > 0 and r.version = g.expected
        order by g.id
        for no key update of r
    ), opened as (
        insert into recoveries ({COLUMNS})
        select {COLUMNS} from (
            select r.* from given g cross join lateral json_populate_record(null::recoveries, g.recovery) r
            where g.expected = 0
        ) new
        where new.merchant_id is not null
        on conflict (merchant_id, payment_id) do nothing
        returning id
    ), targets as materialized (
        select g.n, g.expected, r.*
        from given g
        cross join lateral json_populate_record(null::recoveries, g.recovery) r
        where g.n = any(array(select n from held))
    ), saved as (
        update recoveries r
        set status = t.status, version = t.version, events_count = t.events_count, deadline = t.deadline,
            tries_made = t.tries_made, next_at = t.next_at, plan = t.plan, decision_id = t.decision_id,
            end_reason = t.end_reason, ended_at = t.ended_at, updated_at = t.updated_at,
            paid_elsewhere_at = t.paid_elsewhere_at, tried_after_s = t.tried_after_s, received = t.received
        from targets t
        where r.merchant_id = t.merchant_id and r.id = t.id and r.version = t.expected
        returning r.id
    ), written as materialized (
        select * from given
        where id = any(array(select id from opened)) or id = any(array(select id from saved))
    ), decided as (
        insert into decisions (merchant_id, id, kind, object_id, data, created_at)
        select merchant_id, decision_id, 'recovery', id, decision, at from written where decision is not null
    ), dues as materialized (
        select distinct on (d.kind, d.object_id) w.merchant_id, d.*
        from written w
        cross join lateral json_to_recordset(w.dues) as d (
            slot smallint, kind text, object_id uuid, due_at timestamptz)
        order by d.kind, d.object_id, d.due_at
    ), dues_dropped as (
        delete from due
        where ctid = any(array(
            select x.place from dues d
            cross join lateral (
                select k.ctid as place from due k
                where k.merchant_id = d.merchant_id and k.kind = d.kind and k.object_id = d.object_id
                limit 1
            ) x
            where d.due_at is null))
    ), dues_put as (
        insert into due (slot, merchant_id, kind, object_id, due_at)
        select slot, merchant_id, kind, object_id, due_at from dues where due_at is not null
        order by kind, object_id
        on conflict (merchant_id, kind, object_id)
        do update set due_at = excluded.due_at, leased_until = null, tries = 0
    ), news as materialized (
        select w.merchant_id, e.*, w.at, row_number() over (order by w.n, e.object_sequence) as step
        from written w
        cross join lateral json_to_recordset(w.events) as e (
            id uuid, type text, object_id uuid, object_sequence integer, data json)
    ), stream as (
        update event_streams s
        set sequence = s.sequence + (select count(*) from news)
        where s.merchant_id = (select merchant_id from news limit 1)
        returning s.sequence
    ), told as (
        insert into events (merchant_id, sequence, id, type, object_id, object_sequence, data, created_at)
        select n.merchant_id, stream.sequence - (select count(*) from news) + n.step,
            n.id, n.type, n.object_id, n.object_sequence, n.data, n.at
        from news n
        cross join stream
    )
    select n, true as written from written
"""  # noqa: S608 - pieces of ours


class DueRow(Struct, frozen=True):
    """What is due after a step; without a time it is due no more."""

    slot: int
    kind: str
    object_id: UUID
    due_at: datetime | None


class EventRow(Struct, frozen=True):
    """An event of a step."""

    id: UUID
    type: str
    object_id: UUID
    object_sequence: int
    data: Raw


class _Row(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step, as the statement reads it."""

    merchant_id: UUID
    id: UUID
    expected: int
    at: datetime
    recovery: dict[str, Any]
    decision_id: UUID | None = None
    decision: dict[str, Any] | None = None
    dues: Sequence[DueRow]
    events: Sequence[EventRow]


def row(
    after: Recovery,
    *,
    expected: int,
    decision: dict[str, Any] | None,
    dues: Sequence[DueRow],
    events: Sequence[EventRow],
) -> bytes:
    """A step, for the statement: the recovery as it is then, written onto the version `expected`."""
    decided = after.decision_id if decision is not None else None
    assert (decision is None) == (decided is None), "a decision has its id"
    return json.encode(
        _Row(
            merchant_id=after.merchant_id,
            id=after.id,
            expected=expected,
            at=after.updated_at,
            recovery=_columns(after),
            decision_id=decided,
            decision=decision,
            dues=dues,
            events=events,
        )
    )


async def write(connection: Connection, step: bytes) -> bool:
    """Write one step in the caller's transaction; False where its recovery has moved on."""
    return await write_alone(connection, WRITE, step) is not None


def _columns(recovery: Recovery) -> dict[str, Any]:
    columns = {name: getattr(recovery, name) for name in Recovery.__slots__}
    columns["experiment_id"] = None if recovery.arm is None else recovery.arm.experiment_id
    return columns | {"payment_id": None} if recovery.mode is Mode.ADVISE else columns
