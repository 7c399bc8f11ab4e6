-- Merchants' routing policies.
select 1
