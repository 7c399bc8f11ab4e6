"""What a processor's webhook costs to take in over HTTP, and to read, beside the bare insert of the same row.

    python -m bench.inbox [--seconds 4] [--clients 64]

The whole service (its HTTP server, an embedded PostgreSQL with its usual settings) is kept to one core; who sends the
webhooks has another. Every webhook is new and signed, and answered when its row is on disk. The bare limit is the same
row written by as many clients of this process, one insert and one commit each. Reading is the worker's, on webhooks
about payments that are not ours. Stretches alternate, so that a machine whose speed drifts does so for all; ratios are
of medians.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final
from uuid import UUID

import uvloop
from cyclopts import App, Parameter
from rich.console import Console

from bench.load import WEBHOOK_SECRET
from bench.stretches import Stretch, keep_to_one_core, postmaster_of, timed
from recoup import logs, server
from recoup.app import Service
from recoup.db.embedded import EmbeddedPostgres
from recoup.kit.ids import Kind, render
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.merchants.flow import NewAccount
from recoup.settings import load

ROUNDS: Final = 3
SETTLED_S: Final = 16.0
"""How long after a change of accounts every request reads them anew."""
READ_MAX: Final = 1000
"""How many of a stretch's webhooks are read."""
GOAL: Final = 1000
"""Webhooks a second."""

app = App(name="bench.inbox", help=__doc__)
_out: Final = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class House:
    """A service that listens, with a merchant whose processor tells."""

    service: Service
    merchant: Merchant
    account_id: UUID
    port: int
    postmaster: int
    clients: int
    cores: set[int]
    """Those of the sender."""


async def taken(house: House, seconds: float) -> Stretch:
    """Webhooks over HTTP, for so long."""
    account = render(Kind.PROCESSOR_ACCOUNT, house.account_id)
    arguments = (str(house.port), account, "closed", str(house.clients), str(seconds), "webhook")

    async def send() -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.load", *arguments, stdout=asyncio.subprocess.PIPE
        )
        os.sched_setaffinity(process.pid, house.cores)
        told, _ = await process.communicate()
        seen = json.loads(told)
        assert seen["failures"] == 0, f"{seen['failures']} webhooks were not taken"
        took.append(seen["seconds"])
        return int(seen["payments"])

    took: list[float] = []
    whole = await timed(send, postmaster=house.postmaster)
    return Stretch(whole.count, took[0], whole.cpu_s, whole.postgres_s)  # without the start of the sender


async def bare(house: House, count: int) -> Stretch:
    """The same row and its pointer, one insert and one commit each."""
    row = await house.service.database.fetch_one(
        "select * from inbound where merchant_id = %(merchant_id)s limit 1",
        {"merchant_id": house.merchant.id},
    )
    assert row is not None, "some were taken before"

    def job() -> Callable[[], Awaitable[object]]:
        fresh = house.service.new_id()
        return lambda: house.service.database.execute(_BARE, row | {"fresh": fresh})

    async def write() -> int:
        await _at_once(house.clients, iter([job() for _ in range(count)]))
        return count

    stretch = await timed(write, postmaster=house.postmaster)
    await house.service.database.execute("delete from due where kind = 'bench'")
    return stretch


_BARE: Final = """
    with written as (
        insert into inbound
            (merchant_id, id, account_id, delivery_id, digest, verified, data_key_id, sealed, received_at)
        values (%(merchant_id)s, %(fresh)s, %(account_id)s, %(fresh)s::text, %(digest)s, true,
            %(data_key_id)s, %(sealed)s, %(received_at)s)
    )
    insert into due (slot, merchant_id, kind, object_id, due_at)
    values (1, %(merchant_id)s, 'bench', %(fresh)s, %(received_at)s)
"""


async def _at_once(clients: int, jobs: Iterator[Callable[[], Awaitable[object]]]) -> None:
    """Do jobs, so many beside each other."""

    async def one_after_the_other() -> None:
        for job in jobs:
            await job()

    await asyncio.gather(*(one_after_the_other() for _ in range(clients)))


async def read(house: House, count: int) -> Stretch:
    """What the worker makes of them."""

    async def until_nothing_is_due() -> int:
        worker = house.service.worker
        while await worker.round() or await _due(house):  # noqa: ASYNC110 - the database knows
            await asyncio.sleep(0)
        return count

    return await timed(until_nothing_is_due, postmaster=house.postmaster)


async def _left_to_read(house: House) -> int:
    """Leave some of what is to be read; how many."""
    await house.service.database.execute(
        """
        delete from due where merchant_id = %(merchant_id)s and object_id not in (
            select object_id from due where merchant_id = %(merchant_id)s limit %(most)s)
        """,
        {"merchant_id": house.merchant.id, "most": READ_MAX},
    )
    row = await house.service.database.fetch_one(
        "select count(*) as n from due where merchant_id = %(merchant_id)s",
        {"merchant_id": house.merchant.id},
    )
    assert row is not None, "an aggregate always answers"
    return int(row["n"])


async def _due(house: House) -> bool:
    row = await house.service.database.fetch_one(
        "select exists (select from due where merchant_id = %(merchant_id)s) as due",
        {"merchant_id": house.merchant.id},
    )
    return row is not None and bool(row["due"])


async def account_at_stripe(service: Service) -> tuple[Merchant, UUID]:
    """A merchant with an account at a processor that tells."""
    now = service.around.clock.now()
    merchant = (await service.merchants.create("Shop", now=now)).test
    credentials = {"api_key": Secret("sk_test_of_the_bench"), "webhook_secret": Secret(WEBHOOK_SECRET)}
    async with service.database.transaction() as connection:
        account = await service.accounts.create(
            connection, merchant, NewAccount("stripe", "Stripe", credentials), now=now
        )
    await asyncio.sleep(SETTLED_S)
    return merchant, account.id


async def measure(conninfo: str, folder: Path, *, seconds: float, clients: int, cores: set[int]) -> None:
    """Alternate the three, and print."""
    settings = load({"RECOUP_DATA_DIR": str(folder), "RECOUP_SANDBOX": "false", "RECOUP_LOG_LEVEL": "error"})
    logs.configure(level=settings.log_level, format_=settings.log_format)
    seen: dict[str, list[Stretch]] = defaultdict(list)
    listener: socket.socket = server.listen("127.0.0.1", 0)
    async with server.opened(settings, server.Store(conninfo, alone=True)) as service:
        edge = service.edge(base_url="http://bench")
        async with server.served(edge, listener):
            merchant, account_id = await account_at_stripe(service)
            port, postmaster = listener.getsockname()[1], postmaster_of(folder)
            house = House(service, merchant, account_id, port, postmaster, clients, cores)
            for number in range(ROUNDS + 1):
                for name, stretch in (await _round(house, seconds if number else 1.0)).items():
                    seen[name] += [stretch] if number else []  # the first is to warm up
    tell(seen)


async def _round(house: House, seconds: float) -> dict[str, Stretch]:
    over_http = await taken(house, seconds)
    count = over_http.count
    return {
        "taken": over_http,
        "bare insert": await bare(house, count),
        "read": await read(house, await _left_to_read(house)),
    }


def tell(seen: dict[str, list[Stretch]]) -> None:
    """Print medians and ratios."""

    def median(of: Callable[[Stretch], float], name: str) -> float:
        return statistics.median(of(one) for one in seen[name])

    rates = {name: median(lambda one: one.rate, name) for name in seen}
    for name, rate in rates.items():
        ours, postgres = median(lambda one: one.cpu_us, name), median(lambda one: one.postgres_us, name)
        _out.print(
            f"{name:>12}: {rate:6.0f}/s on one core; {ours:5.0f} us of our CPU, {postgres:5.0f} us of PostgreSQL's"
        )
    _out.print(f"taken to bare insert: {rates['taken'] / rates['bare insert']:.2f}; goal: {GOAL}/s taken")


@app.default
def main(
    *,
    seconds: Annotated[float, Parameter(help="How long webhooks are taken in each stretch.")] = 4.0,
    clients: Annotated[int, Parameter(help="Requests under way at once.")] = 64,
) -> None:
    """Measure and print."""
    cores = keep_to_one_core()
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        with EmbeddedPostgres(folder / "data") as conninfo:
            uvloop.run(measure(conninfo, folder / "data", seconds=seconds, clients=clients, cores=cores))


if __name__ == "__main__":
    app()
