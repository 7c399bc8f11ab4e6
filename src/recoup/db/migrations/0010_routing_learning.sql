-- What was learned of approvals: one row for each effect (see `recoup/routing/core/effects.py`), under a hash of its
-- level, value and account. `learned_at` is in the merchant's own time. `version` is the place in the merchant's event
-- stream up to which it was learned, by which other processes find what is new.
create table routing_cells (
    merchant_id uuid not null references merchants (id),
    key bigint not null,
    mean double precision not null,
    variance double precision not null check (variance >= 0),
    learned_at timestamptz not null,
    version bigint not null,
    primary key (merchant_id, key)
)
--;
create index routing_cells_by_version on routing_cells (merchant_id, version, key)
--;
create index routing_cells_by_age on routing_cells (merchant_id, learned_at)
--;
-- How far each merchant's stream was learned. The lease, in the machine's time, keeps two processes from doing the same
-- work; that nothing is learned twice is the sequence's doing, which moves on in the transaction that writes the cells.
create table routing_learned (
    merchant_id uuid primary key references merchants (id),
    sequence bigint not null default 0,
    leased_until timestamptz
)
--;
-- What each attempt was learned as, so that it is learned once, and corrected where its outcome changes.
create table routing_observations (
    merchant_id uuid not null references merchants (id),
    attempt_id uuid not null,
    told text not null check (told in ('approved', 'route', 'cardholder', 'nothing')),
    learned_at timestamptz not null,
    primary key (merchant_id, attempt_id)
)
--;
create index routing_observations_by_age on routing_observations (merchant_id, learned_at)
