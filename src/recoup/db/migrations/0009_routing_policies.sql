-- Merchants' routing policies: versions that are never changed, each as it was written, with what its names stood for;
-- and which version was put in force when. The newest activation is the one that holds.
create table routing_policies (
    merchant_id uuid not null references merchants (id),
    version integer not null check (version > 0),
    format text not null check (format in ('toml', 'json')),
    source text not null,
    names json not null,
    note text,
    created_by text,
    created_at timestamptz not null,
    primary key (merchant_id, version)
)
--;
create table routing_policy_activations (
    merchant_id uuid not null references merchants (id),
    sequence integer not null check (sequence > 0),
    version integer not null,
    activated_by text,
    activated_at timestamptz not null,
    primary key (merchant_id, sequence),
    foreign key (merchant_id, version) references routing_policies (merchant_id, version)
)
