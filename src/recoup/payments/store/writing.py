"""SQL that writes payments: two statements write everything, each one round trip and one transaction.

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
materialized list, because only then is the whole key looked up in the index; `tests/payments` reads the plans. While
the tables are empty any index that begins with the merchant looks as good, so an attempt is looked up by both its keys;
and what is dropped from `due`, all of one kind, is an array: that table is nearly empty always, and a join with it
would walk its whole index. And rows of a group are told apart by arrays of their numbers, never by a join: the rows are
wide, and reading all of them again for each of them was once most of the cost.
"""

from __future__ import annotations

from typing import Final, LiteralString

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
    ), blocked as materialized (
        select i.n from claiming i where not i.n = any(array(
            select c.n from claims c join claimed k on k.key = c.key))
    )
"""
"""Takes the keys of the rows in `claiming`; of two rows with one key, even of one group, all but one are `blocked`."""

_CARD: Final[LiteralString] = """
    cards as (
        insert into payment_methods (
            merchant_id, id, customer_id, type, fingerprint, brand, bin, last4, exp_month, exp_year, funding,
            issuer_country, data_key_id, ciphertext, billing, metadata, created_at, updated_at)
        select c.merchant_id, c.id, c.customer_id, c.type, c.fingerprint, c.brand, c.bin, c.last4, c.exp_month,
            c.exp_year, c.funding, c.issuer_country, c.data_key_id, c.ciphertext, c.billing, c.metadata,
            c.created_at, c.updated_at
        from written w
        cross join lateral json_populate_record(null::payment_methods, w.card) c
        where w.card is not null
    )
"""

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
        select * from input i where not i.n = any(array(select n from blocked))
    ), {_CARD}, opened as (
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
        select i.n, i.expected, r.*
        from input i
        cross join lateral json_populate_record(null::payments, i.payment) r
        where i.claim is null
            or i.n = any(array(select n from claiming)) and not i.n = any(array(select n from blocked))
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
        select i.* from input i where i.n = any(array(select n from moved))
    ), {_CARD}, answers as materialized (
        select w.n, r.*
        from written w
        cross join lateral json_populate_record(null::attempts, w.attempt) r
        where w.attempt is not null
    ), answered as (
        update attempts a
        set state = r.state, reference = r.reference, decline = r.decline, why = r.why, rule = r.rule,
            action_url = r.action_url, asked = r.asked, finished_at = r.finished_at, latency_ms = r.latency_ms
        from answers r
        where a.merchant_id = r.merchant_id and a.id = r.id and a.payment_id = r.payment_id and a.number = r.number
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
        where d.merchant_id = (select merchant_id from drops limit 1)
            and d.kind = any(array(select kind from drops)) and d.object_id = any(array(select object_id from drops))
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
    select i.n, i.n = any(array(select n from blocked)) as taken, i.n = any(array(select n from moved)) as written
    from input i
"""  # noqa: S608 - pieces of ours
