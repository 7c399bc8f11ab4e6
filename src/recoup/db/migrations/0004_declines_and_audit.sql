-- Merchants' own readings of decline codes, in versions that are never changed; codes that no table knows; and audit
-- cases: what a person should look at.
create table decline_overrides (
    merchant_id uuid not null references merchants (id),
    connector text not null,
    code_key text not null,
    version integer not null check (version > 0),
    code text not null,
    reading json,
    note text,
    set_by text,
    set_at timestamptz not null,
    primary key (merchant_id, connector, code_key, version)
)
--;
-- `last_attempt_id` is the newest attempt that was counted, so that hearing of one twice counts it once.
create table unseen_codes (
    merchant_id uuid not null references merchants (id),
    connector text not null,
    code text not null,
    network_code text not null,
    times bigint not null default 1,
    payment_id uuid not null,
    last_attempt_id uuid not null,
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    primary key (merchant_id, connector, code, network_code)
)
--;
create table audit_cases (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    kind text not null,
    subject text not null,
    state text not null check (state in ('open', 'resolved')),
    object_id uuid,
    summary text not null,
    remedy text not null,
    details json not null,
    opened_at timestamptz not null,
    resolved_at timestamptz,
    resolution text,
    primary key (merchant_id, id),
    check ((state = 'resolved') = (resolved_at is not null))
)
--;
-- One open case about one thing.
create unique index audit_cases_open on audit_cases (merchant_id, kind, subject) where state = 'open'
