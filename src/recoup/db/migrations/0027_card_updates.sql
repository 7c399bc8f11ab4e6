-- Cards that change: what issuers, networks and processors told of them, what was asked, and the batches of questions.
-- `renewed_at`: since when its details are newer than what was given. `closed_at`: its account is closed.
-- `superseded_at`: the number in the vault is known to be replaced by one that only processors have.
alter table payment_methods add column renewed_at timestamptz
--;
alter table payment_methods add column closed_at timestamptz
--;
alter table payment_methods add column superseded_at timestamptz
--;
-- Whose card expires soon.
create index payment_methods_expiring on payment_methods (merchant_id, (exp_year * 12 + exp_month), id)
    where type = 'card' and customer_id is not null and detached_at is null and closed_at is null
--;
-- What a token is found by when its processor names it: a keyed digest. Null only until it is made for an older row.
alter table processor_tokens add column digest bytea check (length(digest) = 32)
--;
-- The digest comes first, as with fingerprints.
create index processor_tokens_by_digest on processor_tokens (digest, merchant_id, processor_account_id)
    where digest is not null
--;
create index processor_tokens_unrecognised on processor_tokens (merchant_id) where digest is null
--;
-- Appended to only. `before` and `after` are what may be shown; the fingerprint is the one that the card had before.
create table card_updates (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    payment_method_id uuid not null,
    kind text not null check (kind in ('number', 'expiry', 'token', 'token_removed', 'closed')),
    told_by text not null check (told_by in ('processor', 'updater', 'person')),
    told_at timestamptz not null,
    processor_account_id uuid,
    event_id text,
    batch_id uuid,
    fingerprint bytea not null check (length(fingerprint) = 32),
    before json not null,
    after json not null,
    created_at timestamptz not null,
    primary key (merchant_id, id),
    foreign key (merchant_id, payment_method_id) references payment_methods (merchant_id, id),
    foreign key (merchant_id, processor_account_id) references processor_accounts (merchant_id, id)
)
--;
create index card_updates_by_method on card_updates (merchant_id, payment_method_id, id)
--;
-- Which cards are to be asked about, one row a card. `asked_at` null: it waits for the next batch.
create table update_inquiries (
    merchant_id uuid not null references merchants (id),
    payment_method_id uuid not null,
    brand text not null,
    reason text not null check (reason in ('recovery', 'renewal', 'requested')),
    wanted_at timestamptz not null,
    asked_at timestamptz,
    asked_times integer not null default 0 check (asked_times >= 0),
    batch_id uuid,
    answered_at timestamptz,
    answer text check (answer in (
        'number', 'expiry', 'closed', 'contact_cardholder', 'current', 'no_match', 'not_participating', 'opted_out',
        'refused')),
    primary key (merchant_id, payment_method_id),
    foreign key (merchant_id, payment_method_id) references payment_methods (merchant_id, id),
    check ((answered_at is null) = (answer is null))
)
--;
create index update_inquiries_wanted on update_inquiries (merchant_id, brand, wanted_at) where asked_at is null
--;
-- The questions of a batch are its rows in `update_questions`; the file itself is never kept.
create table update_batches (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    format text not null check (format in ('visa_vau', 'mastercard_abu', 'cybersource')),
    cards integer not null check (cards > 0),
    answered integer not null default 0 check (answered between 0 and cards),
    created_at timestamptz not null,
    answered_at timestamptz,
    primary key (merchant_id, id)
)
--;
create table update_questions (
    merchant_id uuid not null references merchants (id),
    batch_id uuid not null,
    payment_method_id uuid not null,
    fingerprint bytea not null check (length(fingerprint) = 32),
    answer text,
    code text,
    answered_at timestamptz,
    primary key (merchant_id, batch_id, payment_method_id),
    foreign key (merchant_id, batch_id) references update_batches (merchant_id, id),
    foreign key (merchant_id, payment_method_id) references payment_methods (merchant_id, id)
)
--;
-- The simulated account updater: when a card was replaced, and how much of that its updater tells, how late.
alter table sandbox.accounts add column replaced_at timestamptz
--;
alter table sandbox.worlds add column updater json
