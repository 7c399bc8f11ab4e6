"""A merchant's readings of codes as they are kept: in versions, with an end, and taken back at any time."""

from __future__ import annotations

import pytest
from tests.vault.house import START, House

from recoup.db import Database
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Category
from recoup.outcomes.core.override import Override, Reading
from recoup.outcomes.flow import HISTORY_MAX, DeclineReadings

WHERE = ("stripe", "zz")


async def read_as(database: Database, merchant: Merchant, readings: DeclineReadings) -> Override:
    async with database.transaction() as connection:
        return await readings.override(
            connection,
            merchant,
            *WHERE,
            reading=Reading(category=Category.FUNDS),
            note=None,
            set_by=None,
            now=START,
        )


async def taken_back(database: Database, merchant: Merchant, readings: DeclineReadings) -> Override:
    async with database.transaction() as connection:
        return await readings.remove(connection, merchant, *WHERE, set_by=None, now=START)


async def test_what_was_overridden_as_often_as_it_can_be_can_still_be_taken_back(database: Database) -> None:
    merchant = (await House(database).merchant()).test
    readings = DeclineReadings(database)
    for _ in range(HISTORY_MAX):
        last = await read_as(database, merchant, readings)
    assert last.version == HISTORY_MAX
    with pytest.raises(Refusal) as refused:
        await read_as(database, merchant, readings)
    assert refused.value.code == "override_limit"
    removed = await taken_back(database, merchant, readings)
    assert (removed.version, removed.reading) == (HISTORY_MAX + 1, None)
    assert await readings.current(merchant, *WHERE) is None


async def test_nothing_is_taken_back_twice(database: Database) -> None:
    merchant = (await House(database).merchant()).test
    readings = DeclineReadings(database)
    await read_as(database, merchant, readings)
    await taken_back(database, merchant, readings)
    with pytest.raises(Refusal) as refused:
        await taken_back(database, merchant, readings)
    assert refused.value.type == "not_found"
