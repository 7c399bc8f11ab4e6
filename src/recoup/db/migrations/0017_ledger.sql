-- A merchant's books: how many transfers and accounts there are, and up to which of its events they are posted. Whoever
-- posts holds this row, so transfers are numbered without gap and no balance is changed by two at once.
create table ledger_books (
    merchant_id uuid primary key references merchants (id),
    transfers bigint not null default 0 check (transfers >= 0),
    accounts integer not null default 0 check (accounts >= 0),
    events bigint not null default 0 check (events >= 0)
)
--;
-- Accounts with their sums, which are changed in the transaction that writes the transfers. An account that is not kept by
-- processor account has the nil UUID there, so that a key can tell accounts apart. `version` is the last transfer's number.
create table ledger_accounts (
    merchant_id uuid not null references merchants (id),
    number integer not null check (number > 0),
    kind text not null,
    currency text not null check (length(currency) = 3),
    processor_account_id uuid not null,
    debits bigint not null default 0 check (debits >= 0),
    credits bigint not null default 0 check (credits >= 0),
    transfers bigint not null default 0 check (transfers >= 0),
    version bigint not null default 0 check (version >= 0),
    primary key (merchant_id, number),
    unique (merchant_id, kind, currency, processor_account_id)
)
--;
-- Double entry: one row has both sides, so it cannot be out of balance. Rows are written and never changed. One cause posts
-- a kind once, however often it is worked.
create table ledger_transfers (
    merchant_id uuid not null,
    number bigint not null check (number > 0),
    kind text not null,
    debit integer not null,
    credit integer not null,
    amount bigint not null check (amount > 0),
    currency text not null check (length(currency) = 3),
    source text not null,
    cause uuid not null,
    payment_id uuid,
    at timestamptz not null,
    primary key (merchant_id, number),
    unique (merchant_id, cause, kind),
    foreign key (merchant_id, debit) references ledger_accounts (merchant_id, number),
    foreign key (merchant_id, credit) references ledger_accounts (merchant_id, number),
    check (debit <> credit)
)
--;
create index ledger_transfers_by_debit on ledger_transfers (merchant_id, debit, number)
--;
create index ledger_transfers_by_credit on ledger_transfers (merchant_id, credit, number)
--;
create index ledger_transfers_by_time on ledger_transfers (merchant_id, at, number)
--;
create index ledger_transfers_by_payment on ledger_transfers (merchant_id, payment_id, number)
    where payment_id is not null
--;
-- An account's sums as they were after a transfer, every so many of its transfers, so that an old balance is soon found.
create table ledger_checkpoints (
    merchant_id uuid not null,
    account integer not null,
    number bigint not null,
    debits bigint not null,
    credits bigint not null,
    primary key (merchant_id, account, number),
    foreign key (merchant_id, account) references ledger_accounts (merchant_id, number)
)
--;
-- What is posted of each payment and refund: the next event about it posts the difference. `object_sequence` is the last of
-- the object's events that was worked.
create table ledger_positions (
    merchant_id uuid not null references merchants (id),
    object_id uuid not null,
    payment_id uuid not null,
    currency text not null check (length(currency) = 3),
    processor_account_id uuid,
    held bigint not null check (held >= 0),
    captured bigint not null check (captured >= 0),
    refund_pending bigint not null check (refund_pending >= 0),
    refunded bigint not null check (refunded >= 0),
    fee bigint not null check (fee >= 0),
    object_sequence integer not null check (object_sequence > 0),
    primary key (merchant_id, object_id)
)
--;
create index ledger_positions_by_payment on ledger_positions (merchant_id, payment_id)
--;
-- Nobody rewrites what is posted, not even by mistake: the right to do so is given back.
revoke update, delete on ledger_transfers, ledger_checkpoints from current_user
