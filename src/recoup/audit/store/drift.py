"""SQL of the sums: how payments stand, who confirms them, and by how much the sums change.

What is looked up for each of many payments has a `limit`, so that whole keys are looked up however the tables looked
when the plan was made. It reads the tables of payments, of what second sources said, and of settlements' lines, because
a thousand payments are looked up where the rows are or not at all. Of those it writes one mark, `counted`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from recoup.audit.core.drift import NOWHERE, Age, AgeSum, Counted, Group, Source, Standing, Sum, standing_of
from recoup.db import Connection, Queries
from recoup.events.core import Places

PLACES: Final = Places("audit_places", "sequence")
"""How far each merchant's events are summed up."""


@dataclass(frozen=True, slots=True)
class Place:
    """Up to which event the sums go, and up to which day they are folded."""

    sequence: int
    folded: datetime | None


async def lock(connection: Connection, *, merchant_id: UUID) -> Place:
    """The merchant's place, for this transaction alone."""
    await connection.execute(
        "insert into audit_places (merchant_id) values (%(merchant_id)s) on conflict do nothing",
        {"merchant_id": merchant_id},
    )
    row = await connection.fetch_one(
        "select sequence, folded from audit_places where merchant_id = %(merchant_id)s for no key update",
        {"merchant_id": merchant_id},
    )
    assert row is not None, "it was written a moment ago"
    return Place(**row)


async def place(queries: Queries, *, merchant_id: UUID) -> int:
    """Up to which event the sums go."""
    row = await queries.fetch_one(
        "select sequence from audit_places where merchant_id = %(merchant_id)s", {"merchant_id": merchant_id}
    )
    return 0 if row is None else int(row["sequence"])


async def move_on(connection: Connection, *, merchant_id: UUID, sequence: int) -> None:
    """The events up to there are summed up."""
    await connection.execute(
        "update audit_places set sequence = %(sequence)s where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant_id, "sequence": sequence},
    )


async def payments_of_refunds(
    queries: Queries, refund_ids: Sequence[UUID], *, merchant_id: UUID
) -> list[UUID]:
    """Whose refunds these are."""
    rows = await queries.fetch_all(
        """
        select distinct o.payment_id from unnest(%(refunds)s::uuid[]) as w (id)
        join operations o on o.id = w.id and o.merchant_id = %(merchant_id)s
        """,
        {"merchant_id": merchant_id, "refunds": list(refund_ids)},
    )
    return [row["payment_id"] for row in rows]


async def uncounted(connection: Connection, *, merchant_id: UUID, limit: int) -> list[UUID]:
    """Payments of which a second source has said what the sums do not know; marked as counted from here on."""
    rows = await connection.fetch_all(
        """
        with news as (
            select payment_id, object_id, source from payment_evidence
            where merchant_id = %(merchant_id)s and not counted
            order by payment_id limit %(limit)s for no key update skip locked
        )
        update payment_evidence e set counted = true
        from news n
        where e.merchant_id = %(merchant_id)s and e.payment_id = n.payment_id and e.object_id = n.object_id
            and e.source = n.source
        returning e.payment_id
        """,
        {"merchant_id": merchant_id, "limit": limit},
    )
    return sorted({row["payment_id"] for row in rows})


async def begin_reports(connection: Connection, report_ids: Sequence[UUID], *, merchant_id: UUID) -> None:
    """The lines of these reports are to be counted."""
    await connection.execute(
        """
        insert into audit_reports (merchant_id, settlement_id)
        select %(merchant_id)s, w.id from unnest(%(reports)s::uuid[]) as w (id) on conflict do nothing
        """,
        {"merchant_id": merchant_id, "reports": list(report_ids)},
    )


async def next_lines(connection: Connection, *, merchant_id: UUID, limit: int) -> list[UUID] | None:
    """The payments of the next lines of a report that is being counted; None where there is none. Its place moves."""
    report = await connection.fetch_one(
        """
        select settlement_id, line from audit_reports where merchant_id = %(merchant_id)s
        order by settlement_id limit 1 for no key update
        """,
        {"merchant_id": merchant_id},
    )
    if report is None:
        return None
    whose = {"merchant_id": merchant_id, "report_id": report["settlement_id"]}
    rows = await connection.fetch_all(
        """
        select number, payment_id from settlement_lines
        where merchant_id = %(merchant_id)s and settlement_id = %(report_id)s and number > %(line)s
        order by number limit %(limit)s
        """,
        whose | {"line": report["line"], "limit": limit},
    )
    if rows:
        await connection.execute(
            """
            update audit_reports set line = %(line)s
            where merchant_id = %(merchant_id)s and settlement_id = %(report_id)s
            """,
            whose | {"line": rows[-1]["number"]},
        )
    else:
        await connection.execute(
            "delete from audit_reports where merchant_id = %(merchant_id)s and settlement_id = %(report_id)s",
            whose,
        )
    return sorted({row["payment_id"] for row in rows if row["payment_id"] is not None})


async def present(queries: Queries, payment_ids: Sequence[UUID], *, merchant_id: UUID) -> list[Counted]:
    """How payments stand now, and who confirms it: of their last attempt, or of what was captured of it."""
    rows = await queries.fetch_all(
        """
        select p.id as payment_id, p.created_at as began_at, p.processor_account_id, p.currency, p.status,
            p.authorized, p.amount, e.bits + s.bits as sources, e.differs,
            o.waits or p.status in ('processing', 'requires_action', 'unresolved') as waits
        from unnest(%(payments)s::uuid[]) as w (id)
        cross join lateral (
            select id, created_at, processor_account_id, currency, status, authorized, amount, attempt_id from payments
            where merchant_id = %(merchant_id)s and id = w.id limit 1
        ) p
        cross join lateral (
            select coalesce(bit_or(case when said.confirmed_at is null then 0
                    when said.object_id <> p.attempt_id and (
                        select true from operations c
                        where c.merchant_id = %(merchant_id)s and c.payment_id = p.id and c.id = said.object_id
                            and c.kind = 'capture' limit 1) is null then 0
                    when said.source = 'notice' then 1 else 2 end), 0) as bits,
                coalesce(bool_or(said.contradicts is not null), false) as differs
            from payment_evidence said
            where said.merchant_id = %(merchant_id)s and said.payment_id = p.id
        ) e
        cross join lateral (
            select case when (
                select true from settlement_lines l
                where l.merchant_id = %(merchant_id)s and l.payment_id = p.id and l.kind = 'charge'
                    and l.status = 'matched' limit 1) then 4 else 0 end as bits
        ) s
        cross join lateral (
            select (
                select true from operations c
                where c.merchant_id = %(merchant_id)s and c.payment_id = p.id
                    and c.state in ('started', 'pending', 'unknown') limit 1) is not null as waits
        ) o
        """,
        {"merchant_id": merchant_id, "payments": list(payment_ids)},
    )
    return [
        Counted(
            row["payment_id"],
            row["began_at"],
            row["processor_account_id"] or NOWHERE,
            row["currency"],
            standing_of(row["status"], authorized=row["authorized"]),
            Source(row["sources"]),
            row["differs"],
            row["waits"],
            row["amount"],
        )
        for row in rows
    ]


async def counted(queries: Queries, payment_ids: Sequence[UUID], *, merchant_id: UUID) -> dict[UUID, Counted]:
    """How payments count in the sums, so far as they do."""
    rows = await queries.fetch_all(
        """
        select c.payment_id, c.began_at, c.processor_account_id, c.currency, c.standing, c.sources, c.differs,
            c.waits, c.amount
        from unnest(%(payments)s::uuid[]) as w (id)
        cross join lateral (
            select payment_id, began_at, processor_account_id, currency, standing, sources, differs, waits, amount
            from audit_standings where merchant_id = %(merchant_id)s and payment_id = w.id limit 1
        ) c
        """,
        {"merchant_id": merchant_id, "payments": list(payment_ids)},
    )
    return {row["payment_id"]: Counted(**_read(row)) for row in rows}


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "standing": Standing(row["standing"]), "sources": Source(row["sources"])}


async def write_counted(connection: Connection, changed: Sequence[Counted], *, merchant_id: UUID) -> None:
    """How these payments count from now on."""
    await connection.execute(
        """
        insert into audit_standings (merchant_id, payment_id, began_at, processor_account_id, currency, standing,
            sources, differs, waits, amount)
        select %(merchant_id)s, c.*
        from unnest(%(payments)s::uuid[], %(began)s::timestamptz[], %(accounts)s::uuid[], %(currencies)s::text[],
            %(standings)s::text[], %(sources)s::smallint[], %(differ)s::boolean[], %(wait)s::boolean[],
            %(amounts)s::bigint[]) as c
        on conflict (merchant_id, payment_id) do update
        set processor_account_id = excluded.processor_account_id, standing = excluded.standing,
            sources = excluded.sources, differs = excluded.differs, waits = excluded.waits
        """,
        {
            "merchant_id": merchant_id,
            "payments": [one.payment_id for one in changed],
            "began": [one.began_at for one in changed],
            "accounts": [one.processor_account_id for one in changed],
            "currencies": [one.currency for one in changed],
            "standings": [one.standing.value for one in changed],
            "sources": [int(one.sources) for one in changed],
            "differ": [one.differs for one in changed],
            "wait": [one.waits for one in changed],
            "amounts": [one.amount for one in changed],
        },
    )


async def add(connection: Connection, changes: Mapping[Group, Sum], *, merchant_id: UUID) -> None:
    """Change the sums."""
    groups = list(changes)
    await connection.execute(
        """
        insert into audit_drift as known (merchant_id, began_at, processor_account_id, currency, standing, sources,
            differs, payments, amount)
        select %(merchant_id)s, c.*
        from unnest(%(began)s::timestamptz[], %(accounts)s::uuid[], %(currencies)s::text[], %(standings)s::text[],
            %(sources)s::smallint[], %(differ)s::boolean[], %(payments)s::bigint[], %(amounts)s::bigint[]) as c
        on conflict (merchant_id, began_at, processor_account_id, currency, standing, sources, differs) do update
        set payments = known.payments + excluded.payments, amount = known.amount + excluded.amount
        """,
        {
            "merchant_id": merchant_id,
            "began": [one.began_at for one in groups],
            "accounts": [one.processor_account_id for one in groups],
            "currencies": [one.currency for one in groups],
            "standings": [one.standing.value for one in groups],
            "sources": [int(one.sources) for one in groups],
            "differ": [one.differs for one in groups],
            "payments": [changes[one].payments for one in groups],
            "amounts": [changes[one].amount for one in groups],
        },
    )


async def fold(
    connection: Connection, *, merchant_id: UUID, day: datetime, hours: datetime, days: datetime
) -> None:
    """Sums of hours before `hours` become sums of days, those of days before `days` of months. What is empty goes."""
    for unit, before in (("day", hours), ("month", days)):
        await connection.execute(
            """
            with old as (
                delete from audit_drift
                where merchant_id = %(merchant_id)s and began_at < %(before)s
                    and (payments = 0 or began_at <> date_trunc(%(unit)s, began_at, 'UTC'))
                returning began_at, processor_account_id, currency, standing, sources, differs, payments, amount
            )
            insert into audit_drift as known (merchant_id, began_at, processor_account_id, currency, standing, sources,
                differs, payments, amount)
            select %(merchant_id)s, date_trunc(%(unit)s, began_at, 'UTC') as began, processor_account_id, currency,
                standing, sources, differs, sum(payments), sum(amount)
            from old where payments <> 0
            group by began, processor_account_id, currency, standing, sources, differs
            on conflict (merchant_id, began_at, processor_account_id, currency, standing, sources, differs) do update
            set payments = known.payments + excluded.payments, amount = known.amount + excluded.amount
            """,
            {"merchant_id": merchant_id, "before": before, "unit": unit},
        )
    await connection.execute(
        "update audit_places set folded = %(day)s where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant_id, "day": day},
    )


async def sums(
    queries: Queries,
    *,
    merchant_id: UUID,
    bounds: Sequence[datetime],
    account_id: UUID | None,
    currency: str | None,
) -> list[AgeSum]:
    """The sums by age: `bounds` say since when the payments of each age but the oldest began."""
    ages = list(Age)
    rows = await queries.fetch_all(
        """
        select (select count(*) from unnest(%(bounds)s::timestamptz[]) as b (since) where d.began_at <= b.since) as age,
            d.processor_account_id, d.currency, d.standing, d.sources, d.differs, sum(d.payments)::bigint as payments,
            sum(d.amount)::bigint as amount
        from audit_drift d
        where d.merchant_id = %(merchant_id)s
            and (%(account_id)s::uuid is null or d.processor_account_id = %(account_id)s)
            and (%(currency)s::text is null or d.currency = %(currency)s)
        group by age, d.processor_account_id, d.currency, d.standing, d.sources, d.differs
        having sum(d.payments) <> 0
        order by age, d.processor_account_id, d.currency
        """,
        {
            "merchant_id": merchant_id,
            "bounds": list(bounds),
            "account_id": account_id,
            "currency": currency,
        },
    )
    return [AgeSum(**{**_read(row), "age": ages[row["age"]]}) for row in rows]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """Exceptions of settlements that are open, for one reason; `amount` is without sign, in minor units. At most so
    many are counted as were asked for."""

    reason: str
    currency: str
    exceptions: int
    amount: int


async def unmatched(
    queries: Queries, reasons: Sequence[str], *, merchant_id: UUID, account_id: UUID | None, most: int
) -> list[Unmatched]:
    """What is open in settlements, by reason."""
    rows = await queries.fetch_all(
        """
        select w.reason, x.currency, count(*)::bigint as exceptions, sum(x.amount)::bigint as amount
        from unnest(%(reasons)s::text[]) as w (reason)
        cross join lateral (
            select s.currency, s.processor_account_id, abs(coalesce(s.found, s.expected, 0)) as amount
            from settlement_exceptions s
            where s.merchant_id = %(merchant_id)s and s.reason = w.reason and s.state = 'open'
            order by s.id limit %(most)s
        ) x
        where %(account_id)s::uuid is null or x.processor_account_id = %(account_id)s
        group by w.reason, x.currency order by w.reason, x.currency
        """,
        {"merchant_id": merchant_id, "reasons": list(reasons), "account_id": account_id, "most": most},
    )
    return [Unmatched(**row) for row in rows]


async def with_news(queries: Queries, *, after: UUID, limit: int) -> tuple[list[UUID], UUID | None]:
    """The merchants among the next `limit` whose second sources, or reports, have said what is not counted yet; and
    the last of those looked at, None where there are no more behind it."""
    rows = await queries.fetch_all(
        """
        -- all merchants: a look at one page of streams, in their order, for what is not counted
        select s.merchant_id,
            exists (select from payment_evidence e where e.merchant_id = s.merchant_id and not e.counted)
                or exists (select from audit_reports r where r.merchant_id = s.merchant_id) as has_news
        from (
            select merchant_id from event_streams where merchant_id > %(after)s order by merchant_id limit %(limit)s
        ) s
        order by s.merchant_id
        """,
        {"after": after, "limit": limit},
    )
    last = rows[-1]["merchant_id"] if len(rows) == limit else None
    return [row["merchant_id"] for row in rows if row["has_news"]], last
