-- The rows of one payment that one attempt settles, written by pgbench: two transactions, two round trips each beside
-- begin and commit, and nothing else. Variables are given with -D; run with -M prepared.
begin;
with ids as materialized (
    select uuidv7() as payment, uuidv7() as method
), claim as (
    insert into idempotency_keys (merchant_id, key, fingerprint, resource, resource_id, created_at)
    select cast(:merchant as uuid), payment::text, decode(repeat('ef', 32), 'hex'), 'payment', payment, now() from ids
), new_method as (
    insert into payment_methods (merchant_id, id, type, fingerprint, brand, bin, last4, exp_month, exp_year, funding,
        issuer_country, data_key_id, ciphertext, billing, metadata, created_at, updated_at)
    select cast(:merchant as uuid), method, 'card', decode(repeat('ab', 32), 'hex'), 'visa', '42424242', '4242', 12, 2030,
        'credit', 'US', cast(:data_key as uuid), decode(repeat('cd', 44), 'hex'), '{"name":"Jane Doe"}', '{}', now(), now()
    from ids
), new_payment as (
    insert into payments (merchant_id, id, status, version, events_count, amount, currency, capture, initiator,
        payment_method_id, attempts_count, metadata, created_at, updated_at)
    select cast(:merchant as uuid), payment, 'processing', 2, 1, 4999, 'USD', 'automatic', 'customer', method, 1, '{}',
        now(), now()
    from ids
), new_attempt as (
    insert into attempts (merchant_id, id, payment_id, number, reason, state, processor_account_id, payment_method_id,
        fingerprint, brand, amount, decision_id, started_at)
    select cast(:merchant as uuid), payment, payment, 1, 'initial', 'started', cast(:account as uuid), method,
        decode(repeat('ab', 32), 'hex'), 'visa', 4999, payment, now()
    from ids
), new_decision as (
    insert into decisions (merchant_id, id, kind, object_id, data, created_at)
    select cast(:merchant as uuid), uuidv7(), 'route', payment, cast(:decision as json), now() from ids
), new_due as (
    insert into due (slot, merchant_id, kind, object_id, due_at)
    select 1, cast(:merchant as uuid), 'payment.settle', payment, now() + interval '40 seconds' from ids
)
select payment, method from ids \gset
with stream as (
    update event_streams set sequence = sequence + 2 where merchant_id = cast(:merchant as uuid) returning sequence
)
insert into events (merchant_id, sequence, id, type, object_id, object_sequence, data, created_at)
select cast(:merchant as uuid), stream.sequence - place, uuidv7(), 'payment.created',
    case place when 0 then cast(:payment as uuid) else cast(:method as uuid) end, 1, cast(:object as json), now()
from stream, generate_series(0, 1) as place;
commit;
begin;
with paid as (
    update payments set status = 'captured', version = 3, events_count = 2, authorized = 4999, captured = 4999,
        updated_at = now()
    where merchant_id = cast(:merchant as uuid) and id = cast(:payment as uuid)
), answered as (
    update attempts set state = 'approved', reference = 'ch', finished_at = now(), latency_ms = 1
    where merchant_id = cast(:merchant as uuid) and id = cast(:payment as uuid)
), dropped as (
    delete from due
    where merchant_id = cast(:merchant as uuid) and kind = 'payment.settle' and object_id = cast(:payment as uuid)
), linked as (
    update payment_methods set network_transaction_id = 'ntid'
    where merchant_id = cast(:merchant as uuid) and id = cast(:method as uuid)
)
update idempotency_keys set status = 201, body = cast(:object as text)
where merchant_id = cast(:merchant as uuid) and key = :payment;
with stream as (
    update event_streams set sequence = sequence + 1 where merchant_id = cast(:merchant as uuid) returning sequence
)
insert into events (merchant_id, sequence, id, type, object_id, object_sequence, data, created_at)
select cast(:merchant as uuid), stream.sequence, uuidv7(), 'payment.captured', cast(:payment as uuid), 2,
    cast(:object as json), now()
from stream;
commit;
