-- Policies of recovery as their merchants wrote them: versions of each name, added and never changed; the newest of a
-- name is in force. Experiments, and the hold-out, which is one that stands: who recovers under which policy. A recovery
-- says by which policy it goes, and, where it belongs to an experiment, what it is counted by.
create table recovery_policies (
    merchant_id uuid not null references merchants (id),
    name text not null check (length(name) between 1 and 50),
    version integer not null check (version > 0),
    format text not null check (format in ('toml', 'json')),
    source text not null check (length(source) <= 20000),
    note text check (length(note) <= 500),
    created_by text,
    created_at timestamptz not null,
    primary key (merchant_id, name, version)
)
--;
create table recovery_experiments (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    name text not null check (length(name) between 1 and 200),
    standing boolean not null,
    shares json not null,
    held_out integer not null check (held_out between 0 and 9000),
    seed text not null,
    hold_out_seed text not null,
    age_days integer not null check (age_days between 1 and 60),
    state text not null check (state in ('running', 'ended')),
    started_at timestamptz not null,
    ended_at timestamptz,
    primary key (merchant_id, id),
    check ((ended_at is not null) = (state = 'ended'))
)
--;
create unique index recovery_experiments_one_runs on recovery_experiments (merchant_id, standing) where state = 'running'
--;
alter table recoveries
    add column policy_version integer,
    add column asking boolean not null default true,
    add column experiment_id uuid,
    add column arm json,
    add column stake json,
    add column tried_after_s integer[]
--;
create index recoveries_of_experiment on recoveries (merchant_id, experiment_id, id) where experiment_id is not null
