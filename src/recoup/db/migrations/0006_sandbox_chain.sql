-- What the simulated issuers authorised, by the key that the acquirer's charge has: the same question gets the same
-- answer, a reversal is carried out once, and one that comes before what it reverses is remembered.
create table sandbox.authorisations (
    world_id uuid not null references sandbox.worlds (world_id),
    acquirer text not null,
    key text not null check (length(key) between 1 and 99),
    epoch integer not null,
    state text not null check (state in ('answered', 'told', 'reversed')),
    card text,
    account text,
    amount bigint check (amount >= 0),
    currency text,
    -- What the account was charged, in its own currency; null where nothing was approved.
    held bigint,
    -- The answer's own fields, without the card.
    said text,
    created_at timestamptz not null,
    primary key (world_id, acquirer, key)
)
--;
-- What acquirers and the card network must still tell. Of cards there are names only.
create table sandbox.advices (
    holder text not null check (holder in ('acquirer', 'network')),
    world_id uuid not null references sandbox.worlds (world_id),
    acquirer text not null,
    key text not null check (length(key) between 1 and 99),
    kind text not null check (kind in ('0120', '0220', '0420')),
    issuer text,
    card text,
    amount bigint check (amount >= 0),
    currency text,
    created_at timestamptz not null,
    primary key (holder, world_id, acquirer, key, kind)
)
