"""SQL that matches: a chunk of lines is copied into a table of the transaction's own, joined with what we know, judged,
and written with what came of it, in one statement however long the chunk.

It reads the tables of payments and the ledger's positions, because a million lines are matched where the rows are or
not at all. It writes none of them.
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
from recoup.settlements.core.lines import Line
from recoup.settlements.core.reasons import Discrepancy, ExceptionState, Reason
from recoup.settlements.core.tolerance import Tolerance

_STAGE: Final = """
    create temporary table settlement_stage (
        number bigint, file_row bigint, kind text, raw_kind text, key text, reference text, charge_reference text,
        payout text, gross bigint, fee bigint, net bigint, currency text, settlement_currency text, rate text,
        occurred_at timestamptz, last4 text, compared boolean, attempt_id uuid, operation_id uuid
    ) on commit drop
"""
_ROOM: Final = "set local work_mem = '64MB'"
"""A chunk is sorted twice on its way, in memory."""
_COPY: Final = "copy settlement_stage from stdin"
_ESCAPED: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_TO_ESCAPE: Final = re.compile(r"[\\\t\n\r]")
_NULL: Final = "\\N"

_FOUND: Final = """
    select s.*, coalesce(k.id, r.id) as known_operation, coalesce(a.id, b.id) as known_attempt,
        coalesce(k.state, r.state) as operation_state, coalesce(k.amount, r.amount) as operation_amount,
        coalesce(a.state, b.state) as attempt_state, coalesce(a.amount, b.amount) as attempt_amount,
        coalesce(a.processor_account_id, b.processor_account_id) as at_account,
        p.id as payment_id, p.currency as payment_currency, p.captured, p.capture_pending, p.capture,
        f.fee as fee_expected,
        row_number() over (partition by p.id, s.kind, s.gross order by s.number) - 1 as before_it
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
        order by o.id limit 1
    ) r on true
    left join lateral (
        select b.id, b.state, b.amount, b.processor_account_id, b.payment_id from attempts b
        where a.id is null and b.reference = s.charge_reference and b.merchant_id = %(merchant_id)s
            and b.processor_account_id = %(account_id)s
        order by b.id limit 1
    ) b on true
    left join payments p on p.merchant_id = %(merchant_id)s
        and p.id = coalesce(k.payment_id, a.payment_id, r.payment_id, b.payment_id)
    left join ledger_positions f on s.kind = 'charge' and f.merchant_id = %(merchant_id)s and f.object_id = p.id
"""
"""What we know of each line: the operation or attempt that our key names, else what the processor's reference names.
Captures and refunds are looked for by their own kind: some processors call them by the charge's reference."""

_NARROWED: Final = """
    select n.*, coalesce(n.known_operation, w.id) as its_operation,
        coalesce(n.operation_state, w.state) as its_state, coalesce(n.operation_amount, w.amount) as its_amount
    from found n
    left join lateral (
        select o.id, o.state, o.amount from operations o
        where n.known_operation is null and (n.kind = 'refund' or (n.kind = 'charge' and n.gross <> n.attempt_amount))
            and o.merchant_id = %(merchant_id)s and o.payment_id = n.payment_id and o.amount = abs(n.gross)
            and o.kind = case n.kind when 'charge' then 'capture' else 'refund' end
            and not exists (
                select from settlement_lines l
                where l.merchant_id = %(merchant_id)s and l.payment_id = n.payment_id and l.object_id = o.id
                    and l.kind = n.kind)
        order by o.state = 'succeeded' desc, o.id offset n.before_it limit 1
    ) w on true
"""
"""Where only the charge is known, a part of it goes by its amount to a capture or refund that no line has yet: the
first line to the first, the second to the second."""

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
            then row_number() over (partition by kind, object_id, gross order by number) end as times
    from objects
"""
_JUDGED: Final = """
    select *,
        case
            when kind = 'unknown' then 'unknown_kind'
            when kind not in ('charge', 'refund') then null
            when payment_id is null or (kind = 'refund' and its_operation is null) then 'missing_here'
            when at_account <> %(account_id)s then 'other_account'
            when times > 1 or exists (
                select from settlement_lines l
                where l.merchant_id = %(merchant_id)s and l.payment_id = c.payment_id and l.object_id = c.object_id
                    and l.kind = c.kind and l.gross = c.gross
            ) then 'duplicate'
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
            when %(fees_told)s and fee_expected > 0 and currency = settlement_currency and captured = gross
                and abs(fee - fee_expected) > greatest(%(fee)s, fee_expected * %(fee_basis_points)s / 10000)
            then 'fee_differs'
        end as reason
    from counted c
"""
_MATCH: Final = f"""
    with found as materialized ({_FOUND}), narrowed as materialized ({_NARROWED}), objects as ({_OBJECTS}),
        counted as materialized ({_COUNTED}), judged as materialized ({_JUDGED}),
    written as (
        insert into settlement_lines (
            merchant_id, settlement_id, number, file_row, kind, raw_kind, key, reference, charge_reference, payout,
            gross, fee, net, currency, settlement_currency, rate, occurred_at, last4, status, reason, payment_id,
            object_id, fee_expected)
        select %(merchant_id)s, %(settlement_id)s, number, file_row, kind, raw_kind, key, reference, charge_reference,
            payout, gross, fee, net, currency, settlement_currency, rate, occurred_at, last4,
            case when reason is not null then 'exception'
                when kind in ('charge', 'refund') then 'matched' else 'noted' end,
            reason, payment_id, object_id,
            case when kind = 'charge' and reason is distinct from 'duplicate' then fee_expected end
        from judged
    )
    select number, reason, payment_id, object_id, kind, gross, fee, net, currency, settlement_currency, last4,
        expected, fee_expected, occurred_at
    from judged where reason is not null
    order by number
"""  # noqa: S608 - texts of ours


PROPOSALS_MAX: Final = 3
"""The most payments that are proposed for one line."""
PROPOSALS_AT_ONCE: Final = 3000
LOOKED_AT_MAX: Final = 200_000
"""The most payments that are looked at for proposals, for each chunk of lines."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A charge that is not known here; `since` and `until` are the ids that bound the days when it may have begun."""

    number: int
    amount: int
    currency: str
    last4: str | None
    since: UUID
    until: UUID


@dataclass(frozen=True, slots=True)
class Rules:
    """How a report is judged. `whole`: its charges may be the whole authorisation; `fees_told`: its lines tell fees."""

    tolerance: Tolerance
    whole: bool
    fees_told: bool


async def stage(connection: Connection, lines: Sequence[Line]) -> None:
    """Bring lines into a table of this transaction's own."""
    await connection.execute(_ROOM)
    await connection.execute(_STAGE)
    async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        await copy.write("".join([_copied(line) for line in lines]))


def _copied(line: Line) -> str:
    """A line as COPY takes it. Almost none has anything to escape, and looking costs less than escaping them all."""
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
        f"\t{last4 or _NULL}\t{'t' if compared else 'f'}\t{attempt or _NULL}\t{operation or _NULL}\n"
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


async def proposals(
    connection: Connection, wanted: Sequence[Wanted], *, merchant_id: UUID, account_id: UUID
) -> dict[int, tuple[UUID, ...]]:
    """Payments of the account whose amount, currency, day and card would fit charges that are not known here.

    A proposal for a person, never a match: the same card may well have paid the same amount twice that day. Only what
    no line names yet is proposed. The ids of payments bound the days, since they sort by when they were made.
    """
    await connection.execute("set local enable_hashjoin = on")
    rows = await connection.fetch_all(
        """
        select w.number, p.id
        from unnest(%(numbers)s::bigint[], %(amounts)s::bigint[], %(currencies)s::text[], %(last4s)s::text[],
            %(since)s::uuid[], %(until)s::uuid[]) as w (number, amount, currency, last4, since, until)
        join (
            select id, amount, currency, payment_method_id from payments
            where merchant_id = %(merchant_id)s and id >= %(first)s and id < %(last)s
                and processor_account_id = %(account_id)s
            order by id limit %(looked_at)s
        ) p on p.amount = w.amount and p.currency = w.currency and p.id >= w.since and p.id < w.until
        where (w.last4 is null or exists (
                select from payment_methods m
                where m.merchant_id = %(merchant_id)s and m.id = p.payment_method_id and m.last4 = w.last4))
            and not exists (
                select from settlement_lines l
                where l.merchant_id = %(merchant_id)s and l.payment_id = p.id)
        order by w.number, p.id limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "account_id": account_id,
            "limit": PROPOSALS_AT_ONCE,
            "looked_at": LOOKED_AT_MAX,
            "first": min(one.since for one in wanted),
            "last": max(one.until for one in wanted),
            "numbers": [one.number for one in wanted],
            "amounts": [one.amount for one in wanted],
            "currencies": [one.currency for one in wanted],
            "last4s": [one.last4 for one in wanted],
            "since": [one.since for one in wanted],
            "until": [one.until for one in wanted],
        },
    )
    found: dict[int, tuple[UUID, ...]] = {}
    for row in rows:
        before = found.get(row["number"], ())
        found[row["number"]] = before if len(before) == PROPOSALS_MAX else (*before, row["id"])
    return found


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
