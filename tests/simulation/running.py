"""One simulation from its seed: a house, merchants and their orders, what befalls them, the settling, the judgement."""

from __future__ import annotations

import asyncio
import resource
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import aiohttp
from tests.simulation import within
from tests.simulation.chaos import Blow, Chaos
from tests.simulation.consumer import Consumer, listening
from tests.simulation.judging import Books, Wrong, judged
from tests.simulation.orders import GOOD_CARDS, chance_of, orders_of
from tests.simulation.processes import House, housed
from tests.simulation.shop import Shop
from tests.whole.served import Client

SUBSCRIBERS: Final = 12
ROUND: Final = 100
"""Orders of a merchant between two moves of its clock."""
MOVES: Final = (timedelta(hours=1), timedelta(hours=6), timedelta(days=1), timedelta(days=2))
STRIDES: Final = (timedelta(hours=2), *[timedelta(days=3)] * 4, *[timedelta(days=10)] * 12)
"""How the clock moves when all orders are in: far enough for every late answer, recovery and re-reading."""
DELIVERED_S: Final = 900.0
WATCHED: Final = {"payment.hold", "dispute.ask", "dispute.reread"}
"""Due rows that stay: what is held is watched until its processor lets go of it, and about disputes processors are
asked for ever."""
STORIES_MAX: Final = 3
"""Of each law that is broken."""
ASTRAY: Final = {"lost": 0.05, "doubled": 0.05, "reordered": 0.1, "reordered_by_s": 86_400}
"""What becomes of the processors' webhooks; those that are reordered come up to a day late."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything. `blows` None: what chance draws, as long as orders come in."""

    seed: int
    payments: int
    merchants: int
    apart_s: tuple[float, float]
    dead_s: tuple[float, float]
    blows: tuple[Blow, ...] | None = None


@dataclass(slots=True)
class Told:
    """What a simulation came to."""

    plan: Plan
    wrong: list[Wrong] = field(default_factory=list)
    stories: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)
    took_s: dict[str, float] = field(default_factory=dict)
    cpu_s: Mapping[str, float] = field(default_factory=dict)


async def simulate(plan: Plan, *, tell: Callable[[str], None] = lambda _: None) -> Told:
    """Run one simulation to its judgement."""
    told = Told(plan)
    chance = chance_of(plan.seed, "consumer")
    async with (
        listening(Consumer(chance)) as consumer,
        housed() as house,
        shops_of(plan, house, consumer) as shops,
    ):
        await _lived(told, house, shops, consumer, tell=tell)
        await _settled(told, house, shops, consumer, tell=tell)
        await _judged(told, house, shops, consumer)
    told.cpu_s = _cpu(house)
    return told


def _cpu(house: House) -> Mapping[str, float]:
    """Seconds of CPU by whom they were taken, when all have ended."""
    ours, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    by = {one.name: one.cpu_s for one in [*house.processes, house.processors]}
    others = theirs.ru_utime + theirs.ru_stime - sum(by.values())
    return {**by, "database and commands": others, "clients and consumer": ours.ru_utime + ours.ru_stime}


@asynccontextmanager
async def shops_of(plan: Plan, house: House, consumer: Consumer) -> AsyncIterator[Sequence[Shop]]:
    """Merchants with accounts, keys, webhook endpoints and customers, and a client for each."""
    made = await within.merchants(house, plan.merchants, seed=plan.seed)
    chance = chance_of(plan.seed, "clients")
    timeout = aiohttp.ClientTimeout(total=120, sock_connect=5)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        shops = []
        for number, merchant in enumerate(made):
            client = Client(session, lambda: chance.choice(house.apis).url, merchant.key.reveal())
            shops.append(Shop(number, client, chance_of(plan.seed, "shop", number), merchant.id))
        await asyncio.gather(*(_open(plan, shop, consumer) for shop in shops))
        yield shops


async def _open(plan: Plan, shop: Shop, consumer: Consumer) -> None:
    """The merchant's processors tell what happens, not all of which arrives; its own server listens; customers
    subscribe."""
    telling = {"enabled": True, **ASTRAY, "seed": plan.seed + shop.number}
    await shop.did("/v1/test/webhooks", telling, once=f"telling-{shop.number}")
    url = consumer.address(str(shop.number))
    made = await shop.did("/v1/webhook_endpoints", {"url": url, "events": ["*"]}, once=f"hook-{shop.number}")
    consumer.ears[str(shop.number)].secret = made["secret"]
    await shop.subscribe([GOOD_CARDS[number % len(GOOD_CARDS)] for number in range(SUBSCRIBERS)])


async def _lived(
    told: Told, house: House, shops: Sequence[Shop], consumer: Consumer, *, tell: Callable[[str], None]
) -> None:
    """All orders of all merchants, while blows fall."""
    plan, began = told.plan, time.monotonic()
    chance = chance_of(plan.seed, "chaos")
    chaos = Chaos(house, consumer, chance, told.seen, plan.apart_s, plan.dead_s)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(chaos.run(stop) if plan.blows is None else chaos.in_turn(plan.blows))
        await asyncio.gather(*(_life(plan, shop, tell=tell) for shop in shops))
        stop.set()
    await house.all_up()
    told.took_s["orders"] = time.monotonic() - began


async def _life(plan: Plan, shop: Shop, *, tell: Callable[[str], None]) -> None:
    """One merchant's orders, with moves of its clock in between."""
    share = plan.payments // plan.merchants
    orders = orders_of(plan.seed, shop.number, share, subscribers=SUBSCRIBERS)
    for first in range(0, share, ROUND):
        await shop.round(orders[first : first + ROUND])
        await shop.advance(shop.chance.choice(MOVES))
        await shop.answer_disputes()
        tell(f"merchant {shop.number}: {min(first + ROUND, share)} of {share}")
    while shop.later:
        await shop.round([])
        await shop.advance(timedelta(hours=1))


async def _settled(
    told: Told, house: House, shops: Sequence[Shop], consumer: Consumer, *, tell: Callable[[str], None]
) -> None:
    """Move every clock until nothing is left to be asked, and wait until everything is delivered."""
    began = time.monotonic()
    consumer.well()
    for shop, left in zip(
        shops, await asyncio.gather(*(_asked_out(house, shop) for shop in shops)), strict=True
    ):
        why = f"merchant {shop.number} has still due: {left}"
        told.wrong += [Wrong("nothing is left to be asked", shop.merchant_id, why)] if left else []
    told.took_s["settling"] = time.monotonic() - began
    tell("nothing is left to be asked")
    began = time.monotonic()
    await asyncio.gather(*(_delivered(house, shop) for shop in shops))
    for shop in shops:
        await consumer.ears[str(shop.number)].fill(shop.read)
    told.took_s["deliveries"] = time.monotonic() - began
    tell("everything is delivered")


async def _asked_out(house: House, shop: Shop) -> Mapping[str, int]:
    """Move the clock until nothing is due; what is due all the same in the end, by kind."""
    left: Mapping[str, int] = {}
    for stride in STRIDES:
        await shop.advance(stride)
        left = await asyncio.to_thread(within.due, house, shop.merchant_id)
        if not set(left) - WATCHED:
            return {}
    return left


async def _delivered(house: House, shop: Shop) -> None:
    deadline = time.monotonic() + DELIVERED_S
    while left := await asyncio.to_thread(within.undelivered, house, shop.merchant_id):
        assert time.monotonic() < deadline, f"{left} events of merchant {shop.number} are not delivered"
        await asyncio.sleep(0.2)


async def _judged(told: Told, house: House, shops: Sequence[Shop], consumer: Consumer) -> None:
    began, told_of = time.monotonic(), Counter[str]()
    for shop in shops:
        books = await books_of(shop, consumer)
        found = judged(books)
        told.wrong += found
        _count(told, shop, books)
        for wrong in found:
            if told_of[wrong.law] < STORIES_MAX:
                told_of[wrong.law] += 1
                told.stories.append(await _story(shop, wrong))
    told.seen.update(consumer.seen)
    told.seen["events"] = sum(len(ears.heard) for ears in consumer.ears.values())
    told.seen["events read to fill gaps"] = sum(ears.filled for ears in consumer.ears.values())
    for law, said in await within.checked(house, [shop.merchant_id for shop in shops]):
        told.wrong.append(Wrong(law, "", said))
        told.stories.append(f"{law}: {said}")
    told.wrong += [Wrong("no bug in a log", "", line[:500]) for line in house.complaints()]
    told.took_s["judging"] = time.monotonic() - began


async def books_of(shop: Shop, consumer: Consumer) -> Books:
    """One merchant's side of everything, read over HTTP."""
    ears = consumer.ears[str(shop.number)]
    payments = await shop.every("/v1/payments")
    refunds = await shop.every("/v1/refunds")
    recoveries = await shop.every("/v1/recoveries")
    disputes = await shop.every("/v1/disputes")
    told = {one["id"]: ears.object(one["id"]) for one in [*payments, *refunds, *recoveries, *disputes]}
    return Books(
        orders=shop.payments,
        payments=payments,
        refunds=refunds,
        recoveries=recoveries,
        disputes=disputes,
        charges=await shop.every("/v1/test/world/charges"),
        changes=await shop.every("/v1/test/world/changes"),
        disputed=await shop.every("/v1/test/disputes"),
        double_charges=(await shop.get("/v1/test/world"))["double_charges"],
        told=told,
    )


def _count(told: Told, shop: Shop, books: Books) -> None:
    told.seen.update(shop.seen)
    told.seen["payments"] += len(books.payments)
    told.seen.update(f"payments {one['status']}" for one in books.payments)
    told.seen.update(f"refunds {one['status']}" for one in books.refunds)
    told.seen.update(f"recoveries {one['status']}" for one in books.recoveries)
    told.seen.update(f"disputes {one['status']}" for one in books.disputes)
    told.seen["payments that failed over"] += sum(
        any(one["reason"] == "failover" for one in payment["attempts"]) for payment in books.payments
    )
    told.seen["charges in the world"] += len(books.charges)


async def _story(shop: Shop, wrong: Wrong) -> str:
    """What is wrong, and the object's story, short."""
    lines = [f"{wrong.law}: {wrong.about} (merchant {shop.number}): {wrong.why}"]
    if wrong.about.startswith("pay_"):
        timeline = await shop.get(f"/v1/payments/{wrong.about}/timeline")
        lines += [f"    {one['at']} {one['summary']}" for one in timeline["entries"]]
    return "\n".join(lines)
