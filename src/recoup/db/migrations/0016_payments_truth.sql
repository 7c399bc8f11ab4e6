-- What is true of a payment after its end.
select 1
