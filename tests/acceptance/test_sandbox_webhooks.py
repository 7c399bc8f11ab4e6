"""The simulated processors tell what happens, and Recoup learns of it as of any processor's webhooks."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from tests.whole.served import CARD, Client, Served, client_of, free_port, serving, world_key
from tests.whole.served import opened as beside

from recoup import sandboxed

WITHIN_S: Final = 90.0
ALL: Final = {"enabled": True}
APPROVED: Final = "4242424242424242"
REFUND_COMES_BACK: Final = "4000000000005126"
_once: Final = itertools.count(1)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[tuple[Served, str]]:
    """A server, and its database."""
    folder = tmp_path_factory.mktemp("telling") / "data"
    settings = {"RECOUP_WORKER_POLL_S": "0.05", "RECOUP_SANDBOX_PORT": str(free_port())}
    with serving(folder, RECOUP_DATABASE_URL=database_url, **settings) as served:
        yield served, database_url


@pytest.fixture
async def shop(house: tuple[Served, str]) -> AsyncIterator[Client]:
    """A merchant of its own for each test."""
    async with new_shop(house) as client:
        yield client


@asynccontextmanager
async def new_shop(house: tuple[Served, str]) -> AsyncIterator[Client]:
    served, url = house
    async with beside(served, url) as service:
        key = (await sandboxed.make(service, name="Shop")).reveal()
    async with client_of(served, key) as client:
        yield client


def once() -> str:
    return f"once-{next(_once)}"


async def pays(shop: Client, number: str = APPROVED, **more: Any) -> Any:
    method = {"type": "card", "card": CARD | {"number": number}}
    body = {"amount": 900, "currency": "USD", "payment_method_data": method} | more
    return await shop.post("/v1/payments", body, once=once())


async def tells(shop: Client, **settings: Any) -> Any:
    return await shop.post("/v1/test/webhooks", ALL | settings, once=once())


async def later(shop: Client, by: timedelta) -> None:
    """Let time pass; what is due on the way has run."""
    now = datetime.fromisoformat((await shop.get("/v1/test_clock"))["now"])
    await shop.post("/v1/test_clock/advance", {"to": (now + by).isoformat()}, once=once())


async def heard(shop: Client, count: int) -> list[Any]:
    """What was told and read, oldest first, once it is so much."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            found = await shop.every("/v1/inbound")
            if len(found) >= count and all(one["result"] for one in found):
                return found[::-1]
            await asyncio.sleep(0.05)


def subjects(found: list[Any]) -> list[str]:
    return [notice["about"] for one in found for notice in one["notices"]]


async def test_nothing_is_told_unless_somebody_asks_for_it(shop: Client) -> None:
    """A webhook costs as much as a payment does."""
    assert (await shop.get("/v1/test/webhooks"))["enabled"] is False
    await pays(shop)
    await later(shop, timedelta(hours=1))
    assert await shop.every("/v1/inbound") == []


async def test_all_that_happens_is_told(shop: Client) -> None:
    await tells(shop)
    held = await pays(shop, capture="manual")
    await shop.post(f"/v1/payments/{held['id']}/capture", {"amount": 400}, once=once())
    await shop.post("/v1/refunds", {"payment": held["id"], "amount": 100}, once=once())
    gone = await pays(shop, capture="manual")
    await shop.post(f"/v1/payments/{gone['id']}/cancel", {}, once=once())
    found = await heard(shop, 5)
    assert sorted(subjects(found)) == ["cancel", "capture", "charge", "charge", "refund"]
    assert {one["result"] for one in found} == {"known"}
    assert {one["verified"] for one in found} == {True}
    assert (await shop.get("/v1/test/webhooks"))["waiting"] == 0


async def test_a_late_decline_is_told_when_its_time_comes(shop: Client) -> None:
    """The merchant's clock moves, and with it everything that processors tell."""
    await tells(shop)
    await shop.post("/v1/test/faults", {"kind": "late_decline", "delay_s": 86_400}, once=once())
    payment = await pays(shop)
    assert payment["status"] == "processing"
    assert (await shop.get("/v1/test/webhooks"))["waiting"] >= 1
    await later(shop, timedelta(days=1, minutes=1))
    assert (await shop.get(f"/v1/payments/{payment['id']}"))["status"] == "declined"
    assert (await shop.get("/v1/test/webhooks"))["waiting"] == 0


async def test_a_refund_that_comes_back_is_told(shop: Client) -> None:
    """Nobody asks about a refund that is done: only the processor's news undoes it."""
    await tells(shop)
    paid = await pays(shop, REFUND_COMES_BACK)
    refund = await shop.post("/v1/refunds", {"payment": paid["id"], "amount": 300}, once=once())
    assert refund["status"] == "succeeded"
    await later(shop, timedelta(hours=1, minutes=1))
    assert (await shop.get(f"/v1/refunds/{refund['id']}"))["status"] == "failed"
    changes = await shop.every(f"/v1/test/world/changes?charge_key={paid['attempts'][0]['id']}")
    assert [(one["kind"], one["key"], one["state"]) for one in changes] == [
        ("refund", refund["id"], "failed")
    ]


async def test_a_hold_that_lapses_is_told(shop: Client) -> None:
    """What is not there any more cannot be captured, and Recoup says so."""
    await tells(shop)
    await shop.post("/v1/test/faults", {"kind": "hold_expiry", "delay_s": 86_400}, once=once())
    held = await pays(shop, capture="manual")
    await later(shop, timedelta(days=1, minutes=1))
    after = await shop.get(f"/v1/payments/{held['id']}")
    assert (after["status"], after["amount_capturable"]) == ("canceled", 0)


async def test_what_gets_lost_is_not_told(shop: Client) -> None:
    await tells(shop, lost=1)
    await pays(shop)
    await later(shop, timedelta(days=2))
    assert await shop.every("/v1/inbound") == []


async def test_what_is_doubled_comes_again_under_the_same_name(shop: Client) -> None:
    """So that the inbox can tell that it has it already."""
    await tells(shop, doubled=1)
    await pays(shop)
    assert (await shop.get("/v1/test/webhooks"))["waiting"] >= 1
    await later(shop, timedelta(minutes=2))
    assert (await shop.get("/v1/test/webhooks"))["waiting"] == 0
    assert len(await heard(shop, 1)) == 1


async def test_what_is_reordered_comes_after_what_happened_later(shop: Client) -> None:
    """By up to a day, in the merchant's own time: nobody waits for it."""
    await tells(shop, reordered=1, reordered_by_s=86_400)
    held = await pays(shop, capture="manual")
    await shop.post(f"/v1/payments/{held['id']}/capture", {"amount": 900}, once=once())
    for _ in range(4):
        await shop.post("/v1/refunds", {"payment": held["id"], "amount": 100}, once=once())
    await later(shop, timedelta(days=1, minutes=1))
    found = await heard(shop, 6)
    moments = [one["notices"][0]["occurred_at"] for one in found]
    assert len(moments) == 6
    assert moments != sorted(moments)
    after = await shop.get(f"/v1/payments/{held['id']}")
    assert (after["status"], after["amount_refunded"]) == ("captured", 400)


async def test_of_two_accounts_at_one_processor_the_right_one_hears(shop: Client) -> None:
    """A processor knows whose charge it is."""
    await tells(shop)
    body = {"connector": "alpha", "label": "second", "credentials": {"api_key": "any"}}
    second = await shop.post("/v1/processor_accounts", body, once=once())
    routing = {"processor_accounts": [second["id"]]}
    await pays(shop, routing=routing)
    (told,) = await heard(shop, 1)
    assert (told["processor_account"], told["result"]) == (second["id"], "known")


async def test_a_server_that_was_killed_tells_it_after_its_start(house: tuple[Served, str]) -> None:
    """What is to be told is written down with what happened."""
    served, _ = house
    async with new_shop(house) as shop:
        await tells(shop, reordered=1, reordered_by_s=600)
        payment = await pays(shop)
        served.kill()
        served.start()
        await later(shop, timedelta(minutes=11))
        (told,) = await heard(shop, 1)
        assert told["notices"][0]["payment"] == payment["id"]


async def test_nobody_forges_what_is_told(shop: Client) -> None:
    """Whoever knows an account's address knows nothing of its world's key."""
    await tells(shop)
    await pays(shop)
    (told,) = await heard(shop, 1)
    headers = {"Sandbox-Signature": f"t=1764000000,v1={'0' * 64}"}
    answered = await shop.send(
        "POST", f"/v1/inbound/{told['processor_account']}", {"id": "ev_1"}, headers=headers
    )
    assert (answered.status, answered.code) == (400, "webhook_not_genuine")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"enabled": True, "lost": 1.5}, "invalid_request"),
        ({"enabled": True, "reordered_by_s": 0}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
async def test_shares_are_shares(shop: Client, body: Any, code: str) -> None:
    answered = await shop.send("POST", "/v1/test/webhooks", body, once=once())
    assert answered.status == 400
    assert answered.code


async def test_an_account_that_leads_to_the_same_world_by_an_address_of_its_own_is_told(
    house: tuple[Served, str],
) -> None:
    """And not the disabled one that led there before: what was asked of an account only that account can tell of."""
    served, url = house
    async with beside(served, url) as service:
        key = (await sandboxed.make(service, name="Shop")).reveal()
        opens = (await world_key(service, key)).reveal()
    async with client_of(served, key) as shop:
        before = next(
            one for one in await shop.every("/v1/processor_accounts") if one["connector"] == "alpha"
        )
        await shop.send("DELETE", f"/v1/processor_accounts/{before['id']}")
        by_address = {
            "connector": "alpha",
            "label": "by its own address",
            "base_url": f"http://127.0.0.1:{served.environment['RECOUP_SANDBOX_PORT']}",
            "credentials": {"api_key": opens},
        }
        account = await shop.post("/v1/processor_accounts", by_address, once=once())
        await tells(shop)
        paid = await pays(shop, routing={"processor_accounts": [account["id"]]})
        (told,) = await heard(shop, 1)
        assert paid["processor_account"] == account["id"]
        assert (told["processor_account"], told["result"]) == (account["id"], "known")
        assert told["notices"][0]["payment"] == paid["id"]
