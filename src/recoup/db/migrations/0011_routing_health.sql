-- Whether accounts are degraded.
select 1
