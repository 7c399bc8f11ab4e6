"""A commit whose connection breaks may have been written: the flow meets its own rows again and does nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

import psycopg
import pytest
from tests.payments.bank import Lost, decline, no_funds
from tests.payments.house import House

from recoup.db import Database
from recoup.kit.refusals import Refusal
from recoup.outcomes.core import ActionRequired
from recoup.payments import store
from recoup.payments.core import AttemptState, OperationState, Status
from recoup.payments.flow import Taken


class Cutting(Database):
    """A database that breaks the connection of chosen writes, after the server has committed them."""

    cuts: list[bool]
    """For each group to be written: whether its connection breaks after the commit."""
    committed: asyncio.Event
    heard: asyncio.Event
    """No commit is heard of until this is set."""

    def watch(self) -> Self:
        self.cuts, self.committed, self.heard = [], asyncio.Event(), asyncio.Event()
        self.heard.set()
        return self

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        async with super().connection() as connection:
            watched = Watched(connection)
            yield watched
        if watched.groups:
            self.committed.set()
            await self.heard.wait()
            if self.cuts and self.cuts.pop(0):
                raise psycopg.OperationalError("the connection broke after the commit")


class Watched:
    """A connection that notes whether a group was written on it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.groups = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def cursor(self, **options: Any) -> Any:
        cursor, inner = self._connection.cursor(**options), self

        class Counting:
            async def execute(self, statement: str, params: Any) -> None:
                inner.groups += statement is store.WRITE
                await cursor.execute(statement, params)

            async def fetchall(self) -> Any:
                return await cursor.fetchall()

        return Counting()


@pytest.fixture
async def cutting(database_url: str) -> AsyncIterator[Cutting]:
    async with await Cutting.open(database_url, connections_max=5) as opened:
        yield opened.watch()


@pytest.fixture
async def cut_house(cutting: Cutting) -> AsyncIterator[House]:
    house = House(cutting)
    yield house
    await house.close()
    await house.check_rows()
    assert cutting.cuts == [], "every cut was made"


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_payment_whose_first_commit_is_lost_is_charged_once(
    cut_house: House, cutting: Cutting, key: str | None
) -> None:
    merchant = await cut_house.merchant()
    cutting.cuts = [True]
    paid = await cut_house.pay(merchant, key=key)
    assert paid.payment.status is Status.CAPTURED
    assert cut_house.bank.verbs() == ["charge"]
    assert len(await cut_house.payments_of(merchant)) == 1


async def test_another_request_with_the_key_is_still_told_apart(cut_house: House) -> None:
    merchant = await cut_house.merchant()
    await cut_house.pay(merchant, key="k")
    with pytest.raises(Taken):
        await cut_house.pay(merchant, key="k")
    assert len(await cut_house.payments_of(merchant)) == 1


async def test_an_answer_whose_commit_is_lost_is_written_once(cut_house: House, cutting: Cutting) -> None:
    merchant = await cut_house.merchant()
    cutting.cuts = [False, True]
    paid = await cut_house.pay(merchant, key="k")
    assert paid == await cut_house.snapshot(merchant, paid.payment.id)
    kept = await cut_house.stored_key(merchant, "k")
    assert (kept["status"], kept["body"].encode()) == (201, cut_house.objects.payment(paid, livemode=False))


async def test_a_failover_whose_commit_is_lost_goes_on(cut_house: House, cutting: Cutting) -> None:
    """Nobody but this call knows of the attempt that was just written: it has to send it."""
    merchant = await cut_house.merchant()
    cut_house.bank.will("charge", decline())
    cutting.cuts = [False, True, True]
    paid = await cut_house.pay(merchant, key="k")
    assert paid.payment.status is Status.CAPTURED
    assert [one.processor for one in cut_house.bank.asked] == ["north", "south"]
    assert (await cut_house.stored_key(merchant, "k"))["status"] == 201


@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("cuts", [[True], [False, True], [True, True]], ids=["begin", "end", "both"])
async def test_an_operation_whose_commits_are_lost_is_done_once(
    cut_house: House, cutting: Cutting, key: str | None, cuts: list[bool]
) -> None:
    merchant = await cut_house.merchant()
    payment_id = await cut_house.authorized(merchant)
    cutting.cuts = list(cuts)
    taken = await cut_house.capture(merchant, payment_id, 600, key=key)
    assert (taken.payment.captured, taken.payment.capture_pending) == (600, 0)
    cutting.cuts = list(cuts)
    refunded = await cut_house.refund(merchant, payment_id, 100, key=key and "refund")
    assert refunded.state is OperationState.SUCCEEDED
    cutting.cuts = list(cuts)
    ended = await cut_house.cancel(merchant, payment_id, key=key and "cancel")
    assert (ended.payment.status, ended.payment.released) == (Status.CAPTURED, 400)
    assert cut_house.bank.verbs() == ["charge", "capture", "refund", "cancel"]
    if key:
        for one in (key, "refund", "cancel"):
            assert (await cut_house.stored_key(merchant, one))["status"] in (200, 201)


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_confirmation_whose_commits_are_lost_is_sent_once(
    cut_house: House, cutting: Cutting, key: str | None
) -> None:
    merchant = await cut_house.merchant()
    cut_house.bank.will("charge", no_funds())
    refused = await cut_house.pay(merchant)
    cutting.cuts = [True, True]
    paid = await cut_house.confirm(merchant, refused.payment.id, key=key)
    assert paid.payment.status is Status.CAPTURED
    assert cut_house.bank.verbs() == ["charge", "charge"]


@pytest.mark.parametrize("key", [None, "k"])
async def test_a_cancellation_whose_commit_is_lost_stands(
    cut_house: House, cutting: Cutting, key: str | None
) -> None:
    merchant = await cut_house.merchant()
    cut_house.bank.will("charge", no_funds())
    refused = await cut_house.pay(merchant)
    cutting.cuts = [True]
    canceled = await cut_house.cancel(merchant, refused.payment.id, key=key)
    assert canceled.payment.status is Status.CANCELED
    if key:
        assert (await cut_house.stored_key(merchant, key))["status"] == 200


async def test_evidence_whose_commits_are_lost_is_written_once(cut_house: House, cutting: Cutting) -> None:
    merchant = await cut_house.merchant()
    cut_house.bank.will("charge", Lost(ActionRequired("ref-1", "https://bank.example")))
    lost = await cut_house.pay(merchant)
    cutting.cuts = [True]
    await cut_house.settle(merchant, lost.payment.id)
    seen = await cut_house.snapshot(merchant, lost.payment.id)
    assert seen.payment.status is Status.REQUIRES_ACTION
    events = await cut_house.events(merchant, lost.payment.id)
    assert events == ["payment.created", "payment.unresolved", "payment.requires_action"]


async def test_a_commit_heard_of_too_late_is_left_to_those_who_took_it_over(
    cut_house: House, cutting: Cutting, database: Database
) -> None:
    """While the connection is down for longer than patience, the worker asks the processor, which burns the key."""
    merchant = await cut_house.merchant()
    bystander = cut_house.another_process(database)
    cutting.heard.clear()
    paying = asyncio.create_task(cut_house.pay(merchant))
    await cutting.committed.wait()
    found = await bystander.payments_of(merchant)
    await cut_house.wait(seconds=41)
    await bystander.settle(merchant, found[0].payment.id)
    cutting.heard.set()
    paid = await paying
    assert paid.payment.status is Status.FAILED
    assert paid.attempts[0].state is AttemptState.UNPROCESSED
    assert cut_house.bank.verbs() == ["lookup", "withdraw", "charge"]
    assert cut_house.bank.truth == {}


async def test_a_claim_is_not_kept_by_a_step_that_was_refused(cut_house: House) -> None:
    """Two processes capture at once: the one that is refused keeps no key, so the request may be made again."""
    merchant = await cut_house.merchant()
    payment_id = await cut_house.authorized(merchant)
    results = await asyncio.gather(
        cut_house.capture(merchant, payment_id, 1000, key="a"),
        cut_house.another_process().capture(merchant, payment_id, 1000, key="b"),
        return_exceptions=True,
    )
    (refused,) = [one for one in results if isinstance(one, Refusal)]
    assert refused.code in ("operation_under_way", "payment_unexpected_state")
    kept = [await cut_house.stored_key(merchant, key) for key in ("a", "b")]
    assert sorted(one is None for one in kept) == [False, True]
