-- Whether what we say is true.
select 1
