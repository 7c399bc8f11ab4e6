-- Reports of processors.
select 1
