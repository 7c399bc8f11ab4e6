"""SQL of payments: two statements write everything, each one round trip and one transaction.

`OPEN` writes a new payment with all that belongs to its first transaction (idempotency claim, new card, attempt,
decision, events, due row). `COMMIT` writes a planned step onto the version it was planned from; where the payment has
moved on meanwhile it writes nothing, not even the claim, and the flow plans again from fresh facts. Both take many
payments of one merchant at once (see `recoup.db.grouped`).

The statements write rows that belong to earlier subjects (events, due work, idempotency, the vault): a step and its
news must be one transaction, and one statement is one round trip.

One payment is written once in a group: of two steps planned from the same version one is written, the other is stale.
A claim is taken only with a step that fits, under the payment's lock.

Order matters in two places. An attempt that closes is updated before its successor is inserted (the insert reads the
update's result), or the rule "one attempt may hold money" would refuse the pair. And the event stream's row is locked
last, since all payments of a merchant share it. What is looked up by a key is first read out of the JSON into a
materialized list, because only then is the whole key looked up in the index; `tests/payments` reads the plans.
"""

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

_ROW: Final[LiteralString] = """
    n integer, merchant_id uuid, id uuid, expected integer, claim json, card json, payment json, attempt json,
    next json, operation json, decision json, events json, dues json, drops json, answer json, ntid json
"""

_CLAIMS: Final[LiteralString] = """
    claims as materialized (
        select distinct on (c.key) i.n, i.merchant_id, c.key, c.fingerprint, c.resource, c.resource_id, c.status,
            c.body, c.created_at
        from claiming i
        cross join lateral json_populate_record(null::idempotency_keys, i.claim) c
        order by c.key, i.n
    ), claimed as (
        insert into idempotency_keys (
            merchant_id, key, fingerprint, resource, resource_id, status, body, created_at)
        select merchant_id, key, fingerprint, resource, resource_id, status, body, created_at from claims
        on conflict (merchant_id, key) do nothing
        returning key
    ), free as materialized (
        select i.*
        from input i
        left join claims c on c.n = i.n
        left join claimed k on k.key = c.key
        where i.claim is null or k.key is not null
    )
"""
"""Takes the keys of the rows in `claiming`; of two rows with one key, even of one group, one is `free` to go on."""

_NEWS: Final[LiteralString] = """
    decided as (
        insert into decisions (merchant_id, id, kind, object_id, data, created_at)
        select w.merchant_id, d.id, d.kind, d.object_id, d.data, d.created_at
        from written w
        cross join lateral json_populate_record(null::decisions, w.decision) d
        where w.decision is not null
    ), dues_put as (
        insert into due (slot, merchant_id, kind, object_id, due_at, leased_until)
        select d.slot, w.merchant_id, d.kind, d.object_id, d.due_at, d.leased_until
        from written w
        cross join lateral json_populate_recordset(null::due, w.dues) d
        on conflict (merchant_id, kind, object_id)
        do update set due_at = excluded.due_at, leased_until = excluded.leased_until, tries = 0
    ), news as (
        select w.merchant_id, e.id, e.type, e.object_id, e.object_sequence, e.data, e.created_at,
            row_number() over (order by w.n, e.sequence) as step
        from written w
        cross join lateral json_populate_recordset(null::events, w.events) e
    ), stream as (
        update event_streams s
        set sequence = s.sequence + (select count(*) from news)
        where s.merchant_id = (select merchant_id from news limit 1)
        returning s.sequence
    ), told as (
        insert into events (merchant_id, sequence, id, type, object_id, object_sequence, data, created_at)
        select n.merchant_id, stream.sequence - (select count(*) from news) + n.step,
            n.id, n.type, n.object_id, n.object_sequence, n.data, n.created_at
        from news n
        cross join stream
    )
"""

OPEN: Final[LiteralString] = f"""
    with input as materialized (
        select * from json_to_recordset(%s::json) as r ({_ROW})
    ), claiming as (
        select n, merchant_id, claim from input where claim is not null
    ), {_CLAIMS}, written as materialized (
        select * from free
    ), cards as (
        insert into payment_methods (
            merchant_id, id, customer_id, type, fingerprint, brand, bin, last4, exp_month, exp_year, funding,
            issuer_country, data_key_id, ciphertext, billing, metadata, created_at, updated_at)
        select c.merchant_id, c.id, c.customer_id, c.type, c.fingerprint, c.brand, c.bin, c.last4, c.exp_month,
            c.exp_year, c.funding, c.issuer_country, c.data_key_id, c.ciphertext, c.billing, c.metadata,
            c.created_at, c.updated_at
        from written w
        cross join lateral json_populate_record(null::payment_methods, w.card) c
        where w.card is not null
    ), opened as (
        insert into payments
        select p.* from written w cross join lateral json_populate_record(null::payments, w.payment) p
    ), attempted as (
        insert into attempts
        select a.* from written w
        cross join lateral json_populate_record(null::attempts, w.attempt) a
        where w.attempt is not null
    ), {_NEWS}
    select n, true as written from written
"""  # noqa: S608 - pieces of ours

COMMIT: Final[LiteralString] = f"""
    with input as materialized (
        select distinct on (r.id) r.* from json_to_recordset(%s::json) as r ({_ROW}) order by r.id, r.n
    ), claiming as materialized (
        select i.n, i.merchant_id, i.claim
        from input i
        join payments p on p.merchant_id = i.merchant_id and p.id = i.id
        where i.claim is not null and p.version = i.expected
        order by i.id
        for update of p
    ), {_CLAIMS}, targets as materialized (
        select f.n, f.expected, r.*
        from free f
        cross join lateral json_populate_record(null::payments, f.payment) r
    ), moved as (
        update payments p
        set status = r.status, version = r.version, events_count = r.events_count,
            payment_method_id = r.payment_method_id, recovery_id = r.recovery_id,
            authorized = r.authorized, captured = r.captured, capture_pending = r.capture_pending,
            released = r.released, refunded = r.refunded, refund_pending = r.refund_pending,
            attempts_count = r.attempts_count, attempt_id = r.attempt_id,
            processor_account_id = r.processor_account_id, decline = r.decline, failure = r.failure,
            next_action = r.next_action, updated_at = r.updated_at
        from targets r
        where p.merchant_id = r.merchant_id and p.id = r.id and p.version = r.expected
        returning r.n
    ), written as materialized (
        select f.* from free f join moved m on m.n = f.n
    ), cards as (
        insert into payment_methods (
            merchant_id, id, customer_id, type, fingerprint, brand, bin, last4, exp_month, exp_year, funding,
            issuer_country, data_key_id, ciphertext, billing, metadata, created_at, updated_at)
        select c.merchant_id, c.id, c.customer_id, c.type, c.fingerprint, c.brand, c.bin, c.last4, c.exp_month,
            c.exp_year, c.funding, c.issuer_country, c.data_key_id, c.ciphertext, c.billing, c.metadata,
            c.created_at, c.updated_at
        from written w
        cross join lateral json_populate_record(null::payment_methods, w.card) c
        where w.card is not null
    ), answers as materialized (
        select w.n, r.*
        from written w
        cross join lateral json_populate_record(null::attempts, w.attempt) r
        where w.attempt is not null
    ), answered as (
        update attempts a
        set state = r.state, reference = r.reference, decline = r.decline, why = r.why, rule = r.rule,
            action_url = r.action_url, asked = r.asked, finished_at = r.finished_at, latency_ms = r.latency_ms
        from answers r
        where a.merchant_id = r.merchant_id and a.id = r.id
        returning r.n
    ), followed as (
        insert into attempts
        select r.*
        from written w
        left join answered on answered.n = w.n
        cross join lateral json_populate_record(null::attempts, w.next) r
        where w.next is not null and (w.attempt is null or answered.n is not null)
    ), operated as (
        insert into operations
        select r.* from written w cross join lateral json_populate_recordset(null::operations, w.operation) r
        on conflict (merchant_id, id) do update
        set state = excluded.state, reference = excluded.reference, failure = excluded.failure,
            why = excluded.why, asked = excluded.asked, finished_at = excluded.finished_at
    ), drops as materialized (
        select w.merchant_id, r.kind, r.object_id
        from written w
        cross join lateral json_populate_recordset(null::due, w.drops) r
    ), dues_dropped as (
        delete from due d
        using drops r
        where d.merchant_id = r.merchant_id and d.kind = r.kind and d.object_id = r.object_id
    ), records as materialized (
        select w.merchant_id, r.key, r.status, r.body
        from written w
        cross join lateral json_populate_record(null::idempotency_keys, w.answer) r
        where w.answer is not null
    ), recorded as (
        update idempotency_keys k
        set status = r.status, body = r.body
        from records r
        where k.merchant_id = r.merchant_id and k.key = r.key and k.status is null
    ), links as materialized (
        select w.merchant_id, r.id, r.network_transaction_id
        from written w
        cross join lateral json_populate_record(null::payment_methods, w.ntid) r
        where w.ntid is not null
    ), linked as (
        update payment_methods m
        set network_transaction_id = r.network_transaction_id
        from links r
        where m.merchant_id = r.merchant_id and m.id = r.id
    ), {_NEWS}
    select i.n, c.n is not null and f.n is null as taken, m.n is not null as written
    from input i
    left join claiming c on c.n = i.n
    left join free f on f.n = i.n
    left join moved m on m.n = i.n
"""  # noqa: S608 - pieces of ours

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
        select payment_id, json_agg(a order by a.number)::text as attempts
        from attempts a
        where merchant_id = %(merchant_id)s and payment_id = any(%(payment_ids)s)
        group by payment_id
        """,
        {"merchant_id": merchant_id, "payment_ids": list(payment_ids)},
    )
    return {row["payment_id"]: _attempts.decode(row["attempts"]) for row in rows}


CARD_TRIES_MAX: Final = 200
"""The most tries on one card that are read: far above what any network allows in its longest window."""


async def card_tries(
    database: Database, *, merchant_id: UUID, fingerprint: str, since: datetime
) -> tuple[CardTry, ...]:
    """Tries on one card since then, and older ones that a network ended for good, by any payment; oldest first."""
    rows = await database.fetch_all(
        """
        select a.started_at, a.amount, a.state, a.rule, p.currency
        from attempts a
        join payments p on p.merchant_id = a.merchant_id and p.id = a.payment_id
        where a.merchant_id = %(merchant_id)s and a.fingerprint = %(fingerprint)s::text::bytea
            and (a.started_at >= %(since)s or a.rule = any(%(stops)s))
        order by a.started_at desc
        limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "fingerprint": fingerprint,
            "since": since,
            "stops": sorted(STOPS),
            "limit": CARD_TRIES_MAX,
        },
    )
    return tuple(
        CardTry(
            row["started_at"], Money(row["amount"], row["currency"]), row["state"] == "declined", row["rule"]
        )
        for row in reversed(rows)
        if row["state"] != "unprocessed"
    )


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
