-- What invoices show of their merchant. Each time it is said anew is a version: an invoice shows what held when it was opened.
create table invoice_settings (
    merchant_id uuid not null references merchants (id),
    version integer not null check (version > 0),
    data json not null,
    created_at timestamptz not null,
    primary key (merchant_id, version)
)
