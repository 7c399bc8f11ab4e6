-- A verification can wait for its customer and be gone on with: `completing` while its processor is asked again. What
-- names it there, and where the customer is sent and comes back to, is kept for that.
alter table verifications add column reference text
--;
alter table verifications add column action_url text
--;
alter table verifications add column return_url text
--;
alter table verifications add column confirmed_at timestamptz
--;
alter table verifications drop constraint verifications_status_check
--;
alter table verifications add constraint verifications_status_check
    check (status in ('started', 'completing', 'verified', 'declined', 'requires_action', 'unresolved'))
