-- The simulated world of test mode. It keeps what happened, so that it outlives its server; who lives in a world, and
-- all of its luck, follows from the seed. A world has the id of the tenant that it belongs to, every key begins with it,
-- and its times are its own (the clock's, moved on by the offset). Of cards there are keyed digests only.
create schema sandbox
--;
create table sandbox.worlds (
    world_id uuid primary key,
    seed bigint not null check (seed >= 0),
    -- A new world in place of this one is the next epoch: what was charged before stays found by its key.
    epoch integer not null check (epoch > 0),
    -- The year from which the expiry dates of cards are counted.
    born smallint not null,
    key_digest bytea not null check (length(key_digest) = 32),
    clock_offset_ms bigint not null check (clock_offset_ms >= 0),
    created_at timestamptz not null
)
--;
create table sandbox.operations (
    world_id uuid not null references sandbox.worlds (world_id),
    processor text not null,
    key text not null check (length(key) between 1 and 255),
    epoch integer not null,
    kind text not null check (kind in ('charge', 'capture', 'cancellation', 'refund', 'withdrawal')),
    state text not null check (state in (
        'approved', 'declined', 'pending', 'requires_action', 'done', 'refused', 'failed', 'withdrawn')),
    -- From `due_at` on, the state is `due_state`: nothing runs to bring it about.
    due_at timestamptz,
    due_state text check (due_state in ('approved', 'declined', 'done', 'failed')),
    reference text not null,
    fingerprint bytea check (length(fingerprint) = 32),
    status smallint,
    answer text,
    charge_key text,
    charge_reference text,
    order_key text,
    merchant_reference text,
    amount bigint check (amount > 0),
    currency text,
    capture boolean,
    by_merchant boolean,
    card text,
    brand text,
    country text,
    account text,
    held bigint,
    exp_month smallint,
    exp_year smallint,
    cvc_given boolean,
    postal_code_given boolean,
    return_url text,
    decline_code text,
    network_code text,
    advice_code text,
    message text,
    cvc_check text,
    postal_code_check text,
    address_check text,
    network_transaction_id text,
    created_at timestamptz not null,
    primary key (world_id, processor, key),
    foreign key (world_id, processor, charge_key) references sandbox.operations (world_id, processor, key),
    check ((due_at is null) = (due_state is null)),
    check ((kind = 'withdrawal') = (fingerprint is null)),
    check ((kind = 'withdrawal') = (amount is null)),
    check ((kind = 'charge') = (order_key is not null)),
    check ((kind in ('capture', 'cancellation', 'refund')) = (charge_key is not null))
)
--;
create unique index operations_by_reference on sandbox.operations (world_id, processor, reference)
--;
create index operations_by_charge on sandbox.operations (world_id, processor, charge_key) where charge_key is not null
--;
create index operations_by_order on sandbox.operations (world_id, order_key) where order_key is not null
--;
create table sandbox.accounts (
    world_id uuid not null references sandbox.worlds (world_id),
    epoch integer not null,
    account text not null,
    generation smallint not null default 0,
    state text not null default 'active' check (state in ('active', 'lost', 'stolen', 'expired', 'closed')),
    balance bigint,
    balance_at timestamptz,
    payday_anchor date,
    payday_since timestamptz,
    set_up boolean not null default false,
    day text not null default '',
    day_payments integer not null default 0,
    primary key (world_id, epoch, account),
    check ((balance is null) = (balance_at is null)),
    check ((payday_anchor is null) = (payday_since is null))
)
--;
create table sandbox.faults (
    world_id uuid not null references sandbox.worlds (world_id),
    id uuid not null,
    epoch integer not null,
    kind text not null,
    processor text,
    verb text,
    times_left integer check (times_left >= 0),
    until timestamptz,
    delay_s integer not null check (delay_s >= 0),
    last4 text,
    merchant_reference text,
    decline_code text,
    network_code text,
    advice_code text,
    created_at timestamptz not null,
    primary key (world_id, id)
)
