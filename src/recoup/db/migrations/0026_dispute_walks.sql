-- How far each processor account was asked which disputes there are. `covered_until`: what moved before is known. While a
-- walk is under way, it began at `began_at`, looks for what moved since `since`, and goes on from `cursor` after `pages`.
-- `quiet` counts walks that found nothing new, `failures` the answers in a row that could not be used, of which `why` is
-- the last.
create table dispute_walks (
    merchant_id uuid not null references merchants (id),
    processor_account_id uuid not null,
    covered_until timestamptz not null,
    began_at timestamptz,
    since timestamptz,
    cursor text check (length(cursor) <= 1000),
    pages integer not null default 0 check (pages >= 0),
    quiet integer not null default 0 check (quiet >= 0),
    failures integer not null default 0 check (failures >= 0),
    why text,
    primary key (merchant_id, processor_account_id),
    foreign key (merchant_id, processor_account_id) references processor_accounts (merchant_id, id),
    check ((began_at is null) = (since is null)),
    check (cursor is null or began_at is not null)
)
--;
-- How far each merchant's events are followed, to see whose processor accounts are to be asked.
create table dispute_followers (
    merchant_id uuid primary key references merchants (id),
    sequence bigint not null check (sequence >= 0)
)
