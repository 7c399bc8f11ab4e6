"""Statistics of young tables are kept fresh, so that plans made for an empty table do not outlive it."""

from __future__ import annotations

from uuid import UUID, uuid4

from recoup.db import Database, plans

ROWS = 5000


async def test_a_table_that_grew_from_nothing_is_analyzed(database: Database) -> None:
    """Without it, every statement prepared in the first minute would read a merchant's whole table for a minute."""
    merchant = uuid4()
    await _grow(database, merchant)
    assert await plans.refresh(database) > 0
    row = await database.fetch_one("select reltuples from pg_class where relname = 'events'")
    assert row is not None and row["reltuples"] == ROWS
    assert await plans.refresh(database) == 0, "what has not changed is left alone"


async def test_a_table_whose_rows_only_changed_is_left_alone(database: Database) -> None:
    """Each analysis has every connection plan its statements anew, and as many rows ask for no other plan."""
    merchant = uuid4()
    await _grow(database, merchant)
    await plans.refresh(database)
    async with database.connection() as connection:
        await connection.execute(
            "update events set type = 't.u' where merchant_id = %(id)s", {"id": merchant}
        )
        await connection.execute("select pg_stat_force_next_flush()")
    assert await plans.refresh(database) == 0


async def _grow(database: Database, merchant: UUID) -> None:
    async with database.connection() as connection:
        await connection.execute(
            """
        insert into events (merchant_id, sequence, id, type, object_id, object_sequence, data, created_at)
        select %(merchant)s, n, gen_random_uuid(), 't.t', gen_random_uuid(), 1, '{}', '2026-11-22Z'
            from generate_series(1, %(rows)s) n
            """,
            {"merchant": merchant, "rows": ROWS},
        )
        await connection.execute("select pg_stat_force_next_flush()")
