"""What comes at once is read, planned and written together, and comes to the same as one after the other."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from structlog.testing import capture_logs
from tests.recovery.cases import ALPHA, BRAVO, NOW, PRICE, case, decline, payment
from tests.recovery.office import Office

from recoup.db import Database, due
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Category
from recoup.payments.core.facts import CardTry, PaymentFacts
from recoup.recovery.core import Case, Plan, Recovery, Status, alone, plans_at, steps
from recoup.recovery.flow import planner
from recoup.recovery.flow.planner import TOGETHER_MAX, Planner

DECLINED = "event:payment.declined"
CATEGORIES = (Category.FUNDS, Category.ISSUER, Category.PROCESSOR, Category.LIMIT, Category.LIFECYCLE)


def refusals() -> list[PaymentFacts]:
    """Different payments, so that no two plans are alike: with more and fewer earlier tries and accounts."""
    found = []
    for number in range(12):
        at = NOW - timedelta(hours=number)
        earlier = tuple(
            CardTry(at - timedelta(days=30 * n), Money(1_000 + number, "USD"), declined=n % 2 > 0, rule=None)
            for n in range(number % 4, 0, -1)
        )
        refused = payment(
            decline(CATEGORIES[number % 5]),
            at=at,
            payment_method_id=UUID(int=100 + number),
            accounts=(ALPHA, BRAVO)[: 1 + number % 2],
        )
        found.append(replace(refused, card_tries=(*earlier, *refused.card_tries)))
    return found


def told(decisions: list[dict[str, Any]], recovery: Recovery) -> str:
    """Decisions without the ids in them."""
    said = msgspec.json.encode(decisions).decode()
    for kind, one in ((Kind.PAYMENT, recovery.payment_id), (Kind.RECOVERY, recovery.id)):
        said = said.replace(render(kind, one), kind).replace(str(one), kind)
    return said


async def test_looks_led_together_come_to_what_each_comes_to_alone() -> None:
    cases = [case(facts) for facts in refusals()]
    moments = [NOW + timedelta(milliseconds=number) for number in range(len(cases))]
    made = Planner()

    def opening(one: Case, now: datetime) -> Any:
        return steps.opening(one, merchant_id=UUID(int=1), recovery_id=UUID(int=2), now=now)

    pairs = list(zip(cases, moments, strict=True))
    together = await asyncio.gather(*(made.led(opening(one, now), now) for one, now in pairs))
    assert together == [alone(opening(one, now), now) for one, now in pairs]


async def test_more_than_are_planned_at_once_all_get_their_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    groups = []

    def counting(asked: list[tuple[Case, datetime]]) -> list[Plan]:
        groups.append(len(asked))
        return plans_at(asked)

    monkeypatch.setattr(planner, "plans_at", counting)
    made, one = Planner(), case(refusals()[0])
    wanted = [
        made.led(steps.opening(one, merchant_id=UUID(int=1), recovery_id=UUID(int=n), now=NOW), NOW)
        for n in range(TOGETHER_MAX + 3)
    ]
    assert len(await asyncio.gather(*wanted)) == TOGETHER_MAX + 3
    assert groups == [TOGETHER_MAX, 3]


async def test_a_case_that_cannot_be_planned_fails_alone() -> None:
    good, bad = case(refusals()[0]), case(refusals()[1])
    broken = replace(bad, person=replace(bad.person, zone="No/Such_Zone"))
    made = Planner()
    found = await asyncio.gather(
        *(
            made.led(steps.opening(one, merchant_id=UUID(int=1), recovery_id=UUID(int=2), now=NOW), NOW)
            for one in (good, broken, good)
        ),
        return_exceptions=True,
    )
    assert found[0] == found[2] and not isinstance(found[0], BaseException)
    assert isinstance(found[1], Exception) and not isinstance(found[1], RuntimeError)


async def test_news_worked_together_leads_to_the_plans_and_decisions_of_one_after_the_other(
    office: Office, database: Database
) -> None:
    other = Office(database)
    await other.settle_in()
    ours = [await office.refused(facts) for facts in refusals()]
    theirs = [await other.refused(facts) for facts in refusals()]
    for payment_id in theirs:
        await other.hears(payment_id)
    await asyncio.gather(*(office.hears(payment_id) for payment_id in ours))
    for mine, another in zip(ours, theirs, strict=True):
        together, single = await office.of(mine), await other.of(another)
        assert together.plan == single.plan and together.status is single.status
        assert (together.next_at, together.version) == (single.next_at, single.version)
        assert await office.told(together) == await other.told(single)
        decided = told(await office.decisions(together), together)
        assert decided == told(await other.decisions(single), single) and decided.count('"why"') > 0
        assert await office.due_at(together) == await other.due_at(single)


async def put(office: Office, object_id: UUID, kind: str = DECLINED) -> None:
    async with office.database.connection() as connection:
        await due.put(
            connection, merchant_id=office.us.id, kind=kind, object_id=object_id, due_at=office.clock.now()
        )


async def test_a_round_of_the_worker_opens_all_but_the_one_that_fails_and_keeps_that_one(
    office: Office,
) -> None:
    await office.database.execute("delete from due where slot >= 0")
    ids = [await office.refused(facts) for facts in refusals()]
    for payment_id in ids:
        await put(office, payment_id)
    sound = office.payments.facts

    async def facts(merchant: Merchant, payment_id: UUID) -> PaymentFacts | None:
        if payment_id == ids[3]:
            raise ValueError("cannot be read")
        return await sound(merchant, payment_id)

    office.payments.facts = facts  # type: ignore[method-assign]
    with capture_logs() as logs:
        while await office.worker.round():
            await office.worker.idle()
    failed = [one["kind"] for one in logs if one["event"] == "worker.handler_failed"]
    assert failed.count(DECLINED) == 1
    found = [await office.recoveries.page(office.us, payment_id=one, limit=1) for one in ids]
    assert [bool(one) for one in found] == [payment_id != ids[3] for payment_id in ids]
    left = await office.database.fetch_all(
        "select object_id, leased_until from due where merchant_id = %(m)s and kind = %(kind)s",
        {"m": office.us.id, "kind": DECLINED},
    )
    assert left == [{"object_id": ids[3], "leased_until": None}], "given back, for later"


async def test_two_workers_that_hear_of_the_same_open_one_recovery_each_and_no_more(
    office: Office, database_url: str
) -> None:
    ids = [await office.refused(facts) for facts in refusals()]
    async with await Database.open(database_url, connections_max=4) as beside:
        other = Office(beside)
        other.us, other.payments = office.us, office.payments
        await asyncio.gather(*(one.hears(payment_id) for payment_id in ids for one in (office, other)))
    for payment_id in ids:
        recovery = await office.of(payment_id)
        assert recovery.version == 1 and len(await office.decisions(recovery)) == 1
        assert (await office.told(recovery))[0] == "recovery.opened"


async def test_of_two_steps_of_one_recovery_at_once_one_is_written(office: Office) -> None:
    recovery = await office.opened(payment(at=office.clock.now()))
    facts = office.payments.known[recovery.payment_id]
    office.payments.known[recovery.payment_id] = replace(
        facts, attempts=(*facts.attempts, replace(facts.attempts[0], at=NOW)), amount=PRICE
    )
    await asyncio.gather(*(office.hears(recovery.payment_id) for _ in range(5)))
    after = await office.again(recovery)
    assert after.version == recovery.version + 1 and len(await office.decisions(recovery)) == 2
    assert after.status is Status.SCHEDULED and len(await office.told(after)) == after.events_count
