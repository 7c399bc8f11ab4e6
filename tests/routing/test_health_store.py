"""Health shared by processes on one database: told once, taken over, taken up again, and never in the way."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import psycopg
from prometheus_client import CollectorRegistry
from tests.vault.house import House, Ticks

from recoup.db import Database
from recoup.events import store as events
from recoup.kit.ids import Kind, render, uuid7
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.merchants.flow import NewAccount
from recoup.outcomes.core import Approved, Outcome, Unknown, Unprocessed
from recoup.routing.api.health import RoutingHealthApi
from recoup.routing.core.breaker import PROBE_SHARE
from recoup.routing.core.words import Health
from recoup.routing.flow.health import ProcessorHealth
from recoup.routing.store import health as store

DOWN: Final = Unprocessed("HTTP 503")
UP: Final = Approved("r")


class Switched:
    """A database that can be away."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.is_away = True

    def __getattr__(self, name: str) -> Any:
        if self.is_away:
            raise psycopg.OperationalError("connection refused")
        return getattr(self.database, name)


class Shop:
    """A merchant with an account, and processes that serve it."""

    def __init__(self, house: House, merchant: Merchant, account: ProcessorAccount) -> None:
        self.house, self.merchant, self.account = house, merchant, account
        self.ticks = Ticks()
        self.registry = CollectorRegistry()

    @classmethod
    async def opened(cls, database: Database) -> Shop:
        house = House(database)
        merchant = (await house.merchant()).test
        return cls(house, merchant, await cls.account_of(house, merchant))

    @staticmethod
    async def account_of(house: House, merchant: Merchant) -> ProcessorAccount:
        credentials = {"api_key": Secret("a"), "webhook_secret": Secret("b")}
        new = NewAccount(connector="plain", label="Plain", credentials=credentials)
        async with house.database.transaction() as connection:
            return await house.accounts.create(connection, merchant, new, now=house.clock.now())

    def process(self, database: Any = None, **limits: int) -> ProcessorHealth:
        """Another process; the last one's metrics are in `registry`."""
        self.registry = CollectorRegistry()
        return ProcessorHealth(
            database or self.house.database,
            accounts=self.house.accounts,
            clock=self.house.clock,
            new_id=lambda: uuid7(self.house.clock.now(), os.urandom),
            registry=self.registry,
            monotonic=self.ticks,
            **limits,
        )

    def hear(
        self, process: ProcessorHealth, outcome: Outcome, *, times: int = 1, country: str | None = "US"
    ) -> None:
        for _ in range(times):
            now = self.house.clock.advance(timedelta(seconds=1))
            process.observe(
                self.merchant, self.account.id, outcome, latency_ms=200, issuer_country=country, at=now
            )

    def health(self, process: ProcessorHealth, *, country: str | None = "US") -> Health:
        return process.standing(
            self.merchant.id, self.account.id, issuer_country=country, at=self.house.clock.now()
        ).health

    async def told(self) -> list[Any]:
        """Types and contents of the events about the account."""
        found = await events.of_objects(
            self.house.database, merchant_id=self.merchant.id, object_ids=[self.account.id], limit=100
        )
        return [(one.type, one.data) for one in found]

    def figure(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(name, labels)
        assert value is not None
        return value


async def test_two_processes_see_one_outage_and_tell_it_once(database: Database) -> None:
    shop = await Shop.opened(database)
    one, two = shop.process(), shop.process()
    await one.refresh()
    await two.refresh()
    for process in (one, two):
        shop.hear(process, DOWN, times=8)
        assert shop.health(process) is Health.DEGRADED
    await one.refresh()
    await two.refresh()
    [(type_, told)] = await shop.told()
    assert type_ == "processor.degraded"
    assert told["processor_account"] == render(Kind.PROCESSOR_ACCOUNT, shop.account.id)
    assert (told["label"], told["scope"], told["health"], told["livemode"]) == (
        "Plain",
        "*",
        "degraded",
        False,
    )
    assert "technical failures" in told["why"] and told["evidence"]["failed"] >= 4
    shop.hear(one, UP, times=20)
    await one.refresh()
    await two.refresh()
    assert shop.health(two) is Health.GOOD
    assert [type_ for type_, _ in await shop.told()] == ["processor.degraded", "processor.recovered"]


async def test_a_process_that_saw_nothing_takes_it_over_within_one_look(database: Database) -> None:
    shop = await Shop.opened(database)
    saw, heard_of_it = shop.process(), shop.process()
    await heard_of_it.refresh()
    shop.hear(saw, DOWN, times=8, country=None)
    await saw.refresh()
    assert shop.health(heard_of_it) is Health.GOOD
    await heard_of_it.refresh()
    standing = heard_of_it.standing(
        shop.merchant.id, shop.account.id, issuer_country="DE", at=shop.house.clock.now()
    )
    assert standing.health is Health.DEGRADED and "technical failures" in standing.why
    assert shop.figure("recoup_processor_scopes_degraded") == 1
    shop.hear(heard_of_it, UP, times=20)
    await heard_of_it.refresh()
    await saw.refresh()
    assert shop.health(saw) is Health.GOOD
    assert len(await shop.told()) == 2


async def test_after_a_restart_what_is_stored_holds(database: Database) -> None:
    shop = await Shop.opened(database)
    before = shop.process()
    shop.hear(before, DOWN, times=8)
    await before.close()
    shop.house.clock.advance(timedelta(days=3))
    after = shop.process()
    await after.refresh()
    assert shop.health(after) is Health.DEGRADED
    shop.hear(after, UP, times=20)
    await after.refresh()
    again = shop.process()
    await again.refresh()
    assert shop.health(again) is Health.GOOD
    assert len(await shop.told()) == 2


async def test_without_a_database_breakers_work_and_the_news_waits(database: Database) -> None:
    shop = await Shop.opened(database)
    switched = Switched(database)
    process = shop.process(switched)
    shop.hear(process, DOWN, times=8)
    assert shop.health(process) is Health.DEGRADED
    await process.refresh()
    assert await shop.told() == []
    assert shop.figure("recoup_processor_health_writes_waiting") == 1
    assert shop.figure("recoup_processor_health_writes_failed_total") >= 1
    switched.is_away = False
    await process.refresh()
    assert [type_ for type_, _ in await shop.told()] == ["processor.degraded"]
    assert shop.figure("recoup_processor_health_writes_waiting") == 0


async def test_an_outage_that_ended_before_it_was_written_is_not_told(database: Database) -> None:
    shop = await Shop.opened(database)
    switched = Switched(database)
    process = shop.process(switched)
    shop.hear(process, DOWN, times=8)
    shop.hear(process, UP, times=20)
    switched.is_away = False
    await process.refresh()
    assert await shop.told() == [] and shop.health(process) is Health.GOOD


async def test_the_queue_has_a_bound_and_what_finds_it_full_is_counted(database: Database) -> None:
    shop = await Shop.opened(database)
    other = await Shop.account_of(shop.house, shop.merchant)
    process = shop.process(Switched(database), queued_max=1)
    shop.hear(process, DOWN, times=8)
    shop.account = other
    shop.hear(process, DOWN, times=8)
    assert shop.health(process) is Health.DEGRADED
    assert shop.figure("recoup_processor_health_writes_waiting") == 1
    assert shop.figure("recoup_processor_health_changes_dropped_total") == 1
    shop.hear(process, UP, times=20)
    assert len(process._writer) == 1


async def test_accounts_in_memory_have_a_bound(database: Database) -> None:
    shop = await Shop.opened(database)
    process = shop.process(accounts_max=3)
    for number in range(10):
        process.observe(
            shop.merchant,
            UUID(int=number),
            DOWN,
            latency_ms=1,
            issuer_country="US",
            at=shop.house.clock.now(),
        )
    assert len(process._held) == 3


async def test_a_country_s_outage_leaves_the_account_to_others(database: Database) -> None:
    shop = await Shop.opened(database)
    process, other = shop.process(), shop.process()
    await other.refresh()
    for _ in range(8):
        shop.hear(process, UP, country="DE", times=3)
        shop.hear(process, DOWN, country="US")
    await process.refresh()
    await other.refresh()
    for each in (process, other):
        assert shop.health(each, country="US") is Health.DEGRADED
        assert shop.health(each, country="DE") is Health.GOOD
    [(_, told)] = await shop.told()
    assert told["scope"] == "US"


async def test_requests_that_hang_open_the_breaker_before_they_time_out(database: Database) -> None:
    shop = await Shop.opened(database)
    process = shop.process()
    shop.hear(process, UP, times=300)
    hanging = [
        process.asked(shop.merchant, shop.account.id, issuer_country="US", at=shop.house.clock.now())
        for _ in range(15)
    ]
    assert shop.health(process) is Health.GOOD
    shop.ticks.seconds += 3
    assert shop.health(process) is Health.DEGRADED
    was = process._held[shop.merchant.id, shop.account.id].health.whole
    for asked in hanging:
        process.observe(
            shop.merchant,
            shop.account.id,
            UP,
            latency_ms=3000,
            issuer_country="US",
            at=shop.house.clock.now(),
            asked=asked,
        )
    now = process._held[shop.merchant.id, shop.account.id].health.whole
    assert (now.answers, now.failed) == (was.answers, was.failed), "they were counted already"


async def test_an_account_that_falls_silent_is_passed_over_before_anything_is_overdue(
    database: Database,
) -> None:
    """Nothing is told of it, and the first answer ends it: its breaker has not opened."""
    shop = await Shop.opened(database)
    process = shop.process()
    shop.hear(process, UP, times=300)
    now = shop.house.clock.now()
    hanging = [process.asked(shop.merchant, shop.account.id, issuer_country="US", at=now) for _ in range(10)]
    assert shop.health(process) is Health.GOOD
    shop.ticks.seconds += 0.5
    assert shop.health(process) is Health.DEGRADED
    assert shop.figure("recoup_processor_passed_over_while_silent_total") == 1
    await process.refresh()
    assert await shop.told() == []
    for outcome, then in ((Unknown("no answer"), Health.DEGRADED), (UP, Health.GOOD)):
        process.observe(
            shop.merchant,
            shop.account.id,
            outcome,
            latency_ms=500,
            issuer_country="US",
            at=now,
            asked=hanging.pop(),
        )
        assert shop.health(process) is then


async def test_what_answers_in_time_is_not_overdue(database: Database) -> None:
    shop = await Shop.opened(database)
    process = shop.process()
    shop.hear(process, UP, times=300)
    for _ in range(50):
        now = shop.house.clock.now()
        asked = process.asked(shop.merchant, shop.account.id, issuer_country="US", at=now)
        shop.ticks.seconds += 0.5
        process.observe(
            shop.merchant,
            shop.account.id,
            UP,
            latency_ms=500,
            issuer_country="US",
            at=now,
            asked=asked,
        )
    shop.ticks.seconds += 60
    await process.refresh()
    assert shop.health(process) is Health.GOOD
    assert not process._held[shop.merchant.id, shop.account.id].waiting


async def test_a_probe_share_is_offered_after_a_while(database: Database) -> None:
    shop = await Shop.opened(database)
    process = shop.process()
    shop.hear(process, DOWN, times=8)
    shop.house.clock.advance(timedelta(seconds=30))
    standing = process.standing(
        shop.merchant.id, shop.account.id, issuer_country="US", at=shop.house.clock.now()
    )
    assert standing.probe_share == PROBE_SHARE


async def test_a_fault_of_ours_does_not_reach_a_payment(database: Database) -> None:
    shop = await Shop.opened(database)
    process = shop.process()
    nonsense: Any = object()
    process.observe(
        shop.merchant, shop.account.id, nonsense, latency_ms=1, issuer_country=None, at=shop.house.clock.now()
    )
    shop.hear(process, DOWN, times=8)
    assert (
        process.standing(shop.merchant.id, shop.account.id, issuer_country="US", at=nonsense).health
        is Health.GOOD
    )


async def test_the_same_change_is_written_once(database: Database) -> None:
    shop = await Shop.opened(database)
    row = store.StoredHealth(
        merchant_id=shop.merchant.id,
        processor_account_id=shop.account.id,
        scope="*",
        health=Health.DEGRADED,
        since=shop.house.clock.now(),
        why="it is down",
        evidence={"failed": 5},
        version=0,
        changed_at=shop.house.clock.now(),
    )
    async with database.transaction() as connection:
        assert await store.recover(connection, row) is None
        assert await store.degrade(connection, row) == 1
        assert await store.degrade(connection, row) is None
        assert await store.recover(connection, row) == 2
        assert await store.recover(connection, row) is None
        assert await store.degrade(connection, row) == 3
    [kept] = await store.of_merchant(database, merchant_id=shop.merchant.id, limit=10)
    assert (kept.version, kept.health, kept.evidence) == (3, Health.DEGRADED, {"failed": 5})


async def test_accounts_are_listed_with_their_health(database: Database) -> None:
    shop = await Shop.opened(database)
    await Shop.account_of(shop.house, shop.merchant)
    process = shop.process()
    for _ in range(8):
        shop.hear(process, UP, country="DE", times=3)
        shop.hear(process, DOWN, country="US")
    await process.refresh()
    call: Any = type("Call", (), {"merchant": shop.merchant})
    listed = await RoutingHealthApi(process, shop.house.accounts.accounts_of).page(call)
    found = [(one.processor_account, one.scope, one.health) for one in listed.data]
    name = render(Kind.PROCESSOR_ACCOUNT, shop.account.id)
    assert found[:2] == [(name, "*", Health.GOOD), (name, "US", Health.DEGRADED)]
    assert len(found) == 3 and listed.data[0].since is None and listed.data[1].since is not None
