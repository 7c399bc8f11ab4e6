-- What was learned of approvals.
select 1
