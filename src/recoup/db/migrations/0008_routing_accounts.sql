-- What routing knows of accounts: where they acquire and by whom, what their contracts cover, and whether a person is
-- moving payments away from them.
alter table processor_accounts add column country text
--;
alter table processor_accounts add column acquirer text
--;
alter table processor_accounts add column fundings text[]
--;
alter table processor_accounts add column amount_limits json
--;
alter table processor_accounts add column merchant_categories text[]
--;
alter table processor_accounts add column drained boolean not null default false
--;
alter table processor_accounts add column three_d_secure boolean
