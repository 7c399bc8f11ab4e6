"""The worker: every due row is worked, by one at a time, whoever dies or fails, and news is never lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from structlog.testing import capture_logs
from tests.payments.house import START
from tests.testclock.clockwork import Clockwork

from recoup.db import Database, due
from recoup.merchants.core import Merchant
from recoup.worker import FAILURE_WAIT_MAX, RUNNING_MAX

NOW = timedelta(0)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def house(database: Database) -> AsyncIterator[Clockwork]:
    await database.execute("delete from due where slot >= 0")
    house = Clockwork(database)
    yield house
    await house.close()


@pytest.fixture
async def merchant(house: Clockwork) -> Merchant:
    return await house.merchant()


@pytest.fixture
async def other(house: Clockwork, database_url: str) -> AsyncIterator[Clockwork]:
    """A second process, with connections of its own."""
    async with await Database.open(database_url, connections_max=5) as database:
        second = Clockwork(database, bank=house.bank, clock=house.clock)
        yield second
        await second.close()


class Door:
    """A handler that waits at a door."""

    def __init__(self) -> None:
        self.entered, self.opened = asyncio.Event(), asyncio.Event()
        self.result: datetime | None = None

    async def __call__(self, *_: Any) -> datetime | None:
        self.entered.set()
        await self.opened.wait()
        return self.result


def lease(house: Clockwork) -> timedelta:
    return house.worker._lease


async def test_what_is_due_is_worked_and_what_is_not_waits(house: Clockwork, merchant: Merchant) -> None:
    early, late = await house.put(merchant, after=NOW), await house.put(merchant, after=60 * SECOND)
    assert await house.work() == 1
    assert [one[1] for one in house.ran] == [early]
    assert set(await house.dues(merchant)) == {("bell", late)}
    await house.wait(minutes=1)
    assert await house.work() == 1 and await house.dues(merchant) == {}


async def test_a_handler_says_when_it_wants_to_be_called_again(house: Clockwork, merchant: Merchant) -> None:
    async def again(_: Merchant, __: UUID, now: datetime) -> datetime | None:
        return now + 60 * SECOND if len(house.ran) < 3 else None

    house.acts[await house.put(merchant, after=NOW)] = again
    for ran in (1, 2, 3):
        assert await house.work() == 1 and len(house.ran) == ran
        await house.wait(minutes=1)
    assert await house.dues(merchant) == {}


async def test_two_workers_share_the_work_and_do_nothing_twice(
    house: Clockwork, other: Clockwork, merchant: Merchant
) -> None:
    ids = [await house.put(merchant, after=NOW) for _ in range(100)]
    await asyncio.gather(house.work(), other.work())
    both = [one[1] for one in (*house.ran, *other.ran)]
    assert sorted(both) == sorted(ids)
    assert await house.dues(merchant) == {}


async def test_a_claimed_row_is_nobody_else_s_until_its_lease_ends(
    house: Clockwork, other: Clockwork, merchant: Merchant
) -> None:
    door = Door()
    house.acts[await house.put(merchant, after=NOW)] = door
    await house.worker.round()
    await door.entered.wait()
    assert await other.work() == 0
    house.clock.advance(lease(house) - SECOND)
    assert await other.work() == 0
    house.clock.advance(2 * SECOND)
    assert await other.work() == 1
    door.opened.set()
    await house.idle()


async def test_a_dead_worker_s_row_is_taken_by_the_next(house: Clockwork, merchant: Merchant) -> None:
    object_id = await house.put(merchant, after=NOW)
    async with house.database.connection() as connection:
        claimed = await due.claim(connection, now=house.now, lease=house.now + lease(house), limit=1)
    assert [row.object_id for row in claimed] == [object_id] and await house.work() == 0
    house.clock.advance(lease(house) + SECOND)
    assert await house.work() == 1
    assert await house.dues(merchant) == {}


@pytest.mark.parametrize("result", [None, START + timedelta(days=9)], ids=["done", "again"])
async def test_news_that_comes_while_a_handler_runs_is_not_lost(
    house: Clockwork, merchant: Merchant, result: datetime | None
) -> None:
    """The handler has looked before the news came: what it wants is overruled, and it is called again."""
    door = Door()
    door.result = result
    object_id = await house.put(merchant, after=NOW)
    house.acts[object_id] = door
    await house.worker.round()
    await door.entered.wait()
    await house.put(merchant, after=NOW, object_id=object_id)
    door.opened.set()
    await house.idle()
    assert await house.worker.round() == 1
    await house.idle()
    assert len(house.ran) == 2


async def test_a_failing_handler_is_called_ever_later(house: Clockwork, merchant: Merchant) -> None:
    async def fail(*_: Any) -> None:
        raise RuntimeError("not today")

    object_id = await house.put(merchant, after=NOW)
    house.acts[object_id] = fail
    waits = []
    with capture_logs() as logs:
        for _ in range(10):
            await house.work()
            due_at = (await house.dues(merchant))["bell", object_id]["due_at"]
            waits.append((due_at - house.now) // SECOND)
            house.clock.advance(due_at - house.now)
    assert waits == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert FAILURE_WAIT_MAX == 300 * SECOND
    assert {one["event"] for one in logs} == {"worker.handler_failed"}


async def test_a_success_forgets_earlier_failures(house: Clockwork, merchant: Merchant) -> None:
    answers = iter([RuntimeError("a"), RuntimeError("b"), None, RuntimeError("c")])

    async def act(_: Merchant, __: UUID, now: datetime) -> datetime | None:
        answer = next(answers)
        if answer is not None:
            raise answer
        return now + SECOND

    object_id = await house.put(merchant, after=NOW)
    house.acts[object_id] = act
    waits = []
    for _ in range(4):
        await house.work()
        due_at = (await house.dues(merchant))["bell", object_id]["due_at"]
        waits.append((due_at - house.now) // SECOND)
        house.clock.advance(due_at - house.now)
    assert waits == [2, 4, 1, 2]


async def test_a_kind_that_nobody_handles_is_kept_and_said(house: Clockwork, merchant: Merchant) -> None:
    """A newer process may have written it: an older one must not throw it away."""
    object_id = await house.put(merchant, "from the future", after=NOW)
    with capture_logs() as logs:
        await house.work()
    assert ("worker.no_handler", "from the future") in {(one["event"], one.get("kind")) for one in logs}
    assert ("from the future", object_id) in await house.dues(merchant)


async def test_so_many_handlers_run_at_once_and_no_more(house: Clockwork, merchant: Merchant) -> None:
    running, most, full, opened = 0, 0, asyncio.Event(), asyncio.Event()

    async def count(*_: Any) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == RUNNING_MAX:
            full.set()
        await opened.wait()
        running -= 1

    for _ in range(3 * RUNNING_MAX):
        house.acts[await house.put(merchant, after=NOW)] = count
    stop = asyncio.Event()
    working = asyncio.create_task(house.worker.run(stop))
    await full.wait()
    opened.set()
    while await house.dues(merchant):  # noqa: ASYNC110 - the worker tells nobody when it has nothing more to do
        await asyncio.sleep(0.005)
    stop.set()
    await working
    assert most == RUNNING_MAX


async def test_a_row_that_waited_longer_than_its_lease_is_left_to_others(
    house: Clockwork, merchant: Merchant
) -> None:
    object_id = await house.put(merchant, after=NOW)
    async with house.database.connection() as connection:
        (row,) = await due.claim(connection, now=house.now, lease=house.now + lease(house), limit=1)
    house.clock.advance(lease(house))
    await house.worker._slots.acquire()
    await house.worker._work_in_slot([row])
    assert house.ran == [] and ("bell", object_id) in await house.dues(merchant)


async def test_rows_that_are_worked_together_are_given_back_as_their_handler_says(
    house: Clockwork, merchant: Merchant
) -> None:
    """One is looked at again, one is done with; one was put anew by the handler itself, and is let be."""
    again, over, moved = [await house.put(merchant, after=NOW) for _ in range(3)]
    asked: list[set[UUID]] = []

    async def many(_: Merchant, ids: Sequence[UUID], now: datetime) -> Mapping[UUID, datetime | None]:
        asked.append(set(ids))
        await house.put(merchant, after=2 * SECOND, object_id=moved)
        return {again: now + SECOND, over: None}

    house.worker._at_once = {"bell": many}
    assert await house.work() == 3 and asked == [{again, over, moved}] and house.ran == []
    left = {id_: row["due_at"] - house.now for (_, id_), row in (await house.dues(merchant)).items()}
    assert left == {again: SECOND, moved: 2 * SECOND}


async def test_where_a_group_fails_each_row_is_worked_by_itself(house: Clockwork, merchant: Merchant) -> None:
    ids = [await house.put(merchant, after=NOW) for _ in range(3)]

    async def fail(*_: Any) -> Mapping[UUID, datetime | None]:
        raise RuntimeError("not together")

    house.worker._at_once = {"bell": fail}
    with capture_logs() as logs:
        assert await house.work() == 3
    assert {one[1] for one in house.ran} == set(ids) and await house.dues(merchant) == {}
    assert [log["event"] for log in logs] == ["worker.group_failed"]


async def test_a_stopping_worker_finishes_what_it_has_begun(house: Clockwork, merchant: Merchant) -> None:
    door, stop = Door(), asyncio.Event()
    house.acts[await house.put(merchant, after=NOW)] = door
    working = asyncio.create_task(house.worker.run(stop))
    await door.entered.wait()
    stop.set()
    await asyncio.sleep(0)
    assert not working.done()
    door.opened.set()
    await working
    assert await house.dues(merchant) == {}


async def test_an_idle_worker_stops_at_once(house: Clockwork) -> None:
    stop = asyncio.Event()
    working = asyncio.create_task(house.worker.run(stop))
    stop.set()
    async with asyncio.timeout(2):
        await working


async def test_a_merchant_whose_clock_runs_ahead_is_worked_in_its_own_time(
    house: Clockwork, merchant: Merchant
) -> None:
    still = await house.merchant()
    await house.testclocks.advance(merchant, START + timedelta(days=2))
    first = await house.put(merchant, after=timedelta(days=1))
    await house.put(merchant, after=timedelta(days=3))
    await house.put(still, after=timedelta(days=1))
    assert await house.work() == 1
    assert house.ran == [("bell", first, START + timedelta(days=2))]


async def test_a_start_that_is_alone_frees_what_a_dead_process_had_claimed(
    house: Clockwork, merchant: Merchant
) -> None:
    claimed, later = await house.put(merchant, after=NOW), await house.put(merchant, after=60 * SECOND)
    chime = await house.put(merchant, "chime", after=60 * SECOND)
    async with house.database.connection() as connection:
        await due.claim(connection, now=house.now, lease=house.now + lease(house), limit=1)
        await due.release_all(connection, kinds=["chime"], now=house.now)
    await house.work()
    assert {one[1] for one in house.ran} == {claimed, chime}
    assert set(await house.dues(merchant)) == {("bell", later)}


async def test_the_earliest_rows_are_claimed_first(house: Clockwork, merchant: Merchant) -> None:
    ids = [await house.put(merchant, after=-n * SECOND) for n in range(40)]
    async with house.database.connection() as connection:
        claimed = await due.claim(connection, now=house.now, lease=house.now + SECOND, limit=2)
    by_slot: dict[int, list[int]] = {}
    for place, id_ in reversed(list(enumerate(ids))):
        by_slot.setdefault(due.slot_of(id_), []).append(place)
    expected = {ids[place] for places in by_slot.values() for place in places[:2]}
    assert {row.object_id for row in claimed} == expected
    assert [row.due_at for row in claimed] == sorted(row.due_at for row in claimed)


async def test_news_kept_by_its_writer_is_worked_by_it_and_by_others_only_when_it_died(
    house: Clockwork, merchant: Merchant
) -> None:
    object_id = await house.put(merchant, after=NOW)
    kept_until = house.now + 30 * SECOND
    await house.database.execute(
        "update due set leased_until = %(until)s where merchant_id = %(merchant_id)s",
        {"until": kept_until, "merchant_id": merchant.id},
    )
    assert await house.work() == 0
    await house.worker.run_news(merchant, kinds=["bell"], object_id=object_id, lease=kept_until)
    assert [one[1] for one in house.ran] == [object_id] and await house.dues(merchant) == {}
