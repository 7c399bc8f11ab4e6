"""The event stream: numbered without gaps per merchant and per object, readable in order and backwards."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import pytest
from tests.http.serving import Client, served
from tests.payments.bank import no_funds
from tests.payments.house import House

from recoup.events import store
from recoup.events.core import NewEvent
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant


def news(house: House, object_id: UUID, number: int) -> NewEvent:
    data = msgspec.json.encode({"number": number})
    return NewEvent(house.new_id(), "thing.changed", object_id, number, data, house.now)


async def append(house: House, merchant: Merchant, *numbers: int) -> UUID:
    """Events of one new object."""
    object_id = house.new_id()
    async with house.database.transaction() as connection:
        await store.append(connection, merchant.id, [news(house, object_id, number) for number in numbers])
    return object_id


async def sequences(house: House, merchant: Merchant) -> list[int]:
    found = await store.after(house.database, merchant_id=merchant.id, sequence=0, type_=None, limit=1000)
    return [one.sequence for one in found]


async def test_events_are_numbered_in_the_order_given(house: House, merchant: Merchant) -> None:
    object_id = await append(house, merchant, 1, 2, 3)
    found = await store.of_objects(house.database, merchant_id=merchant.id, object_ids=[object_id], limit=10)
    assert [(one.sequence, one.object_sequence, one.data) for one in found] == [
        (1, 1, {"number": 1}),
        (2, 2, {"number": 2}),
        (3, 3, {"number": 3}),
    ]


async def test_writers_of_every_kind_leave_no_gap(house: House, merchant: Merchant) -> None:
    """Payments write in groups, the vault in transactions, each under the stream's own row."""
    await asyncio.gather(
        *(house.pay(merchant) for _ in range(20)), *(append(house, merchant, 1, 2) for _ in range(20))
    )
    assert await sequences(house, merchant) == list(range(1, 20 * 3 + 20 * 2 + 1))


async def test_what_is_rolled_back_takes_no_number(house: House, merchant: Merchant) -> None:
    with pytest.raises(RuntimeError):
        async with house.database.transaction() as connection:
            await store.append(connection, merchant.id, [news(house, house.new_id(), 1)])
            raise RuntimeError("as if the process had died")
    await append(house, merchant, 1)
    assert await sequences(house, merchant) == [1]


async def test_a_reader_never_sees_a_later_event_before_an_earlier_one(
    house: House, merchant: Merchant
) -> None:
    """Numbers are given under the stream's lock, which is held until the commit."""
    first, second = news(house, house.new_id(), 1), news(house, house.new_id(), 1)
    async with house.database.transaction() as slow:
        await store.append(slow, merchant.id, [first])
        overtaking = asyncio.create_task(_append_one(house, merchant, second))
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert not overtaking.done() and await sequences(house, merchant) == []
    await overtaking
    found = await store.after(house.database, merchant_id=merchant.id, sequence=0, type_=None, limit=10)
    assert [one.id for one in found] == [first.id, second.id]


async def _append_one(house: House, merchant: Merchant, event: NewEvent) -> None:
    async with house.database.transaction() as connection:
        await store.append(connection, merchant.id, [event])


async def test_an_object_s_next_number_follows_its_last(house: House, merchant: Merchant) -> None:
    object_id = await append(house, merchant, 1, 2)
    async with house.database.connection() as connection:
        assert await store.next_object_sequence(connection, merchant.id, object_id) == 3
        assert await store.next_object_sequence(connection, merchant.id, house.new_id()) == 1


async def test_no_events_at_all_are_no_statement(house: House, merchant: Merchant) -> None:
    await append(house, merchant)
    assert await sequences(house, merchant) == []


async def ids(client: Client, path: str, key: str) -> tuple[list[str], bool]:
    answered = await client.send("GET", path, key=key)
    assert answered.status == 200, answered.body
    return [one["id"] for one in answered.json["data"]], answered.json["has_more"]


async def test_a_consumer_proves_that_it_has_everything(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    for _ in range(4):
        await house.pay(merchant)
    seen: list[int] = []
    async with served(house.edge(base_url="http://test")) as client:
        more = True
        while more:
            place = seen[-1] if seen else 0
            page = await client.send("GET", f"/v1/events?after_sequence={place}&limit=5", key=key)
            seen += [one["sequence"] for one in page.json["data"]]
            more = page.json["has_more"]
    assert seen == list(range(1, 13))


async def test_pages_run_from_the_newest_to_the_oldest_and_back(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    await append(house, merchant, *range(1, 8))
    async with served(house.edge(base_url="http://test")) as client:
        everything, more = await ids(client, "/v1/events?limit=100", key)
        assert (len(everything), more) == (7, False)
        first, more = await ids(client, "/v1/events?limit=3", key)
        assert (first, more) == (everything[:3], True)
        second, more = await ids(client, f"/v1/events?limit=3&starting_after={first[-1]}", key)
        assert (second, more) == (everything[3:6], True)
        last, more = await ids(client, f"/v1/events?limit=3&starting_after={second[-1]}", key)
        assert (last, more) == (everything[6:], False)
        back, more = await ids(client, f"/v1/events?limit=3&ending_before={last[0]}", key)
        assert (back, more) == (everything[3:6], True)
        newest, more = await ids(client, f"/v1/events?limit=3&ending_before={back[0]}", key)
        assert (newest, more) == (everything[:3], False)


async def test_a_page_beside_an_event_that_does_not_exist_is_empty(house: House, merchant: Merchant) -> None:
    """Another merchant's event is none of ours, and must not bring us back to the start."""
    other = await house.merchant()
    await append(house, merchant, 1, 2)
    await append(house, other, 1)
    (foreign,) = await store.newest(
        house.database, merchant_id=other.id, before=None, since=None, type_=None, limit=1
    )
    key = await house.key_of(merchant)
    async with served(house.edge(base_url="http://test")) as client:
        for cursor in ("starting_after", "ending_before"):
            path = f"/v1/events?{cursor}={render(Kind.EVENT, foreign.id)}"
            assert await ids(client, path, key) == ([], False)
        missing = await client.send("GET", f"/v1/events/{render(Kind.EVENT, foreign.id)}", key=key)
        assert missing.status == 404


async def test_one_type_of_event_is_found(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    house.bank.will("charge", no_funds())
    await house.pay(merchant)
    await house.pay(merchant)
    async with served(house.edge(base_url="http://test")) as client:
        for path in ("/v1/events?type=payment.declined", "/v1/events?type=payment.declined&after_sequence=0"):
            answered = await client.send("GET", path, key=key)
            (event,) = answered.json["data"]
            assert event["type"] == "payment.declined"
        both = "/v1/events?after_sequence=1&starting_after=" + event["id"]
        refused = await client.send("GET", both, key=key)
        assert (refused.status, refused.error["code"]) == (400, "one_cursor")


async def test_an_event_shows_its_object_as_it_was(house: House, merchant: Merchant) -> None:
    key = await house.key_of(merchant)
    paid = await house.pay(merchant, capture="manual")
    await house.capture(merchant, paid.payment.id, 400)
    await house.refund(merchant, paid.payment.id, 100)
    async with served(house.edge(base_url="http://test")) as client:
        listed = await client.send("GET", "/v1/events?after_sequence=0&limit=100", key=key)
        events: list[Any] = listed.json["data"]
        shown = {event["type"]: (event["data"]["object"]["id"], event["object_sequence"]) for event in events}
        payment, refund = render(Kind.PAYMENT, paid.payment.id), events[-2]["data"]["object"]["id"]
        assert shown == {
            "payment_method.created": (events[0]["data"]["object"]["id"], 1),
            "payment.created": (payment, 1),
            "payment.authorized": (payment, 2),
            "payment.partially_captured": (payment, 3),
            "refund.created": (refund, 1),
            "refund.succeeded": (refund, 2),
            "payment.refunded": (payment, 4),
        }
        states = {event["type"]: event["data"]["object"].get("status") for event in events}
        assert (states["refund.created"], states["refund.succeeded"]) == ("pending", "succeeded")
        assert states["payment.authorized"] == "authorized"
        one = await client.send("GET", f"/v1/events/{events[3]['id']}", key=key)
        assert one.json == events[3] and one.json["livemode"] is False
