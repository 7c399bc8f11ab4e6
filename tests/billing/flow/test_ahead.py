"""Looking ahead in the whole service: what is found, told and asked, and what is learned of issuers' hours, once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from tests.payments.house import House

from recoup.billed import Billed
from recoup.billing.core.ahead import AHEAD, CLOSE, UNSEEN
from recoup.billing.core.hours import EVERYBODY, HOURS, IssuerHours
from recoup.billing.core.step import CYCLE
from recoup.billing.flow.hours import EVERY, LEARN, SETTLED_FOR, settled
from recoup.billing.store import hours as store
from recoup.billing.store.hours import Charged
from recoup.db import Database
from recoup.kit.ids import Kind, parse, uuid7
from recoup.merchants.core import Merchant
from recoup.payments.core import Reason
from recoup.payments.core.first import FirstTry

START: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
RENEWS: Final = datetime(2026, 12, 22, 3, tzinfo=UTC)
CARD: Final = {"number": "4242424242424242", "exp_month": 11, "exp_year": 2026}
ISSUER: Final = "visa 424242"
WHILE: Final = timedelta(minutes=20)
"""Longer than charges are spread over."""


@pytest.fixture
async def house(database: Database) -> AsyncIterator[House]:
    await database.execute("delete from due where slot >= 0")
    house = House(database, listened=Billed.listens)
    yield house
    await house.close()
    await house.check_rows()


class Shop:
    """A merchant's own calls, and time."""

    def __init__(self, house: House, merchant: Merchant, key: str) -> None:
        self.house, self.us, self.key = house, merchant, key

    @classmethod
    async def of(cls, house: House) -> Shop:
        merchant = await house.merchant()
        return cls(house, merchant, await house.key_of(merchant))

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = await self.house.call(method, path, body, key=self.key)
        assert answer.status in (200, 201), answer.json
        return answer.json

    async def card(self, **card: Any) -> tuple[str, str]:
        """A new customer and their card, which expires this month unless told."""
        customer = (await self.call("POST", "/v1/customers", {"name": "Ann"}))["id"]
        body = {"type": "card", "card": CARD | card, "customer": customer}
        return customer, (await self.call("POST", "/v1/payment_methods", body))["id"]

    async def subscribed(self, customer: str, method: str | None, **more: Any) -> Any:
        plan = await self.call("POST", "/v1/plans", {"name": "Pro", "amount": 3000, "currency": "USD"})
        body = {"customer": customer, "plan": plan["id"], "time_zone": "UTC", "billing_hour": RENEWS.hour}
        given = {} if method is None else {"payment_method": method}
        return await self.call("POST", "/v1/subscriptions", body | given | more)

    async def until(self, moment: datetime) -> None:
        """Work whatever is due by then."""
        await self.house.work()
        self.house.clock.advance(moment - self.house.now)
        await self.house.work()

    async def again(self, subscription: Any) -> Any:
        return await self.call("GET", f"/v1/subscriptions/{subscription['id']}")

    async def risks(self, subscription: Any) -> list[str]:
        return [one["code"] for one in (await self.again(subscription))["risks"]]

    async def told(self, subscription: Any) -> list[str]:
        return await self.house.events(self.us, uuid_of(subscription))

    async def known(self) -> dict[str, IssuerHours]:
        return dict(await store.hours_of(self.house.database, [ISSUER, EVERYBODY], merchant_id=self.us.id))


def uuid_of(subscription: Any) -> UUID:
    found = parse(Kind.SUBSCRIPTION, subscription["id"])
    assert found is not None
    return found


async def test_a_card_that_expires_is_told_of_and_asked_about_and_its_renewal_is_good(house: House) -> None:
    """What was mended is no longer shown, and nothing is told twice."""
    shop = await Shop.of(house)
    customer, method = await shop.card()
    subscription = await shop.subscribed(customer, method)
    other = await shop.subscribed(customer, None, trial_days=30)
    await shop.until(RENEWS - CLOSE - timedelta(minutes=1))
    assert await shop.risks(subscription) == []
    assert (AHEAD, uuid_of(subscription)) in await house.dues(shop.us)
    await shop.until(RENEWS - CLOSE)
    assert "card_expires" in await shop.risks(subscription)
    assert await shop.risks(other) == ["no_payment_method"]
    asked = await house.database.fetch_all(
        "select reason from update_inquiries where merchant_id = %(id)s", {"id": shop.us.id}
    )
    assert [one["reason"] for one in asked] == ["renewal"]
    told = await shop.told(subscription)
    assert told.count("subscription.payment_method_expiring") == told.count("invoice.upcoming") == 1
    await shop.call("POST", f"/v1/payment_methods/{method}", {"card": {"exp_month": 12, "exp_year": 2031}})
    await shop.until(RENEWS - CLOSE + timedelta(days=3))
    assert "card_expires" not in await shop.risks(subscription)
    assert await shop.told(subscription) == told
    await shop.until(RENEWS)
    await shop.until(RENEWS + WHILE)
    bill = await shop.call("GET", f"/v1/invoices/{(await shop.again(subscription))['latest_invoice']}")
    assert (bill["status"], bill["period"]["number"]) == ("paid", 2)
    assert await shop.risks(subscription) == [], "what was found was of the charge that is made"


async def test_the_look_ahead_is_there_where_the_next_cycle_is(house: House) -> None:
    shop = await Shop.of(house)
    subscription = await shop.subscribed(*await shop.card(exp_year=2031))
    path, kinds = f"/v1/subscriptions/{subscription['id']}", (CYCLE, AHEAD)

    async def rows() -> list[datetime | None]:
        dues = await house.dues(shop.us)
        found = [dues.get((kind, uuid_of(subscription))) for kind in kinds]
        return [None if row is None else row["due_at"] for row in found]

    assert await rows() == [RENEWS, RENEWS - CLOSE]
    await shop.call("POST", f"{path}/pause")
    assert await rows() == [None, None]
    await shop.call("POST", f"{path}/resume")
    assert await rows() == [RENEWS, RENEWS - CLOSE]
    await shop.call("POST", path, {"cancel_at_period_end": True})
    assert await rows() == [RENEWS, None], "nothing is charged then"
    await shop.call("POST", path, {"cancel_at_period_end": False})
    assert await rows() == [RENEWS, RENEWS - CLOSE]
    await shop.call("POST", f"{path}/cancel", {})
    assert await rows() == [None, None]


async def test_what_became_of_a_payment_method_after_the_last_look_is_looked_at(house: House) -> None:
    """Detached, closed, or gone with its customer: it is told before the charge meets it; who is far off waits."""
    shop = await Shop.of(house)
    customer, method = await shop.card(exp_year=2031)
    subscription = await shop.subscribed(customer, method)
    later = await shop.subscribed(customer, method, trial_days=60)
    await shop.until(RENEWS - CLOSE + timedelta(days=1))
    first = (await house.dues(shop.us))[AHEAD, uuid_of(later)]["due_at"]
    assert await shop.risks(subscription) == ["no_network_transaction_id"]
    await shop.call("POST", f"/v1/payment_methods/{method}/detach")
    await shop.until(RENEWS - timedelta(days=5))
    assert await shop.risks(subscription) == ["method_closed"]
    assert (await shop.told(subscription)).count("subscription.at_risk") == 2
    assert (await house.dues(shop.us))[AHEAD, uuid_of(later)]["due_at"] == first
    body = {"type": "card", "customer": customer, "card": CARD | {"exp_year": 2031}}
    another = (await shop.call("POST", "/v1/payment_methods", body))["id"]
    await shop.call("POST", f"/v1/subscriptions/{subscription['id']}", {"payment_method": another})
    await house.work()
    assert await shop.risks(subscription) == ["no_network_transaction_id"], "another one is looked at, too"
    customer, method = await shop.card(exp_year=2031)
    third = await shop.subscribed(customer, method, trial_days=9)
    await house.work()
    assert "method_closed" not in await shop.risks(third)
    await shop.call("DELETE", f"/v1/customers/{customer}")
    await house.work()
    assert "method_closed" in await shop.risks(third)


async def test_subscriptions_older_than_looks_get_the_time_of_their_first(house: House) -> None:
    """What was looked at already, and what is not charged by itself, gets none; a second walk changes nothing."""
    shop = await Shop.of(house)
    made = [await shop.subscribed(*await shop.card(exp_year=2031)) for _ in range(3)]
    await house.work()
    await shop.call("POST", f"/v1/subscriptions/{made[2]['id']}/pause")
    await house.database.execute(
        "delete from due where merchant_id = %(us)s and kind = %(kind)s", {"us": shop.us.id, "kind": AHEAD}
    )
    for now in (house.now, house.now + timedelta(days=1)):
        assert await house.billed.ahead.unseen(shop.us, UUID(int=0), now) is None
        dues = await house.dues(shop.us)
        looks = {id_: row["due_at"] for (kind, id_), row in dues.items() if kind == AHEAD}
        assert looks == {uuid_of(one): RENEWS - CLOSE for one in made[:2]}
    await shop.until(RENEWS - CLOSE)
    assert [(await shop.told(one)).count("invoice.upcoming") for one in made] == [1, 1, 0]
    await house.billed.ahead.unseen(shop.us, UUID(int=0), house.now)
    assert not [kind for kind, _ in await house.dues(shop.us) if kind in (AHEAD, UNSEEN)]


async def test_many_are_looked_at_together_and_again_without_news(house: House) -> None:
    """Many looked at together are one transaction; again, and by two at once, they change nothing."""
    shop = await Shop.of(house)
    customer, method = await shop.card(exp_year=2031)
    made = [await shop.subscribed(customer, method) for _ in range(5)]
    await shop.until(RENEWS - CLOSE)
    before = [await shop.told(one) for one in made]
    assert all(one.count("invoice.upcoming") == 1 for one in before)
    ids = [uuid_of(one) for one in made]
    again = await house.billed.ahead.look_at(shop.us, [*ids, house.new_id()], house.now)
    assert set(again.values()) <= {None} and [await shop.told(one) for one in made] == before


async def test_hours_are_learned_once_each_and_the_better_one_is_charged_at(house: House) -> None:
    shop = await Shop.of(house)
    made = [await shop.subscribed(*await shop.card(exp_year=2031)) for _ in range(4)]
    await shop.until(RENEWS - CLOSE)
    chosen = parse(Kind.INVOICE, made[3]["latest_invoice"])
    await house.database.execute(
        """
        update invoices set data = jsonb_set(data::jsonb, '{expected}', '{"at_charge": 0.9, "at_due": 0.5}')::json
        where merchant_id = %(us)s and id = %(id)s
        """,
        {"us": shop.us.id, "id": chosen},
    )
    assert (LEARN, shop.us.id) in await house.dues(shop.us)
    await shop.until(RENEWS - CLOSE + EVERY)
    known = await shop.known()
    for name in (ISSUER, EVERYBODY):
        assert (known[name].tries[12], known[name].approvals[12]) == (3, 3), (
            "the first charges, made at noon, but for the one whose moment was chosen for its money"
        )
        assert sum(known[name].tries) == 3
    await house.billed.hours.learn(shop.us, shop.us.id, house.now)
    assert await shop.known() == known, "each is counted once"

    asleep = [1.0 if hour < 6 else 0.5 for hour in range(HOURS)]
    hours = IssuerHours((1000.0,) * HOURS, tuple(1000 - 600 * one for one in asleep), house.now)
    async with house.database.transaction() as connection:
        upto = await store.hold(connection, merchant_id=shop.us.id, now=house.now)
        both = {ISSUER: hours, EVERYBODY: hours}
        await store.keep(connection, both, merchant_id=shop.us.id, upto=upto, now=house.now)
    late = await shop.subscribed(*await shop.card(exp_year=2031), trial_days=9)
    await shop.until(RENEWS)
    opened = await shop.again(made[0])
    bill = await shop.call("GET", f"/v1/invoices/{opened['latest_invoice']}")
    assert bill["charge_reason"] == "no_window_agreed", "it was looked at before that was known"
    await shop.until(datetime.fromisoformat((await shop.again(late))["next_billing_at"]))
    bill = await shop.call("GET", f"/v1/invoices/{(await shop.again(late))['latest_invoice']}")
    assert bill["charge_reason"] == "hour_of_issuer" and bill["status"] == "open"
    charge_at = datetime.fromisoformat(bill["charge_at"])
    assert charge_at.hour == 6 and charge_at.date() == datetime.fromisoformat(bill["due_at"]).date()


def test_a_charge_without_an_answer_keeps_others_from_being_learned_for_a_day() -> None:
    """However long it stays without one, and whenever its invoice was to be charged; it is left out then."""
    ids = [uuid7(START + timedelta(seconds=at), bytes) for at in range(3)]
    charged = [Charged(id_, "UTC") for id_ in ids]
    tries = {
        id_: FirstTry(
            payment_id=id_,
            at=START,
            finished_at=None if id_ == ids[1] else START,
            reason=Reason.RENEWAL,
            payment_method_id=id_,
            brand="visa",
            approved=None,
        )
        for id_ in ids
    }
    untried = {id_: one for id_, one in tries.items() if id_ != ids[1]}
    for known in (tries, untried):
        for waited, learned in ((SETTLED_FOR / 2, 0), (timedelta(hours=23), 1), (timedelta(hours=25), 3)):
            assert len(settled(charged, known, now=START + waited)) == learned
