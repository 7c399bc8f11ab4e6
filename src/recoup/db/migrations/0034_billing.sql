-- What is sold: an amount for an interval. A change of price is a new plan; what a subscription pays is copied into it.
create table plans (
    merchant_id uuid not null references merchants (id),
    id uuid not null,
    active boolean not null,
    version integer not null check (version > 0),
    data json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (merchant_id, id)
)
--;
-- Agreements that bill. `data` is the whole record; the columns beside it are what statements look for. `next_at` is when
-- its next cycle opens, null where none does by itself.
create table subscriptions (
    merchant_id uuid not null,
    id uuid not null,
    customer_id uuid not null,
    plan_id uuid not null,
    status text not null check (
        status in ('trialing', 'active', 'past_due', 'unpaid', 'paused', 'canceled', 'completed')),
    version integer not null check (version > 0),
    next_at timestamptz,
    data json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (merchant_id, id),
    foreign key (merchant_id, customer_id) references customers (merchant_id, id),
    foreign key (merchant_id, plan_id) references plans (merchant_id, id),
    check (next_at is null or status not in ('paused', 'canceled', 'completed'))
)
--;
create index subscriptions_by_customer on subscriptions (customer_id, merchant_id, id)
--;
-- What is billed. A period of a subscription is billed once, whoever asks for it and however often: the first unique rule.
-- An invoice has its `number` from the moment it is open, out of the merchant's own counter, so that none is left out.
create table invoices (
    merchant_id uuid not null,
    id uuid not null,
    number bigint check (number > 0),
    customer_id uuid not null,
    subscription_id uuid,
    period integer check (period > 0),
    status text not null check (status in ('draft', 'open', 'paid', 'uncollectible', 'void')),
    version integer not null check (version > 0),
    payment_id uuid,
    data json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (merchant_id, id),
    unique (merchant_id, subscription_id, period),
    unique (merchant_id, number),
    unique (merchant_id, payment_id),
    foreign key (merchant_id, customer_id) references customers (merchant_id, id),
    foreign key (merchant_id, subscription_id) references subscriptions (merchant_id, id),
    check (period is null or subscription_id is not null),
    check (number is not null or status in ('draft', 'void'))
)
--;
create index invoices_by_customer on invoices (customer_id, merchant_id, id)
--;
create index invoices_by_subscription on invoices (subscription_id, merchant_id, id) where subscription_id is not null
--;
-- The last number that an invoice of the merchant has; its row is held from when a number is taken until that is written.
create table invoice_numbers (
    merchant_id uuid primary key references merchants (id),
    last bigint not null check (last >= 0)
)
--;
-- What a customer has with the merchant to be taken off the next invoices, and how it came about.
create table credit_balances (
    merchant_id uuid not null,
    customer_id uuid not null,
    currency text not null,
    balance bigint not null check (balance >= 0),
    updated_at timestamptz not null,
    primary key (merchant_id, customer_id, currency),
    foreign key (merchant_id, customer_id) references customers (merchant_id, id)
)
--;
create table credit_changes (
    merchant_id uuid not null,
    id uuid not null,
    customer_id uuid not null,
    currency text not null,
    amount bigint not null check (amount <> 0),
    balance bigint not null check (balance >= 0),
    reason text not null check (length(reason) between 1 and 300),
    invoice_id uuid,
    created_at timestamptz not null,
    primary key (merchant_id, id),
    foreign key (merchant_id, customer_id, currency) references credit_balances (merchant_id, customer_id, currency)
)
--;
create index credit_changes_by_customer on credit_changes (customer_id, merchant_id, id)
