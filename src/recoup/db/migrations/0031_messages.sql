-- How each merchant wants its customers asked, as it was said last; without a row nobody is asked.
create table message_policies (
    merchant_id uuid primary key references merchants (id),
    policy json not null,
    updated_at timestamptz not null
)
--;
-- Whom messages go to: a keyed hash of an address, or of who has none, which tells nobody who that is. `stopped` says why
-- nothing is sent there any more. The row is held while it is decided whether one more message may go.
create table message_recipients (
    merchant_id uuid not null references merchants (id),
    recipient bytea not null check (length(recipient) = 32),
    stopped text check (stopped in ('unsubscribed', 'bounced', 'complained')),
    stopped_at timestamptz,
    primary key (merchant_id, recipient),
    check ((stopped is null) = (stopped_at is null))
)
--;
-- Messages to customers about payments that failed. `number` counts those of one recovery: each is written once, before
-- it leaves.
create table messages (
    merchant_id uuid not null,
    id uuid not null,
    recovery_id uuid not null,
    payment_id uuid not null,
    customer_id uuid,
    number smallint not null check (number > 0),
    channel text not null check (channel in ('email', 'webhook')),
    language text not null check (length(language) = 2),
    recipient bytea not null,
    status text not null check (status in ('sending', 'waiting', 'sent', 'kept', 'due', 'unknown', 'failed', 'bounced',
        'canceled')),
    version integer not null check (version > 0),
    events_count integer not null check (events_count >= 0),
    tries smallint not null check (tries >= 0),
    why text,
    link_until timestamptz not null,
    next_at timestamptz,
    created_at timestamptz not null,
    sent_at timestamptz,
    updated_at timestamptz not null,
    primary key (merchant_id, id),
    unique (merchant_id, recovery_id, number),
    foreign key (merchant_id, recovery_id) references recoveries (merchant_id, id),
    foreign key (merchant_id, recipient) references message_recipients (merchant_id, recipient)
)
--;
-- What is not the same for all of a merchant's rows comes first, so that no plan made while the table is empty takes one
-- of these for a way to all of them.
create index messages_by_recipient on messages (recipient, merchant_id, created_at)
--;
create index messages_by_customer on messages (customer_id, merchant_id, id) where customer_id is not null
