-- A world may have a model: many cardholders whose renewals are declined in the month after a day. Who they are follows
-- from the world's seed.
create table sandbox.models (
    world_id uuid not null references sandbox.worlds (world_id),
    epoch integer not null,
    cases integer not null check (cases between 1 and 45000),
    starts_on date not null,
    primary key (world_id, epoch)
)
--;
-- When a cardholder of a model was tried: issuers tire of those who try too often.
create index authorisations_of_modelled on sandbox.authorisations (world_id, account, created_at)
    where account like 'model:%'
