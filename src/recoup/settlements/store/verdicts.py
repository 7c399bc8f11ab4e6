"""SQL that writes what came of disputes in reports: on their exceptions, on their lines, and in a report's sums.

A row is looked up by its own key and then named by its place: a join that is free to choose, planned while a table was
empty, reads all rows of the merchant for each. Whoever writes here holds the account of the lines, so that no row moves
in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recoup.db import Connection
from recoup.settlements.core.contesting import Place
from recoup.settlements.core.reasons import Reason


@dataclass(frozen=True, slots=True)
class Change:
    """What is written of an exception about a dispute's lines. `ended`: nobody need look any more."""

    id: UUID
    reason: Reason
    expected: int | None
    found: int
    ended: bool = False
    note: str | None = None


async def change(
    connection: Connection, changes: Sequence[Change], *, merchant_id: UUID, now: datetime
) -> None:
    """Restate exceptions, or end those that explained themselves; those that a person ended stay as they ended."""
    if not changes:
        return
    await connection.execute(
        """
        update settlement_exceptions e
        set expected = c.expected, found = c.found, note = left(concat_ws(' ', e.note, c.note), 2000),
            reason = case when e.state = 'open' and not c.ended then c.reason else e.reason end,
            resolution = case when e.state = 'open' and c.ended then 'found' else e.resolution end,
            resolved_at = case when e.state = 'open' and c.ended then %(now)s else e.resolved_at end,
            state = case when c.ended then 'resolved' else e.state end
        from unnest(%(ids)s::uuid[], %(reasons)s::text[], %(expected)s::bigint[], %(found)s::bigint[],
            %(ended)s::boolean[], %(notes)s::text[]) as c (id, reason, expected, found, ended, note)
        cross join lateral (
            select k.ctid as place from settlement_exceptions k
            where k.merchant_id = %(merchant_id)s and k.id = c.id
            limit 1
        ) k
        where e.ctid = k.place and e.merchant_id = %(merchant_id)s
        """,
        {
            "merchant_id": merchant_id,
            "now": now,
            "ids": [one.id for one in changes],
            "reasons": [one.reason.value for one in changes],
            "expected": [one.expected for one in changes],
            "found": [one.found for one in changes],
            "ended": [one.ended for one in changes],
            "notes": [one.note for one in changes],
        },
    )


@dataclass(frozen=True, slots=True)
class Mark:
    """What is written of a line: the exception that it bears, and by how much more it is excused."""

    place: Place
    exception_id: UUID
    excused_more: int = 0
    is_fee: bool = False


async def mark(connection: Connection, marks: Sequence[Mark], *, merchant_id: UUID) -> None:
    """Say which exceptions lines bear, and what of them is excused. A line is marked once of each sort at a time."""
    for is_fee in (False, True):
        some = [one for one in marks if one.is_fee is is_fee]
        if not some:
            continue
        await connection.execute(
            """
            update settlement_dispute_lines l
            set exception_id = case when %(is_fee)s then l.exception_id else m.exception_id end,
                fee_exception_id = case when %(is_fee)s then m.exception_id else l.fee_exception_id end,
                excused = l.excused + case when %(is_fee)s then 0 else m.more end,
                excused_fee = l.excused_fee + case when %(is_fee)s then m.more else 0 end
            from unnest(%(settlements)s::uuid[], %(numbers)s::bigint[], %(exceptions)s::uuid[], %(more)s::bigint[])
                as m (settlement_id, number, exception_id, more)
            cross join lateral (
                select k.ctid as place from settlement_dispute_lines k
                where k.merchant_id = %(merchant_id)s and k.settlement_id = m.settlement_id and k.number = m.number
                limit 1
            ) k
            where l.ctid = k.place and l.merchant_id = %(merchant_id)s
            """,
            {
                "merchant_id": merchant_id,
                "is_fee": is_fee,
                "settlements": [one.place.settlement_id for one in some],
                "numbers": [one.place.number for one in some],
                "exceptions": [one.exception_id for one in some],
                "more": [one.excused_more for one in some],
            },
        )


async def tell(connection: Connection, reasons: Mapping[Place, Reason | None], *, merchant_id: UUID) -> None:
    """Say of lines what came of them: an exception with its reason, or that they fit."""
    if not reasons:
        return
    places = sorted(reasons)
    await connection.execute(
        """
        update settlement_lines l
        set status = case when t.reason is null then 'matched' else 'exception' end, reason = t.reason
        from unnest(%(settlements)s::uuid[], %(numbers)s::bigint[], %(reasons)s::text[])
            as t (settlement_id, number, reason)
        cross join lateral (
            select k.ctid as place from settlement_lines k
            where k.merchant_id = %(merchant_id)s and k.settlement_id = t.settlement_id and k.number = t.number
                and k.reason is distinct from 'sums_differ'
            limit 1
        ) k
        where l.ctid = k.place and l.merchant_id = %(merchant_id)s
        """,
        {
            "merchant_id": merchant_id,
            "settlements": [one.settlement_id for one in places],
            "numbers": [one.number for one in places],
            "reasons": [reasons[one] for one in places],
        },
    )


async def count(
    connection: Connection, numbers: Sequence[int], *, merchant_id: UUID, settlement_id: UUID
) -> None:
    """Count these lines of a report as matched, in its sums."""
    await connection.execute(
        """
        update settlement_sums b set matched = b.matched + n.lines
        from (
            select coalesce(l.payout, '') as payout, l.kind, l.currency, l.settlement_currency, count(*) as lines
            from unnest(%(numbers)s::bigint[]) as i (number)
            cross join lateral (
                select l.* from settlement_lines l
                where l.merchant_id = %(merchant_id)s and l.settlement_id = %(settlement_id)s and l.number = i.number
                    and l.status = 'matched'
                limit 1
            ) l
            group by 1, 2, 3, 4
        ) n
        where b.merchant_id = %(merchant_id)s and b.settlement_id = %(settlement_id)s and b.payout = n.payout
            and b.kind = n.kind and b.currency = n.currency and b.settlement_currency = n.settlement_currency
        """,
        {"merchant_id": merchant_id, "settlement_id": settlement_id, "numbers": list(numbers)},
    )


async def bear(
    connection: Connection, exceptions: Sequence[tuple[Place, UUID]], *, merchant_id: UUID
) -> None:
    """Say which exceptions lines bear whose dispute is not known; other lines are not kept here, and pass."""
    await mark(
        connection,
        [Mark(place, exception_id) for place, exception_id in exceptions],
        merchant_id=merchant_id,
    )


async def found_in_reports(
    connection: Connection, dispute_ids: Sequence[UUID], *, merchant_id: UUID, now: datetime
) -> None:
    """End what said that no report has these disputes."""
    await connection.execute(
        """
        update settlement_exceptions e set state = 'resolved', resolution = 'found', resolved_at = %(now)s
        from unnest(%(ids)s::uuid[]) as i (id)
        cross join lateral (
            select k.ctid as place from settlement_exceptions k
            where k.merchant_id = %(merchant_id)s and k.object_id = i.id and k.reason = 'missing_there'
                and k.state = 'open'
            limit 1
        ) k
        where e.ctid = k.place and e.merchant_id = %(merchant_id)s
        """,
        {"merchant_id": merchant_id, "ids": sorted(dispute_ids), "now": now},
    )
