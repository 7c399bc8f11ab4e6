-- What is done about subscriptions that fall behind, by name. `data` is the whole record. One of a merchant's policies at
-- most is the default; where none is, what is built in holds.
create table dunning_policies (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    is_default boolean not null,
    version integer not null check (version > 0),
    data json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (merchant_id, id)
)
--;
create unique index dunning_policies_one_default on dunning_policies (merchant_id) where is_default
