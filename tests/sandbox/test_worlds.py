"""Worlds: counted truly, moved through time, restarted, disturbed, and each somebody's own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from tests.sandbox.town import START, Shop, Town, new_key

from recoup.connectors.base import Initiator
from recoup.kit.refusals import Refusal
from recoup.outcomes.core import AdviceAction, Approved, Declined
from recoup.sandbox.core.faults import FAULTS_MAX, FaultKind
from recoup.sandbox.core.issuer import CardState
from recoup.sandbox.core.paydays import Cycle
from recoup.sandbox.core.people import GENERATIONS_MAX, POPULATION


async def test_double_charges_are_counted_across_processors(shop: Shop) -> None:
    await shop.charge(payment="pay_1")
    await shop.charge("4000000000009995", payment="pay_2")
    await shop.charge(payment="pay_2", processor="bravo")
    assert await shop.counts() == (3, 2, 0)
    await shop.charge(payment="pay_1", processor="bravo")
    await shop.charge("4000002760000016", payment="pay_1", processor="charlie", currency="EUR")
    assert await shop.counts() == (5, 4, 2)
    counts = (await shop.summary()).counts
    assert counts.authorized == {"EUR": 1000, "USD": 3000}


async def test_a_renewal_is_recovered_on_payday(shop: Shop) -> None:
    """What the world is for: no money before payday, money after it, and nothing but time in between."""
    holder = await shop.holder(predictable=True, currency="USD", cycle=Cycle.BIWEEKLY, brand="mastercard")
    poor = await shop.alter(holder, balance=200)
    price = holder.who.pay // 5
    declined = await shop.charge(poor, amount=price, initiator=Initiator.MERCHANT)
    assert isinstance(declined, Declined)
    assert (declined.decline.code, declined.decline.network_code) == ("insufficient_funds", "51")
    assert declined.decline.advice.action is AdviceAction.RETRY_LATER
    assert poor.next_payday is not None
    await shop.town.worlds.advance(shop.merchant_id, to=poor.next_payday - timedelta(minutes=1))
    assert isinstance(await shop.charge(poor, amount=price, initiator=Initiator.MERCHANT), Declined)
    await shop.town.worlds.advance(shop.merchant_id, to=poor.next_payday)
    assert isinstance(await shop.charge(poor, amount=price, initiator=Initiator.MERCHANT), Approved)


async def test_the_same_seed_is_the_same_world_and_another_is_not(town: Town) -> None:
    one, twin, other = await town.shop(seed=7), await town.shop(seed=7), await town.shop(seed=8)
    assert await one.holders(100) == await twin.holders(100)
    assert await one.holders(100) != await other.holders(100)
    wary = [holder for holder in await one.holders(1000, currency="USD") if holder.who.looked_at][:30]
    answers = [
        [await shop.charge(holder, key=f"luck_{holder.who.index}", amount=100) for holder in wary]
        for shop in (one, twin)
    ]
    assert [type(each) for each in answers[0]] == [type(each) for each in answers[1]]
    assert isinstance(await other.charge(wary[0]), Declined), "a number of another world"


async def test_a_new_world_begins_anew_and_forgets_nothing_that_was_charged(shop: Shop) -> None:
    key, later = new_key(), new_key()
    holder = await shop.alter(await shop.holder(predictable=True, currency="USD"), balance=0)
    await shop.charge(key=key)
    await shop.fault(FaultKind.OUTAGE)
    await shop.wait(timedelta(days=3))
    before = await shop.summary()
    async with shop.town.database.transaction() as connection:
        await shop.town.worlds.restart(connection, shop.merchant_id, seed=8)
    after = await shop.summary()
    assert (after.world.seed, after.now, after.faults) == (8, before.now, [])
    assert await shop.counts() == (0, 0, 0)
    assert isinstance(await shop.ask("lookup", key), Approved)
    assert (await shop.again(holder)).number != holder.number
    await shop.charge(key=later, payment="pay_1")
    assert await shop.counts() == (1, 1, 0), "what another world charged is no double charge"


async def test_a_world_keeps_its_own_time_and_never_goes_back(shop: Shop) -> None:
    assert (await shop.summary()).now == START
    await shop.wait(timedelta(days=40))
    await shop.town.worlds.advance(shop.merchant_id, to=START + timedelta(days=1))
    assert (await shop.summary()).now == START + timedelta(days=40)
    shop.town.clock.advance(timedelta(hours=1))
    assert (await shop.summary()).now == START + timedelta(days=40, hours=1)
    assert (await (await shop.town.shop()).summary()).now == START + timedelta(hours=1)
    await shop.town.worlds.advance(uuid4(), to=START + timedelta(days=1))  # no world: nothing to move
    reply = await shop.http("GET", f"/alpha/operations/{new_key()}")
    assert reply.status == 404


async def test_people_are_found_by_what_they_are(shop: Shop) -> None:
    everybody = await shop.holders(POPULATION)
    assert [holder.who.index for holder in everybody] == list(range(POPULATION))
    monthly = await shop.holders(
        POPULATION, cycle=Cycle.MONTHLY, brand="visa", country="GB", balance_min=50_000
    )
    assert monthly
    assert monthly == [
        holder
        for holder in everybody
        if holder.who.paydays.cycle is Cycle.MONTHLY
        and (holder.who.facts.brand, holder.who.facts.country) == ("visa", "GB")
        and holder.balance >= 50_000
    ]
    broke = await shop.holders(POPULATION, balance_max=0)
    assert all(holder.balance == 0 for holder in broke)
    assert await shop.holders(POPULATION, state=CardState.LOST) == []


async def test_what_is_done_to_a_card(shop: Shop) -> None:
    holder = await shop.holder(predictable=True, currency="USD", cycle=Cycle.MONTHLY)
    rich = await shop.alter(holder, balance=123_456)
    assert rich.balance == (await shop.again(holder)).balance == 123_456
    assert isinstance(await shop.charge(rich), Approved)
    for state, code in {
        CardState.LOST: "lost_card",
        CardState.STOLEN: "stolen_card",
        CardState.EXPIRED: "expired_card",
    }.items():
        assert (await shop.alter(holder, state=state)).state is state
        outcome = await shop.charge(holder)
        assert isinstance(outcome, Declined)
        assert outcome.decline.code == code
    assert isinstance(await shop.charge(await shop.alter(holder, state=CardState.ACTIVE)), Approved)


async def test_a_reissued_card_is_a_new_number_on_the_same_account(shop: Shop) -> None:
    holder = await shop.alter(await shop.holder(predictable=True, currency="USD"), balance=5000)
    newer = await shop.alter(await shop.alter(holder, state=CardState.LOST), reissued=True)
    assert newer.number != holder.number
    assert (newer.state, newer.balance) == (CardState.ACTIVE, 5000)
    outcome = await shop.charge(holder)
    assert isinstance(outcome, Declined)
    assert outcome.decline.code == "new_account_information_available"
    assert isinstance(await shop.charge(newer), Approved)
    assert (await shop.again(holder)).balance == 4000
    for _ in range(GENERATIONS_MAX - 2):
        await shop.alter(holder, reissued=True)
    with pytest.raises(Refusal, match="reissued"):
        await shop.alter(holder, reissued=True)


async def test_a_payday_is_moved(shop: Shop) -> None:
    holder = await shop.holder(predictable=True, currency="USD", cycle=Cycle.WEEKLY)
    day = (START + timedelta(days=11)).date()
    moved = await shop.alter(holder, next_payday=day, balance=0)
    assert moved.next_payday is not None
    assert START + timedelta(days=11, hours=-12) < moved.next_payday < START + timedelta(days=12)
    await shop.town.worlds.advance(shop.merchant_id, to=moved.next_payday - timedelta(seconds=1))
    assert (await shop.again(holder)).balance == 0
    await shop.town.worlds.advance(shop.merchant_id, to=moved.next_payday)
    assert (await shop.again(holder)).balance >= holder.who.pay
    dormant = await shop.holder(cycle=Cycle.NONE)
    with pytest.raises(Refusal, match="Nobody pays"):
        await shop.alter(dormant, next_payday=day)
    with pytest.raises(Refusal, match="after today"):
        await shop.alter(holder, next_payday=START.date())


async def test_the_days_limit_ends_with_the_local_day(shop: Shop) -> None:
    holder = await shop.alter(await shop.holder(predictable=True, currency="USD"), balance=10**6)
    limit = holder.who.day_payments_max
    for n in range(limit):
        assert isinstance(await shop.charge(holder, payment=f"pay_{n}", amount=1), Approved)
    outcome = await shop.charge(holder, amount=1)
    assert isinstance(outcome, Declined)
    assert outcome.decline.code == "withdrawal_count_limit_exceeded"
    await shop.wait(timedelta(days=1))
    assert isinstance(await shop.charge(await shop.alter(holder, balance=10**6), amount=1), Approved)


async def test_a_card_expires_as_time_goes_by(shop: Shop) -> None:
    holder = await shop.holder(predictable=True, currency="USD")
    await shop.town.worlds.advance(shop.merchant_id, to=datetime(holder.who.exp_year + 1, 1, 1, tzinfo=UTC))
    assert (await shop.again(holder)).state is CardState.EXPIRED
    outcome = await shop.charge(holder)
    assert isinstance(outcome, Declined)
    assert outcome.decline.code == "expired_card"


async def test_the_number_of_faults_is_bounded(shop: Shop) -> None:
    for _ in range(FAULTS_MAX):
        await shop.fault(FaultKind.OUTAGE, until=START + timedelta(hours=1))
    with pytest.raises(Refusal, match="At most"):
        await shop.fault(FaultKind.OUTAGE)
    await shop.wait(timedelta(hours=1))
    await shop.fault(FaultKind.OUTAGE)
    with pytest.raises(Refusal, match="after the world's"):
        await shop.fault(FaultKind.OUTAGE, until=START)


async def test_a_merchant_without_a_world_is_told_so(town: Town) -> None:
    with pytest.raises(Refusal, match="no simulated world"):
        await town.worlds.summary(None, uuid4())


async def test_charges_are_listed_as_the_processors_have_them(shop: Shop) -> None:
    key = new_key()
    await shop.charge(key=key, payment="pay_7", merchant_reference="order-7", capture=False)
    await shop.change("capture", key, 700)
    await shop.change("refund", key, 200)
    await shop.charge("4000000000009995", payment="pay_8")
    (line,) = await shop.town.worlds.charges(shop.merchant_id, order="pay_7", after=None, limit=10)
    assert (line.key, line.state, line.merchant_reference) == (key, "approved", "order-7")
    assert (line.amount, line.captured, line.released, line.refunded) == (1000, 700, 0, 200)
    both = await shop.town.worlds.charges(shop.merchant_id, order=None, after=None, limit=10)
    assert [one.reference for one in both] == sorted(one.reference for one in both)
    assert {one.state for one in both} == {"approved", "declined"}
    rest = await shop.town.worlds.charges(shop.merchant_id, order=None, after=both[0].reference, limit=10)
    assert rest == both[1:]
