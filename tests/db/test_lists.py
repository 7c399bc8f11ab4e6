"""Lists that are given to statements arrive as they were, whatever stands in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recoup.db import Connection, Database
from recoup.db.lists import QuickListDumper


def _minutes(by: timedelta) -> timedelta:
    return timedelta(minutes=by // timedelta(minutes=1))


_TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_ZONES = st.timedeltas(-timedelta(hours=15), timedelta(hours=15)).map(lambda by: timezone(_minutes(by)))
_TIMES = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=_ZONES)  # noqa: DTZ001 - zones are drawn
_LISTS = st.one_of(
    st.tuples(st.just("text"), st.lists(_TEXTS | st.sampled_from(["null", "NULL", "", "{", ",", '"', "\\"]))),
    st.tuples(st.just("text"), st.lists(st.none() | _TEXTS)),
    st.tuples(st.just("uuid"), st.lists(st.none() | st.uuids())),
    st.tuples(st.just("uuid"), st.lists(st.uuids())),
    st.tuples(st.just("bigint"), st.lists(st.integers(-(2**63), 2**63 - 1))),
    st.tuples(st.just("bigint"), st.lists(st.none() | st.integers(-5, 70_000))),
    st.tuples(st.just("boolean"), st.lists(st.booleans())),
    st.tuples(st.just("timestamptz"), st.lists(_TIMES)),
    st.tuples(st.just("timestamptz"), st.lists(st.none() | _TIMES)),
)


@pytest.fixture
async def connection(database: Database) -> AsyncIterator[Connection]:
    async with database.connection() as connection:
        yield connection


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(given_=_LISTS)
async def test_a_list_comes_back_as_it_was(connection: Connection, given_: tuple[str, list[Any]]) -> None:
    """Also what looks like a piece of an array, and what has to be told apart from nothing."""
    kind, values = given_
    row = await connection.fetch_one(f"select %(values)s::{kind}[] as values", {"values": values})
    assert row == {"values": values}


async def test_other_lists_are_left_to_the_driver(connection: Connection) -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    row = await connection.fetch_one(
        "select %(times)s::timestamptz[] as times, %(nested)s::int[] as nested",
        {"times": [at], "nested": [[1, 2], [3, 4]]},
    )
    assert row == {"times": [at], "nested": [[1, 2], [3, 4]]}


async def test_a_text_that_no_server_can_hold_is_refused_as_ever(connection: Connection) -> None:
    with pytest.raises(psycopg.DataError):
        await connection.fetch_one("select %(values)s::text[] as values", {"values": ["a\0b"]})


async def test_every_connection_writes_lists_so(connection: Connection) -> None:
    dumper = connection.adapters.get_dumper(list, psycopg.adapt.PyFormat.AUTO)
    assert issubclass(dumper, QuickListDumper)
    row = await connection.fetch_one("select %(ids)s::uuid[] as ids", {"ids": [UUID(int=1)]})
    assert row == {"ids": [UUID(int=1)]}
