"""SQL of disputes beside their reports: what the news of each told, what its lines come to, and what is looked at.

The statements are four, for one dispute or for thousands; each looks its rows up by an index that names them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from recoup.connectors.base import DisputeState as News
from recoup.db import Queries
from recoup.disputes.core.folding import moves
from recoup.disputes.core.records import Tidings
from recoup.kit.money import Money
from recoup.settlements.core.contesting import ASPECTS, Aspect, Contest, Place, Raised, Told
from recoup.settlements.core.lines import LineKind
from recoup.settlements.core.reasons import ExceptionState, Resolution
from recoup.settlements.core.tolerance import Tolerances


@dataclass(frozen=True, slots=True)
class Seen:
    """A dispute beside its reports. `changed_at` is when its newest news changed it; `tolerance` is by which rules the
    newest report of its lines is judged, None where none has one."""

    id: UUID
    contest: Contest
    opened_at: datetime
    changed_at: datetime
    tolerance: Tolerances | None


async def contests(queries: Queries, dispute_ids: Sequence[UUID], *, merchant_id: UUID) -> list[Seen]:
    """These disputes with what their news told and what reports told, in the order of their ids."""
    parameters = {"merchant_id": merchant_id, "ids": sorted(dispute_ids)}
    disputes = await queries.fetch_all(_DISPUTES, parameters)
    news, told = defaultdict[UUID, list[Tidings]](list), defaultdict[UUID, list[dict[str, Any]]](list)
    raised = defaultdict[UUID, list[Raised]](list)
    for row in await queries.fetch_all(_NEWS, parameters):
        news[row["dispute_id"]].append(_tidings(row))
    for row in await queries.fetch_all(_TOLD, parameters):
        told[row["dispute_id"]].append(row)
    for row in await queries.fetch_all(_RAISED, parameters):
        raised[row["dispute_id"]].append(_raised(row))
    return [
        _seen(row, news[row["id"]], told[row["id"]], raised[row["id"]])
        for row in disputes
        if news[row["id"]]  # which a dispute is known by
    ]


_DISPUTES: Final = """
    select d.id, d.payment_id, d.processor_account_id, d.opened_at, d.updated_at
    from unnest(%(ids)s::uuid[]) as i (id)
    cross join lateral (
        select d.* from disputes d where d.merchant_id = %(merchant_id)s and d.id = i.id limit 1
    ) d
    order by d.id
"""
_NEWS: Final = """
    select i.id as dispute_id, n.*
    from unnest(%(ids)s::uuid[]) as i (id)
    cross join lateral (
        select n.state, n.amount, n.currency, n.fee, n.fee_currency, n.withdrawn, n.own, n.occurred_at
        from dispute_news n where n.merchant_id = %(merchant_id)s and n.dispute_id = i.id offset 0
    ) n
"""
_TOLD: Final = """
    select i.id as dispute_id, t.*
    from unnest(%(ids)s::uuid[]) as i (id)
    cross join lateral (
        select l.kind, l.currency, l.settlement_currency, l.compared, l.fee_compared, sum(l.gross)::bigint as gross,
            sum(l.excused)::bigint as excused, sum(l.fee)::bigint as fees, sum(l.excused_fee)::bigint as fees_excused,
            (array_agg(l.settlement_id order by l.settlement_id desc, l.number desc))[1] as settlement_id,
            (array_agg(l.number order by l.settlement_id desc, l.number desc))[1] as number,
            (array_agg(l.tolerance order by l.settlement_id desc, l.number desc))[1] as tolerance
        from settlement_dispute_lines l
        where l.dispute_id = i.id and l.merchant_id = %(merchant_id)s
        group by l.kind, l.currency, l.settlement_currency, l.compared, l.fee_compared
        offset 0
    ) t
"""
_RAISED: Final = """
    select i.id as dispute_id, x.*
    from unnest(%(ids)s::uuid[]) as i (id)
    cross join lateral (
        select l.kind, l.settlement_id, l.number, b.is_fee, e.id, e.state, e.resolution, e.expected, e.found,
            case when b.is_fee then l.settlement_currency else l.currency end as currency,
            case when b.is_fee then l.excused_fee else l.excused end as excused
        from settlement_dispute_lines l
        cross join lateral (values (l.exception_id, false), (l.fee_exception_id, true)) b (id, is_fee)
        cross join lateral (
            select e.id, e.state, e.resolution, e.expected, e.found from settlement_exceptions e
            where e.merchant_id = %(merchant_id)s and e.id = b.id limit 1
        ) e
        where l.dispute_id = i.id and l.merchant_id = %(merchant_id)s
        offset 0
    ) x
"""


def _tidings(row: Mapping[str, Any]) -> Tidings:
    return Tidings(
        News(row["state"]),
        occurred_at=row["occurred_at"],
        amount=_money(row["amount"], row["currency"]),
        fee=_money(row["fee"], row["fee_currency"]),
        withdrawn=row["withdrawn"],
        own=row["own"],
    )


def _money(minor: int | None, currency: str | None) -> Money | None:
    return None if minor is None or currency is None else Money(minor, currency)


def _raised(row: Mapping[str, Any]) -> Raised:
    ended = row["resolution"]
    return Raised(
        row["id"],
        Aspect.FEE if row["is_fee"] else ASPECTS[LineKind(row["kind"])],
        row["currency"],
        Place(row["settlement_id"], row["number"]),
        ExceptionState(row["state"]),
        None if ended is None else Resolution(ended),
        row["expected"],
        row["found"],
        row["excused"],
    )


def _seen(
    row: Mapping[str, Any],
    news: Sequence[Tidings],
    told: Sequence[Mapping[str, Any]],
    raised: Sequence[Raised],
) -> Seen:
    lines = tuple(
        Told(
            LineKind(one["kind"]),
            one["currency"],
            one["settlement_currency"],
            one["compared"],
            one["gross"],
            one["excused"],
            one["fees"],
            one["fees_excused"],
            one["fee_compared"],
            Place(one["settlement_id"], one["number"]),
        )
        for one in told
    )
    newest = max(
        ((Place(one["settlement_id"], one["number"]), one["tolerance"]) for one in told), default=None
    )
    contest = Contest(
        row["id"], row["payment_id"], row["processor_account_id"], moves(news), lines, tuple(raised)
    )
    return Seen(
        row["id"],
        contest,
        row["opened_at"],
        row["updated_at"],
        None if newest is None else Tolerances(newest[1]),
    )
