"""Asking processors about disputes: pages, failures, death in between, and what a dispute is read again for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from tests.disputes.desk import Court, Desk
from tests.disputes.tidings import stories, tidings
from tests.payments.bank import LATENCY_MS, FakeConnector, capabilities
from tests.payments.house import House
from tests.webhooks.telling import cases

from recoup.connectors.base import (
    Account,
    Connector,
    DisputePage,
    DisputeState,
    ListDisputes,
    Notice,
    ReadDispute,
)
from recoup.db import Database
from recoup.disputes.core.folding import folded, tells
from recoup.disputes.core.machine import Status
from recoup.disputes.core.records import Tidings
from recoup.disputes.core.walking import OVERLAP
from recoup.gateway.calls import Timed
from recoup.kit.refusals import Refusal
from recoup.outcomes.core import Unknown

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


class Archive(Court):
    """A processor with a list of disputes: `shows` are the answers to come, then there is nothing new."""

    def __init__(self) -> None:
        super().__init__()
        self.shows: deque[Any] = deque()
        self.listed: list[ListDisputes] = []
        self.read: dict[str, Notice] = {}
        self.read_of: list[ReadDispute] = []

    async def list_disputes(
        self, connector: Connector, account: Account, asked: ListDisputes, *, account_id: object
    ) -> Timed[Any]:
        """As a gateway."""
        self.listed.append(asked)
        answer = self.shows.popleft() if self.shows else DisputePage(())
        if isinstance(answer, BaseException):
            raise answer
        return Timed(answer, LATENCY_MS)

    async def read_dispute(
        self, connector: Connector, account: Account, asked: ReadDispute, *, account_id: object
    ) -> Timed[Any]:
        """As a gateway."""
        self.read_of.append(asked)
        return Timed(self.read.get(asked.reference, Unknown("no such dispute")), LATENCY_MS)


@pytest.fixture
async def desk(database: Database) -> AsyncIterator[Desk]:
    """At a processor that can be asked, where something was paid."""
    archive = Archive()
    house = House(database, bank=archive)
    merchant = await listing(house).merchant("north")
    accounts = await house.accounts.accounts_of(merchant.id)
    made = Desk(house, archive, merchant, accounts[0].id)
    yield made
    assert await made.findings() == []
    await house.close()


def listing(house: House) -> House:
    """The same, where the processor can be asked."""
    known = cast(dict[str, Connector], house.around.connectors)
    known["north"] = cast(Connector, FakeConnector("north", capabilities(), lists_disputes=True))
    return house


def archive_of(desk: Desk) -> Archive:
    assert isinstance(desk.court, Archive)
    return desk.court


async def turn(desk: Desk, *, house: House | None = None) -> timedelta:
    """One turn of asking; how long until the next."""
    asking = (house or desk.house).disputed.asking
    again = await asking.ask(desk.merchant, desk.account_id, desk.house.now)
    assert again is not None
    return again - desk.house.now


async def test_an_account_is_asked_once_something_was_paid(desk: Desk) -> None:
    asking = desk.house.disputed.asking
    assert await asking.follow(desk.merchant.id) == 0
    await desk.paid()
    assert await asking.follow(desk.merchant.id) == 1
    assert await asking.follow(desk.merchant.id) == 0, "once"
    assert await listing(desk.house.another_process()).disputed.asking.follow(desk.merchant.id) == 0


async def test_what_is_found_is_heard_and_the_next_walk_begins_where_this_one_did(desk: Desk) -> None:
    paid, archive = await desk.paid(), archive_of(desk)
    await desk.house.disputed.asking.begin(desk.merchant)
    first = desk.house.now  # the account is as young as that
    archive.shows.extend(
        [
            DisputePage((desk.notice(DisputeState.OPENED, paid=paid),), "more"),
            DisputePage((desk.notice(DisputeState.LOST, paid=paid, reference="du_2"),)),
        ]
    )
    assert await turn(desk) == 6 * HOUR
    assert [one.cursor for one in archive.listed] == [None, "more"]
    assert archive.listed[0].since == first - OVERLAP
    assert (await desk.named("du_1")).payment_id == paid.payment.id
    assert (await desk.named("du_2")).status is Status.LOST
    desk.house.clock.advance(6 * HOUR)
    waits = [await turn(desk) for _ in range(5)]
    assert waits == [6 * HOUR, 12 * HOUR, DAY, DAY, DAY], "more seldom while nothing is found"
    assert archive.listed[2].since == first - OVERLAP


async def test_a_page_that_cannot_be_used_is_asked_for_again_and_nothing_counts_as_known(desk: Desk) -> None:
    await desk.paid()
    archive, first = archive_of(desk), desk.house.now
    await desk.house.disputed.asking.begin(desk.merchant)
    archive.shows.extend([DisputePage((), "more"), *[Unknown("no readable answer")] * 4])
    assert [await turn(desk) for _ in range(4)] == [timedelta(minutes=5 * 2**n) for n in range(4)]
    assert [one.cursor for one in archive.listed] == [None, "more", "more", "more", None], (
        "then from its start"
    )
    assert {one.since for one in archive.listed} == {first - OVERLAP}
    drift = await desk.house.call("GET", "/v1/audit/drift", key=await desk.house.key_of(desk.merchant))
    [shown] = drift.json["disputes_not_listed"]
    assert (shown["failures"], shown["why"]) == (4, "no readable answer")
    await desk.house.disputed._count_failing()
    figures = desk.house.registry.get_sample_value
    assert figures("recoup_dispute_walks_failing") == 1
    assert figures("recoup_disputes_not_listed_total", {"connector": "north"}) == 4
    archive.shows.append(DisputePage((), "circle"))
    archive.shows.append(DisputePage((), "circle"))
    assert await turn(desk) > timedelta(0)
    assert archive.listed[-1].cursor == "circle"


async def test_who_dies_between_two_pages_goes_on_there(desk: Desk) -> None:
    paid, archive = await desk.paid(), archive_of(desk)
    await desk.house.disputed.asking.begin(desk.merchant)
    opened = desk.notice(DisputeState.OPENED, paid=paid)
    archive.shows.extend([DisputePage((opened,), "more"), asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        await turn(desk)
    archive.shows.append(DisputePage((desk.notice(DisputeState.OPENED, paid=paid, reference="du_2"),)))
    await turn(desk, house=listing(desk.house.another_process()))
    assert archive.listed[-1].cursor == "more"
    assert len(await desk.all()) == 2


async def test_two_at_once_find_everything_once(desk: Desk) -> None:
    paid, archive = await desk.paid(), archive_of(desk)
    await desk.house.disputed.asking.begin(desk.merchant)
    page = DisputePage((desk.notice(DisputeState.OPENED, paid=paid),))
    archive.shows.extend([page, page])
    await asyncio.gather(turn(desk), turn(desk, house=listing(desk.house.another_process())))
    (dispute,) = await desk.all()
    assert await desk.events(dispute) == ["dispute.opened"]


async def test_a_dispute_of_which_nothing_is_heard_is_read_and_after_its_end_again(desk: Desk) -> None:
    paid, archive, asking = await desk.paid(), archive_of(desk), desk.house.disputed.asking
    opened = await desk.told(DisputeState.OPENED, paid=paid)
    archive.read["du_1"] = desk.notice(DisputeState.OPENED, paid=paid, hours=1)
    desk.house.clock.advance(7 * HOUR)
    again = await asking.reread(desk.merchant, opened.id, desk.house.now)
    assert again == desk.house.now + 7 * HOUR
    assert (await desk.named()).version == opened.version, "it stands as it did"
    archive.read["du_1"] = desk.notice(DisputeState.WON, paid=paid, hours=2)
    assert await asking.reread(desk.merchant, opened.id, desk.house.now) == desk.house.now + DAY
    assert (await desk.named()).status is Status.WON
    desk.house.clock.advance(31 * DAY)
    assert await asking.reread(desk.merchant, opened.id, desk.house.now) is None


async def test_asking_now_says_where_it_fails(desk: Desk) -> None:
    opened = await desk.told(DisputeState.OPENED, paid=await desk.paid())
    with pytest.raises(Refusal, match="did not say"):
        await desk.disputes.sync(desk.merchant, opened.id)
    archive_of(desk).read["du_1"] = replace(desk.notice(DisputeState.OPENED), meaning=None)
    assert await desk.disputes.sync(desk.merchant, opened.id) == opened


async def test_an_end_found_by_asking_against_one_that_was_told_opens_one_case(desk: Desk) -> None:
    """The newer counts, whichever way it was learnt; a person is told once, and once only."""
    paid, archive = await desk.paid(), archive_of(desk)
    dispute = await desk.told(DisputeState.WON, paid=paid, hours=2)
    for state, hours in ((DisputeState.LOST, 1), (DisputeState.LOST, 1.5), (DisputeState.WON, 3)):
        archive.read["du_1"] = desk.notice(state, paid=paid, hours=hours)
        await desk.disputes.sync(desk.merchant, dispute.id)
    assert (await desk.named()).status is Status.WON
    await desk.house.work()
    assert await cases(desk.house, desk.merchant) == [("contradiction", f"{desk.shown(dispute)}:won:lost")]
    archive.shows.append(DisputePage((desk.notice(DisputeState.LOST, paid=paid, hours=1),)))
    await desk.house.disputed.asking.begin(desk.merchant)
    await turn(desk)
    await desk.house.work()
    [case] = await desk.house.audit_cases.page(desk.merchant, state=None, after=None, before=None, limit=9)
    assert case.object_id == paid.payment.id and "Look the dispute up" in case.remedy


@given(stories, tidings)
def test_what_is_found_is_kept_where_it_changes_what_is_known(news: list[Tidings], one: Tidings) -> None:
    """And only there: a dispute that is asked about for a year keeps no more than it went through."""
    after = folded([*news, one])
    kept = replace(after, occurred_at=None, contradicts=None)
    if not tells(news, one):
        assert kept == replace(folded(news), occurred_at=None, contradicts=None)
    assert not tells([*news, one], one)
