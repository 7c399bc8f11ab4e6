"""Subscriptions taken in on a real database: once each, broken off and gone on, by two at once, and then billed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final
from uuid import UUID

import pytest
from tests.billing.cases import LINKS, START
from tests.billing.office import Office
from tests.vault.house import card, dump

from recoup.billing import store
from recoup.billing.core.importing.drafting import BATCH
from recoup.billing.core.importing.judging import Outcome, What
from recoup.billing.core.importing.lines import Options, Read, Row, Warn
from recoup.billing.core.records import ManagedBy, Subscription
from recoup.billing.core.step import CYCLE
from recoup.billing.flow.importing import SubscriptionImports
from recoup.billing.flow.writing import Scribe
from recoup.db import Database
from recoup.kit.ids import Kind, render
from recoup.kit.secret import Secret
from recoup.merchants.flow import NewAccount
from recoup.vault.core import CustomerDetails
from recoup.vault.flow.newcomers import Newcomers

OPTIONS: Final = Options(source="old", livemode=False, hour=9)
TABLES: Final = (
    "billing_names",
    "customers",
    "data_keys",
    "due",
    "events",
    "payment_methods",
    "plans",
    "processor_tokens",
    "subscriptions",
)


class Hall(Office):
    """Billing with what takes subscriptions in, and a processor account that charges tokens."""

    account: str

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.plain.capabilities = replace(self.plain.capabilities, processor_tokens=True)
        self.newcomers = Newcomers(
            database, customers=self.customers, tokens=self.tokens, vault=self.vault, new_id=self.new_id
        )
        self.imports = SubscriptionImports(
            database,
            newcomers=self.newcomers,
            accounts=self.accounts,
            cycles=self.cycles,
            scribe=Scribe(self.new_id, LINKS),
        )

    async def connect(self) -> None:
        """An account at a processor."""
        given = NewAccount("plain", "Plain", {name: Secret("x") for name in self.plain.credentials})
        async with self.database.transaction() as connection:
            made = await self.accounts.create(connection, self.us, given, now=START)
        self.accounts._remembered.forget(self.us.id)
        self.account = render(Kind.PROCESSOR_ACCOUNT, made.id)

    def row(self, number: int, **cells: str) -> Row:
        """A line: monthly, from the last of February on, by a token."""
        given = {
            "id": f"s-{number}",
            "customer": f"user-{number}",
            "plan": "Pro",
            "amount": "3000",
            "currency": "USD",
            "interval": "month",
            "next_billing": "2027-02-28",
            "anchor_day": "31",
            "token": f"tok_{number}",
            "processor_account": self.account,
        }
        return Row(number, {name: text for name, text in (given | cells).items() if text})

    async def take(self, rows: Iterable[Read], options: Options = OPTIONS) -> list[Outcome]:
        """Take lines in."""
        now = self.clock.now()
        return [one async for one in self.imports.take_in(self.us, options, rows, now=now)]

    async def look(self, rows: Iterable[Read], options: Options = OPTIONS) -> list[Outcome]:
        """What taking them in would do."""
        now = self.clock.now()
        return [one async for one in self.imports.look_over(self.us, options, rows, now=now)]

    async def counted(self) -> dict[str, int]:
        """How many rows there are of what an import writes."""
        found = {}
        for table in TABLES:
            query = f"select count(*) as n from {table} where merchant_id = %(id)s"
            (row,) = await self.database.fetch_all(query, {"id": self.us.id})
            found[table] = row["n"]
        return found

    async def all(self) -> list[Subscription]:
        """All subscriptions, in the order of their customers' names."""
        rows = await self.database.fetch_all(
            """
            select s.id from subscriptions s join customers c on c.merchant_id = s.merchant_id and c.id = s.customer_id
            where s.merchant_id = %(id)s order by c.merchant_reference
            """,
            {"id": self.us.id},
        )
        return [await self.subscriptions.get(self.us, row["id"]) for row in rows]


@pytest.fixture
async def hall(database: Database) -> Hall:
    hall = Hall(database)
    await hall.settle_in()
    await hall.connect()
    return hall


def whats(outcomes: Sequence[Outcome]) -> list[str]:
    return [one.what.value for one in outcomes]


def first_day(outcome: Outcome) -> tuple[date, int]:
    return outcome.charges[0].on, outcome.charges[0].amount


async def test_a_look_writes_nothing_and_says_what_the_deed_does(hall: Hall) -> None:
    rows: list[Read] = [
        hall.row(1),
        hall.row(2, next_billing="2027-01-15", anchor_day=""),
        hall.row(3, customer="user-1", plan="Max", amount="9000"),
        hall.row(4, token="tok_1"),
        hall.row(5, processor_account="", token=""),
        hall.row(6, processor_account=render(Kind.PROCESSOR_ACCOUNT, UUID(int=5))),
        hall.row(7, exp_month="1", exp_year="2027"),
    ]
    before = await hall.counted()
    looked = await hall.look(rows)
    assert await hall.counted() == before
    done = await hall.take(rows)
    assert [replace(one, charges=()) for one in looked] == [replace(one, charges=()) for one in done]
    assert [one.charges for one in looked] == [one.charges for one in done]
    assert whats(done) == ["created", "refused", "created", "refused", "created", "refused", "created"]
    assert [one.column for one in done if one.column] == ["next_billing", "token", "processor_account"]
    assert [first_day(one) for one in done if one.charges][:2] == [
        (date(2027, 2, 28), 3000),
        (date(2027, 2, 28), 9000),
    ]
    assert Warn.NO_PAYMENT_METHOD in done[4].warnings and Warn.CARD_EXPIRED in done[6].warnings
    after = await hall.counted()
    made = {table: after[table] - before[table] for table in TABLES}
    assert (made["subscriptions"], made["due"]) == (4, 2 * 4), (
        "the next cycle of each, and the look ahead of it"
    )
    assert (made["customers"], made["plans"]) == (3, 1), "none for what was refused; Pro was there"
    assert made["payment_methods"] == made["processor_tokens"] == 3
    assert made["events"] == 4 + 3 + 1 + 2 * 3
    assert "tok_1" not in await dump(hall.database)


async def test_an_import_that_is_broken_off_goes_on_and_makes_nothing_twice(hall: Hall) -> None:
    """Killed after a batch, given again by two at once, and once more."""
    rows = [hall.row(n, customer=f"user-{n // 2:04}", token=f"tok_{n // 2}") for n in range(BATCH + 60)]
    broken_off = hall.imports.take_in(hall.us, OPTIONS, iter(rows), now=START)
    begun = [await anext(broken_off) for _ in range(BATCH)]
    await broken_off.aclose()
    assert set(whats(begun)) == {"created"}
    other = Hall(hall.database)
    other.us = hall.us
    both = await asyncio.gather(hall.take(rows), other.take(rows))
    created = sum(one.what is What.CREATED for done in both for one in done)
    assert created == 60 and {one.what for done in both for one in done} == {What.CREATED, What.SKIPPED}
    assert set(whats(await hall.take(rows))) == {"skipped"}
    found = await hall.counted()
    assert (found["subscriptions"], found["due"]) == (len(rows), 2 * len(rows))
    assert found["customers"] == 1 + len(rows) // 2
    assert (found["payment_methods"], found["plans"]) == (len(rows) // 2, 1)


async def test_what_came_in_is_charged_on_its_day_and_not_before(hall: Hall) -> None:
    await hall.take([hall.row(1), hall.row(2, next_billing="2027-02-10", anchor_day="", quantity="2")])
    one, two = await hall.all()
    assert one.payment_method_id is not None
    method = await hall.methods.get(hall.us.id, one.payment_method_id)
    opened = await hall.tokens.open(hall.us.id, method)
    assert [token.value.reveal() for token in opened.values()] == ["tok_1"]
    assert method.network_transaction_id is None
    due = await hall.database.fetch_all(
        "select object_id, due_at from due where merchant_id = %(id)s and kind = %(kind)s order by due_at",
        {"id": hall.us.id, "kind": CYCLE},
    )
    assert [(row["object_id"], row["due_at"]) for row in due] == [
        (two.id, two.next_at),
        (one.id, one.next_at),
    ]
    await hall.cycles.open_due(hall.us, [one.id, two.id], START + timedelta(days=9))
    assert [each.opened for each in await hall.all()] == [0, 0]
    assert one.next_at is not None
    await hall.cycles.open_due(hall.us, [one.id, two.id], one.next_at)
    one, two = await hall.all()
    assert one.latest_invoice_id is not None and two.latest_invoice_id is not None
    bills = [await hall.invoices.get(hall.us, id_) for id_ in (one.latest_invoice_id, two.latest_invoice_id)]
    assert [(bill.amount_due, bill.due_at) for bill in bills] == [
        (3000, START.replace(month=2, day=28, hour=9)),
        (6000, START.replace(month=2, day=10, hour=9)),
    ]
    again = await hall.take([hall.row(1, amount="3500"), hall.row(2)])
    assert [one.why for one in again] == ["is billed here already: change it here"] * 2


async def test_a_shadow_follows_the_file_until_a_file_hands_it_over(hall: Hall) -> None:
    shadow = replace(OPTIONS, managed_by=ManagedBy.OUTSIDE)
    assert whats(await hall.take([hall.row(1), hall.row(2)], shadow)) == ["created"] * 2
    assert [(one.next_at, one.payment_method_id) for one in await hall.all()] == [(None, None)] * 2
    hall.clock.advance(timedelta(days=35))
    later = [hall.row(n, next_billing="2027-03-31", amount="3100") for n in (1, 2)]
    assert whats(await hall.take(later, shadow)) == ["updated"] * 2
    done = await hall.take(later)
    assert whats(done) == ["updated"] * 2 and first_day(done[0]) == (date(2027, 3, 31), 3100)
    one, two = await hall.all()
    assert one.managed_by is ManagedBy.RECOUP and one.payment_method_id is not None
    assert one.next_at == START.replace(month=3, day=31, hour=9)
    found = await hall.counted()
    assert (found["payment_methods"], found["due"]) == (2, 2 * 2)
    async with hall.database.transaction() as connection:
        await hall.subscriptions.update(
            connection, hall.us, two.id, {"description": "ours"}, now=hall.clock.now() + timedelta(seconds=1)
        )
    moved = [hall.row(n, next_billing="2027-04-30") for n in (1, 2)]
    assert whats(await hall.take(moved)) == ["updated", "skipped"], "what a person changed here stays"
    async with hall.database.transaction() as connection:
        await hall.subscriptions.cancel(
            connection, hall.us, one.id, at_period_end=False, prorate=False, now=hall.clock.now()
        )
    (ended,) = await hall.take([hall.row(1, next_billing="2027-05-31")])
    assert ended.why == "has ended here (canceled)"
    events = await hall.database.fetch_all(
        "select type, object_sequence from events where merchant_id = %(m)s and object_id = %(o)s "
        "order by object_sequence",
        {"m": hall.us.id, "o": two.id},
    )
    assert [row["object_sequence"] for row in events] == list(range(1, len(events) + 1))


async def test_customers_and_cards_that_are_here_are_used(hall: Hall) -> None:
    async with hall.database.transaction() as connection:
        theirs = CustomerDetails(merchant_reference="user-1", email="kept@example.com")
        known = await hall.customers.create(connection, hall.us, theirs, now=START)
        mine = await hall.methods.create(
            connection, hall.us, card(), customer_id=known.id, metadata={}, now=START
        )
        loose = await hall.methods.create(
            connection, hall.us, card(), customer_id=None, metadata={}, now=START
        )
    bare = {"token": "", "processor_account": ""}
    fingerprint = mine.fingerprint[:16].hex()
    done = await hall.take(
        [
            hall.row(1, **bare, payment_method=render(Kind.PAYMENT_METHOD, mine.id), email="new@example.com"),
            hall.row(2, **bare, customer="user-1", card_fingerprint=fingerprint),
            hall.row(3, **bare, customer="user-1", payment_method=render(Kind.PAYMENT_METHOD, loose.id)),
            hall.row(4, **bare, card_fingerprint=fingerprint),
            hall.row(5, customer="user-1", network_transaction_id="016150703802094"),
        ]
    )
    assert whats(done) == ["created", "created", "refused", "refused", "created"]
    assert [one.column for one in done if one.column] == ["payment_method", "card_fingerprint"]
    found = await hall.all()
    assert {one.customer_id for one in found} == {known.id}
    assert (await hall.customers.get(hall.us.id, known.id)).details.email == "kept@example.com"
    charged = {one.payment_method_id for one in found}
    assert mine.id in charged and len(charged) == 2
    (token_id,) = charged - {mine.id}
    assert token_id is not None
    assert (await hall.methods.get(hall.us.id, token_id)).network_transaction_id == "016150703802094"
    await hall.customers.delete(hall.us, known.id, now=START)
    (gone,) = await hall.take([hall.row(9, customer="user-1")])
    assert gone.why == "was deleted here, and is not made again"


async def test_plans_are_found_or_made_once(hall: Hall) -> None:
    yearly = {"interval": "year", "anchor_day": ""}
    await hall.take([hall.row(1), hall.row(2, **yearly), hall.row(3, **yearly), hall.row(4, amount="3001")])
    async with hall.database.transaction() as connection:
        made = await store.plans(
            hall.database, merchant_id=hall.us.id, active=None, after=None, before=None, limit=10
        )
        assert len(made) == 3
        newest = next(one for one in made if one.amount == 3001)
        await hall.plans.update(connection, hall.us, newest.id, {"name": "Renamed"}, now=START)
    await hall.take([hall.row(5, amount="3001")])
    after = await hall.counted()
    assert after["plans"] == 3, "the name that it came by still stands for it"
    found = await hall.all()
    assert [one.price.plan_id for one in found].count(newest.id) == 2
    assert found[0].price.plan_id == hall.plan.id
