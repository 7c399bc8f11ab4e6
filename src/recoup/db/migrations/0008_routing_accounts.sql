-- What routing knows of accounts.
select 1
