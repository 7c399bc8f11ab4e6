-- Disputes: what is contested, by when to answer, and what came of it. A dispute is known by its processor's name for it
-- at one account, and is what all its news come to. `payment_id` is null where the payment was made elsewhere, and
-- `fingerprint` where it was made with a test card that everybody uses. `stops`: nothing is tried on that card.
create table disputes (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    processor_account_id uuid not null,
    reference text not null check (length(reference) between 1 and 300),
    charge_reference text,
    payment_id uuid,
    payment_method_id uuid,
    fingerprint text,
    brand text,
    status text not null check (status in ('warning', 'inquiry', 'needs_response', 'under_review', 'accepted', 'won',
        'lost', 'reversed', 'expired', 'closed')),
    version integer not null check (version >= 0),
    events_count integer not null check (events_count >= 0),
    amount bigint check (amount >= 0),
    currency text check (length(currency) = 3),
    fee bigint check (fee >= 0),
    fee_currency text check (length(fee_currency) = 3),
    reason text,
    network text,
    category text not null,
    withdrawn boolean not null,
    evidence_due_by timestamptz,
    reminder_at timestamptz,
    stops boolean not null,
    booked json not null,
    answer json,
    evidence json not null,
    occurred_at timestamptz,
    opened_at timestamptz not null,
    updated_at timestamptz not null,
    ended_at timestamptz,
    primary key (merchant_id, id),
    unique (merchant_id, processor_account_id, reference),
    foreign key (merchant_id, processor_account_id) references processor_accounts (merchant_id, id),
    foreign key (merchant_id, payment_id) references payments (merchant_id, id),
    check ((amount is null) = (currency is null)),
    check ((fee is null) = (fee_currency is null))
)
--;
-- What is not the same for all of a merchant's rows comes first, so that no plan made while the table is empty takes one
-- of these for a way to all of them.
create index disputes_by_status on disputes (status, merchant_id, id)
--;
create index disputes_by_payment on disputes (payment_id, merchant_id, id) where payment_id is not null
--;
create index disputes_awaiting on disputes (merchant_id, evidence_due_by, id)
    where evidence_due_by is not null and status in ('inquiry', 'needs_response')
--;
create index disputes_stopping_card on disputes (fingerprint, merchant_id) where stops
--;
create index disputes_stopping_method on disputes (payment_method_id, merchant_id) where stops
--;
-- Every piece of news of a dispute, once, however often it came; what we did ourselves is among them (`own`).
create table dispute_news (
    merchant_id uuid not null,
    dispute_id uuid not null,
    digest bytea not null check (length(digest) = 32),
    state text not null,
    amount bigint,
    currency text,
    fee bigint,
    fee_currency text,
    reason text,
    network text,
    evidence_due timestamptz,
    withdrawn boolean,
    own boolean not null,
    occurred_at timestamptz,
    heard_at timestamptz not null,
    primary key (merchant_id, dispute_id, digest),
    foreign key (merchant_id, dispute_id) references disputes (merchant_id, id)
)
--;
-- The evidence that a merchant gathered for a dispute, sealed: it is about a customer.
create table dispute_evidence (
    merchant_id uuid not null,
    dispute_id uuid not null,
    data_key_id uuid not null,
    sealed bytea not null,
    updated_at timestamptz not null,
    primary key (merchant_id, dispute_id),
    foreign key (merchant_id, dispute_id) references disputes (merchant_id, id)
)
