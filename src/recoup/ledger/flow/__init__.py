"""What can be done with the ledger: post to it, read its balances and transfers, and check it.

`post` is for later subjects (disputes, settlements): they post in the transaction that changed what they know. What
happens to payments the ledger learns by itself, from events (`following.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.ledger.core import Position, Transfer
from recoup.ledger.flow.following import Follower
from recoup.ledger.store import checks, following, posting, reading
from recoup.ledger.store.checks import Unbalanced as Unbalanced
from recoup.ledger.store.checks import WrongBalance as WrongBalance
from recoup.ledger.store.checks import WrongPayment as WrongPayment
from recoup.ledger.store.posting import Book
from recoup.ledger.store.reading import Balance, CurrencyTotal, Entry, Filters

CAUGHT_UP_BATCHES: Final = 2
"""How much of what is new is posted before a question is answered; what is more, the background posts."""
CHECKED_AT_ONCE: Final = 500

Finding = Unbalanced | WrongBalance | WrongPayment
"""What breaks a law of the books."""


async def post(connection: Connection, merchant_id: UUID, transfers: Sequence[Transfer]) -> int:
    """Post transfers in the caller's transaction; how many were new. The same cause posts a kind once.

    Holds the merchant's book until the transaction ends: call it late, and append events after it, never before it.
    Raises `PostedOtherwise` where a cause has posted the kind before with another amount or at another account.
    """
    if not transfers:
        return 0
    book = await posting.lock(connection, merchant_id=merchant_id)
    _, new = await posting.post(connection, transfers, merchant_id=merchant_id, book=book)
    return new


async def positions(
    queries: Queries, object_ids: Sequence[UUID], *, merchant_id: UUID
) -> Mapping[UUID, Position]:
    """What is posted of payments and refunds, by their ids: sums, the expected fee, and at which processor account."""
    return await following.positions(queries, object_ids, merchant_id=merchant_id)


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """How far the books are, and all debits and credits by currency."""

    book: Book
    totals: Sequence[CurrencyTotal]


class Ledger:
    """Reads the books, after what is new was posted."""

    def __init__(self, database: Database, follower: Follower) -> None:
        self._database = database
        self._follower = follower

    async def catch_up(self, merchant_id: UUID) -> Book:
        """Post what is new, up to a limit; how far the books are then."""
        by = partial(self._follower.follow, batches=CAUGHT_UP_BATCHES)
        await self._follower.rounds.follow(merchant_id, by)
        return await reading.book(self._database, merchant_id=merchant_id)

    async def balances(
        self, merchant_id: UUID, *, currency: str | None, after: int, before: int, limit: int
    ) -> Sequence[Balance]:
        """Accounts with their balances, newest first; oldest first behind `before`."""
        return await reading.balances(
            self._database,
            merchant_id=merchant_id,
            currency=currency,
            after=after,
            before=before,
            limit=limit,
        )

    async def balance(self, merchant_id: UUID, number: int, *, upto: int | None) -> Balance | None:
        """One account with its balance, now or as it was after the transfer `upto`."""
        if upto is None:
            return await reading.balance(self._database, merchant_id=merchant_id, number=number)
        return await reading.balance_at(self._database, merchant_id=merchant_id, number=number, upto=upto)

    async def entry(self, merchant_id: UUID, number: int) -> Entry | None:
        """One transfer."""
        return await reading.entry(self._database, merchant_id=merchant_id, number=number)

    async def entries(
        self, merchant_id: UUID, filters: Filters, *, after: int, before: int, limit: int
    ) -> Sequence[Entry]:
        """Transfers newest first; oldest first behind `before`."""
        return await reading.entries(
            self._database, filters, merchant_id=merchant_id, after=after, before=before, limit=limit
        )

    async def entries_since(
        self, merchant_id: UUID, filters: Filters, *, since: datetime, after: int, limit: int
    ) -> Sequence[Entry]:
        """Transfers from a time on, in the order in which they happened."""
        return await reading.entries_since(
            self._database, filters, merchant_id=merchant_id, since=since, after=after, limit=limit
        )

    async def trial_balance(self, merchant_id: UUID) -> TrialBalance:
        """All debits and credits by currency."""
        book = await self.catch_up(merchant_id)
        return TrialBalance(book, await reading.totals(self._database, merchant_id=merchant_id))

    async def findings(self, merchant_id: UUID) -> AsyncIterator[Finding]:
        """Everything that breaks a law of a merchant's books, page by page through all of them."""
        database = self._database
        for unbalanced in await checks.unbalanced(database, merchant_id=merchant_id):
            yield unbalanced
        accounts = (await reading.book(database, merchant_id=merchant_id)).accounts
        for after in range(0, accounts, CHECKED_AT_ONCE):
            for wrong in await checks.wrong_balances(
                database, merchant_id=merchant_id, after=after, limit=CHECKED_AT_ONCE
            ):
                yield wrong
        async for page in self._payments(merchant_id):
            for payment in await checks.wrong_payments(database, page, merchant_id=merchant_id):
                yield payment

    @staticmethod
    async def unbalanced(queries: Queries, *, merchant_id: UUID) -> Sequence[Unbalanced]:
        """Currencies of a merchant that are out of balance."""
        return await checks.unbalanced(queries, merchant_id=merchant_id)

    @staticmethod
    async def wrong_balances(
        queries: Queries, *, merchant_id: UUID, after: int, limit: int
    ) -> Sequence[WrongBalance]:
        """Those of the next accounts whose sums are not those of their transfers."""
        return await checks.wrong_balances(queries, merchant_id=merchant_id, after=after, limit=limit)

    @staticmethod
    async def wrong_payments(
        queries: Queries, payment_ids: Sequence[UUID], *, merchant_id: UUID
    ) -> Sequence[WrongPayment]:
        """Those of these payments that the books know otherwise than they are."""
        return await checks.wrong_payments(queries, payment_ids, merchant_id=merchant_id)

    @staticmethod
    async def accounts(queries: Queries, *, merchant_id: UUID) -> int:
        """How many accounts a merchant's books have: their numbers are from 1 to that."""
        return (await reading.book(queries, merchant_id=merchant_id)).accounts

    async def _payments(self, merchant_id: UUID) -> AsyncIterator[Sequence[UUID]]:
        last = UUID(int=0)
        while page := await checks.payments_after(
            self._database, merchant_id=merchant_id, after=last, limit=CHECKED_AT_ONCE
        ):
            yield page
            last = page[-1]
