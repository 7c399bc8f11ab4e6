-- Payment methods that a processor keeps: tokens, each good at the account that gave it. A method may have a card in
-- the vault, tokens, or both. Beside them: payments that are agreed to, attempts whose customer came back, and
-- questions whether a card is good.
alter table payment_methods drop constraint payment_methods_type_check
--;
alter table payment_methods add constraint payment_methods_type_check
    check (type in ('card', 'processor_token')) not valid
--;
alter table payment_methods validate constraint payment_methods_type_check
--;
alter table payment_methods alter column bin drop not null
--;
alter table payment_methods alter column last4 drop not null
--;
alter table payment_methods alter column exp_month drop not null
--;
alter table payment_methods alter column exp_year drop not null
--;
alter table payment_methods alter column data_key_id drop not null
--;
alter table payment_methods alter column ciphertext drop not null
--;
-- A card is whole; without one there is nothing that only a card has.
alter table payment_methods add constraint payment_methods_card_check check (
    (type = 'card') = (ciphertext is not null) and (type = 'card') = (data_key_id is not null)
    and (type = 'card') = (bin is not null) and (exp_month is null) = (exp_year is null)
    and (type <> 'card' or (last4 is not null and exp_month is not null))) not valid
--;
alter table payment_methods validate constraint payment_methods_card_check
--;
-- `remembered`: the processor gave it when it was asked to keep the card; the others came from the merchant.
create table processor_tokens (
    merchant_id uuid not null,
    payment_method_id uuid not null,
    processor_account_id uuid not null,
    data_key_id uuid not null,
    ciphertext bytea not null,
    remembered boolean not null,
    created_at timestamptz not null,
    primary key (merchant_id, payment_method_id, processor_account_id),
    foreign key (merchant_id, payment_method_id) references payment_methods (merchant_id, id),
    foreign key (merchant_id, processor_account_id) references processor_accounts (merchant_id, id),
    foreign key (merchant_id, data_key_id) references data_keys (merchant_id, id)
)
--;
alter table payments add column agreement text check (agreement in ('unscheduled', 'recurring'))
--;
drop index attempts_one_may_hold_money
--;
-- An attempt whose customer came back (`completing`) may hold the money like every other that is open.
create unique index attempts_one_may_hold_money on attempts (merchant_id, payment_id)
    where state in ('started', 'completing', 'pending', 'requires_action', 'unknown', 'approved')
--;
create table verifications (
    merchant_id uuid not null,
    id uuid not null,
    payment_method_id uuid not null,
    processor_account_id uuid not null,
    fingerprint bytea not null,
    currency text not null check (length(currency) = 3),
    status text not null check (status in ('started', 'verified', 'declined', 'requires_action', 'unresolved')),
    decline json,
    checks json,
    why text,
    created_at timestamptz not null,
    finished_at timestamptz,
    primary key (merchant_id, id),
    foreign key (merchant_id, payment_method_id) references payment_methods (merchant_id, id),
    foreign key (merchant_id, processor_account_id) references processor_accounts (merchant_id, id)
)
--;
-- The fingerprint comes first, as with attempts.
create index verifications_by_fingerprint on verifications (fingerprint, merchant_id, created_at)
--;
-- The simulated processors keep cards when they are asked to, and say whether a card is good.
alter table sandbox.operations add column remember boolean
--;
alter table sandbox.operations drop constraint operations_kind_check
--;
alter table sandbox.operations add constraint operations_kind_check
    check (kind in ('charge', 'verification', 'capture', 'cancellation', 'refund', 'withdrawal'))
--;
alter table sandbox.operations drop constraint operations_check2
--;
alter table sandbox.operations add constraint operations_amount_check2
    check ((kind in ('withdrawal', 'verification')) = (amount is null))
