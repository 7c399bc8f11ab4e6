"""SQL that matches: a chunk of lines is copied into a table of the transaction's own, and judged (`judging.py`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from recoup.db import Connection
from recoup.settlements.core.keys import named
from recoup.settlements.core.lines import Line, fingerprint, identity
from recoup.settlements.core.reasons import Discrepancy, ExceptionState, Reason
from recoup.settlements.core.tolerance import Tolerance
from recoup.settlements.store.judging import MATCH

_STAGE: Final = """
    create temporary table settlement_stage (
        number bigint, file_row bigint, kind text, raw_kind text, key text, reference text, charge_reference text,
        payout text, gross bigint, fee bigint, net bigint, currency text, settlement_currency text, rate text,
        occurred_at timestamptz, last4 text, compared boolean, attempt_id uuid, operation_id uuid, fingerprint uuid,
        dispute_id uuid, disputed_payment_id uuid
    ) on commit drop
"""
_ROOM: Final = (
    "set local work_mem = '64MB'",
    "set local enable_hashjoin = on",
    "set local enable_memoize = off",
)
"""A chunk is sorted and hashed a few times on its way, in memory. Nothing that is looked up is looked up twice."""
_COPY: Final = """
    copy settlement_stage (number, file_row, kind, raw_kind, key, reference, charge_reference, payout, gross, fee, net,
        currency, settlement_currency, rate, occurred_at, last4, compared, attempt_id, operation_id, fingerprint)
    from stdin
"""
_ESCAPED: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_TO_ESCAPE: Final = re.compile(r"[\\\t\n\r]")
_NULL: Final = "\\N"


@dataclass(frozen=True, slots=True)
class Rules:
    """How a report is judged. `whole`: its charges may be the whole authorisation; `fees_told`: its lines tell fees."""

    tolerance: Tolerance
    whole: bool
    fees_told: bool


async def stage(connection: Connection, staged: Sequence[str]) -> None:
    """Bring lines, as `copied` has them, into a table of this transaction's own."""
    for setting in _ROOM:
        await connection.execute(setting)
    await connection.execute(_STAGE)
    async with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
        await copy.write("".join(staged))


def copied(line: Line, account: str) -> str:
    """A line as COPY takes it, ending in the one line feed that it has. Almost none has anything to escape, and looking
    costs less than escaping them all. `account` is its id's 32 digits."""
    (number, row, kind, raw, key, reference, charge, payout, gross, fee, net, currency, settled) = line[:13]
    rate, at, last4, compared = line[13:]
    told = identity(line, account)
    attempt, operation = named(key)
    if _TO_ESCAPE.search(told or raw) is not None or (
        rate is not None and _TO_ESCAPE.search(rate) is not None
    ):
        raw = raw.translate(_ESCAPED)
        key, reference, charge, payout, rate = (
            None if text is None else text.translate(_ESCAPED)
            for text in (key, reference, charge, payout, rate)
        )
    return (
        f"{number}\t{row}\t{kind._value_}\t{raw}\t{key or _NULL}\t{reference or _NULL}\t{charge or _NULL}"
        f"\t{payout or _NULL}\t{gross}\t{fee}\t{net}\t{currency}\t{settled}\t{rate or _NULL}\t{at or _NULL}"
        f"\t{last4 or _NULL}\t{'t' if compared else 'f'}\t{attempt or _NULL}\t{operation or _NULL}"
        f"\t{fingerprint(told) or _NULL}\n"
    )


async def match(
    connection: Connection, rules: Rules, *, merchant_id: UUID, settlement_id: UUID, account_id: UUID
) -> list[dict[str, Any]]:
    """Judge the lines that are staged, and write them; those that somebody must look at, in their order."""
    tolerance = rules.tolerance
    return await connection.fetch_all(
        MATCH,
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
