"""The outbox: every event arrives, in the order of its object, signed, whatever fails meanwhile."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from standardwebhooks.webhooks import Webhook
from tests.http.serving import served
from tests.payments.house import House
from tests.webhooks.outbox import attempts, change, deliver, deliveries, endpoint, happen, wait
from tests.webhooks.receiver import Got, Receiver, Says

from recoup.merchants.core import Merchant
from recoup.webhooks.core.deliveries import Status
from recoup.webhooks.core.endpoints import Reason, State


def numbers(got: list[Got]) -> list[int]:
    return [one.json["data"]["object"]["number"] for one in got]


async def test_an_event_arrives_signed_as_the_api_shows_it(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    """The bytes are those of `GET /v1/events/{id}`, and the specification's own library takes the signature."""
    made, secret = await endpoint(house, merchant, receiver.url(), "payment.*")
    await happen(house, merchant, house.new_id(), 1)
    await deliver(house)
    [got] = receiver.got
    # The library compares with the machine's clock, ours stands still: so the signature is made anew.
    theirs = Webhook(secret.secret.reveal()).sign(got.id, house.now, got.body.decode())
    assert got.headers["webhook-signature"] == theirs
    key = await house.key_of(merchant)
    async with served(house.edge(base_url="http://127.0.0.1")) as client:
        shown = await client.send("GET", f"/v1/events/{got.id}", key=key)
    assert shown.body == got.body
    [delivery] = await deliveries(house, merchant, made)
    assert (delivery.status, delivery.attempts) == (Status.DELIVERED, 1)
    [attempt] = await attempts(house, merchant, delivery)
    assert (attempt.http_status, attempt.reply, attempt.error) == (200, "ok", None)


async def test_a_filter_takes_types_subjects_and_all(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    await endpoint(house, merchant, receiver.url("all"))
    await endpoint(house, merchant, receiver.url("refunds"), "refund.*")
    await endpoint(house, merchant, receiver.url("one"), "payment.captured", "refund.failed")
    for type_ in ("payment.captured", "refund.failed", "refund.created", "payment.declined"):
        await happen(house, merchant, house.new_id(), 1, type_=type_)
    await deliver(house)
    told = {path: [one.json["type"] for one in receiver.at(path)] for path in ("all", "refunds", "one")}
    assert sorted(told["refunds"]) == ["refund.created", "refund.failed"]
    assert sorted(told["one"]) == ["payment.captured", "refund.failed"]
    assert len(told["all"]) == 4 + 2, "and it hears of the two endpoints that came after it"


async def test_a_failing_object_holds_back_its_own_events_only(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    made, _ = await endpoint(house, merchant, receiver.url(), "payment.*")
    other, _ = await endpoint(house, merchant, receiver.url("other"), "payment.*")
    bad, good = house.new_id(), house.new_id()
    await happen(house, merchant, bad, 1, 2, 3)
    await happen(house, merchant, good, 11, 12)
    receiver.answer = lambda got: Says(500 if got.path == "/hook" and numbers([got]) == [1] else 200)
    await deliver(house)
    assert sorted(numbers(receiver.at("hook"))) == [1, 11, 12]
    assert numbers([one for one in receiver.at("other") if numbers([one])[0] < 10]) == [1, 2, 3]
    receiver.answer = lambda _: Says()
    await wait(house, seconds=10)
    assert numbers(receiver.at("hook"))[-3:] == [1, 2, 3]
    first, again = (one for one in receiver.at("hook") if numbers([one]) == [1])
    assert (first.id, first.body) == (again.id, again.body)
    statuses = [one.status for each in (made, other) for one in await deliveries(house, merchant, each)]
    assert set(statuses) == {Status.DELIVERED}


async def test_a_delivery_is_tried_for_three_days_and_then_parked(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    """Other events arrive meanwhile, so that the endpoint stays enabled."""
    made, _ = await endpoint(house, merchant, receiver.url(), "payment.*")
    bad = house.new_id()
    receiver.answer = lambda got: Says(500 if numbers([got])[0] < 3 else 200)
    await happen(house, merchant, bad, 1, 3)
    await deliver(house)
    for hour in range(24 * 3 + 2):
        await happen(house, merchant, house.new_id(), 100 + hour)
        await wait(house, hours=1)
    first, second, *_ = await deliveries(house, merchant, made)
    assert (first.status, second.status) == (Status.PARKED, Status.DELIVERED)
    tries = await attempts(house, merchant, first)
    assert timedelta(days=2.5) < tries[-1].at - tries[0].at <= timedelta(days=3, hours=1)
    assert 12 < len(tries) < 25
    receiver.answer = lambda _: Says()
    async with house.database.transaction() as connection:
        assert await house.webhooks.deliveries.replay_parked(connection, merchant, made.id) == (1, False)
    await deliver(house)
    assert (await deliveries(house, merchant, made))[0].status == Status.DELIVERED


async def test_an_endpoint_that_fails_for_days_is_disabled_and_goes_on_when_it_is_enabled(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    """Nothing that it missed is lost: what was pending is kept, what came later waits in the stream."""
    made, _ = await endpoint(house, merchant, receiver.url(), "payment.*")
    await endpoint(house, merchant, receiver.url("other"), "webhook_endpoint.disabled")
    receiver.answer = lambda got: Says(500 if got.path == "/hook" else 200)
    await happen(house, merchant, house.new_id(), 1, 2)
    await deliver(house)
    for _ in range(24 * 3 + 2):
        await wait(house, hours=1)
    found, _ = await house.webhooks.endpoints.get(merchant, made.id)
    assert (found.state, found.disabled_reason) == (State.DISABLED, Reason.FAILING)
    [told] = receiver.at("other")
    assert told.json["data"]["object"]["disabled_reason"] == "failing"
    assert {one.status for one in await deliveries(house, merchant, made)} == {Status.PENDING}
    await happen(house, merchant, house.new_id(), 3)
    await wait(house, days=30)
    receiver.got.clear()
    receiver.answer = lambda _: Says()
    await change(house, merchant, made, enabled=True)
    await deliver(house)
    assert sorted(numbers(receiver.at("hook"))) == [1, 2, 3]


async def test_an_endpoint_that_says_gone_is_disabled_at_once(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    made, _ = await endpoint(house, merchant, receiver.url())
    receiver.answer = lambda _: Says(410)
    await happen(house, merchant, house.new_id(), 1)
    await deliver(house)
    found, _ = await house.webhooks.endpoints.get(merchant, made.id)
    assert (found.state, found.disabled_reason) == (State.DISABLED, Reason.GONE)
    await wait(house, days=1)
    assert len(receiver.got) == 1


async def test_what_an_endpoint_asks_to_wait_is_waited_within_limits(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    made, _ = await endpoint(house, merchant, receiver.url())
    receiver.answer = lambda _: Says(503, headers={"Retry-After": "1800"})
    await happen(house, merchant, house.new_id(), 1)
    await deliver(house)
    [delivery] = await deliveries(house, merchant, made)
    assert delivery.next_at is not None
    assert delivery.next_at - house.now == timedelta(seconds=1800)
    await wait(house, seconds=1799)
    assert len(receiver.got) == 1
    receiver.answer = lambda _: Says()
    await wait(house, seconds=2)
    assert len(receiver.got) == 2


async def test_a_redirect_is_a_failure_and_a_long_reply_is_cut(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    moved, _ = await endpoint(house, merchant, receiver.url("moved"), "payment.*")
    long, _ = await endpoint(house, merchant, receiver.url("long"), "payment.*")
    receiver.answer = lambda got: (
        Says(302, headers={"Location": receiver.url("elsewhere")})
        if got.path == "/moved"
        else Says(200, b"x" * 1_000_000)
    )
    await happen(house, merchant, house.new_id(), 1)
    await deliver(house)
    [delivery] = await deliveries(house, merchant, moved)
    [attempt] = await attempts(house, merchant, delivery)
    assert (attempt.http_status, delivery.status) == (302, Status.PENDING)
    assert "redirect" in (attempt.error or "")
    assert not receiver.at("elsewhere")
    [delivery] = await deliveries(house, merchant, long)
    [attempt] = await attempts(house, merchant, delivery)
    assert (delivery.status, attempt.reply) == (Status.DELIVERED, "x" * 4096)


async def test_a_rotated_secret_signs_beside_the_new_one_for_a_while(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    made, old = await endpoint(house, merchant, receiver.url(), "payment.*")
    async with house.database.transaction() as connection:
        _, secrets = await house.webhooks.endpoints.rotate(
            connection, merchant, made.id, overlap=timedelta(hours=1), now=house.now
        )
    await happen(house, merchant, house.new_id(), 1)
    await deliver(house)
    [got] = receiver.got
    both = [
        Webhook(one.secret.reveal()).sign(got.id, house.now, got.body.decode()) for one in (secrets[0], old)
    ]
    assert got.headers["webhook-signature"].split(" ") == both
    house.clock.advance(timedelta(hours=1))
    await happen(house, merchant, house.new_id(), 2)
    await deliver(house)
    assert len(receiver.got[-1].headers["webhook-signature"].split(" ")) == 1
    row = await house.database.fetch_one(
        "select secrets from webhook_endpoints where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant.id},
    )
    assert row is not None
    assert old.secret.reveal().encode() not in bytes(row["secrets"])


async def test_a_range_is_replayed_also_from_before_the_endpoint(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    await happen(house, merchant, house.new_id(), 1, 2, 3)
    made, _ = await endpoint(house, merchant, receiver.url(), "payment.*")
    await deliver(house)
    assert receiver.got == []
    for _ in range(2):
        async with house.database.transaction() as connection:
            queued = await house.webhooks.deliveries.replay_range(
                connection, merchant, made.id, after=1, upto=3
            )
        assert queued == 2
        await deliver(house)
    assert numbers(receiver.got) == [2, 3, 2, 3]


async def test_a_test_reaches_only_the_endpoint_that_is_tested(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    made, _ = await endpoint(house, merchant, receiver.url("tested"), "refund.failed")
    await endpoint(house, merchant, receiver.url("other"))
    async with house.database.transaction() as connection:
        await house.webhooks.endpoints.ping(connection, merchant, made.id, now=house.now)
    await deliver(house)
    assert [one.json["type"] for one in receiver.got] == ["webhook_endpoint.ping"]
    assert receiver.got[0].path == "/tested"


async def test_a_deleted_endpoint_hears_nothing_more(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    made, _ = await endpoint(house, merchant, receiver.url())
    receiver.answer = lambda _: Says(500)
    await happen(house, merchant, house.new_id(), 1, 2)
    await deliver(house)
    await house.webhooks.endpoints.delete(merchant, made.id, now=house.now)
    await wait(house, days=1)
    assert len(receiver.got) == 1
    assert {one.status for one in await deliveries(house, merchant, made)} == {Status.PARKED}


async def test_an_event_is_delivered_as_it_was(house: House, merchant: Merchant, receiver: Receiver) -> None:
    """The payload is the state at the time of the event, not what the object has become since."""
    await endpoint(house, merchant, receiver.url(), "payment.*")
    await house.pay(merchant)
    await deliver(house)
    assert {one.json["type"] for one in receiver.got} >= {"payment.created", "payment.captured"}
    created = next(one.json for one in receiver.got if one.json["type"] == "payment.created")
    assert created["data"]["object"]["status"] == "processing"
    assert msgspec.json.encode(created["data"]["object"]) in receiver.got[0].body


async def test_endpoints_that_always_have_work_do_not_keep_others_from_their_turn(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    """However many endpoints have work, and whatever place theirs is in the order: each comes to be looked at."""
    for _ in range(4):
        await endpoint(house, merchant, "http://127.0.0.1:9/nobody", "payment.*")
    for number in range(3):
        await endpoint(house, merchant, receiver.url(f"alive-{number}"), "payment.*")
    outbox = house.webhooks.outbox
    outbox._worked_max = 2
    for _ in range(12):
        await happen(house, merchant, house.new_id(), 1)
    for _ in range(60):
        await outbox.round()
        await outbox.quiet()
    assert [len(receiver.at(f"alive-{number}")) for number in range(3)] == [12, 12, 12]


async def test_an_endpoint_whose_secret_cannot_be_opened_keeps_nobody_else_waiting(
    house: House, merchant: Merchant, receiver: Receiver
) -> None:
    """As after a master key was lost: that one hears nothing, and the others hear everything."""
    broken, _ = await endpoint(house, merchant, receiver.url("broken"), "payment.*")
    await endpoint(house, merchant, receiver.url("alive"), "payment.*")
    await house.database.execute(
        "update webhook_endpoints set secrets = 'nonsense' where merchant_id = %(merchant_id)s and id = %(id)s",
        {"merchant_id": merchant.id, "id": broken.id},
    )
    for number in range(3):
        await happen(house, merchant, house.new_id(), number + 1)
    await deliver(house)
    assert (len(receiver.at("broken")), len(receiver.at("alive"))) == (0, 3)
    assert {one.status for one in await deliveries(house, merchant, broken)} == {Status.PENDING}
