-- Subscriptions that are older than looks ahead of their charges get the time of their first look: by a due row for each
-- merchant that has any, which is worked some hundred of them at a time. The newer ones have theirs.
insert into due (slot, merchant_id, kind, object_id, due_at)
select 0, m.id, 'subscription.unseen', '00000000-0000-0000-0000-000000000000', '2026-11-23T00:00:00Z'
from merchants m
where exists (select from subscriptions s where s.merchant_id = m.id)
