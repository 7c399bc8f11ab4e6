-- Recoveries of what failed elsewhere. Where we only advise there is no payment of ours.
alter table recoveries alter column payment_id drop not null
--;
alter table recoveries add column mode text not null default 'own' check (mode in ('own', 'act', 'advise'))
--;
alter table recoveries add column external_id text check (length(external_id) between 1 and 255)
--;
alter table recoveries add column paid_elsewhere_at timestamptz
--;
alter table recoveries add constraint recoveries_have_a_payment_unless_advised
    check ((payment_id is null) = (mode = 'advise')) not valid
--;
alter table recoveries validate constraint recoveries_have_a_payment_unless_advised
--;
create index recoveries_by_external_id on recoveries (merchant_id, external_id) where external_id is not null
--;
-- What the merchant told of a failure elsewhere: the debt, its tries and its customer. One recovery is about it, and
-- where we act one payment. It is written first, so that of two requests with one `external_id` the second waits here.
create table failures_elsewhere (
    merchant_id uuid not null references merchants (id),
    recovery_id uuid not null,
    external_id text not null check (length(external_id) between 1 and 255),
    payment_id uuid,
    data json not null,
    created_at timestamptz not null,
    primary key (merchant_id, recovery_id),
    unique (merchant_id, external_id),
    unique (merchant_id, payment_id)
)
--;
-- Tries that were made without us, from an imported history or reported one by one: never payments of ours. They tell
-- of a customer's record and, where they were made at an account that is ours too (`processor_account_id`), of how it
-- approves. `customer` is our id of the customer or the merchant's own name for them. `batch_id` is the event that told
-- of them: whoever learns from events finds them by it.
create table tries_elsewhere (
    merchant_id uuid not null references merchants (id),
    source text not null check (length(source) between 1 and 60),
    external_id text not null check (length(external_id) between 1 and 255),
    id uuid not null,
    batch_id uuid not null,
    recovery_id uuid,
    payment text,
    customer text,
    tried_at timestamptz not null,
    amount bigint not null check (amount >= 0),
    currency text not null,
    approved boolean not null,
    code text,
    category text,
    network_code text,
    advice_code text,
    rule text,
    processor_account_id uuid,
    brand text not null,
    funding text not null,
    country text,
    bin text,
    initiator text not null,
    primary key (merchant_id, source, external_id)
)
--;
create index tries_elsewhere_of_customer on tries_elsewhere (merchant_id, customer, tried_at)
    where customer is not null
--;
create index tries_elsewhere_by_batch on tries_elsewhere (merchant_id, batch_id)
