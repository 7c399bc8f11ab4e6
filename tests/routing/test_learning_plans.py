"""What is read every second, and with every batch that is learned, is looked up by an index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

import psycopg
import pytest
from tests.payments.plans import Lookup, Planner, noted
from tests.routing.tries import START

from recoup.events.following import behind
from recoup.events.store import pointers
from recoup.routing.store import learning as store

ID: Final = UUID(int=1)
HELD: Final = store.Lease(1, START)
CELLS_BY_KEY: Final = ("routing_cells", "routing_cells_pkey", 2)
TOLD_BY_ID: Final = ("routing_observations", "routing_observations_pkey", 2)
LEARNED: Final = ("routing_learned", "routing_learned_pkey", 1)
STATEMENTS: Final[dict[str, tuple[Any, set[Lookup]]]] = {
    "behind": (
        lambda db: behind(db, store.PLACES, after=ID, limit=9),
        {LEARNED, ("event_streams", "event_streams_pkey", 1)},
    ),
    "cells": (lambda db: store.cells(db, [1], merchant_id=ID), {CELLS_BY_KEY}),
    "told": (lambda db: store.told(db, [ID], merchant_id=ID), {TOLD_BY_ID}),
    "sequences": (lambda db: store.sequences(db, [ID]), {LEARNED}),
    "pointers": (
        lambda db: pointers(db, merchant_id=ID, after=1, limit=9),
        {("events", "events_pkey", 2)},
    ),
    "changed": (
        lambda db: store.changed(db, merchant_id=ID, after=store.FIRST, limit=9),
        {("routing_cells", "routing_cells_by_version", 1)},
    ),
    "age_of_cell": (
        lambda db: store.age_of_cell(db, merchant_id=ID, number=9),
        {("routing_cells", "routing_cells_by_age", 1)},
    ),
    "drop_old_cells": (
        lambda db: store.drop_old_cells(db, merchant_id=ID, upto=START, limit=9),
        {CELLS_BY_KEY, ("routing_cells", "routing_cells_by_age", 2)},
    ),
    "drop_old_told": (
        lambda db: store.drop_old_told(db, merchant_id=ID, before=START, limit=9),
        {TOLD_BY_ID, ("routing_observations", "routing_observations_by_age", 2)},
    ),
}


@pytest.fixture(scope="module")
def planner(database_url: str) -> Iterator[Planner]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            """
            insert into merchants (id, twin_id, livemode, name, created_at)
            select id, id, false, 'Shop', '2026-03-01'
            from (select gen_random_uuid() as id from generate_series(1, 20)) m
            """
        )
        connection.execute("insert into event_streams (merchant_id) select id from merchants")
        connection.execute("insert into routing_learned (merchant_id) select id from merchants")
        connection.execute(
            """
            insert into routing_cells (merchant_id, key, mean, variance, learned_at, version)
            select m.id, n, 0, 1, timestamptz '2026-03-01' + n * interval '1 minute', n / 20
            from merchants m, generate_series(1, 3000) n on conflict do nothing
            """
        )
        connection.execute(
            """
            insert into routing_observations (merchant_id, attempt_id, told, learned_at)
            select m.id, gen_random_uuid(), 'route', timestamptz '2026-03-01' + n * interval '1 minute'
            from merchants m, generate_series(1, 300) n
            """
        )
        connection.execute("analyze")
    found = Planner(database_url)
    yield found
    found.close()


@pytest.mark.parametrize("name", STATEMENTS)
async def test_every_look_up_is_by_an_index(planner: Planner, name: str) -> None:
    """In a transaction or every second: none may read more than it wants."""
    send, expected = STATEMENTS[name]
    assert planner.lookups(await noted(send)) == expected
