-- The tables that every payment writes stop checking what the statement that writes them has just written or read:
-- an attempt and its payment are rows of one statement, a decision's merchant is its payment's, and accounts and payment
-- methods are never deleted. Each check was a query of its own for each row, a tenth of a payment in all. What a caller
-- names (a customer) and what a card cannot be read without (its data key) is still checked.
alter table attempts drop constraint attempts_merchant_id_fkey
--;
alter table attempts drop constraint attempts_merchant_id_payment_id_fkey
--;
alter table attempts drop constraint attempts_merchant_id_processor_account_id_fkey
--;
alter table decisions drop constraint decisions_merchant_id_fkey
--;
alter table payments drop constraint payments_merchant_id_payment_method_id_fkey
