"""SQL of experiments with recovery policies: what they are, and what came of them.

What came of one is added up when somebody asks, over its first `RECOVERIES_MAX` recoveries, by the index that has only
recoveries of experiments; nothing that works payments ever runs these. With a full experiment each takes about a second
of the database. Times are seconds since the opening, so that a sum is the same whenever it is made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.errors import UniqueViolation

from recoup.db import Connection, Database, Queries
from recoup.db.paging import bounds
from recoup.recovery.core.arms import Share
from recoup.recovery.core.trials import ALL, DAY_S, RECOVERED, Cell, Day, Experiment, State, Totals
from recoup.routing.core.trials import Sums

RECOVERIES_MAX: Final = 100_000
"""How many recoveries of an experiment are added up, the first ones."""
DAYS_MAX: Final = 61
_COLUMNS: Final[LiteralString] = """
    id, name, standing, shares, held_out, seed, hold_out_seed, age_days, state, started_at, ended_at
"""
_MINE: Final[LiteralString] = """
    select id, arm->>'name' as arm, arm->>'drawn_from' as unit, stake->>'category' as category,
        stake->>'currency' as currency, (stake->>'minor')::bigint as minor, (stake->>'try_cost')::bigint as try_cost,
        opened_at, ended_at is null as open, tried_after_s,
        case when status = 'recovered' then extract(epoch from ended_at - opened_at) end as paid_after_s
    from recoveries
    where merchant_id = %(merchant_id)s and experiment_id = %(experiment_id)s
    order by id limit %(most)s
"""


async def insert(connection: Connection, new: Experiment, *, merchant_id: UUID) -> bool:
    """A new experiment; False where one of its kind is running."""
    row = {name: getattr(new, name) for name in Experiment.__slots__}
    shares = msgspec.json.encode(new.shares).decode()
    try:
        async with connection.transaction():
            await connection.execute(
                """
                insert into recovery_experiments (merchant_id, id, name, standing, shares, held_out, seed,
                    hold_out_seed, age_days, state, started_at)
                values (%(merchant_id)s, %(id)s, %(name)s, %(standing)s, %(shares)s, %(held_out)s, %(seed)s,
                    %(hold_out_seed)s, %(age_days)s, %(state)s, %(started_at)s)
                """,
                row | {"merchant_id": merchant_id, "shares": shares},
            )
    except UniqueViolation:
        return False
    return True


async def running(queries: Queries, *, merchant_id: UUID) -> Sequence[Experiment]:
    """What runs: the hold-out that stands, and one experiment, each where there is one."""
    rows = await queries.fetch_all(
        f"""
        select {_COLUMNS} from recovery_experiments
        where merchant_id = %(merchant_id)s and state = 'running' limit 2
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id},
    )
    return [_experiment(row) for row in rows]


async def read(queries: Queries, *, merchant_id: UUID, experiment_id: UUID) -> Experiment | None:
    """One experiment."""
    row = await queries.fetch_one(
        f"select {_COLUMNS} from recovery_experiments where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": experiment_id},
    )
    return None if row is None else _experiment(row)


async def page(
    database: Database, *, merchant_id: UUID, after: UUID | None, before: UUID | None, limit: int
) -> Sequence[Experiment]:
    """Experiments newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await database.fetch_all(
        f"""
        select {_COLUMNS} from recovery_experiments
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "limit": limit} | bounds(after, before),
    )
    return [_experiment(row) for row in rows]


async def end(
    connection: Connection, *, merchant_id: UUID, experiment_id: UUID, at: datetime
) -> Experiment | None:
    """End an experiment that runs; None where it does not."""
    row = await connection.fetch_one(
        f"""
        update recovery_experiments set state = 'ended', ended_at = %(at)s
        where merchant_id = %(merchant_id)s and id = %(id)s and state = 'running'
        returning {_COLUMNS}
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": experiment_id, "at": at},
    )
    return None if row is None else _experiment(row)


async def totals(
    queries: Queries, *, merchant_id: UUID, experiment_id: UUID
) -> tuple[dict[Cell, Totals], int]:
    """What was done so far by arm and category, and how many recoveries that is."""
    rows = await queries.fetch_all(
        f"""
        with mine as ({_MINE})
        select arm, category, currency, count(*) as opened, count(*) filter (where open) as still_open,
            count(paid_after_s) as recovered, sum(coalesce(cardinality(tried_after_s), 0)) as tries,
            sum(minor * 1000) filter (where paid_after_s is not null) as gained,
            sum(try_cost * coalesce(cardinality(tried_after_s), 0)) as spent
        from mine group by arm, category, currency order by arm, category, currency
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "experiment_id": experiment_id, "most": RECOVERIES_MAX},
    )
    found: dict[Cell, Totals] = {}
    for row in rows:
        for category in (ALL, row["category"]):
            cell = Cell(row["arm"], category)
            found[cell] = _plus(found.get(cell, Totals()), row)
    return found, sum(row["opened"] for row in rows)


async def aged(
    queries: Queries, *, merchant_id: UUID, experiment_id: UUID, before: datetime, age_days: int
) -> dict[tuple[Cell, str], Sums]:
    """The sums over people of what those had won by that age who were opened no later than `before`."""
    rows = await queries.fetch_all(
        f"""
        with mine as ({_MINE}), old as (
            select arm, category, currency, unit, coalesce(paid_after_s <= %(age_s)s, false) as paid, minor,
                try_cost * (select count(*) from unnest(tried_after_s) as t (s) where t.s <= %(age_s)s) as spent
            from mine where opened_at <= %(before)s
        ), won as (
            select arm, category, unit, m.metric, m.won
            from old
            cross join lateral (values
                (%(recovered)s, paid::integer::numeric),
                (currency, (case when paid then minor * 1000 else 0 end - spent)::numeric)
            ) as m (metric, won)
        ), units as (
            select arm, coalesce(category, %(all)s) as category, metric, unit, count(*)::numeric as n, sum(won) as s
            from won group by grouping sets ((arm, category, metric, unit), (arm, metric, unit))
        )
        select arm, category, metric, count(*) as units, sum(n) as payments, sum(s) as gained, sum(n * n) as nn,
            sum(n * s) as ns, sum(s * s) as ss
        from units group by arm, category, metric
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "experiment_id": experiment_id,
            "most": RECOVERIES_MAX,
            "before": before,
            "age_s": age_days * DAY_S,
            "recovered": RECOVERED,
            "all": ALL,
        },
    )
    return {(Cell(row["arm"], row["category"]), row["metric"]): _sums(row) for row in rows}


async def days(
    queries: Queries, *, merchant_id: UUID, experiment_id: UUID, now: datetime
) -> dict[str, Sequence[Day]]:
    """By arm and day of age: how many lived through it, and how many of them were recovered on it."""
    rows = await queries.fetch_all(
        f"""
        with mine as ({_MINE}), aged as (
            select arm, least(floor(extract(epoch from %(now)s - opened_at) / %(day_s)s), %(days)s)::integer as age,
                floor(paid_after_s / %(day_s)s)::integer as paid_on
            from mine
        )
        select arm, age, case when paid_on < age then paid_on end as paid_on, count(*) as recoveries
        from aged group by arm, age, case when paid_on < age then paid_on end
        """,  # noqa: S608 - pieces of ours
        {
            "merchant_id": merchant_id,
            "experiment_id": experiment_id,
            "most": RECOVERIES_MAX,
            "now": now,
            "day_s": DAY_S,
            "days": DAYS_MAX,
        },
    )
    arms = {row["arm"] for row in rows}
    return {arm: _days([row for row in rows if row["arm"] == arm]) for arm in sorted(arms)}


def _days(rows: Sequence[Mapping[str, Any]]) -> Sequence[Day]:
    last = max(row["age"] for row in rows)
    at_risk, recovered = [0] * last, [0] * last
    for row in rows:
        for day in range(row["age"]):
            at_risk[day] += row["recoveries"]
        if row["paid_on"] is not None:
            recovered[row["paid_on"]] += row["recoveries"]
    return [Day(*both) for both in zip(at_risk, recovered, strict=True)]


def _plus(before: Totals, row: Mapping[str, Any]) -> Totals:
    currency = row["currency"]
    gained, spent = dict(before.gained or {}), dict(before.spent or {})
    gained[currency] = gained.get(currency, 0) + int(row["gained"] or 0)
    spent[currency] = spent.get(currency, 0) + int(row["spent"])
    return Totals(
        opened=before.opened + row["opened"],
        still_open=before.still_open + row["still_open"],
        recovered=before.recovered + row["recovered"],
        tries=before.tries + int(row["tries"]),
        gained=gained,
        spent=spent,
    )


def _sums(row: Mapping[str, Any]) -> Sums:
    return Sums(**{name: int(row[name]) for name in Sums.__dataclass_fields__})


def _experiment(row: dict[str, Any]) -> Experiment:
    shares = tuple(msgspec.convert(row["shares"], list[Share]))
    return Experiment(**row | {"shares": shares, "state": State(row["state"])})
