-- Whether accounts are degraded: one row for each breaker that ever opened, shared by all processes. `scope` is '*' for
-- the whole account, or an issuer country. `since` is in the merchant's own time; `changed_at` is the wall clock's, by
-- which other processes find what is new.
create table routing_health (
    merchant_id uuid not null references merchants (id),
    processor_account_id uuid not null,
    scope text not null check (length(scope) between 1 and 2),
    health text not null check (health in ('good', 'degraded')),
    since timestamptz not null,
    why text not null,
    evidence json not null,
    version bigint not null check (version > 0),
    changed_at timestamptz not null,
    primary key (merchant_id, processor_account_id, scope),
    foreign key (merchant_id, processor_account_id) references processor_accounts (merchant_id, id)
)
--;
create index routing_health_changed on routing_health (changed_at)
--;
create index routing_health_degraded on routing_health (merchant_id, processor_account_id, scope)
    where health = 'degraded'
