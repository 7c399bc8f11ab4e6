"""SQL of payments: what is read, and (`writing`) the one statement that writes everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.rows import DictRow

from recoup.db import Connection, Database, Queries
from recoup.payments.core import Attempt, Operation, Payment, Snapshot
from recoup.payments.core.records import ATTEMPTS_MAX, OPERATIONS_MAX
from recoup.payments.store.tries import AskedCard as AskedCard
from recoup.payments.store.tries import card_tries as card_tries
from recoup.payments.store.tries import on_record as on_record
from recoup.payments.store.tries import tried_with as tried_with
from recoup.payments.store.writing import WRITE as WRITE
from recoup.payments.store.writing import WRITE_WITH_TOKENS as WRITE_WITH_TOKENS

_LOAD: Final[LiteralString] = """
    select to_json(p)::text as payment,
        (select json_agg(a order by a.number) from (
            select * from attempts
            where merchant_id = %(merchant_id)s and payment_id = %(payment_id)s limit %(attempts_max)s
        ) a)::text as attempts,
        (select json_agg(o order by o.id) from (
            select * from operations
            where merchant_id = %(merchant_id)s and payment_id = %(payment_id)s limit %(operations_max)s
        ) o)::text as operations
    from payments p
    where p.merchant_id = %(merchant_id)s and p.id = %(payment_id)s
"""

_payment = msgspec.json.Decoder(Payment)
_attempts = msgspec.json.Decoder(tuple[Attempt, ...])
_operations = msgspec.json.Decoder(tuple[Operation, ...])


async def load(queries: Queries, *, merchant_id: UUID, payment_id: UUID) -> Snapshot | None:
    """A payment with its attempts and operations, or None where this merchant has no such payment."""
    row = await queries.fetch_one(
        _LOAD,
        {
            "merchant_id": merchant_id,
            "payment_id": payment_id,
            "attempts_max": ATTEMPTS_MAX,
            "operations_max": OPERATIONS_MAX,
        },
    )
    return None if row is None else _snapshot(row)


async def hold(connection: Connection, payment_ids: Sequence[UUID], *, merchant_id: UUID) -> None:
    """Hold payments until the transaction ends, in the order in which everybody who writes several does."""
    await connection.execute(
        """
        select p.id
        from unnest(%(ids)s::uuid[]) as wanted (id)
        join payments p on p.merchant_id = %(merchant_id)s and p.id = wanted.id
        order by p.id
        for update of p
        """,
        {"merchant_id": merchant_id, "ids": sorted(payment_ids)},
    )


async def snapshots(
    queries: Queries, payment_ids: Sequence[UUID], *, merchant_id: UUID
) -> dict[UUID, Snapshot]:
    """Those of these payments that this merchant has, each with its attempts and operations, in one statement."""
    rows = await queries.fetch_all(
        """
        select wanted.id, to_json(p)::text as payment,
            (select json_agg(a order by a.number) from (
                select * from attempts
                where merchant_id = %(merchant_id)s and payment_id = wanted.id limit %(attempts_max)s
            ) a)::text as attempts,
            (select json_agg(o order by o.id) from (
                select * from operations
                where merchant_id = %(merchant_id)s and payment_id = wanted.id limit %(operations_max)s
            ) o)::text as operations
        from unnest(%(payment_ids)s::uuid[]) wanted (id)
        cross join lateral (
            select * from payments where merchant_id = %(merchant_id)s and id = wanted.id limit 1
        ) p
        """,
        {
            "merchant_id": merchant_id,
            "payment_ids": list(payment_ids),
            "attempts_max": ATTEMPTS_MAX,
            "operations_max": OPERATIONS_MAX,
        },
    )
    return {row["id"]: _snapshot(row) for row in rows}


def _snapshot(row: DictRow) -> Snapshot:
    return Snapshot(
        _payment.decode(row["payment"]),
        _attempts.decode(row["attempts"] or b"[]"),
        _operations.decode(row["operations"] or b"[]"),
    )


async def load_by_attempt(database: Database, *, merchant_id: UUID, attempt_id: UUID) -> Snapshot | None:
    """The payment of an attempt, or None where this merchant has no such attempt."""
    row = await database.fetch_one(
        "select payment_id from attempts where merchant_id = %(merchant_id)s and id = %(attempt_id)s",
        {"merchant_id": merchant_id, "attempt_id": attempt_id},
    )
    if row is None:
        return None
    return await load(database, merchant_id=merchant_id, payment_id=row["payment_id"])


async def keep_returned(database: Database, attempt: Attempt, *, step: int, returned: bytes) -> None:
    """Keep what a customer brought back, unless the attempt went on or asks for something else meanwhile."""
    await database.execute(
        """
        update attempts set returned = %(returned)s::json
        where merchant_id = %(merchant_id)s and id = %(id)s and state = 'requires_action'
            and (action ->> 'step')::integer = %(step)s
        """,
        {
            "merchant_id": attempt.merchant_id,
            "id": attempt.id,
            "step": step,
            "returned": returned.decode(),
        },
    )


async def keep_for_completion(database: Database, attempt: Attempt, *, returned: bytes) -> None:
    """Keep with what an attempt is about to go on, so that it can go on the same way once more."""
    await database.execute(
        """
        update attempts set returned = %(returned)s::json
        where merchant_id = %(merchant_id)s and id = %(id)s and state = 'requires_action'
        """,
        {"merchant_id": attempt.merchant_id, "id": attempt.id, "returned": returned.decode()},
    )


async def is_there(database: Database, *, merchant_id: UUID, payment_id: UUID) -> bool:
    """Whether this merchant has such a payment."""
    row = await database.fetch_one(
        "select id from payments where merchant_id = %(merchant_id)s and id = %(payment_id)s",
        {"merchant_id": merchant_id, "payment_id": payment_id},
    )
    return row is not None


async def page(
    database: Database,
    *,
    merchant_id: UUID,
    customer_id: UUID | None,
    starting_after: UUID | None,
    ending_before: UUID | None,
    limit: int,
) -> Sequence[Payment]:
    """Payments newest first; with `ending_before` the nearest newer ones, oldest first."""
    backwards = ending_before is not None
    order: LiteralString = "asc" if backwards else "desc"
    by_customer: LiteralString = "and customer_id = %(customer_id)s" if customer_id is not None else ""
    rows = await database.fetch_all(
        f"""
        select to_json(p)::text as payment from payments p
        where merchant_id = %(merchant_id)s {by_customer}
            and id < coalesce(%(starting_after)s, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
            and id > coalesce(%(ending_before)s, '00000000-0000-0000-0000-000000000000'::uuid)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "customer_id": customer_id,
            "starting_after": starting_after,
            "ending_before": ending_before,
            "limit": limit,
        },
    )
    return [_payment.decode(row["payment"]) for row in rows]


async def attempts_of(
    database: Database, *, merchant_id: UUID, payment_ids: Sequence[UUID]
) -> dict[UUID, tuple[Attempt, ...]]:
    """The attempts of a page of payments, in one query."""
    rows = await database.fetch_all(
        """
        select wanted.id as payment_id, json_agg(a order by a.number)::text as attempts
        from unnest(%(payment_ids)s::uuid[]) wanted(id)
        cross join lateral (
            select * from attempts
            where merchant_id = %(merchant_id)s and payment_id = wanted.id
            order by number limit %(most)s
        ) a
        group by wanted.id
        """,
        {"merchant_id": merchant_id, "payment_ids": list(payment_ids), "most": ATTEMPTS_MAX},
    )
    return {row["payment_id"]: _attempts.decode(row["attempts"]) for row in rows}


async def operations_of(
    database: Database, *, merchant_id: UUID, payment_ids: Sequence[UUID]
) -> dict[UUID, tuple[Operation, ...]]:
    """The captures, cancellations and refunds of a page of payments, in one query."""
    rows = await database.fetch_all(
        """
        select wanted.id as payment_id, json_agg(o order by o.id)::text as operations
        from unnest(%(payment_ids)s::uuid[]) wanted(id)
        cross join lateral (
            select * from operations
            where merchant_id = %(merchant_id)s and payment_id = wanted.id
            order by id limit %(most)s
        ) o
        group by wanted.id
        """,
        {"merchant_id": merchant_id, "payment_ids": list(payment_ids), "most": OPERATIONS_MAX},
    )
    return {row["payment_id"]: _operations.decode(row["operations"]) for row in rows}


_operation = msgspec.json.Decoder(Operation)


async def refund(database: Database, *, merchant_id: UUID, refund_id: UUID) -> Operation | None:
    """One refund."""
    row = await database.fetch_one(
        """
        select to_json(o)::text as operation from operations o
        where merchant_id = %(merchant_id)s and id = %(refund_id)s and kind = 'refund'
        """,
        {"merchant_id": merchant_id, "refund_id": refund_id},
    )
    return None if row is None else _operation.decode(row["operation"])


async def refunds(
    database: Database,
    *,
    merchant_id: UUID,
    payment_id: UUID | None,
    starting_after: UUID | None,
    ending_before: UUID | None,
    limit: int,
) -> Sequence[Operation]:
    """Refunds of one payment or of all, newest first; with `ending_before` the nearest newer ones, oldest first."""
    backwards = ending_before is not None
    order: LiteralString = "asc" if backwards else "desc"
    by_payment: LiteralString = "and payment_id = %(payment_id)s" if payment_id is not None else ""
    rows = await database.fetch_all(
        f"""
        select to_json(o)::text as operation from operations o
        where merchant_id = %(merchant_id)s and kind = 'refund' {by_payment}
            and id < coalesce(%(starting_after)s, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
            and id > coalesce(%(ending_before)s, '00000000-0000-0000-0000-000000000000'::uuid)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "payment_id": payment_id,
            "starting_after": starting_after,
            "ending_before": ending_before,
            "limit": limit,
        },
    )
    return [_operation.decode(row["operation"]) for row in rows]


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """A decision as it was made: about the payment, or for a recovery's plan about the recovery, `object_id`."""

    kind: str
    object_id: UUID
    data: dict[str, Any]
    created_at: datetime


async def decision(database: Database, *, merchant_id: UUID, decision_id: UUID) -> StoredDecision | None:
    """A stored decision."""
    row = await database.fetch_one(
        """
        select kind, object_id, data, created_at from decisions
        where merchant_id = %(merchant_id)s and id = %(decision_id)s
        """,
        {"merchant_id": merchant_id, "decision_id": decision_id},
    )
    return None if row is None else StoredDecision(**row)
