"""Learning on a real database: each attempt once, whatever crashes, and every process knows of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

import psycopg
import pytest
from tests.routing.tries import MINUTE, START, A, B, learned, paid, seen

from recoup.db import Database
from recoup.events.core import NewEvent
from recoup.events.following import behind
from recoup.events.store import append
from recoup.kit.clock import ManualClock
from recoup.kit.ids import uuid7
from recoup.routing.core.cells import SLOT_BYTES, SLOTS_MAX
from recoup.routing.core.effects import keys
from recoup.routing.core.learning import Cell, Told, estimates
from recoup.routing.flow import learning as flow
from recoup.routing.flow.learning import LEASE, Learned, Learner, Seen
from recoup.routing.store import learning as store

SECOND: Final = timedelta(seconds=1)


class Crash(Exception):
    """The process dies."""


class Shop:
    """A merchant whose attempts end, with the events that say so. It is also the fake of payments."""

    def __init__(self, database: Database, merchant_id: UUID) -> None:
        self.database, self.merchant_id = database, merchant_id
        self.clock = ManualClock(START)
        self.ended: dict[UUID, list[Seen]] = {}
        self.asked: list[int] = []
        self.crashes = False
        self.accounts = 2

    @classmethod
    async def opened(cls, database: Database) -> Shop:
        merchant_id = uuid4()
        await database.execute(
            """
            insert into merchants (id, twin_id, livemode, name, created_at)
            values (%(merchant_id)s, %(merchant_id)s, false, 'Shop', %(now)s)
            """,
            {"merchant_id": merchant_id, "now": START},
        )
        await database.execute(
            "insert into event_streams (merchant_id) values (%(merchant_id)s)", {"merchant_id": merchant_id}
        )
        return cls(database, merchant_id)

    async def observations(self, merchant_id: UUID, payment_ids: Sequence[UUID]) -> Sequence[Seen]:
        if self.crashes:
            raise Crash
        assert merchant_id == self.merchant_id
        self.asked.append(len(payment_ids))
        return [one for payment_id in payment_ids for one in self.ended.get(payment_id, [])]

    async def has_choice(self, merchant_id: UUID) -> bool:
        return self.accounts > 1

    async def tell(self, payment_id: UUID, type_: str = "payment.captured") -> None:
        """An event of a payment."""
        number = await self.database.fetch_one(
            "select count(*) as n from events where merchant_id = %(m)s and object_id = %(o)s",
            {"m": self.merchant_id, "o": payment_id},
        )
        assert number is not None
        event = NewEvent(
            uuid7(self.clock.now(), os.urandom), type_, payment_id, number["n"] + 1, b"{}", self.clock.now()
        )
        async with self.database.transaction() as connection:
            await append(connection, self.merchant_id, [event])

    async def end(self, *told: Told, account: Any = A) -> UUID:
        """A payment whose attempts ended so."""
        payment_id = uuid7(self.clock.advance(MINUTE), os.urandom)
        self.ended[payment_id] = [
            Seen(
                uuid7(self.clock.now(), os.urandom),
                seen(account, one, facts=paid(turn=turn), at=self.clock.now() + turn * SECOND),
            )
            for turn, one in enumerate(told, 1)
        ]
        await self.tell(payment_id)
        return payment_id

    def now_told(self, payment_id: UUID, told: Told) -> None:
        """The last attempt of a payment turns out otherwise."""
        *before, last = self.ended[payment_id]
        changed = replace(last.observation, told=told)
        self.ended[payment_id] = [*before, replace(last, observation=changed)]

    def learner(self, database: Any = None) -> Learner:
        """A process that learns."""
        return Learner(database or self.database, self, clock=self.clock)

    async def cells(self) -> dict[int, Cell]:
        """Every cell there is."""
        rows = await store.changed(
            self.database, merchant_id=self.merchant_id, after=store.FIRST, limit=10_000
        )
        return {place.key: cell for place, cell in rows}

    def expected(self) -> dict[int, Cell]:
        """What learning every attempt once makes."""
        return learned(one.observation for ended in self.ended.values() for one in ended)


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await Shop.opened(database)


async def test_what_ended_is_learned_exactly(shop: Shop) -> None:
    """The database holds what the pure functions say, to the last bit: a replay proves a decision."""
    for number in range(30):
        await shop.end(Told.ROUTE if number % 7 == 0 else Told.APPROVED, account=A if number % 2 else B)
    await shop.end(Told.ROUTE, Told.APPROVED)
    assert await shop.learner().learn(shop.merchant_id) == 32
    assert await shop.cells() == shop.expected()


async def test_nothing_is_learned_twice(shop: Shop) -> None:
    """A payment is told of many times (captured, refunded); its attempt is learned the first time."""
    payment_id = await shop.end(Told.APPROVED)
    assert await shop.learner().learn(shop.merchant_id) == 1
    await shop.tell(payment_id, "payment.refunded")
    assert await shop.learner().learn(shop.merchant_id) == 0
    assert await shop.learner().learn(shop.merchant_id) == 0
    assert await shop.cells() == shop.expected()
    assert shop.asked == [1, 1], "where nothing happened nobody is asked"


async def test_other_news_is_passed_over(shop: Shop) -> None:
    await shop.tell(uuid4(), "customer.created")
    assert await shop.learner().learn(shop.merchant_id) == 0
    assert shop.asked == []
    assert await store.sequences(shop.database, [shop.merchant_id]) == {shop.merchant_id: 1}


async def test_an_outcome_that_comes_late_is_learned_when_it_comes(shop: Shop) -> None:
    payment_id = await shop.end(Told.NOTHING)
    assert await shop.learner().learn(shop.merchant_id) == 0
    shop.now_told(payment_id, Told.APPROVED)
    await shop.tell(payment_id)
    assert await shop.learner().learn(shop.merchant_id) == 1
    assert await shop.cells() == shop.expected()


async def test_an_outcome_that_changes_is_corrected_once(shop: Shop) -> None:
    """A processor takes an approval back: what it taught is taken back as well."""
    payment_id = await shop.end(Told.APPROVED)
    await shop.learner().learn(shop.merchant_id)
    before = await shop.cells()
    shop.now_told(payment_id, Told.ROUTE)
    await shop.tell(payment_id)
    await shop.tell(payment_id)
    assert await shop.learner().learn(shop.merchant_id) == 1
    assert await shop.learner().learn(shop.merchant_id) == 0
    after = await shop.cells()

    def p(cells: dict[int, Cell]) -> float:
        return estimates(cells, paid(), [A], at=shop.clock.now())[0].probability

    assert p(after) == pytest.approx(p(shop.expected()), abs=0.05)
    assert p(after) < p({}) < p(before)


async def test_a_crash_before_the_commit_loses_nothing(shop: Shop) -> None:
    await shop.end(Told.APPROVED)
    shop.crashes = True
    with pytest.raises(Crash):
        await shop.learner().learn(shop.merchant_id)
    shop.crashes = False
    assert await shop.learner().learn(shop.merchant_id) == 1
    assert await shop.cells() == shop.expected()


class Unanswered:
    """A database whose commits happen, and whose answers to some are lost."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def retrying(self, work: Any) -> Any:
        await self._database.retrying(work)
        return await self._database.retrying(work)


async def test_a_commit_whose_answer_was_lost_is_not_done_again(shop: Shop) -> None:
    for _ in range(3):
        await shop.end(Told.APPROVED)
    await shop.learner(Unanswered(shop.database)).learn(shop.merchant_id)
    await shop.learner().learn(shop.merchant_id)
    assert await shop.cells() == shop.expected()


async def test_a_process_that_lost_its_lease_writes_nothing(shop: Shop) -> None:
    """One is held still for longer than its lease, another learns meanwhile, and the first wakes up."""
    await shop.end(Told.APPROVED)
    wall = shop.clock.now()
    late = await store.lease(shop.database, merchant_id=shop.merchant_id, wall=wall, until=wall + LEASE)
    assert late is not None
    assert await shop.learner().learn(shop.merchant_id) == 0, "it is being learned"
    shop.clock.advance(LEASE + SECOND)
    assert await shop.learner().learn(shop.merchant_id) == 1
    batch = store.Batch(1, {7: (1.0, 1.0, 0.0)}, {}, {})
    async with shop.database.transaction() as connection:
        assert not await store.write(connection, batch, merchant_id=shop.merchant_id, held=late)
    assert await shop.cells() == shop.expected()


async def test_processes_that_learn_at_once_learn_each_attempt_once(shop: Shop) -> None:
    for number in range(40):
        await shop.end(Told.APPROVED if number % 5 else Told.CARDHOLDER)
    done = await asyncio.gather(*[shop.learner().learn(shop.merchant_id) for _ in range(4)])
    assert sum(done) == 40
    assert await shop.cells() == shop.expected()


async def test_batches_make_no_difference(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a batch ends is chance; what is learned is not."""
    monkeypatch.setattr(flow, "EVENTS_AT_ONCE", 7)
    for number in range(30):
        await shop.end(Told.APPROVED if number % 3 else Told.ROUTE)
    assert await shop.learner().learn(shop.merchant_id) == 30
    assert max(shop.asked) == 7
    assert await shop.cells() == shop.expected()


async def test_merchants_who_are_behind_are_found(database: Database) -> None:
    shops = [await Shop.opened(database) for _ in range(3)]
    for shop in shops[:2]:
        await shop.end(Told.APPROVED)
    found, last = await behind(database, store.PLACES, after=UUID(int=0), limit=1_000)
    assert {shop.merchant_id for shop in shops[:2]} <= set(found) and last is None
    assert shops[2].merchant_id not in found
    page, end = await behind(database, store.PLACES, after=UUID(int=0), limit=1)
    assert end is not None and set(page) <= {end}
    for shop in shops[:2]:
        await shop.learner().learn(shop.merchant_id)
    found, _ = await behind(database, store.PLACES, after=UUID(int=0), limit=1_000)
    assert not {shop.merchant_id for shop in shops} & set(found)


async def test_nothing_is_learned_where_there_is_nothing_to_choose(shop: Shop) -> None:
    """The events wait, and are learned when there is a second account."""
    await shop.end(Told.APPROVED)
    shop.accounts = 1
    assert await shop.learner().learn(shop.merchant_id) == 0
    assert await shop.cells() == {}
    shop.accounts = 2
    assert await shop.learner().learn(shop.merchant_id) == 1
    assert await shop.cells() == shop.expected()


async def test_one_merchant_s_trouble_is_not_another_s(database: Database) -> None:
    sick, well = sorted([await Shop.opened(database) for _ in range(2)], key=lambda shop: shop.merchant_id)
    await sick.end(Told.APPROVED)
    await well.end(Told.APPROVED)

    class Both:
        async def has_choice(self, merchant_id: UUID) -> bool:
            return True

        async def observations(self, merchant_id: UUID, payment_ids: Sequence[UUID]) -> Sequence[Seen]:
            if merchant_id == sick.merchant_id:
                raise Crash
            return (
                await well.observations(merchant_id, payment_ids) if merchant_id == well.merchant_id else []
            )

    assert await Learner(database, Both(), clock=well.clock).rounds.go() == 1
    assert await well.cells() == well.expected()
    assert await sick.cells() == {}


async def test_every_process_knows_what_one_has_learned(shop: Shop) -> None:
    """The first question finds nothing and waits for nothing; the table comes, and follows."""
    process = Learned(shop.database, clock=shop.clock)
    assert process.estimates(shop.merchant_id, paid(), [A, B]) == ({}, None)
    await process.loaded()
    assert process.estimates(shop.merchant_id, paid(), [A, B]) == ({}, None), "nothing was learned yet"
    for _ in range(20):
        await shop.end(Told.ROUTE, account=B)
    await process.refresh()
    assert (process.merchants(), process.cells(), process.events_waiting()) == (1, 0, 20)
    await shop.learner().learn(shop.merchant_id)
    await process.refresh()
    assert process.cells() == len(await shop.cells())
    assert process.bytes_used() > 0 == process.events_waiting()
    found, model = process.estimates(shop.merchant_id, paid(), [A, B])
    assert model == 20
    exact = dict(
        zip([A.id, B.id], estimates(await shop.cells(), paid(), [A, B], at=shop.clock.now()), strict=True)
    )
    for account_id, one in found.items():
        assert one.probability == pytest.approx(exact[account_id].probability, abs=1e-5)
    assert found[B.id].probability < found[A.id].probability
    await process.close()


async def test_a_table_that_is_read_in_pages_is_whole(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow, "CELLS_AT_ONCE", 3)
    for number in range(5):
        await shop.end(Told.APPROVED, account=A if number % 2 else B)
        await shop.learner().learn(shop.merchant_id)
    process = Learned(shop.database, clock=shop.clock)
    assert process.table(shop.merchant_id) is None
    await process.loaded()
    table = process.table(shop.merchant_id)
    assert table is not None and table.version == 5
    assert table.count == len(await shop.cells()) == len({*keys(paid(), A), *keys(paid(), B)})


async def test_a_table_that_cannot_be_read_is_tried_again(shop: Shop) -> None:
    """The database is away when a merchant is first asked about: nothing is known, nothing is raised, and it heals."""

    class Away:
        async def fetch_all(self, *_: object) -> list[Any]:
            raise psycopg.OperationalError("connection refused")

    process = Learned(Away(), clock=shop.clock)  # type: ignore[arg-type] # stands in for one that is away
    assert process.table(shop.merchant_id) is None
    await process.loaded()
    assert process.table(shop.merchant_id) is None
    await process.close()


async def test_memory_is_bounded_over_all_merchants(database: Database) -> None:
    """Whose table was not asked about for longest goes, and comes back when it is asked about."""
    shops = [await Shop.opened(database) for _ in range(3)]
    for shop in shops:
        await shop.end(Told.APPROVED)
        await shop.learner().learn(shop.merchant_id)
    process = Learned(database, clock=shops[0].clock, bytes_max=30_000)
    for shop in shops:
        process.table(shop.merchant_id)
        await process.loaded()
    assert process.table(shops[2].merchant_id) is not None
    assert process.table(shops[0].merchant_id) is None, "it went, and is on its way again"
    await process.loaded()
    assert process.table(shops[0].merchant_id) is not None
    assert flow.BYTES_MAX == 2 * SLOTS_MAX * SLOT_BYTES


async def test_old_rows_are_dropped(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outcomes after months, cells after years, and the oldest where there are too many; a little at a time."""
    monkeypatch.setattr(flow, "TIDIED_EVERY", 1)
    await shop.end(Told.APPROVED)
    await shop.learner().learn(shop.merchant_id)
    shop.clock.advance(flow.TOLD_KEPT + timedelta(days=2))
    new = await shop.end(Told.APPROVED, account=B)
    await shop.learner().learn(shop.merchant_id)
    rows = await shop.database.fetch_all(
        "select attempt_id from routing_observations where merchant_id = %(m)s", {"m": shop.merchant_id}
    )
    assert [row["attempt_id"] for row in rows] == [one.attempt_id for one in shop.ended[new]]
    monkeypatch.setattr(flow, "CELLS_MAX", len(keys(paid(), B)))
    await shop.end(Told.APPROVED, account=B)
    await shop.learner().learn(shop.merchant_id)
    assert set(await shop.cells()) == set(keys(paid(), B))


async def test_news_of_what_was_forgotten_teaches_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refund after a year is no second try."""
    monkeypatch.setattr(flow, "TIDIED_EVERY", 1)
    old = await shop.end(Told.APPROVED)
    await shop.learner().learn(shop.merchant_id)
    shop.clock.advance(timedelta(days=365))
    await shop.end(Told.APPROVED, account=B)
    await shop.learner().learn(shop.merchant_id)
    await shop.tell(old, "payment.refunded")
    assert await shop.learner().learn(shop.merchant_id) == 0
