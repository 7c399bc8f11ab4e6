-- A part of a refused payment may be charged by itself, as a payment of its own (`part_of`). The payment keeps what was
-- owed at first (`debt`, where it may be divided), and `amount` is what is left of it: what a part brought is taken off.
alter table payments
    add column debt bigint,
    add column part_id uuid,
    add column part_open boolean,
    add column part_of uuid
--;
-- Never more than the debt: what is left is less than the debt only where there was a part.
alter table payments add constraint payments_owe_their_debt_at_most
    check (case when part_id is null then debt is null or debt = amount else debt is not null and debt >= amount end)
    not valid
--;
alter table payments validate constraint payments_owe_their_debt_at_most
--;
-- While a part may still bring money the whole is not charged, by whomever.
alter table payments add constraint payments_wait_for_their_part
    check (part_open is not true or (part_id is not null and authorized = 0
        and status in ('requires_payment_method', 'declined', 'failed')))
    not valid
--;
alter table payments validate constraint payments_wait_for_their_part
--;
-- One part, ever: two who begin one at once are told apart here, should all else fail.
create unique index payments_one_part on payments (merchant_id, part_of) where part_of is not null
--;
-- What was brought of what was owed, in a recovery's own row; older ones do not say.
alter table recoveries
    add column amount bigint,
    add column currency text check (length(currency) = 3),
    add column received bigint
--;
alter table recoveries add constraint recoveries_receive_their_debt_at_most
    check (received is null or (received >= 0 and received <= amount)) not valid
--;
alter table recoveries validate constraint recoveries_receive_their_debt_at_most
