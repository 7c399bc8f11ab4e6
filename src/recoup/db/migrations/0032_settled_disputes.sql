-- The lines of reports that are about disputes, but for those that another report has: what all lines of a dispute come to
-- is held against what the dispute says. `dispute_id` is null while no such dispute is known. `excused` and `excused_fee`
-- are how much of what differed a person has accepted or passed over. A million other lines write nothing here.
create table settlement_dispute_lines (
    merchant_id uuid not null,
    settlement_id uuid not null,
    number bigint not null,
    processor_account_id uuid not null,
    dispute_id uuid,
    payment_id uuid,
    reference text,
    charge_reference text,
    kind text not null,
    gross bigint not null,
    fee bigint not null,
    currency text not null,
    settlement_currency text not null,
    tolerance text not null,
    compared boolean not null,
    fee_compared boolean not null,
    excused bigint not null default 0,
    excused_fee bigint not null default 0,
    exception_id uuid,
    fee_exception_id uuid,
    primary key (merchant_id, settlement_id, number),
    foreign key (merchant_id, settlement_id) references settlements (merchant_id, id)
)
--;
create index settlement_dispute_lines_by_dispute on settlement_dispute_lines (dispute_id, merchant_id)
    where dispute_id is not null
--;
-- News of a dispute find the lines that waited for them by the three ways by which a line finds its dispute.
create index settlement_dispute_lines_by_name on settlement_dispute_lines (reference, merchant_id)
    where dispute_id is null and reference is not null
--;
create index settlement_dispute_lines_by_payment on settlement_dispute_lines (payment_id, merchant_id)
    where dispute_id is null and payment_id is not null
--;
create index settlement_dispute_lines_by_charge on settlement_dispute_lines (charge_reference, merchant_id)
    where dispute_id is null and charge_reference is not null
--;
-- A report's line finds the dispute of a payment that was made elsewhere by the charge.
create index disputes_elsewhere on disputes (charge_reference, merchant_id, processor_account_id, id)
    where payment_id is null and charge_reference is not null
--;
-- Lines of disputes were noted until now and held against nothing: they count as compared with what they have.
insert into settlement_dispute_lines (merchant_id, settlement_id, number, processor_account_id, dispute_id, payment_id,
    reference, charge_reference, kind, gross, fee, currency, settlement_currency, tolerance, compared, fee_compared)
select l.merchant_id, l.settlement_id, l.number, s.processor_account_id, d.id, coalesce(d.payment_id, l.payment_id),
    l.reference, l.charge_reference, l.kind, l.gross, l.fee, l.currency, l.settlement_currency, s.tolerance, true, false
from settlement_lines l
join settlements s on s.merchant_id = l.merchant_id and s.id = l.settlement_id
left join disputes d on d.merchant_id = l.merchant_id and d.processor_account_id = s.processor_account_id
    and d.reference = l.reference
where l.kind in ('dispute', 'dispute_reversal') and l.status <> 'repeated'
--;
-- How far a merchant's events were read for news of disputes that lines of reports have waited for.
alter table settlement_cursors add column disputes bigint not null default 0
--;
update settlement_cursors set disputes = sequence
