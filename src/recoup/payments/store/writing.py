"""SQL that writes payments: one statement writes everything, in one round trip and one transaction.

`WRITE` takes many rows of one merchant at once (see `recoup.db.grouped`). A row without `expected` opens a payment,
with all that belongs to its first transaction (idempotency claim, new card, attempt, decision, events, due row). Any
other row is a planned step, written onto the version it was planned from; where the payment has moved on meanwhile it
writes nothing, not even the claim, and the flow plans again from fresh facts. Both kinds go together, because a
merchant's events are numbered without gap: whoever writes one holds the stream's row until its commit is on disk, so
that two statements beside each other would only wait for each other's flush.

The statement writes rows that belong to earlier subjects (events, due work, idempotency, the vault): a step and its
news must be one transaction, and one statement is one round trip.

One payment is written once in a group: of two steps planned from the same version one is written, the other is stale.
A claim is taken only with a step that fits, under the payment's lock.

Order matters in three places. A card that is stopped is held before anything else is: what nobody reads is done last,
when the events are held, and another process counts in the other order (so `targets` reads `stopped`). An attempt
that closes is updated before its successor is inserted (the insert reads the update's result), or the rule "one
attempt may hold money" would refuse the pair. And the event stream's row is locked last,
since all payments of a merchant share it. What is looked up by a key is first read out of the JSON into a
materialized list, because only then is the whole key looked up in the index; `tests/payments` reads the plans. While
the tables are empty any index that begins with the merchant looks as good, so an attempt is looked up by both its
keys; and what is dropped from `due` is looked up row by row: that table is nearly empty always, and a join with it,
or on PostgreSQL 15 and 16 an array of keys, would walk all that the merchant has there. And rows of a group are told
apart by arrays of their numbers, never by a join: the rows are wide, and reading all of them again for each of them
was once most of the cost. Reading JSON is most of what is left, so a row says what it has and leaves out the rest,
what is one value is a column of its own, and the payment as the API shows it, which is its event's data and the
recorded answer too, is there once (`shown`).

Every attempt is counted with its card (`card_tries`) by the statement that starts it, and that comes first: where the
card's tries must be looked at before (see `recoup.payments.flow.counting`), the whole row writes nothing, and reads as
`barred`. Whoever counts holds the card's row until the commit is on disk, so that two payments of one card with one try
left cannot both have it. A try that is counted and then not written, because its claim was taken or its payment moved
on, names an attempt that is not there, which the next look leaves out.

Payments that bring a processor's token have a statement of their own (`…_WITH_TOKENS`), so that the others do not pay
for it.
"""

from __future__ import annotations

from typing import Final, LiteralString

_ROW: Final[LiteralString] = """
    n integer, merchant_id uuid, id uuid, expected integer, at timestamptz,
    claim_key text, claim_fingerprint bytea, claim_resource text, claim_resource_id uuid, claim_status smallint,
    claim_body text, claim_at timestamptz, answer_key text, answer_status smallint, answer_body text,
    decision_id uuid, decision json, ntid_of uuid, ntid text, drops text, shown text,
    budget json, card json, payment json, attempt json, next json, operations json, events json, dues json
"""

_COUNT: Final[LiteralString] = """
    stops as materialized (
        select distinct g.merchant_id, s.card::bytea as card
        from given g
        cross join lateral json_array_elements_text(g.budget -> 'stops') as s (card)
        where g.budget is not null
    ), stopped as (
        update card_tries k
        set stopped = true, version = k.version + 1
        from stops s
        where k.merchant_id = s.merchant_id and k.card = s.card
        returning k.card
    ), counting as materialized (
        select g.n, g.merchant_id, c.*, row_number() over cards as place,
            first_value(c.seen) over cards is not null as looked
        from given g
        cross join lateral json_to_record(g.budget) as c (
            card bytea, room smallint, try uuid, seen integer, kept uuid[], stopped boolean)
        where g.budget is not null and c.card is not null and not c.card = any(array(select card from stops))
        window cards as (partition by c.card order by c.seen is null, g.n)
    ), chosen as materialized (
        select * from counting where case when looked then place = 1 else place <= room end
    ), counted as (
        insert into card_tries as k (merchant_id, card, version, room, stopped, tries)
        select merchant_id, card, coalesce(max(seen), 0) + 1, min(room), coalesce(bool_or(stopped), false),
            coalesce(min(kept), '{}') || array_agg(try order by n)
        from chosen
        group by merchant_id, card
        order by card
        on conflict (merchant_id, card) do update
        set version = k.version + 1, room = excluded.room,
            stopped = case when k.version = excluded.version - 1 then excluded.stopped else k.stopped end,
            tries = case when k.version = excluded.version - 1 then excluded.tries else k.tries || excluded.tries end
        where k.version = excluded.version - 1
            or excluded.version = 1 and not k.stopped
                and cardinality(k.tries) + cardinality(excluded.tries) <= excluded.room
        returning card
    ), barred as materialized (
        select g.n from given g
        where (g.budget ->> 'card') is not null
            and not g.n = any(array(select n from chosen where card = any(array(select card from counted))))
    )
"""
"""Counts the tries: of one card several that need no look, or one that comes with one. What stops a card in this group
is looked at first by what comes after."""

_CLAIMS: Final[LiteralString] = """
    locked as materialized (
        select i.n
        from input i
        join payments p on p.merchant_id = i.merchant_id and p.id = i.id
        where i.claim_key is not null and p.version = i.expected
        order by i.id
        for update of p
    ), claims as materialized (
        select distinct on (i.claim_key) i.n, i.merchant_id, i.claim_key, i.claim_fingerprint, i.claim_resource,
            i.claim_resource_id, i.claim_status, i.claim_body, i.claim_at
        from input i
        where i.claim_key is not null and (i.expected is null or i.n = any(array(select n from locked)))
        order by i.claim_key, i.n
    ), claimed as (
        insert into idempotency_keys (
            merchant_id, key, fingerprint, resource, resource_id, status, body, created_at)
        select merchant_id, claim_key, claim_fingerprint, claim_resource, claim_resource_id, claim_status, claim_body,
            claim_at
        from claims
        on conflict (merchant_id, key) do nothing
        returning key
    ), granted as materialized (
        select n from claims where claim_key = any(array(select key from claimed))
    ), blocked as materialized (
        select i.n
        from input i
        where i.claim_key is not null and not i.n = any(array(select n from granted))
            and (i.expected is null or i.n = any(array(select n from locked)))
    )
"""
"""Takes the keys of the rows that fit; of two rows with one key, even of one group, all but one are `blocked`."""

_CARD: Final[LiteralString] = """
    cards as (
        insert into payment_methods (
            merchant_id, id, customer_id, type, fingerprint, brand, bin, last4, exp_month, exp_year, funding,
            issuer_country, data_key_id, ciphertext, billing, metadata, created_at, updated_at,
            network_transaction_id)
        select c.merchant_id, c.id, c.customer_id, c.type, c.fingerprint, c.brand, c.bin, c.last4, c.exp_month,
            c.exp_year, c.funding, c.issuer_country, c.data_key_id, c.ciphertext, c.billing, c.metadata,
            c.created_at, c.updated_at, c.network_transaction_id
        from written w
        cross join lateral json_populate_record(null::payment_methods, w.card) c
        where w.card is not null
    )
"""

_STEP: Final[LiteralString] = """
    opened as (
        insert into payments
        select p.*
        from input i
        cross join lateral json_populate_record(null::payments, i.payment) p
        where i.expected is null and not i.n = any(array(select n from blocked))
    ), targets as materialized (
        select i.n, i.merchant_id, i.id, i.expected, r.*
        from input i
        cross join lateral json_to_record(i.payment) as r (
            status text, version integer, events_count integer, payment_method_id uuid, recovery_id uuid,
            authorized bigint, captured bigint, capture_pending bigint, released bigint, refunded bigint,
            refund_pending bigint, attempts_count smallint, attempt_id uuid, processor_account_id uuid, decline json,
            failure text, next_action json, updated_at timestamptz)
        where i.expected is not null
            and (i.claim_key is null or i.n = any(array(select n from granted)))
            and (select count(*) from stopped) is not null
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
        select i.*
        from input i
        where i.expected is null and not i.n = any(array(select n from blocked))
            or i.n = any(array(select n from moved))
    )
"""

_ATTEMPTS: Final[LiteralString] = """
    answers as materialized (
        select w.n, w.merchant_id, w.id as payment_id, r.*
        from written w
        cross join lateral json_to_record(w.attempt) as r (
            id uuid, number smallint, state text, reference text, decline json, why text, rule text, action_url text,
            action json, asked integer, finished_at timestamptz, latency_ms integer)
        where w.attempt is not null
    ), answered as (
        update attempts a
        set state = r.state, reference = r.reference, decline = r.decline, why = r.why, rule = r.rule,
            action_url = r.action_url, action = r.action, asked = r.asked, finished_at = r.finished_at,
            latency_ms = r.latency_ms, returned = case when r.finished_at is null then a.returned end
        from answers r
        where a.merchant_id = r.merchant_id and a.id = r.id and a.payment_id = r.payment_id and a.number = r.number
        returning r.n
    ), followed as (
        insert into attempts
        select r.*
        from written w
        cross join lateral json_populate_record(null::attempts, w.next) r
        where w.next is not null and (w.attempt is null or w.n = any(array(select n from answered)))
    ), operated as (
        insert into operations
        select r.*
        from written w
        cross join lateral json_populate_recordset(null::operations, w.operations) r
        where w.operations is not null
        on conflict (merchant_id, id) do update
        set state = excluded.state, reference = excluded.reference, failure = excluded.failure,
            why = excluded.why, asked = excluded.asked, finished_at = excluded.finished_at
    )
"""

_BESIDE: Final[LiteralString] = """
    dues_dropped as (
        delete from due d
        where d.ctid = any(array(
            select x.place from written w
            cross join lateral (
                select k.ctid as place from due k
                where k.merchant_id = w.merchant_id and k.kind = w.drops and k.object_id = w.id
                limit 1
            ) x
            where w.drops is not null))
    ), recorded as (
        update idempotency_keys k
        set status = r.answer_status, body = r.answer_body
        from records r
        where k.merchant_id = r.merchant_id and k.key = r.answer_key and k.status is null
    ), links as materialized (
        select merchant_id, ntid_of, ntid from written where ntid is not null
    ), linked as (
        update payment_methods m
        set network_transaction_id = r.ntid
        from links r
        where m.merchant_id = r.merchant_id and m.id = r.ntid_of
    ), decided as (
        insert into decisions (merchant_id, id, kind, object_id, data, created_at)
        select merchant_id, decision_id, 'route', id, decision, at from written where decision_id is not null
    ), dues_put as (
        insert into due (slot, merchant_id, kind, object_id, due_at, leased_until)
        select d.slot, w.merchant_id, d.kind, w.id, d.due_at, d.leased_until
        from written w
        cross join lateral json_to_recordset(w.dues) as d (
            slot smallint, kind text, due_at timestamptz, leased_until timestamptz)
        where w.dues is not null
        on conflict (merchant_id, kind, object_id)
        do update set due_at = excluded.due_at, leased_until = excluded.leased_until, tries = 0
    )
"""

_NEWS: Final[LiteralString] = """
    news as materialized (
        select w.merchant_id, e.id, e.type, e.object_id, e.object_sequence,
            coalesce(e.data, w.shown::json) as data, w.at,
            row_number() over (order by w.n, e.sequence) as step
        from written w
        cross join lateral json_to_recordset(w.events) as e (
            id uuid, sequence integer, type text, object_id uuid, object_sequence integer, data json)
        where w.events is not null
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
"""

WRITE: Final[LiteralString] = f"""
    with given as materialized (
        select distinct on (r.id) r.* from json_to_recordset(%s::json) as r ({_ROW}) order by r.id, r.n
    ), {_COUNT}, input as not materialized (
        select * from given where not n = any(array(select n from barred))
    ), {_CLAIMS}, {_STEP}, {_CARD}, {_ATTEMPTS}, records as materialized (
        select merchant_id, answer_key, answer_status, coalesce(answer_body, shown) as answer_body
        from written where answer_key is not null
    ), {_BESIDE}, {_NEWS}
    select g.n, g.n = any(array(select n from blocked)) as taken, g.n = any(array(select n from written)) as written,
        g.n = any(array(select n from barred)) as barred
    from given g
"""  # noqa: S608 - pieces of ours

_TOKENS: Final[LiteralString] = """
    tokens_put as (
        insert into processor_tokens (
            merchant_id, payment_method_id, processor_account_id, data_key_id, ciphertext, remembered, created_at,
            digest)
        select distinct on (t.payment_method_id, t.processor_account_id) w.merchant_id, t.payment_method_id,
            t.processor_account_id, t.data_key_id, t.ciphertext, t.remembered, t.created_at, t.digest
        from written w
        cross join lateral json_populate_recordset(null::processor_tokens, w.tokens) t
        order by t.payment_method_id, t.processor_account_id, w.n desc
        on conflict (merchant_id, payment_method_id, processor_account_id) do update
        set data_key_id = excluded.data_key_id, ciphertext = excluded.ciphertext, remembered = excluded.remembered,
            created_at = excluded.created_at, digest = excluded.digest
    ),
"""


def _with_tokens(statement: LiteralString) -> LiteralString:
    """The same statement for payments that bring tokens."""
    return statement.replace(_ROW, f"{_ROW.rstrip()}, tokens json\n").replace(_NEWS, f"{_TOKENS}{_NEWS}")


WRITE_WITH_TOKENS: Final[LiteralString] = _with_tokens(WRITE)
