-- What was learned from a merchant's own tries: versions of models with their cards, added and never changed. The newest
-- that is not refused is in force; one without a model says that a person switched learning off.
create table recovery_models (
    merchant_id uuid not null references merchants (id),
    version integer not null check (version > 0),
    status text not null check (status in ('taken', 'refused', 'off')),
    model json,
    card json,
    trained_at timestamptz not null,
    primary key (merchant_id, version),
    check ((model is not null) = (status = 'taken'))
)
--;
-- Who looks back at a recovery asks for its decisions. They are few beside those of routes, which this index leaves out.
create index decisions_of_recoveries on decisions (merchant_id, object_id, id) where kind = 'recovery'
