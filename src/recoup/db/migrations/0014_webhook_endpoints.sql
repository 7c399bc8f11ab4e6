-- Where merchants hear of events. An endpoint follows its merchant's events by itself: `sequence` is the place up to which
-- events have become deliveries, so one that was disabled goes on where it was. Its signing secrets are sealed together.
create table webhook_endpoints (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    url text not null check (length(url) between 1 and 2000),
    description text not null check (length(description) <= 500),
    filters text[] not null check (cardinality(filters) between 1 and 100),
    metadata jsonb not null,
    state text not null check (state in ('enabled', 'disabled', 'deleted')),
    disabled_reason text,
    disabled_at timestamptz,
    failing_since timestamptz,
    sequence bigint not null check (sequence >= 0),
    data_key_id uuid not null,
    secrets bytea not null,
    version integer not null check (version > 0),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (merchant_id, id)
)
--;
-- The sender looks at every endpoint that is enabled, whosever it is, several times a second.
create index webhook_endpoints_enabled on webhook_endpoints (merchant_id, sequence) where state = 'enabled'
--;
-- One event for one endpoint, however often it takes or is asked for again. Endpoints are never erased, and whoever writes
-- here holds theirs, so neither this table nor the lanes check it again, row by row.
create table webhook_deliveries (
    merchant_id uuid not null,
    endpoint_id uuid not null,
    sequence bigint not null,
    id uuid not null,
    event_id uuid not null,
    event_type text not null,
    object_id uuid not null,
    status text not null check (status in ('pending', 'delivered', 'parked')),
    attempts integer not null default 0 check (attempts >= 0),
    created_at timestamptz not null,
    finished_at timestamptz,
    primary key (merchant_id, endpoint_id, sequence),
    unique (merchant_id, id),
    check ((status = 'pending') = (finished_at is null))
)
--;
-- What is next for an object at an endpoint.
create index webhook_deliveries_next on webhook_deliveries (merchant_id, endpoint_id, object_id, sequence)
    where status = 'pending'
--;
create index webhook_deliveries_parked on webhook_deliveries (merchant_id, endpoint_id, sequence)
    where status = 'parked'
--;
create index webhook_deliveries_finished on webhook_deliveries (finished_at) where finished_at is not null
--;
-- The pending deliveries of one object to one endpoint, which leave one after the other. `due_at` is also the lease of the
-- sender that has claimed the first of them; `tries` and `trying_since` are that one's.
create table webhook_lanes (
    merchant_id uuid not null,
    endpoint_id uuid not null,
    object_id uuid not null,
    due_at timestamptz not null,
    queued integer not null check (queued >= 0),
    tries integer not null default 0 check (tries >= 0),
    trying_since timestamptz,
    opened_at timestamptz not null,
    primary key (merchant_id, endpoint_id, object_id)
)
--;
create index webhook_lanes_due on webhook_lanes (merchant_id, endpoint_id, due_at)
--;
-- Every request that was made, and the beginning of what came back.
create table webhook_attempts (
    merchant_id uuid not null,
    delivery_id uuid not null,
    number integer not null check (number > 0),
    at timestamptz not null,
    latency_ms integer not null check (latency_ms >= 0),
    http_status integer,
    reply text,
    error text,
    primary key (merchant_id, delivery_id, number)
)
