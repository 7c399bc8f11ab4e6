"""`kill -9` at random moments while payments run: nothing is lost, nothing is charged twice, every answer stands.

Twice, because two things can die with Recoup. First everything does: its embedded PostgreSQL and the simulated
processors as well. Then Recoup alone, while the processors live on in another process and finish what they were asked.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from tests import invariants
from tests.whole.served import Answered, Client, Served, client_of, free_port, opened, serving, world_key

from recoup.db.embedded import conninfo_of_running

SEED: Final = 20261122
KILLS: Final = 10
PAYMENTS_A_LIFE: Final = 10
LIFE_S: Final = (0.2, 1.2)
"""How long a server lives before it is killed, from when it is ready."""
BEGIN_S: Final = 0.8
"""Within what time the payments of a life begin."""
IN_THE_START: Final = 4
"""Every so many kills come while the server is still starting."""
SETTLED_S: Final = 240.0
FINAL: Final = {"captured", "authorized", "partially_captured", "declined", "failed", "canceled"}
HOLDS_MONEY: Final = {"captured", "authorized", "partially_captured"}
SETTINGS: Final = {
    "RECOUP_PROCESSOR_TIMEOUT_S": "1",
    "RECOUP_PROCESSOR_CONNECT_TIMEOUT_S": "0.4",
    "RECOUP_WORKER_POLL_S": "0.1",
}
CARDS: Final = (
    "4242424242424242",
    "5555555555554444",
    "378282246310005",
    "4000000000000002",
    "4000000000009995",
    "4000000000000119",
)
FAULTS: Final[Sequence[Mapping[str, Any]]] = (
    {"kind": "timeout_after_success"},
    {"kind": "timeout_before_processing"},
    {"kind": "reset_after"},
    {"kind": "reset_before"},
    {"kind": "slow", "delay_s": 1},
    {"kind": "late_arrival", "delay_s": 2},
    {"kind": "garbage"},
    {"kind": "half_reply"},
    {"kind": "outage", "on": "charge"},
    {"kind": "rate_limited"},
    {"kind": "decline", "decline_code": "issuer_not_available", "network_code": "91"},
    {"kind": "late_approval", "delay_s": 1},
    {"kind": "late_decline", "delay_s": 1},
)
"""What happens to a charge; each is chosen by the payment's reference."""
CHANGED_FAULTS: Final = ("timeout_after_success", "timeout_before_processing", "reset_after", "reset_before")


@dataclass(frozen=True, slots=True)
class Plan:
    """One payment, what goes wrong on its way, and what is done with it when it is through."""

    number: int
    begins_s: float
    body: Mapping[str, Any]
    fault: Mapping[str, Any] | None
    then: str | None
    changed_fault: str | None


def planned(chance: random.Random, number: int) -> Plan:
    """A payment as chance makes it."""
    reference, manual = f"order-{number}", chance.random() < 0.4
    card = chance.choices(CARDS, [6, 3, 3, 1, 1, 1])[0]
    cvc = "1234" if len(card) == 15 else "123"
    return Plan(
        number=number,
        begins_s=chance.uniform(0, BEGIN_S),
        body={
            "amount": chance.randrange(100, 100_000),
            "currency": chance.choice(["USD", "EUR"]),
            "capture": "manual" if manual else "automatic",
            "merchant_reference": reference,
            "payment_method_data": {
                "type": "card",
                "card": {"number": card, "exp_month": 12, "exp_year": 2030, "cvc": cvc},
            },
        },
        fault=dict(chance.choice(FAULTS)) | {"merchant_reference": reference}
        if chance.random() < 0.5
        else None,
        then=chance.choice(["capture", "capture", "cancel", None] if manual else ["refund", None, None]),
        changed_fault=chance.choice(CHANGED_FAULTS) if chance.random() < 0.3 else None,
    )


@dataclass(slots=True)
class Story:
    """What the client sent, and the answer to each, by idempotency key."""

    sent: dict[str, tuple[str, Any, Answered]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)

    async def post(self, client: Client, path: str, body: Any, *, once: str) -> Any:
        """Insist on an answer; one that did something must be given again for ever."""
        answered = await client.insist(path, body, once=once)
        assert answered.status < 500, answered.body
        if answered.status < 300:
            self.sent[once] = (path, body, answered)
            self.seen["answers that were waiting"] += answered.replayed
        return answered.json


async def pay(client: Client, processors: Client, plan: Plan, story: Story) -> None:
    """One customer: pays, and may later be captured, canceled or refunded."""
    await asyncio.sleep(plan.begins_s)
    if plan.fault is not None:
        await processors.insist("/v1/test/faults", plan.fault, once=f"fault-{plan.number}")
    paid = await story.post(client, "/v1/payments", plan.body, once=f"pay-{plan.number}")
    assert "status" in paid, paid
    story.seen[f"first {paid['status']}"] += 1
    if plan.then is None:
        return
    now = await settled(client, paid["id"])
    if now["status"] != ("captured" if plan.then == "refund" else "authorized"):
        return
    if plan.changed_fault is not None:
        fault = {"kind": plan.changed_fault, "on": plan.then}
        await processors.insist("/v1/test/faults", fault, once=f"changed-fault-{plan.number}")
    if plan.then == "refund":
        wanted = {"payment": paid["id"], "amount": paid["amount"] // 2}
        await story.post(client, "/v1/refunds", wanted, once=f"refund-{plan.number}")
    else:
        path = f"/v1/payments/{paid['id']}/{plan.then}"
        await story.post(client, path, {}, once=f"{plan.then}-{plan.number}")


async def settled(client: Client, payment: str) -> Any:
    """The payment, when it has its end."""
    deadline = time.monotonic() + SETTLED_S
    while time.monotonic() < deadline:
        try:
            read = await client.send("GET", f"/v1/payments/{payment}")
        except (aiohttp.ClientError, ConnectionError, TimeoutError):
            pass
        else:
            if read.status == 200 and has_ended(read.json):
                return read.json
        await asyncio.sleep(0.2)
    raise AssertionError(f"{payment} has no end after {SETTLED_S} s: {read.body!r}")


def has_ended(payment: Any) -> bool:
    """Whether nothing of it is under way: what is held and not taken can be taken."""
    held = payment["status"] in {"authorized", "partially_captured"}
    return payment["status"] in FINAL and (not held or payment["amount_capturable"] > 0)


async def live_and_die(served: Served, client: Client, processors: Client, story: Story) -> None:
    """All lives of the server but the last, each with new payments, and the last, in which everything ends."""
    chance = random.Random(SEED)
    numbers = iter(range(KILLS * PAYMENTS_A_LIFE))
    customers: list[asyncio.Task[None]] = []
    for kill in range(KILLS):
        plans = [planned(chance, next(numbers)) for _ in range(PAYMENTS_A_LIFE)]
        await asyncio.to_thread(served.spawn)
        if kill % IN_THE_START != IN_THE_START - 1:
            await asyncio.to_thread(served.wait_until_ready)
        customers += [asyncio.create_task(pay(client, processors, plan, story)) for plan in plans]
        await asyncio.sleep(chance.uniform(*LIFE_S))
        story.seen["unanswered when killed"] += sum(not customer.done() for customer in customers)
        await asyncio.to_thread(served.kill)
    await asyncio.to_thread(served.start)
    await asyncio.gather(*customers)


def agree(payments: Sequence[Any], charges: Sequence[Any]) -> None:
    """What Recoup says and what the processors did are the same, for every payment and for every charge."""
    made: dict[str, list[Any]] = {payment["id"]: [] for payment in payments}
    for charge in charges:
        if charge["state"] == "approved":
            made[charge["order"]].append(charge)  # a charge of no payment would be a lost one
    for payment in payments:
        held = made[payment["id"]]
        say = f"{payment['status']} {payment['id']}: {held}"
        match payment["status"]:
            case status if status in HOLDS_MONEY:
                (charge,) = held
                assert (charge["amount"], charge["currency"]) == (payment["amount"], payment["currency"])
                assert charge["captured"] == payment["amount_captured"], say
                assert charge["refunded"] == payment["amount_refunded"], say
            case "canceled":
                assert [(one["captured"], one["released"]) for one in held] == [(0, payment["amount"])], say
            case _:
                assert held == [], say


def without_gaps(events: Sequence[Any]) -> None:
    """Every merchant's stream and every object's is numbered from 1 on."""
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    for_object: Counter[str] = Counter()
    for event in events:
        id_ = event["data"]["object"]["id"]
        for_object[id_] += 1
        assert event["object_sequence"] == for_object[id_], event


async def replay(client: Client, story: Story) -> None:
    """Every request with its key gives the answer that it gave."""
    for once, (path, body, first) in story.sent.items():
        again = await client.insist(path, body, once=once)
        assert again.replayed, (path, again)
        assert (again.status, again.body) == (first.status, first.body)


async def judged(client: Client, processors: Client, story: Story) -> None:
    """Everything that must hold when the dust has settled."""
    payments = await client.every("/v1/payments")
    assert len(payments) == KILLS * PAYMENTS_A_LIFE, "a payment was lost or made twice"
    ended = [await settled(client, payment["id"]) for payment in payments]
    await refunds_end(client)
    await replay(client, story)
    ended = [await client.get(f"/v1/payments/{payment['id']}") for payment in ended]
    agree(ended, await processors.every("/v1/test/world/charges"))
    world = await processors.get("/v1/test/world")
    assert world["double_charges"] == 0
    assert world["captured"] == summed(ended, "amount_captured")
    assert world["refunded"] == summed(ended, "amount_refunded")
    events = await client.events()
    without_gaps(events)
    story.seen.update(f"in the end {payment['status']}" for payment in ended)
    story.seen.update(charges_asked=world["charges_asked"], charges_made=world["charges_made"])
    story.seen.update(events=len(events), replayed=len(story.sent))


def summed(payments: Sequence[Any], field_: str) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for payment in payments:
        if payment["status"] in HOLDS_MONEY | {"canceled"}:
            sums[payment["currency"]] += payment[field_]
    return dict(sums)


async def laws_hold(served: Served, conninfo: str | None) -> None:
    """Nothing that must always hold of what is kept is broken."""
    assert conninfo is not None, "it runs"
    async with opened(served, conninfo) as service:
        await invariants.hold(service)


async def refunds_end(client: Client) -> None:
    deadline = time.monotonic() + SETTLED_S
    while any(one["status"] in {"pending", "unresolved"} for one in await client.every("/v1/refunds")):
        assert time.monotonic() < deadline, "a refund has no end"
        await asyncio.sleep(0.2)


@pytest.fixture
def told() -> Iterator[Story]:
    """The story, printed when the test has passed or failed."""
    story = Story()
    began = time.monotonic()
    yield story
    print(f"{time.monotonic() - began:.1f} s", dict(sorted(story.seen.items())))


@pytest.mark.slow
async def test_everything_dies_and_nothing_is_lost(tmp_path: Path, told: Story) -> None:
    """The embedded PostgreSQL and the processors die with Recoup, and all three go on where they were."""
    with serving(tmp_path / "data", **SETTINGS) as served:
        async with client_of(served) as client:
            await asyncio.to_thread(served.kill)
            await live_and_die(served, client, client, told)
            await judged(client, client, told)
            await laws_hold(served, conninfo_of_running(served.folder))


@pytest.mark.slow
async def test_recoup_dies_and_the_processors_live_on(tmp_path: Path, database_url: str, told: Story) -> None:
    """What a processor does after Recoup's death is found by asking, and is what Recoup says in the end."""
    port = free_port()
    with (
        serving(tmp_path / "processors", RECOUP_SANDBOX_PORT=str(port)) as other,
        serving(tmp_path / "data", RECOUP_DATABASE_URL=database_url, **SETTINGS) as served,
    ):
        async with client_of(served) as client, client_of(other) as processors:
            await use_processors_of(other, client, f"http://127.0.0.1:{port}")
            await asyncio.to_thread(served.kill)
            await live_and_die(served, client, processors, told)
            await judged(client, processors, told)
            await laws_hold(served, database_url)


async def use_processors_of(other: Served, client: Client, url: str) -> None:
    """Send the merchant's payments to the simulated processors of another server, into its merchant's world."""
    conninfo = conninfo_of_running(other.folder)
    assert conninfo is not None, "it runs"
    async with opened(other, conninfo) as service:
        credentials = {"api_key": (await world_key(service, other.key)).reveal()}
    for account in await client.every("/v1/processor_accounts"):
        await client.send("DELETE", f"/v1/processor_accounts/{account['id']}")
    for connector in ("alpha", "bravo", "charlie"):
        account = {"connector": connector, "label": connector, "base_url": url, "credentials": credentials}
        await client.post("/v1/processor_accounts", account)
