-- Rows that change with every cycle keep room beside them: a change that no index sees then needs no new index entries, and
-- no page but its own. A subscription is changed once a period; a due row is claimed, then moved.
alter table subscriptions set (fillfactor = 80)
--;
alter table due set (fillfactor = 80)
