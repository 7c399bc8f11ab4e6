"""The parts of `decisions`: what is made goes where its month is, and old parts go away whole."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from recoup.db import Database
from recoup.kit.ids import first_id, uuid7
from recoup.routing.store.months import month_of, months_ahead, tidy

NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEPT: Final = timedelta(days=60)


@given(st.integers(0, 200 * 366 * 86_400))
def test_months_tile_the_time_line(seconds: int) -> None:
    """Every id lies in the part of the month that it was made in, and in no other."""
    aware = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    month = month_of(aware)
    low, high = month.bounds
    assert month.start <= aware < month.end
    assert low <= uuid7(aware, os.urandom) < high
    ahead = months_ahead(aware)
    assert all(one.bounds[1] == after.bounds[0] for one, after in pairwise(ahead))


async def insert(database: Database, at: datetime) -> UUID:
    id_ = uuid7(at, os.urandom)
    await database.execute(
        """
        insert into decisions (merchant_id, id, kind, object_id, data, created_at)
        values (%(merchant_id)s, %(id)s, 'route', %(id)s, '{}', %(at)s)
        """,
        {"merchant_id": first_id(NOW), "id": id_, "at": at},
    )
    return id_


async def parts(database: Database) -> list[str]:
    rows = await database.fetch_all(
        "select inhrelid::regclass::text as part from pg_inherits where inhparent = 'decisions'::regclass order by 1"
    )
    return [row["part"] for row in rows]


async def part_of(database: Database, id_: UUID) -> str | None:
    row = await database.fetch_one(
        "select tableoid::regclass::text as part from decisions where merchant_id = %(m)s and id = %(id)s",
        {"m": first_id(NOW), "id": id_},
    )
    return None if row is None else str(row["part"])


async def test_decisions_may_be_kept_for_longer_than_ids_count_back(database: Database) -> None:
    """A hundred years, the most that may be set, began before the first id could be made."""
    await tidy(database, now=NOW, kept=timedelta(days=36_500))
    young = await insert(database, NOW)
    await tidy(database, now=NOW, kept=timedelta(days=36_500))
    assert await part_of(database, young) == "decisions_2026_11"


async def test_old_months_are_dropped_and_the_rest_is_kept(database: Database) -> None:
    """A decision is kept for as long as was promised, then its whole month goes."""
    await tidy(database, now=NOW - timedelta(days=200), kept=KEPT)
    old = await insert(database, NOW - timedelta(days=150))
    stray = await insert(database, NOW - timedelta(days=100))
    await tidy(database, now=NOW, kept=KEPT)
    young = await insert(database, NOW)
    assert await part_of(database, old) is None
    assert await part_of(database, stray) is None, "what lies in no part is deleted by its age"
    assert await part_of(database, young) == "decisions_2026_11"
    assert await parts(database) == [
        "decisions_2026_11",
        "decisions_2026_12",
        "decisions_2027_01",
        "decisions_rest",
    ]


async def test_twice_is_once(database: Database) -> None:
    """Every process does this; the parts are made by one."""
    await tidy(database, now=NOW, kept=KEPT)
    before = await parts(database)
    assert await tidy(database, now=NOW, kept=KEPT) == ()
    assert await parts(database) == before


async def test_a_month_that_has_begun_in_the_rest_stays_there(database: Database) -> None:
    """After an update in the middle of a month nothing is moved and nothing fails; the next month has its part."""
    later = NOW + timedelta(days=400)
    begun = await insert(database, later)
    await tidy(database, now=later, kept=timedelta(days=600))
    assert await part_of(database, begun) == "decisions_rest"
    assert await part_of(database, await insert(database, later + timedelta(days=31))) == "decisions_2028_01"


async def test_a_month_in_the_rest_is_not_tried_again_each_time(database: Database) -> None:
    """Trying locks the rest, where payments are writing, for as long as reading all of it takes."""
    later = NOW + timedelta(days=400)
    await insert(database, later)
    await tidy(database, now=later, kept=timedelta(days=600))
    async with database.transaction() as connection:
        await connection.execute("lock table decisions_rest in row exclusive mode")
        async with asyncio.timeout(1.5):
            await tidy(database, now=later, kept=timedelta(days=600))


async def test_a_decision_is_found_in_its_part_alone(database: Database) -> None:
    """A look-up by id reads one part, however many months are kept."""
    await tidy(database, now=NOW, kept=KEPT)
    id_ = await insert(database, NOW)
    rows = await database.fetch_all(
        f"explain select data from decisions where merchant_id = '{first_id(NOW)}' and id = '{id_}'"
    )
    plan = "\n".join(row["QUERY PLAN"] for row in rows)
    assert "decisions_2026_11" in plan and "decisions_rest" not in plan and "decisions_2026_12" not in plan
