"""A history taken in on a real database: once each, broken off and gone on, and learned from."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import pytest
from tests.vault.house import House

from recoup.db import Database
from recoup.elsewhere.core.importing.lines import CardNumber, Ignored, Line, Read, Wrong
from recoup.elsewhere.flow.importing import BATCH, Importing, Source
from recoup.elsewhere.flow.learning import AlsoElsewhere
from recoup.elsewhere.store import tries
from recoup.events import store as events
from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.merchants.flow import NewAccount
from recoup.routing.core.learning import Told
from recoup.routing.flow.learning import Learner, Seen

NOW: Final = datetime(2026, 11, 22, 15, tzinfo=UTC)


def line(number: int, **fields: object) -> Line:
    """An approved try of one customer."""
    given: dict[str, object] = {
        "number": number,
        "external_id": f"ch_{number}",
        "payment": "pi_1",
        "customer": "user-1",
        "tried_at": NOW - timedelta(days=number % 100, seconds=number),
        "amount": 4999,
        "currency": "USD",
        "approved": True,
        "decline": None,
        "account": None,
        "brand": "visa",
        "funding": "debit",
        "country": "US",
        "initiator": "merchant",
    }
    return Line(**(given | fields))  # type: ignore[arg-type]


def source(*lines: Read, account: UUID | None = None) -> Source:
    """A file that holds these lines."""
    return Source(name="test", lines=lambda: lines, account=account)


class Nobody:
    """No attempts of our own."""

    async def observations(self, merchant_id: UUID, payment_ids: Sequence[UUID]) -> Sequence[Seen]:
        del merchant_id, payment_ids
        return ()

    async def has_choice(self, merchant_id: UUID) -> bool:
        del merchant_id
        return True


class Hall(House):
    """A merchant and what takes histories in."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.importing = Importing(database, accounts=self.accounts, new_id=self.new_id)

    async def take(self, merchant: Merchant, given: Source) -> int:
        return await self.importing.take_in(merchant, given, now=NOW, progress=lambda _: None)

    async def batches(self, merchant: Merchant) -> list[UUID]:
        """The events that told of imports."""
        found = await events.after(
            self.database, merchant_id=merchant.id, sequence=0, type_="history.imported", limit=100
        )
        return [one.object_id for one in found]


@pytest.fixture
def hall(database: Database) -> Hall:
    return Hall(database)


async def test_a_try_is_taken_in_once_whoever_gives_it_how_often(hall: Hall) -> None:
    us, stranger = (await hall.merchant()).test, (await hall.merchant()).test
    first = [line(n) for n in range(BATCH + 5)]
    broken_off = source(*first[:BATCH])
    assert await hall.take(us, broken_off) == BATCH
    seen = await hall.importing.look_over(us, source(*first))
    assert (seen.tries, seen.known, seen.wrong) == (BATCH + 5, BATCH, 0)
    both = await asyncio.gather(hall.take(us, source(*first)), hall.take(us, source(*first)))
    assert sum(both) == 5
    assert len(await hall.batches(us)) == 2, "one event for each transaction that added something"
    assert await hall.take(stranger, source(*first[:3])) == 3
    assert (await hall.importing.look_over(us, source(*first[:3]))).known == 3


async def test_the_record_is_the_customers_own(hall: Hall) -> None:
    us, stranger = (await hall.merchant()).test, (await hall.merchant()).test
    given = (line(1), line(2, customer="user-2"), line(3, currency="EUR"), line(4, customer=None), line(5))
    await hall.take(us, source(*given))

    async def record(merchant: Merchant) -> list[datetime]:
        since = NOW - timedelta(days=400)
        mine = tries.AskedRecord(customers=("user-1",), currency="USD", without=None, since=since)
        other = tries.AskedRecord(customers=("nobody",), currency="USD", without=None, since=since)
        found = await tries.records(hall.database, [other, mine], merchant_id=merchant.id)
        assert other not in found
        return [one.at for one in found.get(mine, ())]

    assert await record(us) == [line(5).tried_at, line(1).tried_at]
    assert await record(stranger) == []


async def test_a_look_tells_what_is_wrong_and_refuses_card_numbers(hall: Hall) -> None:
    us = (await hall.merchant()).test
    lines = (line(2), Ignored(3, "status 'open'"), Wrong(4, "Sum", "is no amount"), line(5, approved=False))
    seen = await hall.importing.look_over(us, source(*lines))
    assert (seen.lines, seen.approved, seen.declined, seen.wrong) == (4, 1, 1, 1)
    assert seen.shown == [Wrong(4, "Sum", "is no amount")]
    with pytest.raises(Refusal, match="Line 6, column 'PAN'"):
        await hall.importing.look_over(us, source(*lines, CardNumber(6, "PAN")))
    with pytest.raises(Refusal, match="no account"):
        await hall.importing.look_over(us, source(account=UUID(int=5)))
    assert await hall.batches(us) == []


async def test_routing_learns_from_what_was_tried_at_an_account_of_ours(hall: Hall) -> None:
    us = (await hall.merchant()).test
    new = NewAccount("plain", "Plain", {name: Secret("x") for name in hall.plain.credentials})
    async with hall.database.transaction() as connection:
        account = await hall.accounts.create(connection, us, new, now=NOW)
    hall.accounts._remembered.forget(us.id)
    await hall.take(us, source(line(1), line(2), account=account.id))
    await hall.take(us, source(line(3)))
    learned = AlsoElsewhere(hall.database, Nobody(), hall.accounts)
    found = await learned.observations(us.id, await hall.batches(us))
    assert [one.observation.told for one in found] == [Told.APPROVED] * 2
    assert {one.observation.account.id for one in found} == {account.id}
    assert {one.observation.facts.issuer_country for one in found} == {"US"}
    learner = Learner(hall.database, learned, clock=hall.clock)
    assert [await learner.learn(us.id), await learner.learn(us.id)] == [2, 0]
