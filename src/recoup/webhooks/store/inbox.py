"""SQL of the inbox: one insert for what comes, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.db import Connection, Database, Queries
from recoup.db.paging import bounds
from recoup.merchants.core import Sealed
from recoup.webhooks.core.inbox import QUIET, Inbound, Result, Told

_COLUMNS: Final[LiteralString] = """
    id, account_id, delivery_id, digest, verified, received_at, result, told, tries, read_at
"""

INSERT: Final = """
    with given as (
        select * from json_to_recordset(%s) as row (n int, merchant_id uuid, id uuid, account_id uuid, delivery_id text,
            digest text, verified boolean, data_key_id uuid, sealed text, received_at timestamptz, slot smallint,
            kind text)
    ), written as (
        insert into inbound
            (merchant_id, id, account_id, delivery_id, digest, verified, data_key_id, sealed, received_at)
        select merchant_id, id, account_id, delivery_id, decode(digest, 'hex'), verified, data_key_id,
            decode(sealed, 'base64'), received_at
        from given
        order by merchant_id, account_id, delivery_id, digest
        on conflict (merchant_id, account_id, delivery_id, digest) do nothing
        returning merchant_id, id
    ), queued as (
        insert into due (slot, merchant_id, kind, object_id, due_at)
        select given.slot, given.merchant_id, given.kind, given.id, given.received_at
        from given join written using (merchant_id, id)
        order by given.merchant_id, given.kind, given.id
        on conflict (merchant_id, kind, object_id) do nothing
    )
    select n, id from given join written using (merchant_id, id)
"""
"""For `Grouped`: a delivery and the pointer that has it read; nothing where it is here already."""


async def read(queries: Queries, *, merchant_id: UUID, inbound_id: UUID) -> Inbound | None:
    """One delivery."""
    row = await queries.fetch_one(
        f"select {_COLUMNS} from inbound where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": inbound_id},
    )
    return None if row is None else _inbound(row)


async def whole(queries: Queries, *, merchant_id: UUID, inbound_id: UUID) -> tuple[Inbound, Sealed] | None:
    """One delivery, with what came as it is kept."""
    row = await queries.fetch_one(
        f"""
        select {_COLUMNS}, data_key_id, sealed from inbound
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": inbound_id},
    )
    if row is None:
        return None
    sealed = Sealed(row.pop("data_key_id"), bytes(row.pop("sealed")))
    return _inbound(row), sealed


async def of_same_name(queries: Queries, one: Inbound, *, merchant_id: UUID) -> UUID | None:
    """The first other delivery of that name that was read already, or came before this one; none that is itself at
    odds with another."""
    row = await queries.fetch_one(
        """
        select id from inbound
        where merchant_id = %(merchant_id)s and account_id = %(account_id)s and delivery_id = %(delivery_id)s
            and id <> %(id)s and (id < %(id)s or result is not null) and result is distinct from 'conflict'
        order by id limit 1
        """,
        {
            "merchant_id": merchant_id,
            "account_id": one.account_id,
            "delivery_id": one.delivery_id,
            "id": one.id,
        },
    )
    return None if row is None else row["id"]


async def prove(database: Database, *, merchant_id: UUID, inbound_id: UUID, delivery_id: str) -> bool:
    """Say that a delivery is genuine, and its name; False where the very same is here under that name already."""
    row = await database.fetch_one(
        """
        update inbound set verified = true, delivery_id = case
            when exists (
                select 1 from inbound other
                where other.merchant_id = inbound.merchant_id and other.account_id = inbound.account_id
                    and other.delivery_id = %(delivery_id)s and other.digest = inbound.digest
                    and other.id <> inbound.id
            ) then delivery_id else %(delivery_id)s end
        where merchant_id = %(merchant_id)s and id = %(id)s
        returning delivery_id
        """,
        {"merchant_id": merchant_id, "id": inbound_id, "delivery_id": delivery_id},
    )
    return row is not None and row["delivery_id"] == delivery_id


async def forget(queries: Connection | Database, *, merchant_id: UUID, inbound_id: UUID) -> None:
    """Take a delivery away that turned out to be forged."""
    await queries.execute(
        "delete from inbound where merchant_id = %(merchant_id)s and id = %(id)s",
        {"merchant_id": merchant_id, "id": inbound_id},
    )


async def conclude(
    connection: Connection,
    *,
    merchant_id: UUID,
    inbound_id: UUID,
    result: Result,
    told: Sequence[Told],
    at: datetime,
) -> bool:
    """Write down what came of a delivery; whether it is there still."""
    row = await connection.fetch_one(
        """
        update inbound set result = %(result)s, told = %(told)s, read_at = %(at)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        returning id
        """,
        {
            "merchant_id": merchant_id,
            "id": inbound_id,
            "result": result,
            "told": msgspec.json.encode(told).decode(),
            "at": at,
        },
    )
    return row is not None


async def note(connection: Connection, *, merchant_id: UUID, inbound_id: UUID, told: Sequence[Told]) -> bool:
    """Write down what came of a part of a delivery that is still read; whether it is there still."""
    row = await connection.fetch_one(
        """
        update inbound set told = %(told)s
        where merchant_id = %(merchant_id)s and id = %(id)s and result is null
        returning id
        """,
        {"merchant_id": merchant_id, "id": inbound_id, "told": msgspec.json.encode(told).decode()},
    )
    return row is not None


async def count_failure(database: Database, *, merchant_id: UUID, inbound_id: UUID) -> int:
    """Count a reading in vain; how many there were since it came or was replayed."""
    row = await database.fetch_one(
        """
        update inbound set tries = tries + 1
        where merchant_id = %(merchant_id)s and id = %(id)s
        returning tries
        """,
        {"merchant_id": merchant_id, "id": inbound_id},
    )
    return 0 if row is None else int(row["tries"])


async def count_look(database: Database, *, merchant_id: UUID, inbound_id: UUID) -> int:
    """Count that a delivery could not be judged yet; how often that was."""
    row = await database.fetch_one(
        """
        update inbound set looks = looks + 1
        where merchant_id = %(merchant_id)s and id = %(id)s
        returning looks
        """,
        {"merchant_id": merchant_id, "id": inbound_id},
    )
    return 0 if row is None else int(row["looks"])


async def reopen(
    connection: Connection,
    *,
    merchant_id: UUID,
    account_id: UUID,
    since: datetime,
    before: datetime,
    limit: int,
    after: UUID,
) -> list[UUID]:
    """Have what came to an account in a span of time read again, oldest first; which those were."""
    rows = await connection.fetch_all(
        """
        with chosen as (
            select id from inbound
            where merchant_id = %(merchant_id)s and account_id = %(account_id)s and id > %(after)s
                and received_at >= %(since)s and received_at < %(before)s and result is not null
            order by id limit %(limit)s
            for update
        )
        update inbound set result = null, told = null, read_at = null, tries = 0, looks = 0
        from chosen where inbound.merchant_id = %(merchant_id)s and inbound.id = chosen.id
        returning inbound.id
        """,
        {
            "merchant_id": merchant_id,
            "account_id": account_id,
            "since": since,
            "before": before,
            "limit": limit,
            "after": after,
        },
    )
    return sorted(row["id"] for row in rows)


async def reopen_one(connection: Connection, *, merchant_id: UUID, inbound_id: UUID) -> Inbound | None:
    """Have one delivery read again; None where there is none."""
    row = await connection.fetch_one(
        f"""
        update inbound set result = null, told = null, read_at = null, tries = 0, looks = 0
        where merchant_id = %(merchant_id)s and id = %(id)s
        returning {_COLUMNS}
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": inbound_id},
    )
    return None if row is None else _inbound(row)


async def page(
    database: Database,
    *,
    merchant_id: UUID,
    account_id: UUID | None,
    result: Result | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Inbound]:
    """Deliveries newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    # Said in these words, so that the index of what is to be seen is known to hold it.
    to_see: LiteralString = (
        "" if result is None or result in QUIET else "and result not in ('applied', 'known')"
    )
    rows = await database.fetch_all(
        f"""
        select {_COLUMNS} from inbound
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s {to_see}
            and (%(account_id)s::uuid is null or account_id = %(account_id)s)
            and (%(result)s::text is null or result = %(result)s)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "account_id": account_id, "result": result, "limit": limit}
        | bounds(after, before),
    )
    return [_inbound(row) for row in rows]


async def delete_old(database: Database, *, before: datetime, limit: int) -> int:
    """Throw away what came long ago and has been read; how many that were."""
    return await database.execute(
        """
        -- all merchants: housekeeping by age.
        delete from inbound where (merchant_id, id) in (
            select merchant_id, id from inbound where received_at < %(before)s and result is not null
            order by received_at limit %(limit)s
        )
        """,
        {"before": before, "limit": limit},
    )


def _inbound(row: dict[str, Any]) -> Inbound:
    told = msgspec.convert(row["told"] or [], tuple[Told, ...])
    result = None if row["result"] is None else Result(row["result"])
    return Inbound(**{**row, "digest": bytes(row["digest"]), "told": told, "result": result})
