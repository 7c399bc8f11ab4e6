-- Work that only one process at a time should do, and who does it until when.
create table turns (
    name text not null primary key,
    holder uuid not null,
    until timestamptz not null
)
