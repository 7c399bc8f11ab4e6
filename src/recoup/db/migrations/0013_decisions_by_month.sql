-- Decisions, in parts by month.
select 1
