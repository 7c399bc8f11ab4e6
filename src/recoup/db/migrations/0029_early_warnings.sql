-- Early warnings are kept as such: what kind of alert a dispute is, or began as, and the program that sent it. `lifted`:
-- who lifted the stop of its card, when and why, until the dispute moves on.
alter table disputes add column alert text check (alert in ('fraud_report', 'rapid_resolution'))
--;
alter table disputes add column program text
--;
alter table disputes add column lifted json
--;
alter table dispute_news add column alert text
--;
alter table dispute_news add column program text
--;
-- Simulated processors pass on alerts that may be settled before there is a dispute: by the network, or by a refund.
alter table sandbox.disputes drop constraint disputes_kind_check
--;
alter table sandbox.disputes add constraint disputes_kind_check
    check (kind in ('warning', 'inquiry', 'chargeback', 'rapid_resolution')) not valid
--;
alter table sandbox.disputes validate constraint disputes_kind_check
--;
alter table sandbox.disputes drop constraint disputes_verdict_check
--;
alter table sandbox.disputes add constraint disputes_verdict_check
    check (verdict in ('won', 'lost', 'reversed', 'resolved', 'refunded')) not valid
--;
alter table sandbox.disputes validate constraint disputes_verdict_check
