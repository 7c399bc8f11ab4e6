-- Experiments with two versions of a merchant's routing policy, and what they have brought: sums of each side and metric
-- (`approval`, or a currency for net value in thousandths of its minor unit), and of each unit that may have several
-- payments. `counted` is the place in the merchant's events up to which payments are in the sums.
create table routing_experiments (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    name text not null check (length(name) between 1 and 200),
    version_a integer not null check (version_a > 0),
    version_b integer not null check (version_b > 0),
    share integer not null check (share between 1 and 9999),
    unit text not null check (unit in ('customer', 'payment')),
    drop_max integer not null check (drop_max between 0 and 10000),
    units_min integer not null check (units_min > 0),
    margin integer not null check (margin between 0 and 10000),
    state text not null check (state in ('running', 'stopped')),
    started_at timestamptz not null,
    stopped_at timestamptz,
    reason text,
    counted bigint not null,
    primary key (merchant_id, id),
    check ((state = 'stopped') = (stopped_at is not null))
)
--;
-- A payment belongs to one experiment at most.
create unique index routing_experiments_running on routing_experiments (merchant_id) where state = 'running'
--;
create table routing_experiment_sums (
    merchant_id uuid not null,
    experiment_id uuid not null,
    side text not null check (side in ('a', 'b')),
    metric text not null,
    units bigint not null,
    payments bigint not null,
    gained numeric not null,
    nn numeric not null,
    ns numeric not null,
    ss numeric not null,
    primary key (merchant_id, experiment_id, side, metric),
    foreign key (merchant_id, experiment_id) references routing_experiments (merchant_id, id)
)
--;
create table routing_experiment_units (
    merchant_id uuid not null,
    experiment_id uuid not null,
    unit_id uuid not null,
    metric text not null,
    payments bigint not null,
    gained numeric not null,
    primary key (merchant_id, experiment_id, unit_id, metric),
    foreign key (merchant_id, experiment_id) references routing_experiments (merchant_id, id)
)
