-- One payment at a time of its own. `data` is the whole record; its due row says when. The payment that executes it is
-- remembered in the transaction that writes that, and is nobody else's: so it is executed once.
create table scheduled_payments (
    merchant_id uuid not null,
    id uuid not null,
    customer_id uuid not null,
    status text not null check (status in ('scheduled', 'processing', 'paid', 'failed', 'canceled')),
    version integer not null check (version > 0),
    payment_id uuid,
    data json not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (merchant_id, id),
    unique (merchant_id, payment_id),
    foreign key (merchant_id, customer_id) references customers (merchant_id, id),
    check (payment_id is not null or status in ('scheduled', 'canceled'))
)
--;
create index scheduled_payments_by_customer on scheduled_payments (customer_id, merchant_id, id)
