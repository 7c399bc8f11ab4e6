-- Decisions in parts by month, so that old ones are dropped whole. A part holds the ids made in its month: an id begins
-- with its time, so a look-up by id finds its part without being told. What no month holds yet is in `decisions_rest`.
alter table decisions rename to decisions_whole
--;
create table decisions (
    merchant_id uuid not null,
    id uuid not null,
    kind text not null check (kind in ('route', 'recovery')),
    object_id uuid not null,
    data json not null,
    created_at timestamptz not null,
    primary key (merchant_id, id)
) partition by range (id)
--;
create table decisions_rest partition of decisions default
--;
insert into decisions (merchant_id, id, kind, object_id, data, created_at)
    select merchant_id, id, kind, object_id, data, created_at from decisions_whole
--;
drop table decisions_whole
