"""SQL of exceptions: what somebody must look at, how it ended, and what no report has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.db.paging import bounds
from recoup.settlements.core.reasons import Discrepancy, ExceptionState, Reason, Resolution
from recoup.settlements.store.matching import discrepancy

_COLUMNS: Final[
    LiteralString
] = """id, settlement_id, number, processor_account_id, reason, state, payment_id,
    object_id, expected, found, currency, proposals, opened_at, resolved_at, resolution, note"""


def _exception(row: dict[str, Any]) -> Discrepancy:
    ended = row["resolution"]
    return discrepancy({**row, "resolution": None if ended is None else Resolution(ended)})


async def read(queries: Queries, *, merchant_id: UUID, exception_id: UUID) -> Discrepancy | None:
    """One exception."""
    row = await queries.fetch_one(
        f"select {_COLUMNS} from settlement_exceptions where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": exception_id},
    )
    return None if row is None else _exception(row)


async def page(
    database: Database,
    *,
    merchant_id: UUID,
    report_id: UUID | None,
    state: ExceptionState | None,
    reason: Reason | None,
    after: UUID | None,
    before: UUID | None,
    limit: int,
) -> Sequence[Discrepancy]:
    """Exceptions newest first, of one report or of all; with `before` oldest first."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await database.fetch_all(
        f"""
        select {_COLUMNS} from settlement_exceptions
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s
            and (%(report_id)s::uuid is null or settlement_id = %(report_id)s)
            and (%(state)s::text is null or state = %(state)s)
            and (%(reason)s::text is null or reason = %(reason)s)
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "report_id": report_id,
            "state": state,
            "reason": reason,
            "limit": limit,
        }
        | bounds(after, before),
    )
    return [_exception(row) for row in rows]


async def resolve(
    connection: Connection,
    *,
    merchant_id: UUID,
    exception_id: UUID,
    resolution: Resolution,
    note: str | None,
    payment_id: UUID | None,
    now: datetime,
) -> Discrepancy | None:
    """Close an exception that is open; None where it is not. `payment_id` is what it was linked to."""
    row = await connection.fetch_one(
        f"""
        update settlement_exceptions
        set state = 'resolved', resolution = %(resolution)s, note = %(note)s, resolved_at = %(now)s,
            payment_id = coalesce(%(payment_id)s, payment_id)
        where merchant_id = %(merchant_id)s and id = %(id)s and state = 'open'
        returning {_COLUMNS}
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "id": exception_id,
            "resolution": resolution,
            "note": note,
            "payment_id": payment_id,
            "now": now,
        },
    )
    return None if row is None else _exception(row)


async def fees_taken(
    connection: Connection, *, merchant_id: UUID, report_id: UUID, number: int, payment_id: UUID
) -> int:
    """How much of a payment's expected fee its lines have taken, but for this one."""
    row = await connection.fetch_one(
        """
        select coalesce(sum(fee_expected), 0)::bigint as fees from settlement_lines
        where merchant_id = %(merchant_id)s and payment_id = %(payment_id)s
            and (settlement_id, number) <> (%(report_id)s, %(number)s)
        """,
        {"merchant_id": merchant_id, "payment_id": payment_id, "report_id": report_id, "number": number},
    )
    return 0 if row is None else int(row["fees"])


async def link(
    connection: Connection,
    *,
    merchant_id: UUID,
    report_id: UUID,
    number: int,
    payment_id: UUID,
    fee_expected: int | None,
) -> None:
    """A line belongs to a payment after all."""
    await connection.execute(
        """
        update settlement_lines
        set payment_id = %(payment_id)s, status = 'matched', fee_expected = %(fee_expected)s
        where merchant_id = %(merchant_id)s and settlement_id = %(report_id)s and number = %(number)s
        """,
        {
            "merchant_id": merchant_id,
            "report_id": report_id,
            "number": number,
            "payment_id": payment_id,
            "fee_expected": fee_expected,
        },
    )


async def payment_there(queries: Queries, *, merchant_id: UUID, payment_id: UUID) -> bool:
    """Whether there is such a payment."""
    row = await queries.fetch_one(
        "select 1 as one from payments where merchant_id = %(merchant_id)s and id = %(id)s",
        {"merchant_id": merchant_id, "id": payment_id},
    )
    return row is not None


@dataclass(frozen=True, slots=True)
class Cursors:
    """How far a merchant's events were looked at: for what no report has, and for news of disputes."""

    sequence: int
    disputes: int


async def cursors_of(connection: Connection, *, merchant_id: UUID) -> Cursors:
    """How far a merchant's events were looked at, for this transaction alone."""
    await connection.execute(
        "insert into settlement_cursors (merchant_id) values (%(merchant_id)s) on conflict do nothing",
        {"merchant_id": merchant_id},
    )
    row = await connection.fetch_one(
        """
        select sequence, disputes from settlement_cursors where merchant_id = %(merchant_id)s for no key update
        """,
        {"merchant_id": merchant_id},
    )
    assert row is not None, "it was written a moment ago"
    return Cursors(**row)


async def move_cursors(
    connection: Connection, *, merchant_id: UUID, sequence: int | None = None, disputes: int | None = None
) -> None:
    """The events up to there were looked at."""
    await connection.execute(
        """
        update settlement_cursors
        set sequence = coalesce(%(sequence)s, sequence), disputes = coalesce(%(disputes)s, disputes)
        where merchant_id = %(merchant_id)s
        """,
        {"merchant_id": merchant_id, "sequence": sequence, "disputes": disputes},
    )


async def with_reports(database: Database, *, after: UUID, limit: int) -> Sequence[UUID]:
    """Merchants that upload reports, a page of them."""
    rows = await database.fetch_all(
        """
        -- all merchants: house-keeping looks for those who upload reports
        select distinct merchant_id from settlements where merchant_id > %(after)s order by merchant_id limit %(limit)s
        """,
        {"after": after, "limit": limit},
    )
    return [row["merchant_id"] for row in rows]


@dataclass(frozen=True, slots=True)
class Reporting:
    """An account that has reports: the first movement that one tells of, and by which rules the newest was judged."""

    processor_account_id: UUID
    since: datetime
    tolerance: str


async def reporting(queries: Queries, *, merchant_id: UUID) -> Sequence[Reporting]:
    """The accounts of a merchant whose reports are uploaded. What came before the first of them is not missed."""
    rows = await queries.fetch_all(
        """
        select processor_account_id, min(coalesce(first_at, created_at)) as since,
            (array_agg(tolerance order by id desc))[1] as tolerance
        from settlements where merchant_id = %(merchant_id)s and state = 'done'
        group by processor_account_id
        """,
        {"merchant_id": merchant_id},
    )
    return [Reporting(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class Unreported:
    """A capture, refund or disputed amount that no report has. `object_id` is the payment's for what was captured, and
    there is no payment of ours where one that was made elsewhere is disputed."""

    payment_id: UUID | None
    object_id: UUID
    amount: int
    currency: str
    processor_account_id: UUID


async def unreported(
    connection: Connection, object_ids: Sequence[UUID], *, merchant_id: UUID, account_ids: Sequence[UUID]
) -> Sequence[Unreported]:
    """Those payments and refunds of some accounts that took or gave back money and that no line is about."""
    rows = await connection.fetch_all(
        """
        select p.id as payment_id, p.id as object_id, p.captured as amount, p.currency, p.processor_account_id
        from unnest(%(ids)s::uuid[]) as w (id)
        join payments p on p.merchant_id = %(merchant_id)s and p.id = w.id
        where p.captured > 0 and p.processor_account_id = any(%(accounts)s)
            and not exists (
                select from settlement_lines l
                where l.merchant_id = %(merchant_id)s and l.payment_id = p.id and l.kind = 'charge')
        union all
        select p.id, o.id, -o.amount, o.currency, p.processor_account_id
        from unnest(%(ids)s::uuid[]) as w (id)
        join operations o on o.merchant_id = %(merchant_id)s and o.id = w.id
        join payments p on p.merchant_id = %(merchant_id)s and p.id = o.payment_id
        where o.kind = 'refund' and o.state = 'succeeded' and p.processor_account_id = any(%(accounts)s)
            and not exists (
                select from settlement_lines l
                where l.merchant_id = %(merchant_id)s and l.payment_id = p.id and l.object_id = o.id)
        """,
        {"merchant_id": merchant_id, "ids": list(object_ids), "accounts": list(account_ids)},
    )
    return [Unreported(**row) for row in rows]


async def open_missing(
    connection: Connection, discrepancies: Sequence[Discrepancy], *, merchant_id: UUID
) -> None:
    """Exceptions about what no report has; one open exception about one object."""
    for one in discrepancies:
        await connection.execute(
            """
            insert into settlement_exceptions (merchant_id, id, processor_account_id, reason, state, payment_id,
                object_id, expected, currency, proposals, opened_at)
            values (%(merchant_id)s, %(id)s, %(account_id)s, 'missing_there', 'open', %(payment_id)s, %(object_id)s,
                %(expected)s, %(currency)s, '{}', %(opened_at)s)
            on conflict (merchant_id, object_id) where reason = 'missing_there' and state = 'open' do nothing
            """,
            {
                "merchant_id": merchant_id,
                "id": one.id,
                "account_id": one.processor_account_id,
                "payment_id": one.payment_id,
                "object_id": one.object_id,
                "expected": one.expected,
                "currency": one.currency,
                "opened_at": one.opened_at,
            },
        )
