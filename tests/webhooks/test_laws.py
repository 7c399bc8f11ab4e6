"""What holds whatever fails: order, completeness, one sender at a time, and the address that is connected to."""

from __future__ import annotations

import asyncio
import random
import socket
from collections import defaultdict
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from tests.payments.house import House
from tests.webhooks.outbox import attempts, deliver, deliveries, endpoint, happen, wait
from tests.webhooks.receiver import Got, Receiver, Says

from recoup.merchants.core import Merchant
from recoup.webhooks.core.deliveries import Status
from recoup.webhooks.core.endpoints import Target
from recoup.webhooks.core.schedule import Answered
from recoup.webhooks.core.signing import new_secret
from recoup.webhooks.flow.outbox import LEASE
from recoup.webhooks.flow.sending import Sender


@pytest.mark.parametrize("seed", range(4))
async def test_every_event_arrives_in_the_order_of_its_object_whoever_dies(
    house: House, merchant: Merchant, receiver: Receiver, seed: int
) -> None:
    """Three endpoints that are away, slow to answer, broken for some objects, or fine, each for a while."""
    chance = random.Random(seed)
    made = [(await endpoint(house, merchant, receiver.url(str(n)), "payment.*"))[0] for n in range(3)]
    objects = [house.new_id() for _ in range(8)]
    told: dict[UUID, int] = defaultdict(int)
    moods: dict[str, float] = {f"/{n}": 0.0 for n in range(3)}
    taken: dict[tuple[str, str], list[int]] = defaultdict(list)

    def answer(got: Got) -> Says:
        event = got.json
        if chance.random() < moods[got.path]:
            return Says(chance.choice([400, 500, 503, 302]))
        taken[got.path, event["data"]["object"]["of"]].append(event["data"]["object"]["number"])
        return Says()

    receiver.answer = answer
    for _ in range(25):
        moods[chance.choice([*moods])] = chance.choice([0.0, 0.3, 1.0])
        for _ in range(chance.randint(0, 6)):
            one = chance.choice(objects)
            told[one] += 1
            await happen(house, merchant, one, told[one])
        await wait(house, seconds=chance.choice([0, 1, 10, 100, 1000]))
    moods.update(dict.fromkeys(moods, 0.0))
    for _ in range(4):
        await wait(house, hours=9)
    for n, where in enumerate(made):
        found = await deliveries(house, merchant, where)
        assert {each.status for each in found} == {Status.DELIVERED}
        assert len(found) == sum(told.values())
        for object_id, count in told.items():
            assert taken[f"/{n}", str(object_id)] == list(range(1, count + 1))


async def test_two_senders_share_the_work_and_double_nothing(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    await endpoint(house, merchant, receiver.url(), "payment.*")
    other = House(house.database, bank=house.bank, clock=house.clock)
    await other.webhooks.open()
    for _ in range(30):
        await happen(house, merchant, house.new_id(), 1, 2)
    for _ in range(60):
        await asyncio.gather(house.webhooks.outbox.round(), other.webhooks.outbox.round())
        await asyncio.gather(house.webhooks.outbox.quiet(), other.webhooks.outbox.quiet())
    await other.webhooks.close()
    assert len(receiver.got) == 60
    assert len({got.id for got in receiver.got}) == 60


async def test_what_was_sent_and_not_written_leaves_again_under_the_same_id(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    """A process that dies between a request and the commit of its outcome."""
    made, _ = await endpoint(house, merchant, receiver.url(), "payment.*")
    await happen(house, merchant, house.new_id(), 1, 2)
    dying = House(house.database, bank=house.bank, clock=house.clock)
    await dying.webhooks.open()
    receiver.answer = lambda _: Says(after_s=20)
    await dying.webhooks.outbox.round()
    await dying.webhooks.outbox.round()
    while not receiver.got:  # noqa: ASYNC110 - it is on its way
        await asyncio.sleep(0.01)
    await dying.webhooks.outbox.quiet(within_s=0)
    await dying.webhooks.close()
    receiver.answer = lambda _: Says()
    await deliver(house)
    assert len(receiver.got) == 1, "its lease has not ended"
    house.clock.advance(LEASE + timedelta(seconds=1))
    await deliver(house)
    first, again, second = receiver.got
    assert (first.id, first.body) == (again.id, again.body)
    assert second.id != first.id
    assert {one.status for one in await deliveries(house, merchant, made)} == {Status.DELIVERED}


async def test_a_backlog_stays_in_the_stream(house: House, merchant: Merchant, receiver: Receiver) -> None:
    """An endpoint with too many objects waiting takes up no more, and goes on when they have arrived."""
    made, _ = await endpoint(house, merchant, receiver.url(), "payment.*")
    following = house.webhooks.following
    following._lanes_max, following._events_at_once = 5, 5
    receiver.answer = lambda _: Says(400)
    for _ in range(23):
        await happen(house, merchant, house.new_id(), 1)
    await deliver(house)
    assert len(await deliveries(house, merchant, made)) == 5
    receiver.answer = lambda _: Says()
    await wait(house, minutes=1)
    assert len({got.id for got in receiver.got}) == 23


async def test_an_endpoint_that_is_away_costs_little(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    """A hundred objects wait; a minute later one request looks whether somebody is there; then all leave."""
    made, _ = await endpoint(house, merchant, "http://127.0.0.1:1/hook", "payment.*")
    for _ in range(100):
        await happen(house, merchant, house.new_id(), 1)
    await deliver(house)
    before = sum(one.attempts for one in await deliveries(house, merchant, made))
    assert before <= 8
    await wait(house, seconds=2)
    after = sum(one.attempts for one in await deliveries(house, merchant, made))
    assert after - before == 1


class Names(AbstractResolver):
    """Names that lead where a test says."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=one, port=port, family=socket.AF_INET, proto=0, flags=0)
            for one in self.addresses
        ]

    async def close(self) -> None:
        pass


async def sent(house: House, url: str, *addresses: str, livemode: bool) -> Answered:
    sender = Sender(clock=house.clock, resolver=Names(*addresses), timeout_s=3)
    await sender.open()
    try:
        target = Target(UUID(int=1), UUID(int=2), 1, livemode, url, (new_secret(bytes),))
        answered, _ = await sender.send(target, "evt_1", b"{}")
    finally:
        await sender.close()
    return answered


@pytest.mark.parametrize(
    ("url", "addresses"),
    [
        ("https://shop.example/", ["127.0.0.1"]),
        ("https://shop.example/", ["8.8.8.8", "10.0.0.1"]),
        ("https://shop.example/", ["::ffff:169.254.169.254"]),
        ("https://127.0.0.1/", []),
        ("https://[::ffff:127.0.0.1]/", []),
    ],
)
async def test_a_live_name_that_leads_within_is_not_connected_to(
    house: House, url: str, addresses: list[str]
) -> None:
    """The address that was resolved is judged, every time, and before a connection is made."""
    answered = await sent(house, url, *addresses, livemode=True)
    assert answered.status is None
    assert "not sent to" in (answered.error or "")


async def test_a_number_for_a_name_leads_nowhere(house: House) -> None:
    """2130706433 is 127.0.0.1 to a resolver."""
    assert (await sent(house, "https://2130706433/", "127.0.0.1", livemode=True)).status is None


async def test_a_name_is_resolved_once_and_that_address_is_connected_to(
    house: House, receiver: Receiver
) -> None:
    """The name exists nowhere: only the address that was judged can have been connected to."""
    url = f"http://nowhere.invalid:{receiver.port}/hook"
    answered = await sent(house, url, "127.0.0.1", livemode=False)
    assert answered.status == 200
    assert receiver.got[0].headers["Host"] == f"nowhere.invalid:{receiver.port}"


async def test_live_webhooks_go_over_https_with_a_certificate_that_is_good(
    house: House, receiver: Receiver
) -> None:
    answered = await sent(house, f"http://nowhere.invalid:{receiver.port}/", "8.8.8.8", livemode=True)
    assert "https only" in (answered.error or "")


async def test_hot_statements_are_served_by_indexes(
    house: House, merchant: Merchant, receiver: Receiver, database_url: str
) -> None:
    """With ten thousand objects waiting elsewhere, a claim reads a handful of rows."""
    made, _ = await endpoint(house, merchant, receiver.url(), "payment.*")
    await house.database.execute(
        """
        insert into webhook_lanes (merchant_id, endpoint_id, object_id, due_at, queued, opened_at)
        select %(merchant_id)s, %(endpoint_id)s, md5(n::text)::uuid, %(later)s, 1, %(later)s
        from generate_series(1, 10000) as n
        """,
        {"merchant_id": merchant.id, "endpoint_id": made.id, "later": house.now + timedelta(days=1)},
    )
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("analyze webhook_lanes")
        cursor = await connection.execute(
            """
            explain (analyze, format json)
            select l.object_id from webhook_lanes l
            where l.merchant_id = %s and l.endpoint_id = %s and l.due_at <= %s
            order by l.due_at limit 32 for update skip locked
            """,
            [merchant.id, made.id, house.now],
        )
        row = await cursor.fetchone()
    assert row is not None
    assert "webhook_lanes_due" in str(row[0])
    await house.database.execute(
        "delete from webhook_lanes where merchant_id = %(merchant_id)s", {"merchant_id": merchant.id}
    )


async def test_old_deliveries_are_forgotten_and_pending_ones_never(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    made, _ = await endpoint(house, merchant, receiver.url(), "payment.*")
    bad = house.new_id()
    receiver.answer = lambda got: Says(400 if got.json["data"]["object"]["number"] == 7 else 200)
    await happen(house, merchant, house.new_id(), 1)
    await happen(house, merchant, bad, 7)
    await deliver(house)
    first, second = await deliveries(house, merchant, made)
    house.clock.advance(timedelta(days=31))
    assert await house.webhooks.outbox.forget_old() >= 1
    [left] = await deliveries(house, merchant, made)
    assert left.id == second.id
    assert await attempts(house, merchant, left)
    assert first.status is Status.DELIVERED
