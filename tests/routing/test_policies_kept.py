"""Policies are kept in versions that never change; one is in force; what a process remembers is never old for long."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from tests.routing.policies import ACCOUNTS, ALPHA, BRAVO, Account, facts
from tests.vault.house import START, House

from recoup.db import Connection, Database, Queries
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.routing.core.policy_reading import Format
from recoup.routing.flow.policies import Held, RoutingPolicies

FIRST = 'default.ordered = ["alpha"]'
SECOND = 'default.ordered = ["bravo"]'


class Book:
    """The merchant's accounts, as they are called at the moment."""

    def __init__(self) -> None:
        self.accounts: tuple[Account, ...] = ACCOUNTS

    async def accounts_of(self, _: UUID, *, queries: Queries | None = None) -> Sequence[Account]:
        """All of them."""
        assert queries is not None, "within a transaction nobody waits for another connection"
        return self.accounts


class Office:
    """A merchant with policies, and a clock that stands still unless it is moved."""

    def __init__(self, database: Database, house: House, merchant: Merchant) -> None:
        self.database, self.merchant, self.book, self.seconds = database, merchant, Book(), 0.0
        self._new_id = house.new_id
        self.policies = self.process()

    def process(self) -> RoutingPolicies:
        """A process of its own, with a memory of its own."""
        return RoutingPolicies(
            self.database, accounts=self.book, new_id=self._new_id, monotonic=lambda: self.seconds
        )

    async def save(self, text: str, *, note: str | None = None) -> Held:
        """One version more."""

        async def work(connection: Connection) -> Held:
            return await self.policies.save(
                connection,
                self.merchant,
                text,
                Format.TOML,
                note=note,
                created_by="key_1",
                now=START,
            )

        return await self.database.retrying(work)

    async def first(
        self, process: RoutingPolicies | None = None, *, version: int | None = None
    ) -> UUID | None:
        """Which account the policy puts first; None where it names none."""
        ruled = await (process or self.policies).ruled(self.merchant.id, facts(), ACCOUNTS, version=version)
        return None if ruled is None else next(iter(ruled.ruling.order), None)


@pytest.fixture
async def office(database: Database) -> Office:
    house = House(database)
    return Office(database, house, (await house.merchant()).test)


async def test_without_a_policy_there_is_no_ruling(office: Office) -> None:
    assert await office.policies.ruled(office.merchant.id, facts(), ACCOUNTS, version=None) is None
    assert await office.policies.in_force(office.merchant.id) is None


async def test_a_process_goes_by_what_it_saved_at_once_and_others_soon(office: Office) -> None:
    other = office.process()
    await office.save(FIRST)
    assert await office.first(other) == ALPHA
    await office.save(SECOND)
    assert await office.first() == BRAVO
    assert await office.first(other) == ALPHA, "it remembers for a moment"
    office.seconds += 2.1
    assert await office.first(other) == BRAVO


async def test_any_version_can_be_asked_whatever_is_in_force(office: Office) -> None:
    await office.save(FIRST)
    await office.save(SECOND)
    assert [await office.first(version=version) for version in (1, 2)] == [ALPHA, BRAVO]
    assert [await office.policies.exists(office.merchant.id, one) for one in (1, 2, 3)] == [True, True, False]
    with pytest.raises(Refusal):
        await office.first(version=3)


async def test_a_version_means_what_it_meant_when_it_was_saved(office: Office) -> None:
    """A label that is given to another account later moves no payment."""
    await office.save(FIRST)
    office.book.accounts = tuple(
        replace(one, label={"alpha": "bravo", "bravo": "alpha"}.get(one.label, one.label)) for one in ACCOUNTS
    )
    assert await office.first(office.process()) == ALPHA
    await office.save(FIRST)
    assert await office.first() == BRAVO


async def test_versions_are_numbered_without_gaps_however_many_save_at_once(office: Office) -> None:
    held = await asyncio.gather(*(office.save(FIRST, note=str(number)) for number in range(8)))
    assert sorted(one.saved.version for one in held) == list(range(1, 9))
    listed = await office.policies.page(office.merchant.id, after=None, before=None, limit=20)
    assert [one.saved.version for one in listed] == list(range(8, 0, -1))
    assert [one.activation is not None for one in listed] == [True] + [False] * 7
    newer = await office.policies.page(office.merchant.id, after=None, before=6, limit=2)
    assert [one.saved.version for one in newer] == [7, 8]


async def test_a_wrong_policy_leaves_nothing_behind(office: Office) -> None:
    await office.save(FIRST)
    with pytest.raises(Refusal) as refused:
        await office.save('default.ordered = ["nobody"]')
    assert (refused.value.code, refused.value.param) == ("invalid_policy", "default.ordered[0]")
    assert (await office.save(SECOND)).saved.version == 2


async def test_an_activation_names_a_version_that_is_there(office: Office) -> None:
    """The database itself keeps it."""
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        await office.database.execute(
            """
            insert into routing_policy_activations (merchant_id, sequence, version, activated_at)
            values (%(merchant_id)s, 1, 1, %(at)s)
            """,
            {"merchant_id": office.merchant.id, "at": START},
        )
