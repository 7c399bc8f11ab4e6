"""SQL of what a report's lines come to, which every chunk adds to: to post it, and to hold payouts against the bank."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from recoup.db import Connection, Queries
from recoup.settlements.core.postings import Summed


async def posting(connection: Connection, *, merchant_id: UUID, report_id: UUID) -> Sequence[Summed]:
    """What the lines come to that post by themselves: those whose money is where we thought it was. What a person must
    look at is not among them, but for fees that differ and lines of disputes, which were taken in any case."""
    rows = await connection.fetch_all(
        """
        select kind, currency, settlement_currency, sum(gross)::bigint as gross, sum(fees)::bigint as fees,
            sum(settled)::bigint as net, sum(fees_expected)::bigint as fees_expected
        from settlement_sums
        where merchant_id = %(merchant_id)s and settlement_id = %(id)s
        group by kind, currency, settlement_currency order by kind, currency, settlement_currency
        """,
        {"merchant_id": merchant_id, "id": report_id},
    )
    return [Summed(**row) for row in rows]


@dataclass(frozen=True, slots=True)
class PayoutSum:
    """A payout: what its lines come to without the payout itself, and what the report says that was paid out."""

    payout: str
    currency: str
    lines: int
    net: int
    told: int | None


async def payouts(queries: Queries, *, merchant_id: UUID, report_id: UUID, limit: int) -> Sequence[PayoutSum]:
    """The payouts of a report. What two overlapping reports share counts in the first only."""
    rows = await queries.fetch_all(
        """
        select payout, settlement_currency as currency, sum(lines)::bigint as lines,
            coalesce(sum(net) filter (where kind not in ('payout', 'payout_reversal')), 0)::bigint as net,
            (-sum(net) filter (where kind in ('payout', 'payout_reversal')))::bigint as told
        from settlement_sums
        where merchant_id = %(merchant_id)s and settlement_id = %(id)s and payout <> ''
        group by payout, settlement_currency having sum(lines) > 0
        order by payout, settlement_currency limit %(limit)s
        """,
        {"merchant_id": merchant_id, "id": report_id, "limit": limit},
    )
    return [PayoutSum(**row) for row in rows]
