-- Whoever brings subscriptions in names their plans by what they are, and finds those that are here already.
create index plans_by_name on plans (merchant_id, (data ->> 'name'))
