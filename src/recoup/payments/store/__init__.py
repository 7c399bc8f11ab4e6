"""SQL of payments: what is read, and (`writing`) the one statement that writes everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.budgets.core import STOPS
from recoup.db import Database
from recoup.kit.money import Money
from recoup.payments.core import Attempt, Operation, Payment, Snapshot
from recoup.payments.core.facts import CardTry
from recoup.payments.core.records import ATTEMPTS_MAX, OPERATIONS_MAX
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


async def load(database: Database, *, merchant_id: UUID, payment_id: UUID) -> Snapshot | None:
    """A payment with its attempts and operations, or None where this merchant has no such payment."""
    row = await database.fetch_one(
        _LOAD,
        {
            "merchant_id": merchant_id,
            "payment_id": payment_id,
            "attempts_max": ATTEMPTS_MAX,
            "operations_max": OPERATIONS_MAX,
        },
    )
    if row is None:
        return None
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


CARD_TRIES_MAX: Final = 200
"""The most tries on one card that are read: far above what any network allows in its longest window."""

_MAY_COUNT: Final = frozenset({"declined", "unknown"})
"""What a network may have counted as a decline; of an unknown outcome nobody can say that it did not."""


async def card_tries(
    database: Database,
    *,
    merchant_id: UUID,
    fingerprint: str,
    payment_method_id: UUID | None,
    since: datetime,
) -> tuple[CardTry, ...]:
    """Tries on one card since then, and older ones that a network ended for good, by any payment or verification;
    oldest first.

    With a payment method only those by it: the card as one of several who have the same number.
    """
    rows = await database.fetch_all(
        """
        (
            select a.started_at, a.amount, a.state, a.rule,
                (select p.currency from payments p where p.merchant_id = a.merchant_id and p.id = a.payment_id)
            from attempts a
            where a.merchant_id = %(merchant_id)s and a.fingerprint = %(fingerprint)s::text::bytea
                and (a.started_at >= %(since)s or a.rule = any(%(stops)s))
                and a.payment_method_id = coalesce(%(payment_method_id)s, a.payment_method_id)
            order by a.started_at desc
            limit %(limit)s
        ) union all (
            -- A verification is a try for nothing; one without an end may have been counted.
            select v.created_at, 0,
                case when v.status = 'declined' then 'declined' when v.finished_at is null then 'unknown'
                    else 'unprocessed' end,
                v.decline ->> 'rule', v.currency
            from verifications v
            where v.merchant_id = %(merchant_id)s and v.fingerprint = %(fingerprint)s::text::bytea
                and (v.created_at >= %(since)s or v.decline ->> 'rule' = any(%(stops)s))
                and v.payment_method_id = coalesce(%(payment_method_id)s, v.payment_method_id)
            order by v.created_at desc
            limit %(limit)s
        )
        order by started_at desc
        limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "fingerprint": fingerprint,
            "payment_method_id": payment_method_id,
            "since": since,
            "stops": [stop.rule for stop in STOPS],
            "limit": CARD_TRIES_MAX,
        },
    )
    return tuple(
        CardTry(
            row["started_at"], Money(row["amount"], row["currency"]), row["state"] in _MAY_COUNT, row["rule"]
        )
        for row in reversed(rows)
        if row["state"] != "unprocessed"
    )


async def tried_with(
    database: Database,
    *,
    merchant_id: UUID,
    fingerprint: str,
    payment_method_id: UUID | None,
    since: datetime,
) -> Sequence[UUID]:
    """The payments with a try on one card since then, those tried last first; with a payment method only by that."""
    rows = await database.fetch_all(
        """
        select payment_id, max(started_at) as at from attempts
        where merchant_id = %(merchant_id)s and fingerprint = %(fingerprint)s::text::bytea
            and started_at >= %(since)s
            and payment_method_id = coalesce(%(payment_method_id)s, payment_method_id)
        group by payment_id order by at desc limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "fingerprint": fingerprint,
            "payment_method_id": payment_method_id,
            "since": since,
            "limit": CARD_TRIES_MAX,
        },
    )
    return [row["payment_id"] for row in rows]


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
