"""A billing date moves once its customer has agreed to just that, once, whoever comes at the same time."""

from __future__ import annotations

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace
from psycopg.errors import UniqueViolation
from tests.billing.cases import LINKS, START, day
from tests.billing.office import Office

from recoup.billing import store as subscriptions
from recoup.billing.core.datechange import (
    EXPIRE,
    DateChange,
    Effective,
    How,
    News,
    Status,
    Target,
)
from recoup.billing.core.machine import InvoiceNews
from recoup.billing.core.measured import Verdict
from recoup.billing.core.records import Subscription
from recoup.billing.core.step import CYCLE
from recoup.billing.flow.datebeliefs import Beliefs, measured
from recoup.billing.flow.datechange import DateChanges, Said, Wish
from recoup.billing.flow.writing import Scribe
from recoup.billing.store import datechange as store
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant

NOW = START + day(2)
FIFTEENTH = Target(day=15)


def shown(change: DateChange, merchant: Merchant) -> bytes:
    return msgspec.json.encode({"status": change.status})


@pytest.fixture
def desk(office: Office) -> DateChanges:
    scribe, beliefs = Scribe(office.new_id, LINKS), Beliefs(office.customers)
    return DateChanges(office.database, scribe=scribe, beliefs=beliefs, shown=shown, new_id=office.new_id)


async def proposed(
    office: Office,
    desk: DateChanges,
    subscription: Subscription,
    target: Target = FIFTEENTH,
    **more: Any,
) -> DateChange:
    fields: dict[str, Any] = {
        "effective": Effective.AFTER_PAID,
        "lives": timedelta(days=60),
        "by": "merchant",
        "metadata": {},
    }
    wish = Wish(subscription_id=subscription.id, target=target, **fields | more)
    async with office.database.transaction() as connection:
        return await desk.create(connection, office.us, wish, now=NOW)


def said(by: str = "customer") -> Said:
    return Said(by=by, how=How.API, at=NOW, evidence="a call")


async def accept(
    office: Office, desk: DateChanges, change: DateChange, seen: str | None = None
) -> DateChange:
    async with office.database.transaction() as connection:
        return await desk.accept(connection, office.us, change.id, said(), seen=seen, now=NOW)


async def told(office: Office, *about: UUID) -> list[str]:
    rows = await office.database.fetch_all(
        "select type, object_id from events where merchant_id = %(id)s order by sequence",
        {"id": office.us.id},
    )
    return [row["type"] for row in rows if row["object_id"] in about]


async def due_rows(office: Office, object_id: UUID) -> dict[str, Any]:
    rows = await office.database.fetch_all(
        "select kind, due_at from due where merchant_id = %(merchant)s and object_id = %(id)s",
        {"merchant": office.us.id, "id": object_id},
    )
    return {row["kind"]: row["due_at"] for row in rows}


async def test_what_was_agreed_to_is_applied_once_and_kept_with_what_was_shown(
    office: Office, desk: DateChanges
) -> None:
    subscription = await office.subscribed()
    change = await proposed(office, desk, subscription)
    assert await due_rows(office, change.id) == {EXPIRE: change.expires_at}
    answers = await asyncio.gather(*(accept(office, desk, change) for _ in range(4)), return_exceptions=True)
    done = [one for one in answers if isinstance(one, DateChange)]
    refused = [one for one in answers if isinstance(one, Refusal)]
    assert (len(done), {one.code for one in refused}) == (1, {"billing_date_change_unexpected_state"})
    after = await office.subscriptions.get(office.us, subscription.id)
    assert after.version == subscription.version + 1 and after.phases[-1].anchor.day == 15
    assert (await due_rows(office, after.id))[CYCLE] == after.next_at == change.offer.after[0].due_at
    assert await due_rows(office, change.id) == {}
    kept = await desk.get(office.us, change.id)
    assert kept == done[0] and [one.did for one in kept.trail] == ["proposed", "accepted", "applied"]
    assert (kept.trail[1].by, kept.trail[1].evidence, kept.trail[1].shown) == (
        "customer",
        "a call",
        change.offer,
    )
    facts = ["billing_date_change.proposed", "billing_date_change.accepted", "billing_date_change.applied"]
    assert await told(office, change.id) == facts


async def test_one_question_at_a_time(office: Office, desk: DateChanges) -> None:
    """Whoever asks a second one is told of the first; and the database has the rule too."""
    subscription = await office.subscribed()
    change = await proposed(office, desk, subscription)
    with pytest.raises(Refusal, match="is proposed already"):
        await proposed(office, desk, subscription, Target(day=20))
    with pytest.raises(UniqueViolation):
        async with office.database.transaction() as connection:
            await store.insert(connection, replace(change, id=office.new_id()))
    async with office.database.transaction() as connection:
        await desk.answer(connection, office.us, change.id, News.DECLINED, said(), now=NOW)
    again = await proposed(office, desk, subscription, Target(day=20))
    assert await desk.expire(office.us, again.id, NOW) == again.expires_at
    assert await desk.expire(office.us, again.id, again.expires_at) is None
    assert await desk.expire(office.us, again.id, again.expires_at) is None
    assert (await desk.get(office.us, again.id)).status is Status.EXPIRED
    listed = await desk.page(
        office.us, subscription_id=subscription.id, status=Status.EXPIRED, after=None, before=None, limit=5
    )
    assert [one.id for one in listed] == [again.id]


async def test_nobody_agrees_to_what_has_changed_since(office: Office, desk: DateChanges) -> None:
    """A period was billed meanwhile: the dates are others, and so must be what is agreed to."""
    subscription = await office.subscribed()
    change = await proposed(office, desk, subscription)
    due = (await office.subscriptions.get(office.us, subscription.id)).next_at
    assert due is not None
    await office.cycles.cycle(office.us, subscription.id, due)
    later = due + day(1)
    for seen in (None, change.offer.digest, ""):
        with pytest.raises(Refusal) as refused:
            async with office.database.transaction() as connection:
                await desk.accept(connection, office.us, change.id, said(), seen=seen, now=later)
        assert refused.value.code == "billing_date_change_outdated"
    async with office.database.transaction() as connection:
        fresh = await desk.renew(
            connection, office.us, change.id, said("merchant"), lives=timedelta(days=3), now=later
        )
    assert fresh.offer.on > change.offer.on and fresh.expires_at == later + timedelta(days=3)
    async with office.database.transaction() as connection:
        done = await desk.accept(connection, office.us, change.id, said(), seen=fresh.offer.digest, now=later)
    assert done.status is Status.APPLIED


async def test_the_old_date_comes_back_and_what_is_billed_stays_billed(
    office: Office, desk: DateChanges
) -> None:
    subscription = await office.subscribed()
    change = await accept(office, desk, await proposed(office, desk, subscription))
    at = NOW
    for _ in range(3):
        due = (await office.subscriptions.get(office.us, subscription.id)).next_at
        assert due is not None
        await office.cycles.cycle(office.us, subscription.id, due)
        at = due + day(1)
    before = await told(office, subscription.id)
    async with office.database.transaction() as connection:
        done = await desk.undo(connection, office.us, change.id, said("merchant"), now=at)
    after = await office.subscriptions.get(office.us, subscription.id)
    assert done.status is Status.UNDONE and after.phases[-1].anchor == subscription.phases[-1].anchor
    assert await told(office, subscription.id) == [*before, "subscription.updated"]
    back = done.trail[-1].shown
    assert back is not None and back.bridge is not None and back.on == after.phases[-1].starts_on
    with pytest.raises(Refusal, match="is undone"):
        async with office.database.transaction() as connection:
            await desk.undo(connection, office.us, change.id, said("merchant"), now=at)
    found = await measured(office.database, office.us, done)
    assert found is not None and found.verdict is Verdict.TOO_FEW, "nothing was charged"


async def test_who_told_no_payday_and_who_cannot_move_are_refused_by_name(
    office: Office, desk: DateChanges
) -> None:
    subscription = await office.subscribed(zone="Europe/Berlin", country="DE", anchor=date(2027, 2, 20))
    moved = await proposed(office, desk, subscription, Target(), effective=Effective.NOW)
    assert moved.target.payday and moved.believed.after > moved.believed.before
    assert moved.believed.why == "usual_payday"
    paused = await office.subscribed()
    async with office.database.transaction() as connection:
        await office.subscriptions.pause(connection, office.us, paused.id, now=NOW)
    with pytest.raises(Refusal) as refused:
        await proposed(office, desk, paused)
    assert refused.value.code == "subscription_paused"
    with pytest.raises(Refusal) as refused:
        await proposed(office, desk, await office.subscribed(), Target(day=31))
    assert refused.value.code == "billing_date_unchanged"


async def test_at_once_nothing_is_given_back_that_was_not_paid_here(
    office: Office, desk: DateChanges
) -> None:
    """A period that another biller was paid for, and one whose invoice was forgiven: both change after it."""
    forgiven, elsewhere = await office.subscribed(), await office.subscribed()
    assert forgiven.latest_invoice_id is not None
    async with office.database.transaction() as connection:
        await office.invoices.end(
            connection, office.us, forgiven.latest_invoice_id, InvoiceNews.GIVEN_UP, now=NOW
        )
        brought = replace(elsewhere, opened=0, version=elsewhere.version + 1)
        await subscriptions.write(connection, office.us.id, subscriptions.Writes(subscriptions=[brought]))
    for one in (forgiven, elsewhere):
        with pytest.raises(Refusal, match="can change `after_paid`"):
            await proposed(office, desk, one, effective=Effective.NOW)
        assert (await proposed(office, desk, one)).offer.credit == 0
