-- Where merchants hear of events.
select 1
