"""Keeps the parts of `decisions`: one for each month, made ahead, and dropped whole when it is old enough.

Parts go by the id, not by `created_at`: an id of version 7 begins with its time, so that the key itself says in which
part a row lies, and no look-up by id needs a date beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import structlog
from psycopg import errors, sql

from recoup.db import Database
from recoup.kit.ids import first_id

AHEAD: Final = 2
"""How many months are made before they begin."""
LOCK_TIMEOUT: Final = "2s"
"""How long a change of the parts may wait for payments under way, and so hold up those behind it."""
PARTS_MAX: Final = 600
DELETED_AT_ONCE: Final = 10_000
_NAMED: Final = "decisions_%Y_%m"

_log: Final = structlog.get_logger("recoup.routing")


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month in UTC, and the ids that are made in it."""

    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """What its part is called."""
        return self.start.strftime(_NAMED)

    @property
    def bounds(self) -> tuple[UUID, UUID]:
        """The least id of the month, and the least of the next."""
        return first_id(self.start), first_id(self.end)


def month_of(moment: datetime) -> Month:
    """The month that a moment is in."""
    start = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Month(start, _next(start))


def _next(start: datetime) -> datetime:
    return (
        start.replace(year=start.year + 1, month=1)
        if start.month == 12
        else start.replace(month=start.month + 1)
    )


def months_ahead(now: datetime, count: int = AHEAD) -> tuple[Month, ...]:
    """The present month and the next ones."""
    months = [month_of(now)]
    for _ in range(count):
        months.append(month_of(months[-1].end))
    return tuple(months)


async def tidy(database: Database, *, now: datetime, kept: timedelta) -> tuple[str, ...]:
    """Make the parts that will be needed, drop those whose every decision is older than `kept`; the names dropped.

    A part that cannot be locked in time is left to the next call.
    """
    for month in months_ahead(now):
        await _make(database, month)
    before = month_of(now - kept).start
    dropped = [name for name in await _parts(database) if _is_before(name, before)]
    done = [name for name in dropped if await _drop(database, name)]
    await _delete_rest(database, before=first_id(before))
    return tuple(done)


async def _make(database: Database, month: Month) -> None:
    """Made beside, then attached: that does not hold up payments as making it in place would."""
    low, high = month.bounds
    if month.name in await _parts(database) or await _has_begun(database, month):
        return
    name = sql.Identifier(month.name)
    try:
        async with database.transaction() as connection:
            await connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
            await connection.execute(
                sql.SQL("create table {} (like decisions including all)").format(name), prepare=False
            )
            await connection.execute(
                sql.SQL("alter table decisions attach partition {} for values from ({}) to ({})").format(
                    name, sql.Literal(str(low)), sql.Literal(str(high))
                ),
                prepare=False,
            )
    except (errors.DuplicateTable, errors.UniqueViolation):
        return  # another process was faster
    except errors.CheckViolation:
        # The rest holds decisions of this month already: they stay there, and so will the others of it.
        _log.info("routing.month_begun", part=month.name)
    except errors.LockNotAvailable:
        _log.warning("routing.month_not_made", part=month.name)


async def _has_begun(database: Database, month: Month) -> bool:
    """Whether the rest holds decisions of this month: it stays there then. Asked first, because trying to attach its
    part would lock the rest, where payments write, until all of it was read, each hour of the month."""
    row = await database.fetch_one(
        """
        -- all merchants: whether anybody's decision of the month lies in no month's part.
        select exists (select 1 from decisions_rest where id >= %(low)s and id < %(high)s) as begun
        """,
        dict(zip(("low", "high"), month.bounds, strict=True)),
    )
    return row is not None and bool(row["begun"])


async def _parts(database: Database) -> tuple[str, ...]:
    rows = await database.fetch_all(
        """
        select c.relname as name from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = 'decisions'::regclass
        order by c.relname limit %(limit)s
        """,
        {"limit": PARTS_MAX},
    )
    return tuple(row["name"] for row in rows)


def _is_before(name: str, before: datetime) -> bool:
    try:
        return datetime.strptime(name, _NAMED).replace(tzinfo=UTC) < before
    except ValueError:
        return False  # the rest


async def _drop(database: Database, name: str) -> bool:
    try:
        async with database.transaction() as connection:
            await connection.execute(sql.SQL("set local lock_timeout = {}").format(sql.Literal(LOCK_TIMEOUT)))
            await connection.execute(
                sql.SQL("drop table if exists {}").format(sql.Identifier(name)), prepare=False
            )
    except errors.LockNotAvailable:
        _log.warning("routing.month_not_dropped", part=name)
        return False
    _log.info("routing.decisions_dropped", part=name)
    return True


async def _delete_rest(database: Database, *, before: UUID) -> int:
    return await database.execute(
        """
        -- all merchants: housekeeping by age, of what lies in no month's part.
        delete from decisions_rest where (merchant_id, id) in (
            select merchant_id, id from decisions_rest where id < %(before)s limit %(at_once)s
        )
        """,
        {"before": before, "at_once": DELETED_AT_ONCE},
    )
