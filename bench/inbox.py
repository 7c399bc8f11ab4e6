"""What a processor's webhook costs to take in, and to read, beside the bare insert of the same row.

    python -m bench.inbox [--webhooks 4000] [--clients 64]

The API's edge runs in this process on an embedded PostgreSQL with its usual settings, and is handed whole requests as
an ASGI server would: signature, sealing, the grouped insert and the answer are in it, the HTTP parser is not. The bare
limit is the same row written by as many clients, one insert and one commit each. Reading is the worker's, on webhooks
about payments that are not ours. Stretches alternate, so that a machine whose speed drifts does so for all; ratios are
of medians.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
import uvloop
from cyclopts import App, Parameter
from rich.console import Console

from recoup import logs, server
from recoup.app import Service
from recoup.connectors.base.webhooks import hmac_hex
from recoup.db.embedded import EmbeddedPostgres
from recoup.http.edge import Edge
from recoup.kit.ids import Kind, render
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.merchants.flow import NewAccount
from recoup.settings import load

ROUNDS: Final = 3
SECRET: Final = "whsec_of_the_bench"
SETTLED_S: Final = 16.0
"""How long after a change of accounts every request reads them anew."""

app = App(name="bench.inbox", help=__doc__)
_out: Final = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Stretch:
    """One measured stretch."""

    count: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """How many a second."""
        return self.count / self.seconds

    @property
    def cpu_us(self) -> float:
        """Microseconds of this process's CPU for each."""
        return self.cpu_s / self.count * 1e6


@dataclass(frozen=True, slots=True)
class House:
    """A service with a merchant whose processor tells."""

    service: Service
    edge: Edge
    merchant: Merchant
    account_id: UUID
    clients: int


async def timed(count: int, work: Callable[[], Awaitable[None]]) -> Stretch:
    """Do something and measure it."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return Stretch(count, time.perf_counter() - wall, time.process_time() - cpu)


async def at_once(clients: int, jobs: Iterator[Callable[[], Awaitable[None]]]) -> None:
    """Do jobs, so many beside each other."""

    async def one_after_the_other() -> None:
        for job in jobs:
            await job()

    await asyncio.gather(*(one_after_the_other() for _ in range(clients)))


def request(house: House, number: int, *, of: str) -> tuple[dict[str, Any], bytes]:
    """A request as Stripe would make it, about a payment that is not ours."""
    intent = {
        "id": f"pi_{of}_{number}",
        "object": "payment_intent",
        "amount": 4999,
        "amount_received": 4999,
        "currency": "usd",
        "status": "succeeded",
        "metadata": {"recoup_key": f"att_{of}_{number}"},
        "description": "x" * 600,
    }
    event = {
        "id": f"evt_{of}_{number}",
        "object": "event",
        "type": "payment_intent.succeeded",
        "created": int(time.time()),
        "data": {"object": intent},
    }
    body, stamp = msgspec.json.encode(event), str(int(time.time()))
    signature = hmac_hex(SECRET.encode(), f"{stamp}.".encode() + body)
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/v1/inbound/{render(Kind.PROCESSOR_ACCOUNT, house.account_id)}",
        "query_string": b"",
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"stripe-signature", f"t={stamp},v1={signature}".encode()),
        ],
        "client": ("127.0.0.1", 1),
    }
    return scope, body


async def taken(house: House, count: int, *, of: str) -> Stretch:
    """Webhooks through the edge."""
    requests = [request(house, number, of=of) for number in range(count)]

    def job(scope: dict[str, Any], body: bytes) -> Callable[[], Awaitable[None]]:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            assert message.get("status", 200) == 200, message

        return lambda: house.edge(scope, receive, send)

    jobs = iter([job(scope, body) for scope, body in requests])
    return await timed(count, lambda: at_once(house.clients, jobs))


async def bare(house: House, count: int) -> Stretch:
    """The same row and its pointer, one insert and one commit each."""
    row = await house.service.database.fetch_one(
        "select * from inbound where merchant_id = %(merchant_id)s limit 1",
        {"merchant_id": house.merchant.id},
    )
    assert row is not None, "some were taken before"

    def job() -> Callable[[], Awaitable[None]]:
        fresh = house.service.new_id()

        async def insert() -> None:
            await house.service.database.execute(
                """
                with written as (
                    insert into inbound
                        (merchant_id, id, account_id, delivery_id, digest, verified, data_key_id, sealed, received_at)
                    values (%(merchant_id)s, %(fresh)s, %(account_id)s, %(fresh)s::text, %(digest)s, true,
                        %(data_key_id)s, %(sealed)s, %(received_at)s)
                )
                insert into due (slot, merchant_id, kind, object_id, due_at)
                values (1, %(merchant_id)s, 'bench', %(fresh)s, %(received_at)s)
                """,
                row | {"fresh": fresh},
            )

        return insert

    jobs = iter([job() for _ in range(count)])
    stretch = await timed(count, lambda: at_once(house.clients, jobs))
    await house.service.database.execute("delete from due where kind = 'bench'")
    return stretch


async def read(house: House, count: int) -> Stretch:
    """What the worker makes of them."""

    async def until_nothing_is_due() -> None:
        worker = house.service.worker
        while await worker.round() or await _due(house):  # noqa: ASYNC110 - the database knows
            await asyncio.sleep(0)

    return await timed(count, until_nothing_is_due)


async def _due(house: House) -> bool:
    row = await house.service.database.fetch_one(
        "select exists (select from due where merchant_id = %(merchant_id)s) as due",
        {"merchant_id": house.merchant.id},
    )
    return row is not None and bool(row["due"])


async def furnished(service: Service, *, clients: int) -> House:
    """A merchant with an account at a processor that tells."""
    now = service.around.clock.now()
    merchant = (await service.merchants.create("Shop", now=now)).test
    credentials = {"api_key": Secret("sk_test_of_the_bench"), "webhook_secret": Secret(SECRET)}
    async with service.database.transaction() as connection:
        account = await service.accounts.create(
            connection, merchant, NewAccount("stripe", "Stripe", credentials), now=now
        )
    await asyncio.sleep(SETTLED_S)
    return House(service, service.edge(base_url="http://bench"), merchant, account.id, clients)


async def measure(conninfo: str, folder: Path, *, webhooks: int, clients: int) -> None:
    """Alternate the three, and print."""
    settings = load({"RECOUP_DATA_DIR": str(folder), "RECOUP_SANDBOX": "false", "RECOUP_LOG_LEVEL": "error"})
    logs.configure(level=settings.log_level, format_=settings.log_format)
    seen: dict[str, list[Stretch]] = defaultdict(list)
    async with server.opened(settings, server.Store(conninfo, alone=True)) as service:
        house = await furnished(service, clients=clients)
        for number in range(ROUNDS + 1):
            stretches = {"taken": await taken(house, webhooks, of=f"r{number}")}
            stretches["bare insert"] = await bare(house, webhooks)
            stretches["read"] = await read(house, webhooks)
            for name, stretch in stretches.items():
                seen[name] += [stretch] if number else []  # the first is to warm up
    tell(seen)


def tell(seen: dict[str, list[Stretch]]) -> None:
    """Print medians and ratios."""
    rates = {name: statistics.median(one.rate for one in found) for name, found in seen.items()}
    for name, found in seen.items():
        cpu = statistics.median(one.cpu_us for one in found)
        _out.print(
            f"{name:>12}: {rates[name]:6.0f}/s, {cpu:5.0f} us of our CPU each ({1e6 / cpu:.0f}/s on one core)"
        )
    _out.print(f"taken to bare insert: {rates['taken'] / rates['bare insert']:.2f}")


@app.default
def main(
    *,
    webhooks: Annotated[int, Parameter(help="How many in each stretch.")] = 4000,
    clients: Annotated[int, Parameter(help="Requests under way at once, 64 at most.")] = 64,
) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "data") as conninfo:
            uvloop.run(measure(conninfo, folder / "data", webhooks=webhooks, clients=clients))


if __name__ == "__main__":
    app()
