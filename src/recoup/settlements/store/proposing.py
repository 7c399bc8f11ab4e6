"""SQL that looks for payments which charges that are not known here may be about: one pass over the payments of those
days when a report is worked, whatever the number of its lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.db import Connection, Queries

PROPOSALS_MAX: Final = 3
"""The most payments that are proposed for one line."""
LOOKED_AT_ONCE: Final = 50_000
LOOKED_AT_MAX: Final = 2_000_000
"""The most payments that are looked at for one report."""
CANDIDATES_MAX: Final = 200_000
"""The most payments that no line names yet and that are of a wanted amount."""

_CANDIDATES: Final = """
    create temporary table settlement_candidates (id uuid, amount bigint, currency text, last4 text) on commit drop
"""
_BY_AMOUNT: Final = "create index on settlement_candidates (amount, currency, id)"
_BY_CARD: Final = "create index on settlement_candidates (amount, currency, last4, id)"


@dataclass(frozen=True, slots=True)
class Unknown:
    """An open exception about a charge that is not known here."""

    id: UUID
    amount: int
    currency: str
    last4: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Wanted:
    """The same with the ids that bound the days when its payment may have begun."""

    unknown: Unknown
    since: UUID
    until: UUID


async def unknown(queries: Queries, *, merchant_id: UUID, report_id: UUID, limit: int) -> Sequence[Unknown]:
    """The charges of a report that are not known here and tell when they were; the first ones.

    Each exception's line is looked up by its key: a join that is free to choose, planned before a fresh report's tables
    were analyzed, reads all lines of the report for each of them.
    """
    rows = await queries.fetch_all(
        """
        select e.id, l.gross as amount, l.currency, l.last4, l.occurred_at
        from settlement_exceptions e
        cross join lateral (
            select gross, currency, last4, occurred_at, kind from settlement_lines
            where merchant_id = %(merchant_id)s and settlement_id = %(id)s and number = e.number limit 1
        ) l
        where e.merchant_id = %(merchant_id)s and e.settlement_id = %(id)s and e.reason = 'missing_here'
            and e.state = 'open' and l.kind = 'charge' and l.gross > 0 and l.occurred_at is not null
        order by e.id limit %(limit)s
        """,
        {"merchant_id": merchant_id, "id": report_id, "limit": limit},
    )
    return [Unknown(**row) for row in rows]


async def propose(
    connection: Connection, wanted: Sequence[Wanted], *, merchant_id: UUID, account_id: UUID
) -> None:
    """Write with each exception the payments of the account whose amount, currency, days and card would fit.

    A proposal for a person, never a match: the same card may well have paid the same amount twice that day. Only what
    no line names yet is proposed. The ids of payments bound the days, since they sort by when they were made.
    """
    await connection.execute(_CANDIDATES)
    await _gather(connection, wanted, merchant_id=merchant_id, account_id=account_id)
    await connection.execute(_BY_AMOUNT)
    await connection.execute(_BY_CARD)
    found = await connection.fetch_all(
        """
        select w.id, array_agg(c.id order by c.id) as proposals
        from unnest(%(exceptions)s::uuid[], %(amounts)s::bigint[], %(currencies)s::text[], %(last4s)s::text[],
            %(since)s::uuid[], %(until)s::uuid[]) as w (id, amount, currency, last4, since, until)
        cross join lateral (
            (select c.id from settlement_candidates c
            where w.last4 is null and c.amount = w.amount and c.currency = w.currency
                and c.id >= w.since and c.id < w.until
            order by c.id limit %(each)s)
            union all
            (select c.id from settlement_candidates c
            where c.last4 = w.last4 and c.amount = w.amount and c.currency = w.currency
                and c.id >= w.since and c.id < w.until
            order by c.id limit %(each)s)
        ) c
        group by w.id
        """,
        {
            "each": PROPOSALS_MAX,
            "exceptions": [one.unknown.id for one in wanted],
            "amounts": [one.unknown.amount for one in wanted],
            "currencies": [one.unknown.currency for one in wanted],
            "last4s": [one.unknown.last4 for one in wanted],
            "since": [one.since for one in wanted],
            "until": [one.until for one in wanted],
        },
    )
    async with connection.cursor() as cursor:
        await cursor.executemany(
            """
            update settlement_exceptions set proposals = %(proposals)s
            where merchant_id = %(merchant_id)s and id = %(id)s and state = 'open'
            """,
            [{**row, "merchant_id": merchant_id} for row in found],
        )


async def _gather(
    connection: Connection, wanted: Sequence[Wanted], *, merchant_id: UUID, account_id: UUID
) -> None:
    """Note the payments that may be meant, a slice of them at a time.

    The conditions are written so that their order is this one: most amounts are not wanted, which a hash tells at once,
    and most of the rest are named by a line.
    """
    amounts = sorted({(one.unknown.amount, one.unknown.currency) for one in wanted})
    after: UUID | None = min(one.since for one in wanted)
    until, gathered = max(one.until for one in wanted), 0
    for _ in range(LOOKED_AT_MAX // LOOKED_AT_ONCE):
        if after is None or gathered >= CANDIDATES_MAX:
            break
        upto = await _slice_end(connection, merchant_id=merchant_id, after=after, until=until)
        cursor = await connection.execute(
            """
            insert into settlement_candidates (id, amount, currency, last4)
            select p.id, p.amount, p.currency, (
                select m.last4 from payment_methods m
                where m.merchant_id = %(merchant_id)s and m.id = p.payment_method_id)
            from payments p
            where p.merchant_id = %(merchant_id)s and p.id >= %(after)s and p.id < %(upto)s
                and p.processor_account_id = %(account_id)s
                and case
                    when coalesce((p.amount, p.currency) in (
                        select * from unnest(%(amounts)s::bigint[], %(currencies)s::text[])), false)
                    then (
                        select l.number from settlement_lines l
                        where l.merchant_id = %(merchant_id)s and l.payment_id = p.id limit 1) is null
                    else false end
            """,
            {
                "merchant_id": merchant_id,
                "account_id": account_id,
                "after": after,
                "upto": upto or until,
                "amounts": [amount for amount, _ in amounts],
                "currencies": [currency for _, currency in amounts],
            },
        )
        gathered += cursor.rowcount
        after = upto


async def _slice_end(connection: Connection, *, merchant_id: UUID, after: UUID, until: UUID) -> UUID | None:
    """The id of the payment where the next slice begins; None where this is the last."""
    row = await connection.fetch_one(
        """
        select id from payments
        where merchant_id = %(merchant_id)s and id >= %(after)s and id < %(until)s
        order by id offset %(at_once)s limit 1
        """,
        {"merchant_id": merchant_id, "after": after, "until": until, "at_once": LOOKED_AT_ONCE},
    )
    return None if row is None else row["id"]
