"""Starts the whole chain: four issuers, the network, and the processors' line to it, on loopback and on free ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from recoup.db import Database
from recoup.kit.clock import Clock
from recoup.sandbox.chain.acquirers import Acquirers
from recoup.sandbox.chain.bins import BANKS
from recoup.sandbox.chain.forwarding import Forwarding
from recoup.sandbox.chain.hosts import Host, listening
from recoup.sandbox.chain.issuers import Issuer
from recoup.sandbox.chain.lines import Line
from recoup.sandbox.chain.network import Network

ACQUIRER_TIMEOUT_S: Final = 10.0
"""How long a processor waits for the network."""
ISSUER_TIMEOUT_S: Final = 5.0
"""How long the network waits for an issuer before it stands in."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain that runs: the processors' end of it, the network's host, and the issuers' by institution number."""

    acquirers: Acquirers
    network: Host
    issuers: dict[str, Host]


@asynccontextmanager
async def running(
    database: Database,
    clock: Clock,
    *,
    acquirer_timeout_s: float = ACQUIRER_TIMEOUT_S,
    issuer_timeout_s: float = ISSUER_TIMEOUT_S,
) -> AsyncIterator[Chain]:
    """The chain, while the block runs."""
    async with AsyncExitStack() as stack:
        issuer = Issuer(database, clock)
        hosts, lines = {}, {}
        for bank in BANKS:
            hosts[bank.number] = host = await stack.enter_async_context(listening(bank.name, lambda: issuer))
            lines[bank.number] = await _opened(stack, Line(bank.name, host.url, clock))
        network = Network(database, clock, lines, issuer_timeout_s=issuer_timeout_s)
        host = await stack.enter_async_context(listening("network", lambda: network))
        line = await _opened(stack, Line("acquirers", host.url, clock))
        acquirers = Acquirers(database, clock, line, timeout_s=acquirer_timeout_s)
        for forwarding in (network.forwarding, acquirers.forwarding):
            _run(stack, forwarding)
        yield Chain(acquirers, host, hosts)


async def _opened(stack: AsyncExitStack, line: Line) -> Line:
    line.open()
    stack.push_async_callback(line.close)
    return line


def _run(stack: AsyncExitStack, forwarding: Forwarding) -> None:
    task = asyncio.create_task(forwarding.run(), name="sandbox forwarding")

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)
