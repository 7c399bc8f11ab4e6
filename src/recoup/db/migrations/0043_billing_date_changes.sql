-- Changes of the date on which a subscription is billed. `data` is the whole record: what is proposed, who agreed to it and
-- how, and what they were shown. A customer is asked one question at a time: the unique rule.
create table billing_date_changes (
    merchant_id uuid not null,
    id uuid not null,
    subscription_id uuid not null,
    status text not null check (
        status in ('proposed', 'accepted', 'applied', 'declined', 'expired', 'canceled', 'undone')),
    version integer not null check (version > 0),
    data json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (merchant_id, id),
    foreign key (merchant_id, subscription_id) references subscriptions (merchant_id, id)
)
--;
create unique index billing_date_changes_one_proposed on billing_date_changes (merchant_id, subscription_id)
    where status = 'proposed'
--;
create index billing_date_changes_by_subscription on billing_date_changes (subscription_id, merchant_id, id)
