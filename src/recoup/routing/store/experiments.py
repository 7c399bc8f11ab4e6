"""SQL of routing experiments: what they are, how far they have counted, and their sums."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec
from psycopg.errors import UniqueViolation

from recoup.db import Connection, Database, Queries
from recoup.db.paging import bounds
from recoup.routing.core.trials import OfUnit, Side, State, Sums, Trial, Unit

RUNNING_MAX: Final = 100_000
"""The most experiments that run at once, over all merchants."""
METRICS_MAX: Final = 400
"""The most sums of one experiment: two sides, approval, and every currency that there is."""

_COLUMNS: Final[LiteralString] = """
    id, name, version_a, version_b, share, unit, drop_max, units_min, margin, state, started_at, stopped_at, reason
"""


async def insert(connection: Connection, trial: Trial, *, merchant_id: UUID, counted: int) -> bool:
    """A new experiment, which counts what happens behind `counted`; False where one is running."""
    try:
        async with connection.transaction():
            await connection.execute(
                """
                insert into routing_experiments (merchant_id, id, name, version_a, version_b, share, unit, drop_max,
                    units_min, margin, state, started_at, counted)
                values (%(merchant_id)s, %(id)s, %(name)s, %(version_a)s, %(version_b)s, %(share)s, %(unit)s,
                    %(drop_max)s, %(units_min)s, %(margin)s, %(state)s, %(started_at)s, %(counted)s)
                """,
                {
                    "merchant_id": merchant_id,
                    "id": trial.id,
                    "name": trial.name,
                    "version_a": trial.version_a,
                    "version_b": trial.version_b,
                    "share": trial.share,
                    "unit": trial.unit,
                    "drop_max": trial.drop_max,
                    "units_min": trial.units_min,
                    "margin": trial.margin,
                    "state": trial.state,
                    "started_at": trial.started_at,
                    "counted": counted,
                },
            )
    except UniqueViolation:
        return False
    return True


async def read(queries: Queries, *, merchant_id: UUID, experiment_id: UUID) -> Trial | None:
    """One experiment."""
    row = await queries.fetch_one(
        f"select {_COLUMNS} from routing_experiments where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": experiment_id},
    )
    return None if row is None else _trial(row)


async def running(queries: Queries) -> Mapping[UUID, Trial]:
    """Every experiment that runs, by merchant."""
    rows = await queries.fetch_all(
        f"""
        -- all merchants: what is running is held in memory, so that a payment need not ask
        select merchant_id, {_COLUMNS} from routing_experiments where state = 'running' limit %(most)s
        """,  # noqa: S608 - pieces of ours
        {"most": RUNNING_MAX},
    )
    return {row.pop("merchant_id"): _trial(row) for row in rows}


async def page(
    database: Database, *, merchant_id: UUID, after: UUID | None, before: UUID | None, limit: int
) -> Sequence[Trial]:
    """Experiments newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await database.fetch_all(
        f"""
        select {_COLUMNS} from routing_experiments
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "limit": limit} | bounds(after, before),
    )
    return [_trial(row) for row in rows]


async def stop(
    connection: Connection, *, merchant_id: UUID, experiment_id: UUID, at: datetime, reason: str
) -> Trial | None:
    """Stop an experiment that runs; None where it does not."""
    row = await connection.fetch_one(
        f"""
        update routing_experiments set state = 'stopped', stopped_at = %(at)s, reason = %(reason)s
        where merchant_id = %(merchant_id)s and id = %(id)s and state = 'running'
        returning {_COLUMNS}
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": experiment_id, "at": at, "reason": reason},
    )
    return None if row is None else _trial(row)


async def counted(connection: Connection, *, merchant_id: UUID, experiment_id: UUID) -> int | None:
    """How far a running experiment has counted, with its row locked: nobody else counts meanwhile."""
    row = await connection.fetch_one(
        """
        select counted from routing_experiments
        where merchant_id = %(merchant_id)s and id = %(id)s and state = 'running' for update
        """,
        {"merchant_id": merchant_id, "id": experiment_id},
    )
    return None if row is None else int(row["counted"])


async def set_counted(connection: Connection, *, merchant_id: UUID, experiment_id: UUID, upto: int) -> None:
    """Everything up to there is in the sums."""
    await connection.execute(
        """
        update routing_experiments set counted = %(upto)s
        where merchant_id = %(merchant_id)s and id = %(id)s
        """,
        {"merchant_id": merchant_id, "id": experiment_id, "upto": upto},
    )


SumKey = tuple[Side, str]
UnitKey = tuple[UUID, str]


async def sums(queries: Queries, *, merchant_id: UUID, experiment_id: UUID) -> dict[SumKey, Sums]:
    """The sums of each side and metric."""
    rows = await queries.fetch_all(
        """
        select side, metric, units, payments, gained, nn, ns, ss from routing_experiment_sums
        where merchant_id = %(merchant_id)s and experiment_id = %(experiment_id)s
        order by metric, side limit %(most)s
        """,
        {"merchant_id": merchant_id, "experiment_id": experiment_id, "most": METRICS_MAX},
    )
    return {(Side(row["side"]), row["metric"]): _sums(row) for row in rows}


async def write_sums(
    connection: Connection, changed: Mapping[SumKey, Sums], *, merchant_id: UUID, experiment_id: UUID
) -> None:
    """Write sums as they are now."""
    rows = [
        {
            "side": side,
            "metric": metric,
            **{name: str(getattr(one, name)) for name in Sums.__dataclass_fields__},
        }
        for (side, metric), one in sorted(changed.items())
    ]
    await connection.execute(
        """
        insert into routing_experiment_sums
            (merchant_id, experiment_id, side, metric, units, payments, gained, nn, ns, ss)
        select %(merchant_id)s, %(experiment_id)s, r.side, r.metric, r.units, r.payments, r.gained, r.nn, r.ns, r.ss
        from json_to_recordset(%(rows)s::json) as r (side text, metric text, units bigint, payments bigint,
            gained numeric, nn numeric, ns numeric, ss numeric)
        on conflict (merchant_id, experiment_id, side, metric) do update
            set units = excluded.units, payments = excluded.payments, gained = excluded.gained, nn = excluded.nn,
                ns = excluded.ns, ss = excluded.ss
        """,
        {"merchant_id": merchant_id, "experiment_id": experiment_id, "rows": _json(rows)},
    )


async def units(
    connection: Connection, unit_ids: Iterable[UUID], *, merchant_id: UUID, experiment_id: UUID
) -> dict[UnitKey, OfUnit]:
    """What these units have brought so far."""
    rows = await connection.fetch_all(
        """
        select unit_id, metric, payments, gained from routing_experiment_units
        where merchant_id = %(merchant_id)s and experiment_id = %(experiment_id)s and unit_id = any(%(units)s)
        """,
        {"merchant_id": merchant_id, "experiment_id": experiment_id, "units": list(unit_ids)},
    )
    return {(row["unit_id"], row["metric"]): OfUnit(row["payments"], int(row["gained"])) for row in rows}


async def write_units(
    connection: Connection, changed: Mapping[UnitKey, OfUnit], *, merchant_id: UUID, experiment_id: UUID
) -> None:
    """Write what units have brought."""
    rows = [
        {"unit_id": unit_id, "metric": metric, "payments": one.payments, "gained": str(one.gained)}
        for (unit_id, metric), one in sorted(changed.items())
    ]
    await connection.execute(
        """
        insert into routing_experiment_units (merchant_id, experiment_id, unit_id, metric, payments, gained)
        select %(merchant_id)s, %(experiment_id)s, r.unit_id, r.metric, r.payments, r.gained
        from json_to_recordset(%(rows)s::json) as r (unit_id uuid, metric text, payments bigint, gained numeric)
        on conflict (merchant_id, experiment_id, unit_id, metric) do update
            set payments = excluded.payments, gained = excluded.gained
        """,
        {"merchant_id": merchant_id, "experiment_id": experiment_id, "rows": _json(rows)},
    )


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()


def _trial(row: dict[str, Any]) -> Trial:
    return Trial(**{**row, "unit": Unit(row["unit"]), "state": State(row["state"])})


def _sums(row: dict[str, Any]) -> Sums:
    return Sums(**{name: int(row[name]) for name in Sums.__dataclass_fields__})
