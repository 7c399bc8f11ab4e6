"""SQL that matches: a chunk of lines is copied into a table of the transaction's own, joined with what we know, judged,
and written with what came of it, in one statement however long the chunk.

It reads the tables of payments and the ledger's positions, because a million lines are matched where the rows are or
not at all. It writes none of them. What is judged is kept narrow: a line's own texts are fetched once, where they are
written, by the place that the row has in the table of the transaction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from recoup.db import Connection
from recoup.settlements.core.keys import named
from recoup.settlements.core.lines import Line, fingerprint
from recoup.settlements.core.reasons import Discrepancy, ExceptionState, Reason
from recoup.settlements.core.tolerance import Tolerance
from recoup.settlements.store.contesting import KINDS

_STAGE: Final = """
    create temporary table settlement_stage (
        number bigint, file_row bigint, kind text, raw_kind text, key text, reference text, charge_reference text,
        payout text, gross bigint, fee bigint, net bigint, currency text, settlement_currency text, rate text,
        occurred_at timestamptz, last4 text, compared boolean, attempt_id uuid, operation_id uuid, fingerprint uuid,
        dispute_id uuid, disputed_payment_id uuid
    ) on commit drop
"""
_ROOM: Final = "set local work_mem = '64MB'"
"""A chunk is sorted a few times on its way, in memory."""
_COPY: Final = """
    copy settlement_stage (number, file_row, kind, raw_kind, key, reference, charge_reference, payout, gross, fee, net,
        currency, settlement_currency, rate, occurred_at, last4, compared, attempt_id, operation_id, fingerprint)
    from stdin
"""
_ESCAPED: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_TO_ESCAPE: Final = re.compile(r"[\\\t\n\r]")
_NULL: Final = "\\N"

_FOUND: Final = """
    select s.ctid as place, s.number, s.kind, s.gross, s.fee, s.net, s.currency, s.settlement_currency, s.compared,
        s.dispute_id, coalesce(k.id, r.id) as known_operation, coalesce(a.id, b.id) as known_attempt,
        coalesce(k.state, r.state) as operation_state, coalesce(k.amount, r.amount) as operation_amount,
        coalesce(a.state, b.state) as attempt_state, coalesce(a.amount, b.amount) as attempt_amount,
        coalesce(a.processor_account_id, b.processor_account_id) as at_account,
        p.id as payment_id, p.currency as payment_currency, p.captured, p.capture_pending, p.capture,
        f.fee as fee_contract, x.lines as lines_before, x.fees_expected as fees_before,
        s.fingerprint is not null and row_number() over (partition by s.fingerprint order by s.number)
            + x.here + y.here <= x.known + y.known as repeated
    from settlement_stage s
    left join lateral (
        select o.id, o.kind, o.state, o.amount, o.payment_id, o.attempt_id from operations o
        where o.merchant_id = %(merchant_id)s and o.id = s.operation_id
            and o.kind = case s.kind when 'charge' then 'capture' else 'refund' end
    ) k on true
    left join lateral (
        select a.id, a.state, a.amount, a.processor_account_id, a.payment_id from attempts a
        where a.merchant_id = %(merchant_id)s and a.id = s.attempt_id
    ) a on true
    left join lateral (
        select o.id, o.state, o.amount, o.payment_id, o.attempt_id from operations o
        where k.id is null and s.kind in ('charge', 'refund') and o.reference = s.reference
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
    left join payments p on p.merchant_id = %(merchant_id)s
        and p.id = coalesce(s.disputed_payment_id, k.payment_id, a.payment_id, r.payment_id, b.payment_id)
    left join ledger_positions f on s.kind = 'charge' and f.merchant_id = %(merchant_id)s and f.object_id = p.id
    cross join lateral (
        select count(*) as lines, coalesce(sum(l.fee_expected), 0)::bigint as fees_expected,
            count(*) filter (
                where l.fingerprint = s.fingerprint and l.object_id is not null and l.status <> 'repeated') as known,
            count(*) filter (
                where l.fingerprint = s.fingerprint and l.object_id is not null
                    and l.settlement_id = %(settlement_id)s) as here
        from settlement_lines l
        where l.merchant_id = %(merchant_id)s and l.payment_id = p.id
    ) x
    cross join lateral (
        select count(*) filter (where l.status <> 'repeated') as known,
            count(*) filter (where l.settlement_id = %(settlement_id)s) as here
        from settlement_lines l
        where l.merchant_id = %(merchant_id)s and l.fingerprint = s.fingerprint and l.object_id is null
    ) y
"""
"""What we know of each line: the operation or attempt that our key names, else what the processor's reference names.
Captures and refunds are looked for by their own kind: some processors call them by the charge's reference. Nothing is
sorted to find one, since a sort that has nothing to do still costs as much as looking up a row.

A line is repeated where its report would not have more lines of its fingerprint with it than all reports have without:
two equal lines of one file are two, and the same two in another file are none. That holds in whatever order the reports
are worked, and where their chunks alternate."""

_PLACED: Final = """
    select *, row_number() over (partition by payment_id, kind, gross, repeated order by number) - 1 as before_it,
        number = min(number) filter (where kind = 'charge' and not repeated) over (partition by payment_id)
            as first_of_it
    from found
"""
_NARROWED: Final = """
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
        from placed m offset 0
    ) n
    left join operations w on w.merchant_id = %(merchant_id)s and w.id = n.narrowed_operation
"""
"""Where only the charge is known, a part of it goes by its amount to a capture or refund that no line has yet: the
first line to the first, the second to the second. Here and below, what is asked of earlier lines is asked for one row
at a time: an `exists` may be answered by reading all lines that a merchant ever had."""

_OBJECTS: Final = """
    select *, coalesce(its_operation, known_attempt) as object_id,
        case when kind = 'refund' then -its_amount
            when its_operation is not null then its_amount
            when capture = 'manual' and not (%(whole)s and gross = attempt_amount) then captured
            else attempt_amount end as expected
    from narrowed
"""
_COUNTED: Final = """
    select *,
        case when kind in ('charge', 'refund') and object_id is not null
            then row_number() over (partition by object_id, kind, gross order by number) end as times
    from objects
"""
_REASONED: Final = f"""
    select *,
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
    from counted c offset 0
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
_MATCH: Final = f"""
    with found as materialized ({_FOUND}), placed as materialized ({_PLACED}), narrowed as materialized ({_NARROWED}),
        objects as ({_OBJECTS}), counted as materialized ({_COUNTED}), reasoned as ({_REASONED}),
        judged as materialized ({_JUDGED}),
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


@dataclass(frozen=True, slots=True)
class Rules:
    """How a report is judged. `whole`: its charges may be the whole authorisation; `fees_told`: its lines tell fees."""

    tolerance: Tolerance
    whole: bool
    fees_told: bool


async def stage(connection: Connection, staged: Sequence[str]) -> None:
    """Bring lines, as `copied` has them, into a table of this transaction's own."""
    await connection.execute(_ROOM)
    await connection.execute(_STAGE)
    async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        await copy.write("".join(staged))


def copied(line: Line, account_id: UUID) -> str:
    """A line as COPY takes it, ending in the one line feed that it has. Almost none has anything to escape, and looking
    costs less than escaping them all."""
    (number, row, kind, raw, key, reference, charge, payout, gross, fee, net, currency, settled) = line[:13]
    rate, at, last4, compared = line[13:]
    if _TO_ESCAPE.search(f"{raw} {key} {reference} {charge} {payout} {rate}") is not None:
        raw = raw.translate(_ESCAPED)
        key, reference, charge, payout, rate = (
            None if text is None else text.translate(_ESCAPED)
            for text in (key, reference, charge, payout, rate)
        )
    attempt, operation = named(line[4])
    return (
        f"{number}\t{row}\t{kind._value_}\t{raw}\t{key or _NULL}\t{reference or _NULL}\t{charge or _NULL}"
        f"\t{payout or _NULL}\t{gross}\t{fee}\t{net}\t{currency}\t{settled}\t{rate or _NULL}\t{at or _NULL}"
        f"\t{last4 or _NULL}\t{'t' if compared else 'f'}\t{attempt or _NULL}\t{operation or _NULL}"
        f"\t{fingerprint(line, account_id) or _NULL}\n"
    )


async def match(
    connection: Connection, rules: Rules, *, merchant_id: UUID, settlement_id: UUID, account_id: UUID
) -> list[dict[str, Any]]:
    """Judge the lines that are staged, and write them; those that somebody must look at, in their order."""
    tolerance = rules.tolerance
    return await connection.fetch_all(
        _MATCH,
        {
            "merchant_id": merchant_id,
            "settlement_id": settlement_id,
            "account_id": account_id,
            "amount": tolerance.amount,
            "fee": tolerance.fee,
            "fee_basis_points": tolerance.fee_basis_points,
            "whole": rules.whole,
            "fees_told": rules.fees_told,
        },
    )


async def found_at_last(connection: Connection, *, merchant_id: UUID, now: datetime) -> int:
    """Close what was missing at the processor and is among the staged lines; how many that were."""
    cursor = await connection.execute(
        """
        update settlement_exceptions e set state = 'resolved', resolution = 'found', resolved_at = %(now)s
        where e.merchant_id = %(merchant_id)s and e.reason = 'missing_there' and e.state = 'open'
            and exists (
                select from settlement_lines l
                where l.merchant_id = %(merchant_id)s and l.payment_id = e.payment_id
                    and (l.object_id = e.object_id or (l.kind = 'charge' and e.object_id = e.payment_id)))
        """,
        {"merchant_id": merchant_id, "now": now},
    )
    return cursor.rowcount


async def write_exceptions(
    connection: Connection, discrepancies: Sequence[Discrepancy], *, merchant_id: UUID
) -> None:
    """New exceptions."""
    async with connection.cursor() as cursor, cursor.copy(_EXCEPTIONS) as copy:
        for one in discrepancies:
            await copy.write_row(
                (
                    merchant_id,
                    one.id,
                    one.settlement_id,
                    one.number,
                    one.processor_account_id,
                    one.reason.value,
                    one.state.value,
                    one.payment_id,
                    one.object_id,
                    one.expected,
                    one.found,
                    one.currency,
                    list(one.proposals),
                    one.opened_at,
                )
            )


_EXCEPTIONS: Final = """
    copy settlement_exceptions (merchant_id, id, settlement_id, number, processor_account_id, reason, state, payment_id,
        object_id, expected, found, currency, proposals, opened_at) from stdin
"""


def discrepancy(row: dict[str, Any]) -> Discrepancy:
    """A stored exception."""
    return Discrepancy(
        **{
            **row,
            "reason": Reason(row["reason"]),
            "state": ExceptionState(row["state"]),
            "proposals": tuple(row["proposals"]),
        }
    )
