-- What is sold, where the caller says so: accounts may be for some categories only, and policies may ask for it. It is
-- kept because later tries of the payment are routed by it too.
alter table payments add column merchant_category text check (merchant_category ~ '^[0-9]{4}$')
