"""The statement that judges a chunk of lines: joined with what we know, and written with what came of it, in one
statement however long the chunk.

It reads the tables of payments and the ledger's positions, because a million lines are matched where the rows are or
not at all. It writes none of them. Most of what a line costs is not to look it up but to copy it from step to step, so
what is judged is narrow and put together twice only: a line's own texts are fetched once, where they are written, by
the place that the row has in the table of the transaction. Lines are sorted and numbered only where there are several
of one payment, or equal ones in another report.

What earlier lines there are is read for all lines at once, in the order of the index, since most have none. What is
found is joined by hash, which is let be for this transaction: all that is looked up in a table has a limit, so that no
plan reads one whole.
"""

from __future__ import annotations

from typing import Final

from recoup.settlements.store.contesting import KINDS

_KNOWN: Final = """
    select s.ctid as place, s.number, s.kind, s.gross, s.fee, s.net, s.currency, s.settlement_currency, s.compared,
        s.fingerprint, s.dispute_id, coalesce(k.id, r.id) as known_operation, coalesce(a.id, b.id) as known_attempt,
        coalesce(k.state, r.state) as operation_state, coalesce(k.amount, r.amount) as operation_amount,
        coalesce(a.state, b.state) as attempt_state, coalesce(a.amount, b.amount) as attempt_amount,
        coalesce(a.processor_account_id, b.processor_account_id) as at_account,
        coalesce(p.id, q.id) as payment_id, coalesce(p.currency, q.currency) as payment_currency,
        coalesce(p.captured, q.captured) as captured, coalesce(p.capture_pending, q.capture_pending) as capture_pending,
        coalesce(p.capture, q.capture) as capture, f.fee as fee_contract
    from settlement_stage s
    left join lateral (
        select o.id, o.kind, o.state, o.amount, o.payment_id, o.attempt_id from operations o
        where o.merchant_id = %(merchant_id)s and o.id = s.operation_id
            and o.kind = case s.kind when 'charge' then 'capture' else 'refund' end
        limit 1
    ) k on s.operation_id is not null
    left join lateral (
        select a.id, a.state, a.amount, a.processor_account_id, a.payment_id from attempts a
        where a.merchant_id = %(merchant_id)s and a.id = s.attempt_id
        limit 1
    ) a on s.attempt_id is not null
    left join lateral (
        select p.id, p.currency, p.captured, p.capture_pending, p.capture from payments p
        where p.merchant_id = %(merchant_id)s and p.id = coalesce(s.disputed_payment_id, k.payment_id, a.payment_id)
        limit 1
    ) p on true
    left join lateral (
        select o.id, o.state, o.amount, o.payment_id, o.attempt_id from operations o
        where k.id is null and (s.kind = 'refund' or s.kind = 'charge' and p.capture is distinct from 'automatic')
            and o.reference = s.reference
            and o.merchant_id = %(merchant_id)s and (a.id is null or o.payment_id = a.payment_id)
            and o.kind = case s.kind when 'charge' then 'capture' else 'refund' end
        limit 1
    ) r on true
    left join lateral (
        select b.id, b.state, b.amount, b.processor_account_id, b.payment_id from attempts b
        where a.id is null and b.reference = s.charge_reference and b.merchant_id = %(merchant_id)s
            and b.processor_account_id = %(account_id)s
        limit 1
    ) b on true
    left join lateral (
        select q.id, q.currency, q.captured, q.capture_pending, q.capture from payments q
        where p.id is null and q.merchant_id = %(merchant_id)s and q.id = coalesce(r.payment_id, b.payment_id)
        limit 1
    ) q on true
    left join lateral (
        select f.fee from ledger_positions f
        where s.kind = 'charge' and f.merchant_id = %(merchant_id)s and f.object_id = coalesce(p.id, q.id)
        limit 1
    ) f on true
"""
"""What we know of each line: the operation or attempt that our key names, else what the processor's reference names.
Captures and refunds are looked for by their own kind: some processors call them by the charge's reference. Nothing is
sorted to find one, since a sort that has nothing to do still costs as much as looking up a row. Where a charge is known
and was captured by itself, there is no capture to look for."""

_EARLIER: Final = """
    select l.payment_id, l.fingerprint, l.fee_expected, l.object_id is not null as about_it,
        l.status <> 'repeated' as counts, l.settlement_id = %(settlement_id)s as is_ours
    from settlement_lines l
    where l.merchant_id = %(merchant_id)s and l.payment_id is not null
        and l.payment_id = any(array(select k.payment_id from known k where k.payment_id is not null))
"""
_OF_PAYMENT: Final = """
    select payment_id, count(*) as lines, coalesce(sum(fee_expected), 0)::bigint as fees_expected
    from earlier group by payment_id
"""
_EQUAL: Final = """
    select payment_id, fingerprint, count(*) filter (where counts) as known, count(*) filter (where is_ours) as here
    from earlier where about_it and fingerprint is not null group by payment_id, fingerprint
"""
_EQUAL_TO_NOTHING: Final = """
    select l.fingerprint, count(*) filter (where l.status <> 'repeated') as known,
        count(*) filter (where l.settlement_id = %(settlement_id)s) as here
    from settlement_lines l
    where l.merchant_id = %(merchant_id)s and l.object_id is null and l.fingerprint is not null
        and l.fingerprint = any(array(select k.fingerprint from known k where k.fingerprint is not null))
    group by l.fingerprint
"""
_REPEATED: Final = """
    select k.number, row_number() over (partition by k.fingerprint order by k.number)
        + coalesce(x.here, 0) + coalesce(y.here, 0) <= coalesce(x.known, 0) + coalesce(y.known, 0) as repeated
    from known k
    left join equal x on x.payment_id = k.payment_id and x.fingerprint = k.fingerprint
    left join equal_to_nothing y on y.fingerprint = k.fingerprint
    where x.known > 0 or y.known > 0
"""
_SEVERAL: Final = (
    "select payment_id from known where payment_id is not null group by payment_id having count(*) > 1"
)
_PLACED: Final = """
    select number, row_number() over (partition by payment_id, kind, gross, repeated order by number) - 1 as before_it,
        number = min(number) filter (where kind = 'charge' and not repeated) over (partition by payment_id)
            as first_of_it
    from (
        select k.number, k.payment_id, k.kind, k.gross, coalesce(e.repeated, false) as repeated
        from known k join several v on v.payment_id = k.payment_id left join repeated e on e.number = k.number
    ) k
"""
"""A line is repeated where its report would not have more lines of its fingerprint with it than all reports have
without: two equal lines of one file are two, and the same two in another file are none. That holds in whatever order
the reports are worked, and where their chunks alternate. Only what has an equal is counted."""

_MAIN: Final = """
    select o.place, o.number, o.kind, o.gross, o.fee, o.net, o.currency, o.settlement_currency, o.compared,
        o.dispute_id, o.its_operation, o.its_state, o.attempt_state, o.at_account, o.payment_id, o.payment_currency,
        o.captured, o.capture_pending, o.fee_contract, o.lines_before, o.fees_before, o.first_of_it, o.repeated,
        o.is_several,
        coalesce(o.its_operation, o.known_attempt) as object_id,
        case when o.kind = 'refund' then -o.its_amount
            when o.its_operation is not null then o.its_amount
            when o.capture = 'manual' and not (%(whole)s and o.gross = o.attempt_amount) then o.captured
            else o.attempt_amount end as expected
    from (
        select n.*, coalesce(n.known_operation, w.id) as its_operation,
            coalesce(n.operation_state, w.state) as its_state, coalesce(n.operation_amount, w.amount) as its_amount
        from (
            select m.*,
                case when known_operation is null and not repeated
                    and (kind = 'refund' or (kind = 'charge' and gross <> attempt_amount))
                then (
                    select o.id from operations o
                    where o.merchant_id = %(merchant_id)s and o.payment_id = m.payment_id and o.amount = abs(m.gross)
                        and o.kind = case m.kind when 'charge' then 'capture' else 'refund' end
                        and (
                            select l.number from settlement_lines l
                            where l.merchant_id = %(merchant_id)s and l.payment_id = m.payment_id and l.object_id = o.id
                                and l.kind = m.kind limit 1) is null
                    order by o.state = 'succeeded' desc, o.id offset m.before_it limit 1
                ) end as narrowed_operation
            from (
                select k.*, coalesce(h.lines, 0) as lines_before, coalesce(h.fees_expected, 0) as fees_before,
                    coalesce(e.repeated, false) as repeated, coalesce(b.before_it, 0) as before_it,
                    case when b.number is null then k.kind = 'charge' and e.repeated is not true else b.first_of_it end
                        as first_of_it,
                    b.number is not null as is_several
                from known k
                left join of_payment h on h.payment_id = k.payment_id
                left join repeated e on e.number = k.number
                left join placed b on b.number = k.number
            ) m
            offset 0
        ) n
        left join lateral (
            select w.id, w.state, w.amount from operations w
            where w.merchant_id = %(merchant_id)s and w.id = n.narrowed_operation limit 1
        ) w on n.narrowed_operation is not null
    ) o
"""
"""Where only the charge is known, a part of it goes by its amount to a capture or refund that no line has yet: the
first line to the first, the second to the second. Here and below, what is asked of earlier lines is asked for one row
at a time: an `exists` may be answered by reading all lines that a merchant ever had."""

_TIMES: Final = """
    select number, row_number() over (partition by object_id, kind, gross order by number) as times
    from main where is_several and kind in ('charge', 'refund') and object_id is not null
"""
"""Which of several lines of one movement each is; a line that is alone with its payment is not counted."""
_REASONED: Final = f"""
    select c.*,
        case
            when repeated then null
            when kind = 'unknown' then 'unknown_kind'
            when kind in {KINDS} and dispute_id is null then 'dispute_unknown'
            when kind in {KINDS} and currency = settlement_currency and gross - fee <> net then 'sums_differ'
            when kind not in ('charge', 'refund') then null
            when payment_id is null or (kind = 'refund' and its_operation is null) then 'missing_here'
            when at_account <> %(account_id)s then 'other_account'
            when times > 1 or lines_before > 0 and (
                select l.number from settlement_lines l
                where l.merchant_id = %(merchant_id)s and l.payment_id = c.payment_id and l.object_id = c.object_id
                    and l.kind = c.kind and l.gross = c.gross limit 1
            ) is not null then 'duplicate'
            when kind = 'refund' and its_state = 'failed' then 'settled_though_failed'
            when kind = 'refund' and its_state <> 'succeeded' then 'settled_though_open'
            when kind = 'charge' and attempt_state in ('declined', 'unprocessed') then 'settled_though_declined'
            when kind = 'charge' and attempt_state not in ('approved', 'reversed') then 'settled_though_open'
            when kind = 'charge' and attempt_state = 'approved' and captured = 0 then
                case when capture_pending > 0 then 'settled_though_open' else 'settled_though_not_captured' end
            when kind = 'charge' and its_state = 'failed' then 'settled_though_not_captured'
            when kind = 'charge' and its_state in ('started', 'pending', 'unknown') then 'settled_though_open'
            when not compared then null
            when currency <> payment_currency then 'currency_differs'
            when abs(gross - expected) > %(amount)s then 'amount_differs'
            when currency = settlement_currency and gross - fee <> net then 'sums_differ'
            when %(fees_told)s and fee_contract > 0 and currency = settlement_currency and captured = gross
                and abs(fee - fee_contract) > greatest(%(fee)s, fee_contract * %(fee_basis_points)s / 10000)
            then 'fee_differs'
        end as reason
    from main c left join times t on t.number = c.number offset 0
"""  # noqa: S608 - texts of ours
"""The offset keeps the reason from being worked out again wherever it is named. Whether a line of a dispute fits is
judged afterwards, with all other lines of that dispute (`contesting.py`)."""
_JUDGED: Final = """
    select place, number, payment_id, object_id, expected, fee_contract, reason,
        case when repeated then 'repeated' when reason is not null then 'exception'
            when kind in ('charge', 'refund') then 'matched' else 'noted' end as status,
        case when fee_contract is not null and not repeated and reason is distinct from 'duplicate'
                and reason is distinct from 'other_account'
            then case when first_of_it then fee_contract - fees_before else 0 end
        end as fee_expected
    from reasoned
"""
"""The fee that was expected is of the whole payment: its first line takes what no line has taken before, and the others
take nothing."""
MATCH: Final = f"""
    with known as materialized ({_KNOWN}), earlier as materialized ({_EARLIER}),
    of_payment as materialized ({_OF_PAYMENT}), equal as materialized ({_EQUAL}),
    equal_to_nothing as materialized ({_EQUAL_TO_NOTHING}), repeated as materialized ({_REPEATED}),
    several as materialized ({_SEVERAL}), placed as materialized ({_PLACED}), main as materialized ({_MAIN}),
    times as materialized ({_TIMES}), reasoned as ({_REASONED}), judged as materialized ({_JUDGED}),
    written as (
        insert into settlement_lines (
            merchant_id, settlement_id, number, file_row, kind, raw_kind, key, reference, charge_reference, payout,
            gross, fee, net, currency, settlement_currency, rate, occurred_at, last4, status, reason, payment_id,
            object_id, fee_expected, fingerprint)
        select %(merchant_id)s, %(settlement_id)s, s.number, s.file_row, s.kind, s.raw_kind, s.key, s.reference,
            s.charge_reference, s.payout, s.gross, s.fee, s.net, s.currency, s.settlement_currency, s.rate,
            s.occurred_at, s.last4, j.status, j.reason, j.payment_id, j.object_id, j.fee_expected, s.fingerprint
        from judged j join settlement_stage s on s.ctid = j.place
        returning payout, kind, currency, settlement_currency, status, reason, gross, fee, net, fee_expected
    ),
    summed as (
        insert into settlement_sums as b (
            merchant_id, settlement_id, payout, kind, currency, settlement_currency, lines, matched, repeated, net,
            gross, fees, settled, fees_expected)
        select %(merchant_id)s, %(settlement_id)s, coalesce(payout, ''), kind, currency, settlement_currency,
            count(*) filter (where status <> 'repeated'), count(*) filter (where status = 'matched'),
            count(*) filter (where status = 'repeated'), coalesce(sum(net) filter (where status <> 'repeated'), 0),
            coalesce(sum(gross) filter (where posts), 0), coalesce(sum(fee) filter (where posts), 0),
            coalesce(sum(net) filter (where posts), 0), coalesce(sum(fee_expected) filter (where posts), 0)
        from (
            select *, status in ('matched', 'noted') or reason is not distinct from 'fee_differs'
                or kind in {KINDS} and status <> 'repeated' as posts
            from written
        ) w
        group by coalesce(payout, ''), kind, currency, settlement_currency
        on conflict (merchant_id, settlement_id, payout, kind, currency, settlement_currency) do update
        set lines = b.lines + excluded.lines, matched = b.matched + excluded.matched,
            repeated = b.repeated + excluded.repeated, net = b.net + excluded.net, gross = b.gross + excluded.gross,
            fees = b.fees + excluded.fees, settled = b.settled + excluded.settled,
            fees_expected = b.fees_expected + excluded.fees_expected
    )
    select j.number, j.reason, j.payment_id, j.object_id, s.kind, s.gross, s.fee, s.net, s.currency,
        s.settlement_currency, j.expected, j.fee_contract
    from judged j join settlement_stage s on s.ctid = j.place
    where j.reason is not null
    order by j.number
"""  # noqa: S608 - texts of ours
