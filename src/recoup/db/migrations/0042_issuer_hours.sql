-- At which hours issuers approve renewals: sums by the local hour, a row for each issuer, and one for all together. They are
-- figures that fade, and no more rows than are kept.
create table issuer_hours (
    merchant_id uuid not null references merchants (id),
    issuer text not null check (length(issuer) between 1 and 60),
    data json not null,
    learned_at timestamptz not null,
    primary key (merchant_id, issuer)
)
--;
-- The last payment of a renewal that was learned from: payments are numbered in the order of their making.
create table issuer_hours_learned (
    merchant_id uuid primary key references merchants (id),
    upto uuid not null,
    learned_at timestamptz not null
)
