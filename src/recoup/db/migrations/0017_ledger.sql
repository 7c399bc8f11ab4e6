-- Double entry.
select 1
