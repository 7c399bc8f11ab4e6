"""Learns from attempts as their events come, and keeps what was learned at hand.

`Learner` reads each merchant's event stream behind a cursor, asks for the attempts of the payments that it names, and
writes what they change together with the cursor. It may run in several processes and die anywhere: a batch is written
whole or not at all, and an attempt that was learned is known by its id. `Learned` is what a process knows of it: tables
in memory, filled in the background and refreshed every second, so that a decision never waits for the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

import structlog

from recoup.db import Connection, Database
from recoup.events.following import Rounds
from recoup.events.store import Pointer, pointers
from recoup.kit.clock import Clock
from recoup.routing.core.cells import SLOT_BYTES, SLOTS_MAX, CellTable
from recoup.routing.core.effects import FADED_AFTER_S, LearnableAccount
from recoup.routing.core.facts import Facts
from recoup.routing.core.learning import Layered, Observation, Told, all_keys, correct, estimates, learn
from recoup.routing.core.words import Estimate
from recoup.routing.store import learning as store

EVERY_S: Final = 1.0
"""How often new events are learned, and how often each process looks for what others have learned."""
LEASE: Final = timedelta(seconds=60)
EVENTS_AT_ONCE: Final = 1000
BATCHES_AT_ONCE: Final = 20
TOLD_KEPT: Final = timedelta(days=120)
"""How long an outcome that changes corrects what was learned of it: disputes and late returns come within this."""
_SPARE: Final = timedelta(days=1)
"""By how much the events of a stream may be out of the order of their times."""
TIDIED_EVERY: Final = 10_000
"""After how many of a merchant's events its old rows are dropped."""
DROPPED_AT_ONCE: Final = 5_000
TRIES_AT_ONCE: Final = 20
"""Tries learned between two looks at anything else, so that nothing waits longer than some milliseconds."""
CELLS_AT_ONCE: Final = 500
CELLS_PUT_AT_ONCE: Final = 100
"""Cells put into a table between two such looks: among them may be those that make a part of it grow."""
CELLS_MAX: Final = 1_000_000
"""How many cells of one merchant are kept; those learned longest ago go first. A table in memory holds as many."""
BYTES_MAX: Final = 2 * SLOTS_MAX * SLOT_BYTES
"""How much memory a process gives to all merchants' tables together: 84 MB, or a little more while one is being read.
The merchant not asked about for longest goes first, and is read again when asked about."""
_LEARNED_FROM: Final = ("payment.", "recovery.", "history.")
"""The events that tell of attempts: our own, and those that were made without us."""
_HISTORY: Final = "history."

_log: Final = structlog.get_logger("recoup.routing")


@dataclass(frozen=True, slots=True)
class Seen:
    """An attempt whose outcome is known, with what was known when it was decided."""

    attempt_id: UUID
    observation: Observation


class Attempts(Protocol):
    """What learning asks of payments."""

    async def observations(self, merchant_id: UUID, payment_ids: Sequence[UUID]) -> Sequence[Seen]:
        """The attempts of these payments that have an outcome, as it is by now; and of what else tells of attempts."""
        ...

    async def has_choice(self, merchant_id: UUID) -> bool:
        """Whether the merchant has accounts to choose between."""
        ...


class Learner:
    """Learns merchants' events."""

    def __init__(self, database: Database, attempts: Attempts, *, clock: Clock) -> None:
        self._database = database
        self._attempts = attempts
        self._clock = clock
        self.rounds = Rounds(database, store.PLACES, self.learn, name="learning")

    async def learn(self, merchant_id: UUID) -> int:
        """Learn what is new of one merchant, up to a limit; how many attempts that were.

        Where there is one account there is nothing to choose, and so nothing to learn for: the events wait in the
        stream until there is another.
        """
        if not await self._attempts.has_choice(merchant_id):
            return 0
        wall = self._clock.now()
        held = await store.lease(self._database, merchant_id=merchant_id, wall=wall, until=wall + LEASE)
        if held is None:
            return 0
        learned = 0
        try:
            for _ in range(BATCHES_AT_ONCE):
                done = await self._learn_batch(merchant_id, held)
                if done is None:
                    break
                learned += done.attempts
                held = store.Lease(done.sequence, held.until)
        finally:
            await store.let_go(self._database, merchant_id=merchant_id, until=held.until)
        return learned

    async def _learn_batch(self, merchant_id: UUID, held: store.Lease) -> _Done | None:
        """Learn one batch of events; None where there is none, or where another process has learned it meanwhile."""
        events = _upto_history(
            await pointers(self._database, merchant_id=merchant_id, after=held.sequence, limit=EVENTS_AT_ONCE)
        )
        if not events:
            return None
        news = [one for one in events if one.type.startswith(_LEARNED_FROM)]
        seen = await self._new(merchant_id, news)
        batch = await self._applied(merchant_id, seen, sequence=events[-1].sequence)

        async def write(connection: Connection) -> bool:
            return await store.write(connection, batch, merchant_id=merchant_id, held=held)

        if not await self._database.retrying(write):
            return None
        if held.sequence // TIDIED_EVERY != batch.sequence // TIDIED_EVERY and seen:
            await self._tidy(merchant_id, now=max(one.observation.at for one, _ in seen))
        return _Done(batch.sequence, len(seen))

    async def _new(self, merchant_id: UUID, news: Sequence[Pointer]) -> list[tuple[Seen, Told | None]]:
        """The attempts that are to be learned, in the order of time, each with what it was learned as before.

        What an attempt was learned as is forgotten after `TOLD_KEPT`; so news of an older one is passed over, or a
        refund after a year would teach it again.
        """
        if not news:
            return []
        objects = dict.fromkeys(one.object_id for one in news)
        found = await self._attempts.observations(merchant_id, list(objects))
        since = min(one.created_at for one in news) - TOLD_KEPT
        fresh = [one for one in found if one.observation.at >= since]
        was = await store.told(self._database, [one.attempt_id for one in fresh], merchant_id=merchant_id)
        new = [
            (one, was.get(one.attempt_id))
            for one in fresh
            if one.observation.told is not was.get(one.attempt_id, Told.NOTHING)
        ]
        return sorted(new, key=lambda pair: (pair[0].observation.at, pair[0].attempt_id))

    async def _applied(
        self, merchant_id: UUID, seen: Sequence[tuple[Seen, Told | None]], *, sequence: int
    ) -> store.Batch:
        wanted = all_keys([one.observation for one, _ in seen])
        cells = Layered(await store.cells(self._database, wanted, merchant_id=merchant_id))
        for number, (one, was) in enumerate(seen):
            if number % TRIES_AT_ONCE == 0:
                await asyncio.sleep(0)
            now = one.observation
            cells.changed.update(learn(cells, now) if was is None else correct(cells, now, was=was))
        return store.Batch(
            sequence,
            cells.changed,
            told={one.attempt_id: one.observation.told for one, _ in seen},
            learned_at={one.attempt_id: one.observation.at for one, _ in seen},
        )

    async def _tidy(self, merchant_id: UUID, *, now: datetime) -> None:
        """Drop what has faded, and the oldest of what is too much. `now` is in the merchant's own time."""
        database, limit = self._database, DROPPED_AT_ONCE
        await store.drop_old_told(
            database, merchant_id=merchant_id, before=now - TOLD_KEPT - _SPARE, limit=limit
        )
        faded = now - timedelta(seconds=FADED_AFTER_S)
        too_many = await store.age_of_cell(database, merchant_id=merchant_id, number=CELLS_MAX)
        upto = faded if too_many is None else max(faded, too_many)
        dropped = await store.drop_old_cells(database, merchant_id=merchant_id, upto=upto, limit=limit)
        _log.info("learned_cells_dropped", merchant_id=str(merchant_id), cells=dropped)


def _upto_history(events: Sequence[Pointer]) -> Sequence[Pointer]:
    """Events up to the first that tells of many tries at once: a batch takes one such."""
    found = next((n for n, one in enumerate(events, start=1) if one.type.startswith(_HISTORY)), len(events))
    return events[:found]


@dataclass(frozen=True, slots=True)
class _Done:
    sequence: int
    attempts: int


class Learned:
    """What this process knows of what was learned."""

    def __init__(self, database: Database, *, clock: Clock, bytes_max: int = BYTES_MAX) -> None:
        self._database = database
        self._clock = clock
        self._bytes_max = bytes_max
        self._tables: dict[UUID, _Copy] = {}
        """In the order in which they were asked about, the last one last."""
        self._loading: dict[UUID, asyncio.Task[None]] = {}
        self._waiting = 0

    def merchants(self) -> int:
        """How many merchants' tables are here."""
        return len(self._tables)

    def cells(self) -> int:
        """How many cells they have."""
        return sum(copy.table.count for copy in self._tables.values())

    def bytes_used(self) -> int:
        """About how much memory they take."""
        return sum(copy.table.bytes_used for copy in self._tables.values())

    def events_waiting(self) -> int:
        """How many of their events nobody had learned when `refresh` looked."""
        return self._waiting

    def estimates(
        self, merchant_id: UUID, facts: Facts, accounts: Collection[LearnableAccount]
    ) -> tuple[Mapping[UUID, Estimate], int | None]:
        """How likely each account approves, and how far in the event stream that was learned.

        Nothing, where nothing is known: nothing was learned yet, or it is not here yet. A decision does not wait for
        it; the table is read in the background, and the next decision has it.
        """
        table = self.table(merchant_id)
        if table is None or not table.count:
            return {}, None
        at = facts.at or self._clock.now()
        found = estimates(table, facts, accounts, at=at)
        return {account.id: one for account, one in zip(accounts, found, strict=True)}, table.version

    def table(self, merchant_id: UUID) -> CellTable | None:
        """The merchant's table; None where it is not here yet, and then it is on its way."""
        copy = self._tables.pop(merchant_id, None)
        if copy is None:
            self._load(merchant_id)
            return None
        self._tables[merchant_id] = copy
        return copy.table

    async def refresh(self) -> None:
        """Read what was learned since the last time."""
        known = await store.sequences(self._database, list(self._tables))
        self._waiting = await store.waiting(self._database, list(self._tables)) if self._tables else 0
        for merchant_id, sequence in known.items():
            copy = self._tables.get(merchant_id)
            if copy is not None and (copy.table.version or 0) < sequence:
                await self._read(merchant_id, copy)
                copy.table.version = max(sequence, copy.place.version)
        self._make_room()

    async def loaded(self) -> None:
        """Wait for what is being read in the background."""
        await asyncio.gather(*self._loading.values())

    async def close(self) -> None:
        """Stop reading."""
        for task in self._loading.values():
            task.cancel()
        await asyncio.gather(*self._loading.values(), return_exceptions=True)

    def _load(self, merchant_id: UUID) -> None:
        if merchant_id not in self._loading:
            task = asyncio.create_task(self._loaded(merchant_id), name="learned cells")
            self._loading[merchant_id] = task
            task.add_done_callback(lambda _: self._loading.pop(merchant_id, None))

    async def _loaded(self, merchant_id: UUID) -> None:
        """Read a whole table: it is used only when it is whole, since a part of it would be unfair to some accounts."""
        copy = _Copy(CellTable())
        try:
            known = await store.sequences(self._database, [merchant_id])
            await self._read(merchant_id, copy)
        except Exception:  # noqa: BLE001 - whoever asks next begins anew
            _log.exception("learned_cells_not_read", merchant_id=str(merchant_id))
            return
        copy.table.version = max(known.get(merchant_id, 0), copy.place.version)
        self._tables[merchant_id] = copy
        self._make_room()

    async def _read(self, merchant_id: UUID, copy: _Copy) -> None:
        """Read the cells that were learned after what the copy has, page by page.

        A cell that is learned anew meanwhile moves behind the page that is read, never before it, so none is missed.
        """
        while True:
            page = await store.changed(
                self._database, merchant_id=merchant_id, after=copy.place, limit=CELLS_AT_ONCE
            )
            for start in range(0, len(page), CELLS_PUT_AT_ONCE):
                copy.table.put((place.key, cell) for place, cell in page[start : start + CELLS_PUT_AT_ONCE])
                await asyncio.sleep(0)
            if page:
                copy.place = page[-1][0]
            if len(page) < CELLS_AT_ONCE:
                return

    def _make_room(self) -> None:
        total = self.bytes_used()
        while total > self._bytes_max and len(self._tables) > 1:
            total -= self._tables.pop(next(iter(self._tables))).table.bytes_used


@dataclass(slots=True)
class _Copy:
    """A merchant's table, and the place of the last cell that was put into it."""

    table: CellTable
    place: store.Place = store.FIRST
