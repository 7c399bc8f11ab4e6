"""The test clock: everything due up to a time has run, in order of its time, when the call returns."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from tests.payments.bank import Lost
from tests.payments.house import START
from tests.testclock.clockwork import Clockwork

from recoup.db import due
from recoup.kit.clock import rfc3339
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved
from recoup.payments.core import Status
from recoup.testclock import store
from recoup.testclock.flow import HELD_FOR, JUMP_MAX, TestClocks
from recoup.worker import LEASE

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


async def refusal(work: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await work
    return refused.value


async def fresh(house: Clockwork, merchant: Merchant) -> Merchant:
    found = await house.merchants.merchant(merchant.id)
    assert found is not None
    return found


async def test_what_is_due_runs_in_the_order_of_its_time_whatever_its_kind(
    house: Clockwork, merchant: Merchant
) -> None:
    spans = [5, 1, 3, 2, 4, 9]
    ids = {
        hours: await house.put(merchant, ("bell", "chime")[hours % 2], after=hours * HOUR) for hours in spans
    }
    now, ran = await house.testclocks.advance(merchant, START + 6 * HOUR)
    assert [one[1] for one in house.ran] == [ids[hours] for hours in (1, 2, 3, 4, 5)]
    assert [one[2] for one in house.ran] == [START + hours * HOUR for hours in (1, 2, 3, 4, 5)]
    assert (now, ran) == (START + 6 * HOUR, 5)
    assert set(await house.dues(merchant)) == {("chime", ids[9])}


async def test_what_appears_on_the_way_runs_in_its_turn(house: Clockwork, merchant: Merchant) -> None:
    first, last = await house.put(merchant, after=HOUR), await house.put(merchant, after=10 * HOUR)
    born: list[UUID] = []

    async def bear(_: Merchant, __: UUID, now: datetime) -> datetime | None:
        born.extend([await house.put(merchant, after=now - START + hours * HOUR) for hours in (4, 2, 30)])
        return now + 5 * HOUR if now == START + HOUR else None

    house.acts[first] = bear
    _, ran = await house.testclocks.advance(merchant, START + DAY)
    order = [(one[1], (one[2] - START) // HOUR) for one in house.ran]
    assert order[:4] == [(first, 1), (born[1], 3), (born[0], 5), (first, 6)]
    assert order[4:] == [(born[4], 8), (last, 10), (born[3], 10)] or order[4:] == [
        (born[4], 8),
        (born[3], 10),
        (last, 10),
    ]
    assert ran == 7


async def test_a_row_that_is_overdue_runs_at_the_present(house: Clockwork, merchant: Merchant) -> None:
    await house.put(merchant, after=-DAY)
    await house.testclocks.advance(merchant, START + HOUR)
    assert [one[2] for one in house.ran] == [START]


async def test_the_clock_shows_the_moment_it_was_moved_to_to_the_millisecond(
    house: Clockwork, merchant: Merchant
) -> None:
    house.clock.advance(timedelta(microseconds=123_456))
    to = START + DAY
    now, _ = await house.testclocks.advance(merchant, to)
    assert rfc3339(now) == rfc3339(to) and now >= to
    moved = await fresh(house, merchant)
    assert moved.now(house.now) == now
    assert await house.testclocks.shown(merchant) == now


async def test_time_goes_on_from_there(house: Clockwork, merchant: Merchant) -> None:
    await house.testclocks.advance(merchant, START + DAY)
    await house.wait(hours=2)
    assert (await fresh(house, merchant)).now(house.now) == START + DAY + 2 * HOUR
    paid = await house.pay(await fresh(house, merchant))
    assert paid.payment.id.int >> 80 == int(house.now.timestamp() * 1000), (
        "ids are made in the machine's time"
    )


@pytest.mark.parametrize(
    ("to", "code"),
    [(START - timedelta(seconds=1), "clock_goes_back"), (START + JUMP_MAX + HOUR, "clock_jumps_too_far")],
)
async def test_a_clock_goes_forward_only_and_not_too_far(
    house: Clockwork, merchant: Merchant, to: datetime, code: str
) -> None:
    refused = await refusal(house.testclocks.advance(merchant, to))
    assert (refused.code, refused.param) == (code, "to")
    assert (await house.testclocks.advance(merchant, START + HOUR))[0] == START + HOUR


async def test_a_clock_does_not_go_back_for_a_process_that_remembers_an_older_time(
    house: Clockwork, merchant: Merchant
) -> None:
    """`merchant` is what a process has in memory, and another has moved the clock since."""
    await house.another().testclocks.advance(merchant, START + 30 * DAY)
    refused = await refusal(house.testclocks.advance(merchant, START + 10 * DAY))
    assert refused.code == "clock_goes_back"
    assert (await fresh(house, merchant)).clock_offset == 30 * DAY


async def test_of_two_advances_at_once_one_is_refused(house: Clockwork, merchant: Merchant) -> None:
    running, opened = asyncio.Event(), asyncio.Event()

    async def wait(*_: Any) -> None:
        running.set()
        await opened.wait()

    house.acts[await house.put(merchant, after=HOUR)] = wait
    first = asyncio.create_task(house.testclocks.advance(merchant, START + DAY))
    await running.wait()
    refused = await refusal(house.another().testclocks.advance(merchant, START + 2 * DAY))
    assert (refused.code, refused.http_status, refused.retry_after_s) == ("clock_is_moving", 409, 1)
    assert await house.testclocks.shown(merchant) is None
    opened.set()
    assert (await first)[0] == START + DAY
    assert (await house.testclocks.advance(merchant, START + 2 * DAY))[0] == START + 2 * DAY


async def test_a_clock_whose_mover_died_is_free_after_a_while(house: Clockwork, merchant: Merchant) -> None:
    held = await store.begin(
        house.database, merchant_id=merchant.id, wall=house.now, until=house.now + HELD_FOR
    )
    assert held == timedelta(0)
    assert (await refusal(house.testclocks.advance(merchant, START + DAY))).code == "clock_is_moving"
    house.clock.advance(HELD_FOR + timedelta(seconds=1))
    assert (await house.testclocks.advance(merchant, START + DAY))[0] == START + DAY


async def test_a_clock_is_held_no_longer_than_its_mover_was_told(
    house: Clockwork, merchant: Merchant
) -> None:
    """What is short for a service that waits for its processors shortly is short for whoever waits for the dead."""
    told = timedelta(seconds=20)
    clocks = TestClocks(
        house.database, clock=house.clock, stepper=house.worker, moved=house._clock_moved, held_for=told
    )
    held: list[timedelta] = []

    async def look(*_: Any) -> None:
        row = await store.read(house.database, merchant_id=merchant.id)
        assert row is not None and row.held_until is not None, "it is being moved"
        held.append(row.held_until - house.now)

    house.acts[await house.put(merchant, after=HOUR)] = look
    await clocks.advance(merchant, START + DAY)
    assert held == [told]


async def test_who_took_too_long_has_lost_the_clock_and_leaves_it_to_the_next(
    house: Clockwork, merchant: Merchant
) -> None:
    taken_over: list[datetime] = []

    async def dawdle(*_: Any) -> None:
        house.clock.advance(LEASE + timedelta(seconds=1))  # nobody waits any longer for this row, either
        other = house.another()
        taken_over.append((await other.testclocks.advance(merchant, START + 3 * DAY))[0])

    slow = await house.put(merchant, after=HOUR)
    house.acts[slow] = dawdle
    async with house.database.connection() as connection:
        await due.put(
            connection, merchant_id=merchant.id, kind="chime", object_id=slow, due_at=START + 2 * HOUR
        )
    refused = await refusal(house.testclocks.advance(merchant, START + DAY))
    assert refused.code == "clock_is_moving"
    assert (await fresh(house, merchant)).now(house.now) == taken_over[0] == START + 3 * DAY


async def renewed(house: Clockwork, merchant: Merchant, *, until: datetime) -> None:
    for _ in range(1000):
        row = await store.read(house.database, merchant_id=merchant.id)
        if row is not None and row.held_until == until:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the hold is not renewed")


async def test_a_step_that_takes_long_keeps_the_clock(house: Clockwork, merchant: Merchant) -> None:
    """The hold is short, for the sake of those who wait for the dead; the living renew it."""
    told = timedelta(seconds=0.2)
    clocks = TestClocks(
        house.database, clock=house.clock, stepper=house.worker, moved=house._clock_moved, held_for=told
    )
    refused: list[str] = []

    async def take_long(*_: Any) -> None:
        for _step in range(3):
            house.clock.advance(told / 2)
            await renewed(house, merchant, until=house.now + told)
        refused.append((await refusal(house.another().testclocks.advance(merchant, START + DAY))).code)

    house.acts[await house.put(merchant, after=HOUR)] = take_long
    assert (await clocks.advance(merchant, START + DAY))[1] == 1
    assert refused == ["clock_is_moving"]


async def test_the_background_worker_leaves_a_moving_clock_alone_and_then_follows_it(
    house: Clockwork, merchant: Merchant
) -> None:
    rounds: list[int] = []

    async def look(*_: Any) -> None:
        rounds.append(await house.worker.round())

    house.acts[await house.put(merchant, after=HOUR)] = look
    await house.put(merchant, after=HOUR)
    await house.testclocks.advance(merchant, START + 2 * HOUR)
    assert rounds == [0] and len(house.ran) == 2
    later = await house.put(merchant, after=3 * HOUR)
    assert await house.work() == 0
    await house.wait(hours=1)
    assert await house.work() == 1
    assert house.ran[-1] == ("bell", later, START + 3 * HOUR)


async def test_a_row_that_somebody_works_is_waited_for(house: Clockwork, merchant: Merchant) -> None:
    """Order is what the clock promises: what is due later must find done what was due before."""
    running, opened = asyncio.Event(), asyncio.Event()
    overdue = await house.put(merchant, after=timedelta(0))
    later = await house.put(merchant, after=HOUR)

    async def wait(*_: Any) -> None:
        running.set()
        await opened.wait()

    house.acts[overdue] = wait
    assert await house.worker.round() == 1
    await running.wait()
    moving = asyncio.create_task(house.testclocks.advance(merchant, START + DAY))
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert [one[1] for one in house.ran] == [overdue]
    opened.set()
    await moving
    assert [one[1] for one in house.ran] == [overdue, later]


async def test_a_handler_that_fails_is_called_again_in_the_merchant_s_time(
    house: Clockwork, merchant: Merchant
) -> None:
    fails = iter([True, True, False])

    async def fail(*_: Any) -> None:
        if next(fails):
            raise RuntimeError("not yet")

    house.acts[await house.put(merchant, after=HOUR)] = fail
    _, ran = await house.testclocks.advance(merchant, START + DAY)
    seconds = [(one[2] - START - HOUR) // timedelta(seconds=1) for one in house.ran]
    assert (ran, seconds) == (3, [0, 2, 6])


async def test_one_call_runs_a_limited_number_of_things_and_the_next_goes_on(
    house: Clockwork, merchant: Merchant
) -> None:
    clocks = TestClocks(
        house.database, clock=house.clock, stepper=house.worker, moved=house._clock_moved, steps_max=3
    )
    for hours in range(1, 5):
        await house.put(merchant, after=hours * HOUR)
    refused = await refusal(clocks.advance(merchant, START + DAY))
    assert refused.code == "too_much_is_due" and len(house.ran) == 3
    assert await clocks.advance(merchant, START + DAY) == (START + DAY, 1)


async def test_merchants_clocks_are_their_own(house: Clockwork, merchant: Merchant) -> None:
    other = await house.merchant()
    untouched = await house.put(other, after=HOUR)
    await house.testclocks.advance(merchant, START + DAY)
    assert house.ran == [] and (await fresh(house, other)).clock_offset == timedelta(0)
    assert ("bell", untouched) in await house.dues(other)


async def test_an_unresolved_payment_is_settled_on_the_way(house: Clockwork, merchant: Merchant) -> None:
    house.bank.will("charge", Lost(Approved("ch-1", captured=True)))
    house.bank.will("lookup", *[Lost()] * 3)
    house.bank.will("withdraw", *[Lost()] * 3)
    lost = await house.pay(merchant)
    _, ran = await house.testclocks.advance(merchant, START + HOUR)
    settled = await house.snapshot(merchant, lost.payment.id)
    assert (ran, settled.payment.status) == (4, Status.CAPTURED)
    assert settled.payment.updated_at == START + timedelta(seconds=2 + 5 + 10 + 20)


async def test_over_http(house: Clockwork, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    await house.put(merchant, after=HOUR)
    body = {"to": rfc3339(START + DAY)}
    moved = await house.call("POST", "/v1/test_clock/advance", body, key=key, once="k")
    assert (moved.status, moved.json) == (
        200,
        {"object": "test_clock", "now": "2026-11-23T12:00:00.000Z", "ran": 1},
    )
    await house.wait(seconds=3)
    again = await house.call("POST", "/v1/test_clock/advance", body, key=key, once="k")
    assert again.raw == moved.raw and again.headers["idempotent-replayed"] == "true"
    shown = await house.call("GET", "/v1/test_clock", key=key)
    assert shown.json["now"] == "2026-11-23T12:00:03.000Z"
    back = await house.call("POST", "/v1/test_clock/advance", body, key=key, once="l")
    assert (back.status, back.error["code"]) == (400, "clock_goes_back")
    assert await house.stored_key(merchant, "l") is None


async def test_a_second_request_with_the_key_waits_while_the_clock_moves(
    house: Clockwork, merchant: Merchant
) -> None:
    running, opened = asyncio.Event(), asyncio.Event()

    async def wait(*_: Any) -> None:
        running.set()
        await opened.wait()

    key = await house.key_of(merchant)
    house.acts[await house.put(merchant, after=HOUR)] = wait
    body = {"to": rfc3339(START + DAY)}
    first = asyncio.create_task(house.call("POST", "/v1/test_clock/advance", body, key=key, once="k"))
    await running.wait()
    second = await house.call("POST", "/v1/test_clock/advance", body, key=key, once="k")
    assert (second.status, second.error["code"]) == (409, "idempotency_key_in_use")
    opened.set()
    assert (await first).json["now"] == "2026-11-23T12:00:00.000Z"
