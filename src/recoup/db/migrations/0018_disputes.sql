-- Chargebacks.
select 1
