"""Writes down that an account's health changed, with its event, once for all processes that saw it.

What is to be written waits in a queue of bounded length, the newest change of a scope taking the place of an older one.
Where the database is away, it waits on and is tried again; the breakers in memory do not care.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol
from uuid import UUID

import msgspec
import structlog

from recoup.db import Connection, Database, is_passing
from recoup.events.core import NewEvent
from recoup.events.store import append, next_object_sequence
from recoup.kit.clock import Clock
from recoup.merchants.core import ProcessorAccount
from recoup.routing.core.breaker import Transition
from recoup.routing.core.words import Health
from recoup.routing.objects import health_object
from recoup.routing.store import health as store
from recoup.routing.store.health import StoredHealth

QUEUED_MAX: Final = 1000
TRIES_MAX: Final = 10
"""How often a change is tried that fails for another reason than the database being away."""
UNNUMBERED: Final = 0
FACTS: Final = {Health.DEGRADED: "processor.degraded", Health.GOOD: "processor.recovered"}

_log: Final = structlog.get_logger("recoup.routing")

Scope = tuple[UUID, UUID, str]
"""A merchant, an account of it, and the scope of one of the account's breakers."""


class Accounts(Protocol):
    """What health needs to know of accounts."""

    async def account(self, merchant_id: UUID, account_id: UUID) -> ProcessorAccount:
        """One account of a tenant; refuses with 404."""
        ...


@dataclass(slots=True, eq=False)
class _Change:
    transition: Transition
    livemode: bool
    tries: int = 0


class HealthWriter:
    """The queue of changes and its one writer. One event loop's own."""

    def __init__(
        self,
        database: Database,
        *,
        accounts: Accounts,
        clock: Clock,
        new_id: Callable[[], UUID],
        written: Callable[[Scope, int], None],
        failed: Callable[[], None],
        queued_max: int = QUEUED_MAX,
    ) -> None:
        """`written` is told the version of each scope that this process wrote, `failed` each try in vain."""
        self._database = database
        self._accounts = accounts
        self._clock = clock
        self._new_id = new_id
        self._written = written
        self._failed = failed
        self._queued_max = queued_max
        self._queue: dict[Scope, _Change] = {}
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def __contains__(self, scope: Scope) -> bool:
        return scope in self._queue

    def put(self, scope: Scope, transition: Transition, *, livemode: bool) -> bool:
        """Queue a change; False where the queue is full, and the change is not told to anybody."""
        if scope not in self._queue and len(self._queue) >= self._queued_max:
            return False
        self._queue[scope] = _Change(transition, livemode)
        return True

    def wake(self) -> None:
        """Write soon. Without a running event loop the next `flush` does it."""
        if self._task is None or self._task.done():
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return
            self._task = loop.create_task(self.flush(), name="routing health")

    async def close(self) -> None:
        """Write what is queued, if the database lets us."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        await self.flush()

    async def flush(self) -> None:
        """Write everything that is queued, until the database turns out to be away."""
        async with self._writing:
            for scope in list(self._queue):
                if not await self._write_one(scope):
                    return

    async def _write_one(self, scope: Scope) -> bool:
        """Whether it makes sense to go on with others."""
        change = self._queue.get(scope)
        if change is None:
            return True
        try:
            version = await self._write(scope, change)
        except Exception as error:  # noqa: BLE001 - it stays queued; nobody waits for it
            return self._not_written(scope, change, error)
        if version is not None:
            self._written(scope, version)
        if self._queue.get(scope) is change:
            del self._queue[scope]
        return True

    def _not_written(self, scope: Scope, change: _Change, error: Exception) -> bool:
        self._failed()
        if is_passing(error):
            _log.warning("health_not_written", waiting=len(self._queue), error=type(error).__name__)
            return False
        change.tries += 1
        _log.error("health_not_written", tries=change.tries, exc_info=error)
        if change.tries >= TRIES_MAX and self._queue.get(scope) is change:
            del self._queue[scope]
        return True

    async def _write(self, scope: Scope, change: _Change) -> int | None:
        """The version that was written; None where another process had done it."""
        merchant_id, account_id, _ = scope
        account = await self._accounts.account(merchant_id, account_id)
        row = self._row(scope, change.transition)
        event = self._event(row, label=account.label, livemode=change.livemode)

        async def work(connection: Connection) -> int | None:
            write = store.degrade if row.health is Health.DEGRADED else store.recover
            version = await write(connection, row)
            if version is not None:
                sequence = await next_object_sequence(connection, merchant_id, account_id)
                await append(connection, merchant_id, [replace(event, object_sequence=sequence)])
            return version

        return await self._database.retrying(work)

    def _row(self, scope: Scope, transition: Transition) -> StoredHealth:
        return StoredHealth(
            merchant_id=scope[0],
            processor_account_id=scope[1],
            scope=scope[2],
            health=transition.health,
            since=transition.since,
            why=transition.why,
            evidence=transition.evidence,
            version=UNNUMBERED,
            changed_at=self._clock.now(),
        )

    def _event(self, row: StoredHealth, *, label: str, livemode: bool) -> NewEvent:
        shown = health_object(
            row.processor_account_id,
            label=label,
            scope=row.scope,
            health=row.health,
            since=row.since,
            why=row.why,
            evidence=row.evidence,
            livemode=livemode,
        )
        return NewEvent(
            id=self._new_id(),
            type=FACTS[row.health],
            object_id=row.processor_account_id,
            object_sequence=UNNUMBERED,
            data=msgspec.json.encode(shown),
            created_at=row.since,
        )
