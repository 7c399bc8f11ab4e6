-- What is true of a payment after its end. Processors name what they tell of by our key or by a name of their own, which
-- is looked up at the account that it came to. A reference comes first in its index, so that no plan made while the
-- tables are empty takes it for a way to all of a merchant's rows.
create index attempts_by_reference on attempts (reference, merchant_id, processor_account_id)
    where reference is not null
--;
create index operations_by_processor_reference on operations (reference, merchant_id) where reference is not null
--;
create index operations_by_id on operations (id, merchant_id)
--;
-- Whose money a capture, cancellation or refund is about: once an attempt can be reversed, a payment may have had more
-- than one that was approved.
alter table operations add column attempt_id uuid
--;
-- What a second source said of an attempt, capture, cancellation or refund, last: whether it confirmed what we hold
-- (`confirmed_at`), and how old the newest of its news is (`occurred_at`, in its own time), so that older news which
-- comes later changes nothing. `contradicts` says what a person should do where it was against what we hold.
create table payment_evidence (
    merchant_id uuid not null,
    payment_id uuid not null,
    object_id uuid not null,
    source text not null check (source in ('notice', 'question')),
    told text not null,
    occurred_at timestamptz,
    heard_at timestamptz not null,
    confirmed_at timestamptz,
    contradicts text,
    primary key (merchant_id, payment_id, object_id, source)
)
--;
-- What contradicts what is closed, and what a person should do about it.
create index payment_evidence_contradicts on payment_evidence (merchant_id, heard_at) where contradicts is not null
--;
-- How far a merchant's events are followed by those who read payments again after their end.
create table payment_rereads (
    merchant_id uuid primary key,
    sequence bigint not null
)
