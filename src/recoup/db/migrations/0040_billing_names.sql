-- What the old biller's names stand for here: subscriptions that were brought in, their customers and plans. A name is
-- noted in the transaction that makes the object, so that a file that is given again makes nothing twice. `digest` is that
-- of the line by which the object was made or changed last, at `noted_at`.
create table billing_names (
    merchant_id uuid not null references merchants (id),
    source text not null check (length(source) between 1 and 40),
    kind text not null check (kind in ('customer', 'plan', 'subscription')),
    external_id text not null check (length(external_id) between 1 and 400),
    object_id uuid not null,
    digest bytea not null check (length(digest) = 16),
    noted_at timestamptz not null,
    primary key (merchant_id, source, kind, external_id)
)
--;
-- Customers are found by the merchant's own name for them.
create index customers_by_reference on customers (merchant_reference, merchant_id, id)
    where merchant_reference is not null
