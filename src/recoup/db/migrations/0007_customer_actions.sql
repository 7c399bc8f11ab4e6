-- What customers are asked to do, where a plain link does not do: a page of ours posts a form or runs a script in their
-- browser (`action`), and keeps what they bring back (`returned`) until the payment goes on. Both go when it has ended.
alter table attempts add column action json
--;
alter table attempts add column returned json
