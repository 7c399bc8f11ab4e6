-- Reports of processors: the files, their lines with what came of each, and what somebody must look at. Lines are many
-- and written by the ten thousand, so they have no foreign key but their merchant's own, and two indexes.
create table settlements (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    processor_account_id uuid not null,
    format text not null,
    mapping text,
    tolerance text not null,
    digest bytea not null check (length(digest) = 32),
    size bigint not null check (size > 0),
    state text not null check (state in ('importing', 'done')),
    lines bigint not null check (lines > 0),
    worked bigint not null check (worked >= 0 and worked <= lines),
    matched bigint not null check (matched >= 0),
    exceptions bigint not null check (exceptions >= 0),
    first_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    finished_at timestamptz,
    primary key (merchant_id, id),
    unique (merchant_id, processor_account_id, digest),
    foreign key (merchant_id, processor_account_id) references processor_accounts (merchant_id, id),
    check ((state = 'done') = (finished_at is not null))
)
--;
-- What was uploaded, compressed, in parts, until it is worked.
create table settlement_files (
    merchant_id uuid not null,
    settlement_id uuid not null,
    part integer not null check (part >= 0),
    content bytea not null,
    primary key (merchant_id, settlement_id, part),
    foreign key (merchant_id, settlement_id) references settlements (merchant_id, id)
)
--;
create table settlement_lines (
    merchant_id uuid not null,
    settlement_id uuid not null,
    number bigint not null,
    file_row bigint not null,
    kind text not null,
    raw_kind text not null,
    key text,
    reference text,
    charge_reference text,
    payout text,
    gross bigint not null,
    fee bigint not null,
    net bigint not null,
    currency text not null,
    settlement_currency text not null,
    rate text,
    occurred_at timestamptz,
    last4 text,
    status text not null,
    reason text,
    payment_id uuid,
    object_id uuid,
    fee_expected bigint,
    primary key (merchant_id, settlement_id, number)
)
--;
create index settlement_lines_by_payment on settlement_lines (merchant_id, payment_id) where payment_id is not null
--;
create index settlement_lines_exceptions on settlement_lines (merchant_id, settlement_id, number)
    where status = 'exception'
--;
create table settlement_exceptions (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    settlement_id uuid,
    number bigint,
    processor_account_id uuid not null,
    reason text not null,
    state text not null check (state in ('open', 'resolved')),
    payment_id uuid,
    object_id uuid,
    expected bigint,
    found bigint,
    currency text not null,
    proposals uuid[] not null,
    opened_at timestamptz not null,
    resolved_at timestamptz,
    resolution text check (resolution in ('accepted', 'linked', 'ignored', 'found')),
    note text,
    primary key (merchant_id, id),
    check ((settlement_id is null) = (number is null)),
    check ((state = 'resolved') = (resolved_at is not null and resolution is not null))
)
--;
create index settlement_exceptions_of_report on settlement_exceptions (merchant_id, settlement_id, id)
    where settlement_id is not null
--;
create unique index settlement_exceptions_missing on settlement_exceptions (merchant_id, object_id)
    where reason = 'missing_there' and state = 'open'
--;
create table settlement_mappings (
    merchant_id uuid not null references merchants (id),
    name text not null check (length(name) between 1 and 100),
    mapping json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (merchant_id, name)
)
--;
-- How far a merchant's events were looked at for what no report has.
create table settlement_cursors (
    merchant_id uuid primary key references merchants (id),
    sequence bigint not null default 0
)
