-- Reports that overlap post what they share once. `fingerprint` is the same for lines that are the same in all that tells
-- lines apart; those that are about no payment of ours are looked up by it, the others by their payment.
alter table settlement_lines add column fingerprint uuid
--;
create index settlement_lines_by_fingerprint on settlement_lines (merchant_id, fingerprint)
    where object_id is null and fingerprint is not null
--;
-- How many lines another report of the account had already; counted at the end, as `matched` is.
alter table settlements add column repeated bigint not null default 0 check (repeated >= 0)
--;
-- Whoever works a chunk of a report holds its account's row, so that two reports of an account that overlap see each
-- other's lines.
create table settlement_accounts (
    merchant_id uuid not null,
    processor_account_id uuid not null,
    primary key (merchant_id, processor_account_id),
    foreign key (merchant_id, processor_account_id) references processor_accounts (merchant_id, id)
)
--;
-- What a report's lines come to, added to with every chunk, so that nobody reads a million lines to post them. `lines` and
-- `net` are of all but the repeated ones; `gross`, `fees`, `settled` and `fees_expected` of those that post by themselves.
create table settlement_sums (
    merchant_id uuid not null,
    settlement_id uuid not null,
    payout text not null,
    kind text not null,
    currency text not null,
    settlement_currency text not null,
    lines bigint not null,
    matched bigint not null,
    repeated bigint not null,
    net bigint not null,
    gross bigint not null,
    fees bigint not null,
    settled bigint not null,
    fees_expected bigint not null,
    primary key (merchant_id, settlement_id, payout, kind, currency, settlement_currency),
    foreign key (merchant_id, settlement_id) references settlements (merchant_id, id)
)
--;
insert into settlement_sums (merchant_id, settlement_id, payout, kind, currency, settlement_currency, lines, matched,
    repeated, net, gross, fees, settled, fees_expected)
select merchant_id, settlement_id, coalesce(payout, ''), kind, currency, settlement_currency, count(*),
    count(*) filter (where status = 'matched'), 0, sum(net),
    coalesce(sum(gross) filter (where status <> 'exception' or reason = 'fee_differs'), 0),
    coalesce(sum(fee) filter (where status <> 'exception' or reason = 'fee_differs'), 0),
    coalesce(sum(net) filter (where status <> 'exception' or reason = 'fee_differs'), 0),
    coalesce(sum(fee_expected) filter (where status <> 'exception' or reason = 'fee_differs'), 0)
from settlement_lines
group by merchant_id, settlement_id, coalesce(payout, ''), kind, currency, settlement_currency
