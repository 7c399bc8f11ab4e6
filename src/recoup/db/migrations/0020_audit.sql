-- Whether what we say is true: what second sources confirmed, and what is looked over again and again.
-- What a contradiction is about, as the API names it, and what was held: with both its case is the same whoever finds it.
alter table payment_evidence add column about text
--;
alter table payment_evidence add column held text
--;
-- Whether the sums of what is confirmed know of this. What they do not know yet is little and soon counted, so the index
-- is nearly empty; a row enters it when it is first confirmed, or contradicts something, or does so no more.
alter table payment_evidence add column counted boolean not null default false
--;
create index payment_evidence_uncounted on payment_evidence (merchant_id, payment_id) where not counted
--;
-- How often it could not be judged what a webhook says: each time it waits longer.
alter table inbound add column looks integer not null default 0 check (looks >= 0)
--;
-- How far a merchant's events are summed up, and up to which day the sums are folded. Whoever changes the sums holds this.
create table audit_places (
    merchant_id uuid primary key references merchants (id),
    sequence bigint not null default 0 check (sequence >= 0),
    folded timestamptz
)
--;
-- How each payment counts in the sums. `sources` are bits: 1 a webhook, 2 an answer to our question, 4 a settlement line.
-- `waits`: something of it has no end yet, so it must be asked about.
create table audit_standings (
    merchant_id uuid not null,
    payment_id uuid not null,
    began_at timestamptz not null,
    processor_account_id uuid not null,
    currency text not null,
    standing text not null check (standing in ('open', 'approved', 'declined', 'nothing')),
    sources smallint not null check (sources between 0 and 7),
    differs boolean not null,
    waits boolean not null,
    amount bigint not null check (amount > 0),
    primary key (merchant_id, payment_id)
)
--;
-- Only what waits, so that a payment that ends within seconds never enters it.
create index audit_standings_waiting on audit_standings (merchant_id, payment_id) where waits
--;
-- The sums: how many payments that began in a span of time stand so. Spans are hours, later days, later months.
create table audit_drift (
    merchant_id uuid not null references merchants (id),
    began_at timestamptz not null,
    processor_account_id uuid not null,
    currency text not null,
    standing text not null,
    sources smallint not null,
    differs boolean not null,
    payments bigint not null,
    amount bigint not null,
    primary key (merchant_id, began_at, processor_account_id, currency, standing, sources, differs)
)
--;
-- Reports whose lines are being counted: up to which line.
create table audit_reports (
    merchant_id uuid not null references merchants (id),
    settlement_id uuid not null,
    line bigint not null default 0 check (line >= 0),
    primary key (merchant_id, settlement_id)
)
--;
-- When a merchant's rows were looked over last, by whichever process, and up to where each walk through them has come.
create table audit_looks (
    merchant_id uuid primary key references merchants (id),
    looked_at timestamptz not null
)
--;
create table audit_walks (
    merchant_id uuid not null references merchants (id),
    walk text not null,
    place text not null,
    primary key (merchant_id, walk)
)
--;
-- Recoveries that are open: few beside the payments, and written a dozen times in their lives.
create index recoveries_open on recoveries (merchant_id, id)
    where status in ('scheduled', 'running', 'awaiting_customer', 'paused')
--;
-- What somebody must look at in settlements, counted by its reason without reading what is settled.
create index settlement_exceptions_open on settlement_exceptions (merchant_id, reason, id) where state = 'open'
--;
-- Cases of laws that are broken are counted for the figures, of all merchants together: there must be none.
create index audit_cases_of_laws on audit_cases (merchant_id, subject)
    where state = 'open' and kind = 'invariant_broken'
