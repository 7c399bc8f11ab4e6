-- What processors tell.
select 1
