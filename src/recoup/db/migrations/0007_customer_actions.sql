-- What customers are asked to do.
select 1
