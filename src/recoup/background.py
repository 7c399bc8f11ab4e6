"""What goes on beside requests: due work, webhooks, and chores; the same in a server and in a worker of its own.

Any number of processes may do all of it at once. Due rows and deliveries are claimed by lease; a follower's place moves
in the transaction that writes what it found, so that who comes second begins anew behind it (which would be work for
nothing, so one process at a time follows); what is thrown away is taken in pieces that skip what another has locked;
the rest only reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Final

import structlog

from recoup.app import Service
from recoup.db import plans
from recoup.db.turns import Turn
from recoup.http.idempotency import delete_old
from recoup.worker import Chore

TIDY_S: Final = 3600.0
FOLLOWING: Final = frozenset({"ledger", "rereading", "learning", "drift", "disputes"})
"""Chores that follow events."""

_log: Final = structlog.get_logger("recoup.background")


@asynccontextmanager
async def working(service: Service) -> AsyncIterator[None]:
    """All of it while the block runs; then what has begun is finished."""
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        for name, work in (("worker", service.worker.run), ("outbox", service.webhooks.run)):
            stack.push_async_callback(_ended, asyncio.create_task(work(stop), name=name), stop)
        turn = Turn(service.database, "following", holder=service.new_id(), clock=service.around.clock)
        stack.push_async_callback(turn.end)
        for name, seconds, chore in chores(service):
            done = turn.kept(chore) if name in FOLLOWING else chore
            task = asyncio.create_task(_every(seconds, done, stop), name=name)
            stack.push_async_callback(_ended, task, stop)
        yield


def chores(service: Service) -> Iterator[Chore]:
    """What is done again and again: old idempotency keys thrown away, plans kept right while tables grow, and what each
    subject does, such as following events, forgetting what is old, and learning what other processes know."""
    database, clock = service.database, service.around.clock
    yield "tidying", TIDY_S, lambda: delete_old(database, now=clock.now())
    yield "plans", plans.EVERY_S, lambda: plans.refresh(database)
    for part in (
        service.routing,
        service.webhooks,
        service.inbound,
        service.books,
        service.truth,
        service.disputed,
        service.audited,
        service.settlements,
        service.updated,
        service.brought,
    ):
        yield from part.chores()


async def _every(seconds: float, chore: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
    """Do a chore now and then again every so often, until told to stop; one that fails is tried again next time."""
    while not stop.is_set():
        try:
            await chore()
        except Exception:  # noqa: BLE001 - a chore is no reason to stop
            _log.exception("chore_failed")
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)


async def _ended(task: asyncio.Task[None], stop: asyncio.Event) -> None:
    stop.set()
    await task
