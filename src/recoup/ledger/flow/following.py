"""Posts what happened, as the events come: each merchant's stream is read on from the cursor in its book.

A batch's transfers, balances, positions and cursor are one transaction. Several processes may follow the same stream
and die anywhere: who comes second finds the cursor moved and reads on from there. An event that cannot be read stops
its merchant's books where they are, which the books and `Rounds.stopped` tell; none is passed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database
from recoup.events.following import Rounds
from recoup.events.reading_on import Passed, read_on
from recoup.ledger.core import (
    FeeOf,
    Happened,
    News,
    PaymentNews,
    Position,
    RefundNews,
    Transfer,
    posted,
    read,
    unknown_fee,
)
from recoup.ledger.flow.fees import ExpectedFees, Wanted
from recoup.ledger.store import following as store
from recoup.ledger.store import posting

EVERY_S: Final = 1.0
"""How often new events are posted."""
EVENTS_AT_ONCE: Final = 500
BATCHES_AT_ONCE: Final = 20
"""Batches of one merchant before the next merchant has its turn."""
SUBJECTS: Final = ("payment", "refund")
"""Whose events move money."""
WITHOUT_MONEY: Final = ("payment.created",)
"""Events that come before any money does: what they show is not even read."""
READ_AT_ONCE: Final = 50
"""Events that are read or folded between two looks at anything else: a payment waits a millisecond for them."""


@dataclass(frozen=True, slots=True)
class _Read:
    """A batch as it was read: the cursor moves from `after` to `upto`."""

    after: int
    upto: int
    news: Sequence[News]
    fees: Mapping[UUID, FeeOf]


class Follower:
    """Posts merchants' events."""

    def __init__(
        self, database: Database, fees: ExpectedFees, *, events_at_once: int = EVENTS_AT_ONCE
    ) -> None:
        self._database = database
        self._fees = fees
        self._events_at_once = events_at_once
        self.rounds = Rounds(database, store.PLACES, self.follow, name="ledger")

    async def follow(self, merchant_id: UUID, *, batches: int = BATCHES_AT_ONCE) -> int:
        """Post what is new of one merchant, up to a limit; how many transfers that were."""
        transfers = 0
        for _ in range(batches):
            batch = await self._read(merchant_id)
            if batch is None:
                break

            async def write(connection: Connection, batch: _Read = batch) -> int:
                return await _write(connection, batch, merchant_id=merchant_id)

            transfers += await self._database.retrying(write)
        return transfers

    async def _read(self, merchant_id: UUID) -> _Read | None:
        after = await store.events_posted(self._database, merchant_id=merchant_id)
        events = await read_on(
            self._database,
            SUBJECTS,
            merchant_id=merchant_id,
            after=after,
            limit=self._events_at_once,
            without=WITHOUT_MONEY,
        )
        if not events:
            return None
        news: list[News] = []
        for start in range(0, len(events), READ_AT_ONCE):
            news += filter(None, map(_news, events[start : start + READ_AT_ONCE]))
            await asyncio.sleep(0)
        fees = await self._fees.of(merchant_id, _with_fees(news))
        return _Read(after, events[-1].sequence, news, fees)


def _news(event: Passed) -> News | None:
    if event.data is None:
        return None
    return read(event.data, Happened(event.id, event.object_sequence, event.created_at))


def _with_fees(news: Sequence[News]) -> list[Wanted]:
    """The payments of which something was captured, as the last news of each has them."""
    found: dict[UUID, Wanted] = {}
    for one in news:
        if not isinstance(one, PaymentNews) or one.approved is None or one.processor_account_id is None:
            continue
        if one.captured:
            found[one.payment_id] = Wanted(one.payment_id, one.approved, one.processor_account_id)
    return list(found.values())


async def _write(connection: Connection, batch: _Read, *, merchant_id: UUID) -> int:
    """Post a batch; 0 where somebody else has, or our own commit whose answer was lost."""
    book = await posting.lock(connection, merchant_id=merchant_id)
    if book.events != batch.after:
        return 0
    objects = {_object_of(one) for one in batch.news} | {one.payment_id for one in batch.news}
    known = await store.positions(connection, sorted(objects), merchant_id=merchant_id)
    changed, transfers = await _folded(batch, known)
    written = await _posted(connection, transfers, merchant_id=merchant_id, book=book)
    if changed:
        await store.write_positions(connection, changed, merchant_id=merchant_id)
    await store.move_on(connection, merchant_id=merchant_id, events=batch.upto)
    return written


def _object_of(news: News) -> UUID:
    return news.refund_id if isinstance(news, RefundNews) else news.payment_id


async def _folded(batch: _Read, known: Mapping[UUID, Position]) -> tuple[list[Position], list[Transfer]]:
    """What a batch posts, and the positions that it leaves. Of what never held any money none is kept."""
    now, transfers = dict(known), list[Transfer]()
    for number, one in enumerate(batch.news, start=1):
        if number % READ_AT_ONCE == 0:
            await asyncio.sleep(0)
        done = posted(one, now.get, batch.fees.get(one.payment_id, unknown_fee))
        if done is not None:
            position, more = done
            now[position.object_id] = position
            transfers += more
    changed = [
        position
        for key, position in now.items()
        if position is not known.get(key) and (key in known or _is_money(position))
    ]
    return changed, transfers


def _is_money(position: Position) -> bool:
    return any((position.held, position.captured, position.refund_pending, position.refunded, position.fee))


async def _posted(
    connection: Connection, transfers: Sequence[Transfer], *, merchant_id: UUID, book: posting.Book
) -> int:
    written = 0
    for start in range(0, len(transfers), posting.POSTED_MAX):
        part = transfers[start : start + posting.POSTED_MAX]
        book, new = await posting.post(connection, part, merchant_id=merchant_id, book=book)
        written += new
    return written
