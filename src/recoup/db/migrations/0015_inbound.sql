-- What processors tell unasked: a row for each delivery, written before it is read. `delivery_id` is the processor's name
-- for it; where that comes again with other bytes (`digest`), it is kept beside. `sealed` is what came, headers and
-- body, under the tenant's data key. `result` is null until it is read; `told` is what came of each of its notices.
create table inbound (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    account_id uuid not null,
    delivery_id text not null check (length(delivery_id) between 1 and 300),
    digest bytea not null,
    verified boolean not null,
    data_key_id uuid not null,
    sealed bytea not null,
    received_at timestamptz not null,
    result text,
    told json,
    tries integer not null default 0 check (tries >= 0),
    read_at timestamptz,
    primary key (merchant_id, id),
    unique (merchant_id, account_id, delivery_id, digest),
    check ((result is null) = (read_at is null))
)
--;
-- What a person looks for: it is rare among what was simply applied, or known already.
create index inbound_to_see on inbound (merchant_id, result, id) where result not in ('applied', 'known')
--;
create index inbound_by_age on inbound (received_at)
--;
-- An address names an account and no merchant.
create index processor_accounts_by_id on processor_accounts (id)
