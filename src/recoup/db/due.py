"""Due work: a small table of pointers that says what to look at, and when.

A row names a kind, a merchant and an object; the truth about the object is read again when the row is worked. A claim
is a lease: a worker that dies loses it when `leased_until` passes, and another takes the row. `due_at` is in the
merchant's own time (a test merchant's clock may run ahead), a lease is in the machine's.

Putting a row that is already there moves its time and frees its lease, so news that arrives while a handler runs is
never lost: the handler's `finish` then finds its lease gone and leaves the row alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from psycopg import AsyncConnection

SLOTS: Final = 16
"""Rows spread over this many slots by their object, so that several workers seldom meet at the front of one queue."""
CLAIMS_MAX: Final = 500
"""The most rows one claim takes."""

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class Due:
    """One claimed row; `leased_until` is the proof that the claim is still ours."""

    slot: int
    merchant_id: UUID
    kind: str
    object_id: UUID
    due_at: datetime
    leased_until: datetime
    tries: int


def slot_of(object_id: UUID) -> int:
    """The slot of an object: its last bits, which are chance in a UUIDv7."""
    return object_id.int % SLOTS


async def put(
    connection: Connection, *, merchant_id: UUID, kind: str, object_id: UUID, due_at: datetime
) -> None:
    """Say that an object is to be looked at, at `due_at` in the merchant's time; a row that is there is moved."""
    await connection.execute(
        """
        insert into due (slot, merchant_id, kind, object_id, due_at)
        values (%(slot)s, %(merchant_id)s, %(kind)s, %(object_id)s, %(due_at)s)
        on conflict (merchant_id, kind, object_id)
        do update set due_at = excluded.due_at, leased_until = null, tries = 0
        """,
        {
            "slot": slot_of(object_id),
            "merchant_id": merchant_id,
            "kind": kind,
            "object_id": object_id,
            "due_at": due_at,
        },
    )


async def drop(connection: Connection, *, merchant_id: UUID, kind: str, object_id: UUID) -> None:
    """Nothing more is due for this object and kind."""
    await connection.execute(
        """
        delete from due
        where merchant_id = %(merchant_id)s and kind = %(kind)s and object_id = %(object_id)s
        """,
        {"merchant_id": merchant_id, "kind": kind, "object_id": object_id},
    )


CLAIM: Final = """
    with ready as (
        select d.place
        from unnest(%(slots)s::smallint[]) as s (slot)
        cross join lateral (
            select ctid as place
            from due
            where slot = s.slot and due_at <= %(now)s and (leased_until is null or leased_until < %(wall)s)
            order by due_at
            limit %(limit)s
            for update skip locked
        ) d
    )
    update due
    set leased_until = %(lease)s, tries = tries + 1
    where ctid = any(array(select place from ready))
    returning slot, merchant_id, kind, object_id, due_at, leased_until, tries
"""
"""The rows are held where they are found, and are not looked up once more. One that was moved since the statement began
is not changed where it is now, and waits for the next claim."""


async def claim(connection: Connection, *, now: datetime, lease: datetime, limit: int) -> Sequence[Due]:
    """Take up to `limit` rows a slot that are due by the machine's clock, earliest first, until `lease`."""
    assert 0 < limit <= CLAIMS_MAX, "a claim has a limit"
    parameters = {"slots": list(range(SLOTS)), "now": now, "wall": now, "lease": lease, "limit": limit}
    return await _rows(connection, CLAIM, parameters)


_CLAIM_OF: Final = """
    with ready as (
        select merchant_id, kind, object_id
        from due
        where merchant_id = %(merchant_id)s and due_at <= %(now)s
            and (leased_until is null or leased_until < %(wall)s)
        order by due_at, object_id, kind
        limit %(limit)s
        for update skip locked
    )
    update due
    set leased_until = %(lease)s, tries = due.tries + 1
    from ready
    where due.merchant_id = ready.merchant_id and due.kind = ready.kind and due.object_id = ready.object_id
    returning due.slot, due.merchant_id, due.kind, due.object_id, due.due_at, due.leased_until, due.tries
"""


async def claim_of(
    connection: Connection, *, merchant_id: UUID, now: datetime, wall: datetime, lease: datetime, limit: int
) -> Sequence[Due]:
    """The same for one merchant whose own time `now` runs ahead of the machine's `wall`."""
    assert 0 < limit <= CLAIMS_MAX, "a claim has a limit"
    parameters = {
        "merchant_id": merchant_id,
        "now": now,
        "wall": wall,
        "lease": lease,
        "limit": limit,
    }
    return await _rows(connection, _CLAIM_OF, parameters)


async def take_first(
    connection: Connection, *, merchant_id: UUID, until: datetime, wall: datetime, lease: datetime
) -> tuple[Due | None, bool]:
    """The merchant's earliest row, if it is due by `until`, and whether this call has claimed it: not where somebody
    else has it."""
    cursor = await connection.execute(
        """
        with first as (
            select slot, merchant_id, kind, object_id, due_at, leased_until, tries
            from due
            where merchant_id = %(merchant_id)s
            order by due_at, object_id, kind
            limit 1
        ),
        taken as (
            update due
            set leased_until = %(lease)s, tries = due.tries + 1
            from first
            where due.merchant_id = %(merchant_id)s and due.kind = first.kind
                and due.object_id = first.object_id and due.due_at = first.due_at
                and due.due_at <= %(until)s and (due.leased_until is null or due.leased_until < %(wall)s)
            returning due.tries
        )
        select first.slot, first.merchant_id, first.kind, first.object_id, first.due_at,
            coalesce(first.leased_until, first.due_at) as leased_until,
            coalesce(taken.tries, first.tries) as tries, taken.tries is not null as ours
        from first left join taken on true
        where first.due_at <= %(until)s
        """,
        {"merchant_id": merchant_id, "until": until, "wall": wall, "lease": lease},
    )
    found = await cursor.fetchone()
    if found is None:
        return None, False
    row = dict(found)
    is_ours = row.pop("ours")
    return Due(**row | {"leased_until": lease} if is_ours else row), is_ours


async def _rows(connection: Connection, statement: Any, parameters: dict[str, object]) -> Sequence[Due]:
    cursor = await connection.execute(statement, parameters)
    rows = [Due(**dict(row)) for row in await cursor.fetchall()]
    return sorted(rows, key=lambda row: (row.due_at, row.object_id, row.kind))


GIVE_BACK: Final = """
    with given as materialized (
        select * from json_to_recordset(%s::json) as r (
            n integer, merchant_id uuid, kind text, object_id uuid, leased_until timestamptz,
            again_at timestamptz, tries integer)
    ), held as materialized (
        select x.place, g.leased_until, g.again_at, g.tries
        from given g
        cross join lateral (
            select d.ctid as place from due d
            where d.merchant_id = g.merchant_id and d.kind = g.kind and d.object_id = g.object_id
                and d.leased_until = g.leased_until
            limit 1
        ) x
    ), dropped as (
        delete from due
        where ctid = any(array(select place from held where again_at is null))
            and leased_until = any(array(select leased_until from held))
    ), moved as (
        update due d
        set due_at = h.again_at, leased_until = null, tries = h.tries
        from held h
        where h.again_at is not null and d.ctid = h.place and d.leased_until = h.leased_until
    )
    select n from given
"""
"""Gives claimed rows back, many at once (see `recoup.db.grouped`): dropped, or due again at `again_at`, after so many
tries in vain; those excepted of which the claim is no longer ours. A row is changed in the very version that was looked
up: one that is moved by news meanwhile is another, has no claim, and stays. That is asked once more outside, for some
releases of PostgreSQL look at nothing else where they have waited."""


def given_back(row: Due, *, again_at: datetime | None, tries: int = 0) -> bytes:
    """A claimed row, for the statement that gives it back."""
    return msgspec.json.encode(
        {
            "merchant_id": row.merchant_id,
            "kind": row.kind,
            "object_id": row.object_id,
            "leased_until": row.leased_until,
            "again_at": again_at,
            "tries": tries,
        }
    )


async def next_of(connection: Connection, *, merchant_id: UUID) -> Due | None:
    """The earliest row of one merchant, claimed by somebody or not; None when nothing is due ever."""
    cursor = await connection.execute(
        """
        select slot, merchant_id, kind, object_id, due_at, coalesce(leased_until, due_at) as leased_until, tries
        from due
        where merchant_id = %(merchant_id)s
        order by due_at, object_id, kind
        limit 1
        """,
        {"merchant_id": merchant_id},
    )
    row = await cursor.fetchone()
    return None if row is None else Due(**dict(row))


async def release_all(connection: Connection, *, kinds: Sequence[str], now: datetime) -> None:
    """Make all rows of these kinds due at once and free: for a start that is known to be the only process alive."""
    await connection.execute(
        """
        update due set due_at = least(due_at, %(now)s), leased_until = null
        where slot = any(%(slots)s::smallint[]) and (kind = any(%(kinds)s) or leased_until is not null)
        """,
        {"slots": list(range(SLOTS)), "kinds": list(kinds), "now": now},
    )
