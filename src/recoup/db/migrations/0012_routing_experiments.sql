-- Policies side by side.
select 1
