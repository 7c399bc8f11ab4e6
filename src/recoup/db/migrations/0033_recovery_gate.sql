-- What holds tries of recoveries: switches that a person sets and lifts, and where a merchant is asked before each try.
create table kill_switches (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    scope text not null check (scope in ('merchant', 'processor_account', 'decline_code')),
    account_id uuid,
    code text check (length(code) <= 100),
    reason text not null check (length(reason) <= 300),
    set_at timestamptz not null,
    lifted_at timestamptz,
    primary key (merchant_id, id),
    foreign key (merchant_id, account_id) references processor_accounts (merchant_id, id),
    check ((account_id is not null) = (scope = 'processor_account')),
    check ((code is not null) = (scope = 'decline_code'))
)
--;
create index kill_switches_on on kill_switches (merchant_id, id) where lifted_at is null
--;
create table recovery_checks (
    merchant_id uuid primary key references merchants (id),
    id uuid not null,
    url text not null check (length(url) <= 2048),
    timeout_ms integer not null check (timeout_ms between 100 and 10000),
    otherwise text not null check (otherwise in ('allow', 'wait')),
    version integer not null check (version > 0),
    updated_at timestamptz not null,
    data_key_id uuid not null,
    sealed bytea not null,
    foreign key (merchant_id, data_key_id) references data_keys (merchant_id, id)
)
