"""A payment over a link whose answer never comes: reversed by whoever is there, until that is acknowledged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from tests.gateway.links import LINK, Caller, Host, approval
from tests.payments.bank import Bank
from tests.payments.house import START, House
from tests.vault.house import master

from recoup.app import Service, Surroundings
from recoup.connectors.base import iso8583
from recoup.db import Database
from recoup.kit.clock import ManualClock
from recoup.kit.ids import Kind, render
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.merchants.flow import NewAccount
from recoup.payments.core import OperationState, Status
from recoup.payments.flow import Tools
from recoup.payments.flow.tools import operation_key
from recoup.settings import Settings


class Linked(House):
    """A process that speaks to an acquirer through the real gateway."""

    def __init__(self, database: Database, clock: ManualClock) -> None:
        self.bank, self.clock = Bank(), clock
        self.merchants_made, self.told = [], []
        self._is_listened = lambda fact, payment: False
        self._edge = None
        around = Surroundings(
            database=database,
            clock=clock,
            master=master(),
            connectors={LINK.name: LINK},
            sandbox_url=lambda: "http://127.0.0.1:1",
        )
        Service.__init__(self, Settings(), around)

    def _tools(self) -> Tools:
        return Service._tools(self)

    async def at(self, host: Host) -> Merchant:
        """A merchant with an account at that acquirer."""
        transport, _, place = host.url.partition("://")
        address, _, port = place.partition(":")
        said = {
            "transport": transport,
            "host": address,
            "port": port,
            "acquirer_id": "412345",
            "terminal_id": "RECOUP01",
            "merchant_id": "SHOP1",
        }
        pair = await self.merchants.create("linked", now=self.now)
        async with self.database.transaction() as connection:
            new = NewAccount(LINK.name, "Acquirer", {name: Secret(value) for name, value in said.items()})
            await self.accounts.create(connection, pair.test, new, now=self.now)
        self.merchants_made.append(pair.test)
        return pair.test


@asynccontextmanager
async def process(database: Database, clock: ManualClock) -> AsyncIterator[Linked]:
    """One that starts, works, and is gone with all that it remembered."""
    linked = Linked(database, clock)
    await linked.open()
    yield linked
    await linked.close()


@pytest.fixture
async def clock(database: Database) -> ManualClock:
    await database.execute("delete from due where slot >= 0")  # what earlier tests left behind
    return ManualClock(START)


class Acquirer:
    """Hangs up on what it is told to, and approves the rest."""

    def __init__(self, *deaf_to: str) -> None:
        self._deaf_to = list(deaf_to)
        self.heard: list[dict[str, str]] = []

    async def __call__(self, caller: Caller) -> None:
        """The line on one connection."""
        while True:
            said = await caller.money()
            self.heard.append(said)
            if self._deaf_to and said["t"] == self._deaf_to[0]:
                self._deaf_to.pop(0)
                await caller.hang_up()
                return
            await caller.tell(approval(said))

    @property
    def types(self) -> list[str]:
        """The types of what it heard."""
        return [said["t"] for said in self.heard]


async def test_it_is_reversed_by_another_process_until_that_is_acknowledged(
    database: Database, clock: ManualClock
) -> None:
    acquirer = Acquirer("0200", "0420", "0421")
    async with Host(acquirer) as host:
        async with process(database, clock) as first:
            merchant = await first.at(host)
            lost = await first.pay(merchant)
            assert lost.payment.status is Status.UNRESOLVED
        async with process(database, clock) as second:
            second.merchants_made.append(merchant)
            for waited in (2, 5):
                await second.wait(seconds=waited)
                await second.work()
                assert (await second.snapshot(merchant, lost.payment.id)).payment.status is Status.UNRESOLVED
            await second.wait(seconds=10)
            await second.work()
            ended = await second.snapshot(merchant, lost.payment.id)
            await second.check_rows()
    assert ended.payment.status is Status.FAILED
    assert acquirer.types == ["0200", "0420", "0421", "0421"]
    sale, *reversals = acquirer.heard
    for said in reversals:
        assert said["90"][4:20] == sale["11"] + sale["7"]
        assert (said["37"], said["4"], said["49"]) == (sale["37"], sale["4"], sale["49"])
        key = render(Kind.ATTEMPT, ended.attempts[0].id)
        assert iso8583.subelements(said["48"]) == {iso8583.KEY: key, iso8583.ORIGINAL_KEY: key}


@pytest.mark.parametrize(
    ("change", "type_", "state", "status"),
    [
        ("capture", "0220", OperationState.FAILED, Status.AUTHORIZED),
        ("cancel", "0400", OperationState.SUCCEEDED, Status.CANCELED),
    ],
)
async def test_a_lost_capture_is_reversed_and_a_lost_cancellation_is_finished(
    database: Database, clock: ManualClock, *, change: str, type_: str, state: OperationState, status: Status
) -> None:
    acquirer = Acquirer(type_)
    async with Host(acquirer) as host, process(database, clock) as linked:
        merchant = await linked.at(host)
        payment_id: UUID = await linked.authorized(merchant)
        await getattr(linked, change)(merchant, payment_id)
        await linked.wait(seconds=2)
        await linked.work()
        ended = await linked.snapshot(merchant, payment_id)
        await linked.check_rows()
    (operation,) = ended.operations
    assert (operation.state, ended.payment.status) == (state, status)
    assert acquirer.types == ["0100", type_, "0420"]
    private = iso8583.subelements(acquirer.heard[-1]["48"]) or {}
    assert private[iso8583.KEY] == operation_key(operation)
