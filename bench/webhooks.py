"""What a webhook costs: deliveries per second to a fast endpoint, alone and with a dead one beside it.

    python -m bench.webhooks [--events 2000]

The outbox runs in this process, on an embedded PostgreSQL with its usual settings; the receiver is a process of its own
that answers at once. A stretch begins with events in the stream and ends when every one has arrived and is written:
following, claiming, signing, sending and writing are all in it. The bare limit is the same sender posting the same
bodies, with as many requests at once and without a database. The dead endpoint hears of the same events, and takes
connections without ever answering. Stretches alternate, so that a machine whose speed drifts does so for all; ratios
are of medians.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import msgspec
import uvloop
from cyclopts import App, Parameter
from rich.console import Console

from recoup import server
from recoup.app import Service
from recoup.db.embedded import EmbeddedPostgres
from recoup.events import store
from recoup.events.core import NewEvent
from recoup.merchants.core import Merchant
from recoup.settings import load
from recoup.webhooks.core.endpoints import Endpoint, Target
from recoup.webhooks.core.schedule import IN_FLIGHT_OF_ONE_MAX
from recoup.webhooks.core.signing import SigningSecret
from recoup.webhooks.flow.endpoints import NewEndpoint
from recoup.webhooks.flow.sending import TIMEOUT_S

ROUNDS: Final = 3
KNOWN_DEAD_S: Final = TIMEOUT_S + 3
"""After this the first requests to the dead endpoint have timed out; the stretch before is not counted."""
EVENTS_OF_ONE: Final = 2
"""Events of each object: the second waits for the first."""
PAYLOAD: Final = msgspec.json.encode({"id": "pay_1", "object": "payment", "filler": "x" * 1200})
"""About the size of a payment."""
KIND: Final = "payment.captured"
ALONE: Final = "alone"
BESIDE: Final = "beside a dead one"

app = App(name="bench.webhooks", help=__doc__)
_out: Final = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One measured stretch."""

    deliveries: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Deliveries a second."""
        return self.deliveries / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of this process's CPU for each."""
        return self.cpu_s / self.deliveries * 1e6


@dataclass(frozen=True, slots=True)
class House:
    """A service with a merchant and a fast endpoint."""

    service: Service
    merchant: Merchant
    endpoint: Endpoint
    secret: SigningSecret
    events: int


async def timed(deliveries: int, work: Callable[[], Awaitable[None]]) -> Stretch:
    """Do something and measure it."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return Stretch(deliveries, time.perf_counter() - wall, time.process_time() - cpu)


async def happen(service: Service, merchant: Merchant, count: int) -> None:
    """Events of new objects, in the stream."""
    for _ in range(0, count, 500):
        now = service.around.clock.now()
        objects = [service.new_id() for _ in range(500 // EVENTS_OF_ONE)]
        events = [
            NewEvent(service.new_id(), KIND, one, number, PAYLOAD, now)
            for one in objects
            for number in range(1, EVENTS_OF_ONE + 1)
        ]
        async with service.database.transaction() as connection:
            await store.append(connection, merchant.id, events)


async def drained(house: House) -> Stretch:
    """Measure until everything has arrived at the fast endpoint."""
    whose = {"merchant_id": house.merchant.id, "endpoint_id": house.endpoint.id}

    async def until_nothing_is_left() -> None:
        while await _left(house.service, whose):  # noqa: ASYNC110 - the database knows
            await asyncio.sleep(0.02)

    return await timed(house.events, until_nothing_is_left)


async def _left(service: Service, whose: dict[str, UUID]) -> bool:
    row = await service.database.fetch_one(
        """
        select e.sequence < s.sequence or exists (
            select from webhook_lanes l
            where l.merchant_id = %(merchant_id)s and l.endpoint_id = %(endpoint_id)s) as left
        from webhook_endpoints e join event_streams s on s.merchant_id = e.merchant_id
        where e.merchant_id = %(merchant_id)s and e.id = %(endpoint_id)s
        """,
        whose,
    )
    assert row is not None
    return bool(row["left"])


async def add(service: Service, merchant: Merchant, url: str) -> tuple[Endpoint, SigningSecret]:
    """A new endpoint."""
    new = NewEndpoint(url, [KIND], "", {}, enabled=True)
    async with service.database.transaction() as connection:
        return await service.webhooks.endpoints.create(
            connection, merchant, new, now=service.around.clock.now()
        )


async def bare(house: House, url: str) -> Stretch:
    """The sender by itself."""
    target = Target(house.merchant.id, UUID(int=1), 1, livemode=False, url=url, secrets=(house.secret,))
    left = iter(range(house.events))

    async def one_after_the_other() -> None:
        for _ in left:
            answered, _ms = await house.service.webhooks.sender.send(target, "evt_1", PAYLOAD)
            assert answered.is_success, answered

    async def all_at_once() -> None:
        await asyncio.gather(*(one_after_the_other() for _ in range(IN_FLIGHT_OF_ONE_MAX)))

    return await timed(house.events, all_at_once)


async def furnished(service: Service, *, url: str, dead_url: str | None, events: int) -> House:
    """A merchant with a fast endpoint, and perhaps a dead one."""
    merchant = (await service.merchants.create("Shop", now=service.around.clock.now())).test
    endpoint, secret = await add(service, merchant, url)
    if dead_url is not None:
        await add(service, merchant, dead_url)
    return House(service, merchant, endpoint, secret, events)


async def measure(stores: dict[str, tuple[str, Path]], *, port: int, events: int) -> None:
    """Alternate the three, and print."""
    hung = await asyncio.start_server(lambda _, writer: None, "127.0.0.1", 0)
    dead_url = f"http://127.0.0.1:{hung.sockets[0].getsockname()[1]}/hook"
    url = f"http://127.0.0.1:{port}/hook"
    seen: dict[str, list[Stretch]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        houses: dict[str, House] = {}
        for name, (conninfo, folder) in stores.items():
            settings = load(
                {"RECOUP_DATA_DIR": str(folder), "RECOUP_SANDBOX": "false", "RECOUP_LOG_LEVEL": "error"}
            )
            service = await stack.enter_async_context(
                server.opened(settings, server.Store(conninfo, alone=True))
            )
            dead = dead_url if name == BESIDE else None
            houses[name] = await furnished(service, url=url, dead_url=dead, events=events)
        stop = asyncio.Event()
        outboxes = [asyncio.create_task(one.service.webhooks.run(stop)) for one in houses.values()]
        for number in range(ROUNDS + 1):
            stretches = {"bare": await bare(houses[ALONE], url)}
            for name, house in houses.items():
                await happen(house.service, house.merchant, events)
                stretches[name] = await drained(house)
            for name, stretch in stretches.items():
                seen[name] += [stretch] if number else []
            if not number:
                await asyncio.sleep(KNOWN_DEAD_S)
        stop.set()
        await asyncio.gather(*outboxes)
    hung.close()
    tell(seen)


def tell(seen: dict[str, list[Stretch]]) -> None:
    """Print medians and ratios."""
    rates = {name: statistics.median(one.rate for one in found) for name, found in seen.items()}
    for name, found in seen.items():
        cpu = statistics.median(one.cpu_us for one in found)
        _out.print(
            f"{name:>18}: {rates[name]:7.0f} deliveries/s, {cpu:5.0f} us of our CPU each "
            f"({1e6 / cpu:.0f}/s on one core)"
        )
    _out.print(f"whole outbox to bare sender: {rates[ALONE] / rates['bare']:.2f}")
    _out.print(f"a dead endpoint beside: {rates[BESIDE] / rates[ALONE] - 1:+.1%}")


@app.default
def main(
    *, events: Annotated[int, Parameter(help="Events in each stretch, a multiple of 500.")] = 2000
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        receiver = subprocess.Popen(
            [sys.executable, "-m", "bench.webhook_receiver"], stdout=subprocess.PIPE, text=True
        )
        try:
            assert receiver.stdout is not None
            port = int(receiver.stdout.readline())
            with (
                EmbeddedPostgres(folder / "alone") as alone,
                EmbeddedPostgres(folder / "beside") as beside,
            ):
                stores = {ALONE: (alone, folder / "alone"), BESIDE: (beside, folder / "beside")}
                uvloop.run(measure(stores, port=port, events=events))
        finally:
            receiver.kill()
            receiver.wait()


if __name__ == "__main__":
    app()
