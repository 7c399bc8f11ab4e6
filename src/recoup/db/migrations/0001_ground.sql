-- The ground: tenants, the event stream, due work, idempotency, the vault, payments and recoveries.
-- Every table of a merchant's data begins its keys with the merchant, so that rows spread over machines. The hot tables
-- (events, idempotency keys, payment methods, payments) do not reference merchants by themselves: a payment method's data
-- key does, a check of it on every row would cost a tenth of a payment, and the merchant comes from the caller's key.
create table merchants (
    id uuid primary key,
    twin_id uuid not null,
    livemode boolean not null,
    name text not null check (length(name) between 1 and 200),
    clock_offset_ms bigint not null default 0 check (clock_offset_ms >= 0),
    clock_moving_until timestamptz,
    created_at timestamptz not null,
    check (not livemode or clock_offset_ms = 0)
)
--;
create table api_keys (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    kind text not null check (kind in ('secret', 'publishable')),
    digest bytea not null check (length(digest) = 32),
    hint text not null,
    created_at timestamptz not null,
    revoked_at timestamptz,
    primary key (merchant_id, id),
    unique (merchant_id, digest)
)
--;
create table event_streams (
    merchant_id uuid primary key references merchants (id),
    sequence bigint not null default 0
)
--;
create table events (
    merchant_id uuid not null,
    sequence bigint not null,
    id uuid not null,
    type text not null,
    object_id uuid not null,
    object_sequence integer not null,
    data json not null,
    created_at timestamptz not null,
    primary key (merchant_id, sequence),
    unique (merchant_id, id),
    unique (merchant_id, object_id, object_sequence)
)
--;
create table due (
    slot smallint not null,
    merchant_id uuid not null,
    kind text not null,
    object_id uuid not null,
    due_at timestamptz not null,
    leased_until timestamptz,
    tries integer not null default 0,
    primary key (merchant_id, kind, object_id)
)
--;
create index due_by_time on due (slot, due_at)
--;
create table idempotency_keys (
    merchant_id uuid not null,
    key text not null check (length(key) between 1 and 255),
    fingerprint bytea not null,
    resource text,
    resource_id uuid,
    status smallint,
    body text,
    created_at timestamptz not null,
    primary key (merchant_id, key)
)
--;
create index idempotency_keys_by_age on idempotency_keys (created_at)
--;
create table data_keys (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    master_key_id text not null,
    wrapped bytea not null,
    created_at timestamptz not null,
    retired_at timestamptz,
    primary key (merchant_id, id)
)
--;
create table processor_accounts (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    connector text not null,
    label text not null check (length(label) between 1 and 200),
    base_url text,
    data_key_id uuid,
    credentials bytea,
    countries text[],
    currencies text[],
    brands text[],
    fees json,
    timeout_ms integer check (timeout_ms between 100 and 120000),
    position integer not null,
    enabled boolean not null,
    metadata json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    repointed_at timestamptz,
    primary key (merchant_id, id),
    foreign key (merchant_id, data_key_id) references data_keys (merchant_id, id),
    check ((data_key_id is null) = (credentials is null))
)
--;
create table customers (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    name text,
    email text,
    phone text,
    description text,
    merchant_reference text,
    country text,
    time_zone text,
    payday json,
    metadata json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    deleted_at timestamptz,
    primary key (merchant_id, id)
)
--;
create table payment_methods (
    merchant_id uuid not null,
    id uuid not null,
    customer_id uuid,
    type text not null check (type = 'card'),
    fingerprint bytea not null check (length(fingerprint) = 32),
    brand text not null,
    bin text not null check (length(bin) between 6 and 8),
    last4 text not null check (length(last4) = 4),
    exp_month smallint not null check (exp_month between 1 and 12),
    exp_year smallint not null check (exp_year between 2000 and 2999),
    funding text not null,
    issuer_country text,
    data_key_id uuid not null,
    ciphertext bytea not null,
    billing json not null,
    network_transaction_id text,
    metadata json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    detached_at timestamptz,
    primary key (merchant_id, id),
    foreign key (merchant_id, customer_id) references customers (merchant_id, id),
    foreign key (merchant_id, data_key_id) references data_keys (merchant_id, id)
)
--;
create index payment_methods_by_customer on payment_methods (merchant_id, customer_id, id) where customer_id is not null
--;
create index payment_methods_by_fingerprint on payment_methods (fingerprint, merchant_id, id)
--;
create table payments (
    merchant_id uuid not null,
    id uuid not null,
    status text not null,
    version integer not null,
    events_count integer not null,
    amount bigint not null check (amount > 0),
    currency text not null check (length(currency) = 3),
    capture text not null check (capture in ('automatic', 'manual')),
    initiator text not null check (initiator in ('customer', 'merchant')),
    customer_id uuid,
    payment_method_id uuid,
    merchant_reference text,
    return_url text,
    routing json,
    recovery_policy text,
    recovery_id uuid,
    authorized bigint not null default 0 check (authorized >= 0 and authorized <= amount),
    captured bigint not null default 0 check (captured >= 0),
    capture_pending bigint not null default 0 check (capture_pending >= 0),
    released bigint not null default 0 check (released >= 0),
    refunded bigint not null default 0 check (refunded >= 0),
    refund_pending bigint not null default 0 check (refund_pending >= 0),
    attempts_count smallint not null default 0,
    attempt_id uuid,
    processor_account_id uuid,
    decline json,
    failure text,
    next_action json,
    metadata json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (merchant_id, id),
    foreign key (merchant_id, customer_id) references customers (merchant_id, id),
    foreign key (merchant_id, payment_method_id) references payment_methods (merchant_id, id),
    check (captured + capture_pending + released <= authorized),
    check (refunded + refund_pending <= captured)
)
--;
create index payments_by_customer on payments (merchant_id, customer_id, id) where customer_id is not null
--;
create table decisions (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    kind text not null check (kind in ('route', 'recovery')),
    object_id uuid not null,
    data json not null,
    created_at timestamptz not null,
    primary key (merchant_id, id)
)
--;
create table attempts (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    payment_id uuid not null,
    number smallint not null check (number > 0),
    reason text not null check (reason in ('initial', 'failover', 'recovery', 'renewal', 'manual')),
    state text not null,
    processor_account_id uuid not null,
    payment_method_id uuid not null,
    fingerprint bytea not null,
    brand text not null,
    amount bigint not null check (amount > 0),
    reference text,
    decline json,
    why text,
    rule text,
    action_url text,
    decision_id uuid not null,
    asked integer not null default 0,
    started_at timestamptz not null,
    finished_at timestamptz,
    latency_ms integer,
    primary key (merchant_id, id),
    unique (merchant_id, payment_id, number),
    foreign key (merchant_id, payment_id) references payments (merchant_id, id),
    foreign key (merchant_id, processor_account_id) references processor_accounts (merchant_id, id)
)
--;
-- The rule behind "no double charge", kept by the database itself: of one payment, one attempt at most is open,
-- unknown or approved. No second processor can be asked while the first might still have the money.
create unique index attempts_one_may_hold_money on attempts (merchant_id, payment_id)
    where state in ('started', 'pending', 'requires_action', 'unknown', 'approved')
--;
-- The fingerprint comes first, so that no plan made while the tables are empty takes this for a way to a merchant's rows.
create index attempts_by_fingerprint on attempts (fingerprint, merchant_id, started_at)
--;
create table operations (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    payment_id uuid not null,
    kind text not null check (kind in ('capture', 'cancel', 'refund')),
    state text not null,
    amount bigint not null check (amount > 0),
    currency text not null,
    final boolean not null default false,
    reason text,
    reference text,
    failure json,
    why text,
    asked integer not null default 0,
    metadata json not null,
    created_at timestamptz not null,
    finished_at timestamptz,
    primary key (merchant_id, id),
    foreign key (merchant_id, payment_id) references payments (merchant_id, id)
)
--;
create index operations_by_payment on operations (merchant_id, payment_id, id)
--;
create index operations_refunds on operations (merchant_id, id) where kind = 'refund'
--;
-- A capture and a cancellation may not be under way at once: each decides over the same held money.
create unique index operations_one_at_a_time on operations (merchant_id, payment_id)
    where kind in ('capture', 'cancel') and state in ('started', 'pending', 'unknown')
--;
create table recoveries (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    payment_id uuid not null,
    status text not null,
    version integer not null,
    events_count integer not null,
    policy text not null,
    opened_at timestamptz not null,
    deadline timestamptz not null,
    tries_made integer not null,
    tries_max integer not null,
    next_at timestamptz,
    plan json,
    decision_id uuid,
    end_reason text,
    ended_at timestamptz,
    updated_at timestamptz not null,
    primary key (merchant_id, id),
    unique (merchant_id, payment_id),
    foreign key (merchant_id, payment_id) references payments (merchant_id, id)
)
