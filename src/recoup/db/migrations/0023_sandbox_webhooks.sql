-- The simulated processors tell what happens by webhooks, and charges there can be disputed.
-- How much a world's processors tell, and what of it gets lost, doubled or late. Null: no more than disputes.
alter table sandbox.worlds add column webhooks jsonb
--;
-- What is still to be told; a row goes when it was taken, or was not for days. When, is in the row's due row.
create table sandbox.news (
    world_id uuid not null references sandbox.worlds (world_id),
    id uuid not null,
    processor text not null,
    -- The processor's name for it: the same when it is told twice.
    event text not null,
    -- The reference of what it is about, and the key of the charge behind that.
    about text not null,
    charge_key text not null,
    occurred_at timestamptz not null,
    due_at timestamptz not null,
    body text not null,
    tries integer not null default 0 check (tries >= 0),
    primary key (world_id, id)
)
--;
create index news_by_subject on sandbox.news (world_id, about)
--;
-- Disputes. Where one stands follows from its times and the world's: nothing runs to bring it about.
create table sandbox.disputes (
    world_id uuid not null references sandbox.worlds (world_id),
    processor text not null,
    reference text not null,
    epoch integer not null,
    charge_key text not null,
    charge_reference text not null,
    order_key text not null,
    kind text not null check (kind in ('warning', 'inquiry', 'chargeback')),
    reason text not null,
    network text not null,
    amount bigint not null check (amount > 0),
    currency text not null,
    fee bigint not null check (fee >= 0),
    opens_at timestamptz not null,
    evidence_due_at timestamptz,
    -- How it ends, and when, unless its merchant's answer decides.
    verdict text check (verdict in ('won', 'lost', 'reversed')),
    verdict_at timestamptz,
    -- What its merchant answered, once: the key it came with, and what the processor replied.
    answer text check (answer in ('evidence', 'acceptance')),
    answer_key text check (length(answer_key) between 1 and 255),
    answered_at timestamptz,
    fingerprint bytea check (length(fingerprint) = 32),
    reply text,
    created_at timestamptz not null,
    primary key (world_id, processor, reference),
    foreign key (world_id, processor, charge_key) references sandbox.operations (world_id, processor, key),
    check ((verdict is null) = (verdict_at is null)),
    check ((answer is null) = (answered_at is null)),
    check ((answer is null) = (answer_key is null)),
    check ((answer is null) = (fingerprint is null)),
    check ((answer is null) = (reply is null))
)
--;
create index disputes_by_charge on sandbox.disputes (world_id, processor, charge_key)
