"""What a webhook costs: deliveries per second to a fast endpoint, alone and with a dead one beside it.

    python -m bench.webhooks [--events 500]

The outbox runs in this process, on an embedded PostgreSQL with its usual settings, and both are kept to one core; the
receiver is a process of its own that answers at once, on another. A stretch begins with events in the stream and ends
when every one has arrived and is written: following, claiming, signing, sending and writing are all in it. The bare
limit is the same sender posting the same bodies, with as many requests at once and without a database. A dead endpoint
hears of the same events: one takes connections and never answers, one refuses them, one answers after seconds. Each is
beside the fast endpoint of a service of its own. Stretches alternate, so that a machine whose speed drifts does so for
all: what a dead endpoint changes is the median over the rounds, each against its own stretch without one.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import msgspec
import psycopg
import uvloop
from cyclopts import App, Parameter
from psycopg import sql
from psycopg.conninfo import make_conninfo
from rich.console import Console

from bench.stretches import Stretch, keep_to_one_core, postmaster_of, timed
from recoup import server
from recoup.app import Service
from recoup.db._cluster import SUPERUSER
from recoup.db.embedded import ROLE, EmbeddedPostgres
from recoup.events import store
from recoup.events.core import NewEvent
from recoup.merchants.core import Merchant
from recoup.settings import load
from recoup.webhooks.core.endpoints import Endpoint, Target
from recoup.webhooks.core.schedule import IN_FLIGHT_OF_ONE_MAX
from recoup.webhooks.core.signing import SigningSecret
from recoup.webhooks.flow.endpoints import NewEndpoint
from recoup.webhooks.flow.sending import TIMEOUT_S

ROUNDS: Final = 5
GOAL: Final = 500
"""Deliveries a second."""
KNOWN_DEAD_S: Final = TIMEOUT_S + 3
"""After this the first requests to the dead endpoints have timed out; the stretch before is not counted."""
SLOW_S: Final = 3.0
EVENTS_OF_ONE: Final = 2
"""Events of each object: the second waits for the first."""
EVENTS_AT_ONCE: Final = 500
PAYLOAD: Final = msgspec.json.encode({"id": "pay_1", "object": "payment", "filler": "x" * 1200})
"""About the size of a payment."""
KIND: Final = "payment.captured"
ALONE: Final = "alone"
BARE: Final = "bare sender"

app = App(name="bench.webhooks", help=__doc__)
_out: Final = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class House:
    """A service with a merchant and a fast endpoint."""

    service: Service
    merchant: Merchant
    endpoint: Endpoint
    secret: SigningSecret
    events: int
    postmaster: int


async def happen(service: Service, merchant: Merchant, count: int) -> None:
    """Events of new objects, in the stream."""
    for _ in range(0, count, EVENTS_AT_ONCE):
        now = service.around.clock.now()
        objects = [service.new_id() for _ in range(EVENTS_AT_ONCE // EVENTS_OF_ONE)]
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

    async def until_nothing_is_left() -> int:
        while await _left(house.service, whose):  # noqa: ASYNC110 - the database knows
            await asyncio.sleep(0.02)
        return house.events

    return await timed(until_nothing_is_left, postmaster=house.postmaster)


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

    async def all_at_once() -> int:
        await asyncio.gather(*(one_after_the_other() for _ in range(IN_FLIGHT_OF_ONE_MAX)))
        return house.events

    return await timed(all_at_once, postmaster=house.postmaster)


@asynccontextmanager
async def dead_endpoints() -> AsyncIterator[Mapping[str, str | None]]:
    """What is beside the fast endpoint, by name: nothing, and three addresses where webhooks do not get on."""

    async def slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                await asyncio.sleep(SLOW_S)
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    hanging = await asyncio.start_server(lambda _, writer: None, "127.0.0.1", 0)
    slow = await asyncio.start_server(slowly, "127.0.0.1", 0)
    gone = await asyncio.start_server(lambda _, writer: None, "127.0.0.1", 0)
    ports = [one.sockets[0].getsockname()[1] for one in (hanging, gone, slow)]
    gone.close()
    names = ("beside one that hangs", "beside one that refuses", f"beside one of {SLOW_S:g} s")
    yield {ALONE: None} | {
        name: f"http://127.0.0.1:{port}/hook" for name, port in zip(names, ports, strict=True)
    }
    hanging.close()
    slow.close()


@asynccontextmanager
async def housed(
    conninfo: str, folder: Path, urls: tuple[str, str | None], *, events: int
) -> AsyncIterator[House]:
    """A service on a database of its own, with a fast endpoint and perhaps a dead one."""
    settings = load({"RECOUP_DATA_DIR": str(folder), "RECOUP_SANDBOX": "false", "RECOUP_LOG_LEVEL": "error"})
    fast, dead = urls
    async with server.opened(settings, server.Store(conninfo, alone=True)) as service:
        merchant = (await service.merchants.create("Shop", now=service.around.clock.now())).test
        endpoint, secret = await _add(service, merchant, fast)
        if dead is not None:
            await _add(service, merchant, dead)
        yield House(service, merchant, endpoint, secret, events, postmaster_of(folder.parent / "data"))


async def _add(service: Service, merchant: Merchant, url: str) -> tuple[Endpoint, SigningSecret]:
    new = NewEndpoint(url, [KIND], "", {}, enabled=True)
    async with service.database.transaction() as connection:
        return await service.webhooks.endpoints.create(
            connection, merchant, new, now=service.around.clock.now()
        )


async def measure(conninfo: str, folder: Path, *, url: str, events: int) -> None:
    """Alternate, and print."""
    seen: dict[str, list[Stretch]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        beside = await stack.enter_async_context(dead_endpoints())
        houses: dict[str, House] = {}
        for number, (name, dead) in enumerate(beside.items()):
            own = folder / f"service{number}"
            own.mkdir()
            database = _new_database(conninfo, f"bench{number}")
            opening = housed(database, own, (url, dead), events=events)
            houses[name] = await stack.enter_async_context(opening)
        stop = asyncio.Event()
        outboxes = [asyncio.create_task(one.service.webhooks.run(stop)) for one in houses.values()]
        for number in range(ROUNDS + 1):
            stretches = {BARE: await bare(houses[ALONE], url)}
            for name, house in houses.items():
                await happen(house.service, house.merchant, events)
                stretches[name] = await drained(house)
            for name, stretch in stretches.items():
                seen[name] += [stretch] if number else []
            if not number:
                await asyncio.sleep(KNOWN_DEAD_S)
        stop.set()
        await asyncio.gather(*outboxes)
    tell(seen)


def _new_database(conninfo: str, name: str) -> str:
    """Another database on the same server."""
    superuser = make_conninfo(conninfo, user=SUPERUSER, dbname="postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} owner {}").format(sql.Identifier(name), sql.Identifier(ROLE))
        )
    return make_conninfo(conninfo, dbname=name)


def tell(seen: Mapping[str, list[Stretch]]) -> None:
    """Print medians and ratios."""

    def median(of: Callable[[Stretch], float], name: str) -> float:
        return statistics.median(of(one) for one in seen[name])

    rates = {name: median(lambda one: one.rate, name) for name in seen}
    for name, rate in rates.items():
        ours, postgres = median(lambda one: one.cpu_us, name), median(lambda one: one.postgres_us, name)
        cost = f"{ours:.0f} us of our CPU, {postgres:.0f} us of PostgreSQL's"
        beside = [one.rate / alone.rate - 1 for one, alone in zip(seen[name], seen[ALONE], strict=True)]
        against = "" if name in (BARE, ALONE) else f"; {statistics.median(beside):+.1%}"
        _out.print(f"{name:>24}: {rate:5.0f} deliveries/s on one core; {cost}{against}")
    _out.print(
        f"whole outbox to bare sender: {rates[ALONE] / rates[BARE]:.2f}; goal: {GOAL}/s, and -5 % at most"
    )


@contextmanager
def receiver(cores: set[int]) -> Iterator[str]:
    """A fast endpoint in a process of its own; its address."""
    command = [sys.executable, "-m", "bench.webhook_receiver"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        os.sched_setaffinity(process.pid, cores)
        assert process.stdout is not None, "piped"
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/hook"
        finally:
            process.kill()


@app.default
def main(
    *, events: Annotated[int, Parameter(help="Events in each stretch, a multiple of 500.")] = 500
) -> None:
    """Measure and print."""
    cores = keep_to_one_core()
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with receiver(cores) as url, EmbeddedPostgres(folder / "data") as conninfo:
            uvloop.run(measure(conninfo, folder, url=url, events=events))


if __name__ == "__main__":
    app()
