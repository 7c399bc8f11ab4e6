"""A customer who comes back: the same attempt goes on, once, and a lost answer never lets another be made."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import pytest
from tests.payments.bank import Died, Dies, Gate, Lost, decline, no_funds
from tests.payments.house import House

from recoup.kit.refusals import Refusal
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Category,
    Declined,
    Pending,
    Signal,
    Unknown,
    Unprocessed,
)
from recoup.outcomes.core.override import Reading
from recoup.payments.core import AttemptState, Status
from recoup.payments.flow import Taken
from recoup.payments.flow.completing import Completing

ASKS: Final = ActionRequired("ref-1", "https://bank.example/3ds")
TAKEN: Final = Approved("ch-1", captured=True)


async def waiting(house: House, merchant: Merchant) -> UUID:
    """A payment that waits for its customer."""
    house.bank.will("charge", ASKS)
    paid = await house.pay(merchant)
    assert paid.payment.status is Status.REQUIRES_ACTION
    return paid.payment.id


@pytest.mark.parametrize(
    ("meaning", "status"),
    [
        (TAKEN, Status.CAPTURED),
        (no_funds(), Status.DECLINED),
        (Pending("ref-1"), Status.PROCESSING),
        (ASKS, Status.REQUIRES_ACTION),
        (Lost(), Status.UNRESOLVED),
    ],
)
async def test_the_attempt_goes_on_under_its_own_key(
    house: House, merchant: Merchant, meaning: Any, status: Status
) -> None:
    payment_id = await waiting(house, merchant)
    house.bank.will("complete", meaning)
    done = await house.come_back(merchant, payment_id, redirectResult="abc")
    assert done.payment.status is status
    assert house.bank.verbs() == ["charge", "complete"]
    assert house.bank.keys("complete") == house.bank.keys("charge")
    assert house.bank.returned == [{"redirectResult": "abc"}]
    assert (await house.events(merchant, payment_id))[-1] == f"payment.{status}"
    assert len(done.attempts) == 1


async def test_where_nothing_left_the_customer_may_come_back_once_more(
    house: House, merchant: Merchant
) -> None:
    """Else a processor that was out of reach for a moment would leave the payment unresolved for ever."""
    payment_id = await waiting(house, merchant)
    before = (await house.snapshot(merchant, payment_id)).payment.next_action
    house.bank.will("complete", Unprocessed("not sent: no connection"))
    again = await house.come_back(merchant, payment_id, key="one")
    assert (again.payment.status, again.payment.next_action) == (Status.REQUIRES_ACTION, before)
    assert again.attempts[0].reference == "ref-1"
    with pytest.raises(Refusal):
        await house.confirm(merchant, payment_id, await house.means(merchant, "5555555555554444"))
    assert (await house.come_back(merchant, payment_id, key="two")).payment.status is Status.CAPTURED
    assert house.bank.keys("complete") == house.bank.keys("charge") * 2


@pytest.mark.parametrize("happened", [TAKEN, no_funds(), ASKS, None])
async def test_a_lost_answer_is_settled_by_asking_and_nothing_else_is_tried(
    house: House, merchant: Merchant, happened: Any
) -> None:
    """What was sent may have taken the money: no other attempt may start before evidence came."""
    payment_id = await waiting(house, merchant)
    house.bank.will("complete", Lost(happened))
    lost = await house.come_back(merchant, payment_id)
    assert lost.payment.status is Status.UNRESOLVED
    with pytest.raises(Refusal):
        await house.confirm(merchant, payment_id, await house.means(merchant, "5555555555554444"))
    with pytest.raises(Refusal):
        await house.come_back(merchant, payment_id)
    await house.wait(seconds=2)
    await house.work()
    settled = await house.snapshot(merchant, payment_id)
    ends: dict[type, Status] = {Approved: Status.CAPTURED, Declined: Status.DECLINED}
    assert settled.payment.status is ends.get(type(happened), Status.REQUIRES_ACTION)
    assert house.bank.verbs() == ["charge", "complete", "lookup"]


@pytest.mark.parametrize(("happened", "status"), [(TAKEN, Status.CAPTURED), (None, Status.REQUIRES_ACTION)])
async def test_a_process_that_dies_in_between_is_waited_for_and_then_asked_about(
    house: House, merchant: Merchant, happened: Any, status: Status
) -> None:
    payment_id = await waiting(house, merchant)
    house.bank.will("complete", Dies(happened))
    with pytest.raises(Died):
        await house.come_back(merchant, payment_id, key="back")
    begun = await house.snapshot(merchant, payment_id)
    assert (begun.payment.status, begun.attempts[0].state) == (Status.PROCESSING, AttemptState.COMPLETING)
    other = house.another_process()
    assert await other.settle(merchant, payment_id) is not None, "its maker may still be at work"
    with pytest.raises(Refusal, match="processed right now"):
        await other.payments.sync(merchant, payment_id, claim=None)
    assert house.bank.verbs() == ["charge", "complete"]
    await house.wait(seconds=45)
    await other.settle(merchant, payment_id)
    settled = await house.snapshot(merchant, payment_id)
    assert settled.payment.status is status
    if status is Status.REQUIRES_ACTION:
        assert (await house.come_back(merchant, payment_id)).payment.status is Status.CAPTURED


async def test_a_start_alone_asks_at_once(house: House, merchant: Merchant) -> None:
    payment_id = await waiting(house, merchant)
    house.bank.will("complete", Dies(TAKEN))
    with pytest.raises(Died):
        await house.come_back(merchant, payment_id)
    await house.wait(seconds=1)
    alone = house.another_process(alone_since=house.now)
    await alone.settle(merchant, payment_id)
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.CAPTURED


async def test_two_who_come_back_at_once_complete_once(house: House, merchant: Merchant) -> None:
    payment_id = await waiting(house, merchant)
    gate = Gate()
    house.bank.will("complete", gate)
    first = asyncio.create_task(house.come_back(merchant, payment_id, key="one"))
    await gate.entered.wait()
    with pytest.raises(Refusal, match="processed right now"):
        await house.another_process().come_back(merchant, payment_id, key="two")
    with pytest.raises((Taken, Refusal)):
        await house.come_back(merchant, payment_id, key="one")
    with pytest.raises(Refusal):
        await house.cancel(merchant, payment_id)
    gate.opened.set()
    assert (await first).payment.status is Status.CAPTURED
    assert house.bank.keys("complete") == house.bank.keys("charge")
    assert await house.stored_key(merchant, "two") is None, "a refused key may come again"


async def test_who_comes_back_from_one_step_does_not_go_on_with_the_next(
    house: House, merchant: Merchant
) -> None:
    """Two requests bring the customer back from one step, and the first leads to a challenge. Going on with that before
    they met it would have it refused, and the payment with it."""
    payment_id = await waiting(house, merchant)
    seen = await house.snapshot(merchant, payment_id)
    house.bank.will("complete", replace(ASKS, url="https://bank.example/challenge"))
    assert (await house.come_back(merchant, payment_id)).payment.status is Status.REQUIRES_ACTION
    late = Completing(house._tools())
    claim = house.claim("late", "payment_change", payment_id)
    with pytest.raises(Refusal) as caught:
        await late.complete(merchant, seen, {"a": "1"}, claim=claim, now=house.now)
    assert caught.value.code == "payment_under_way"
    assert house.bank.verbs() == ["charge", "complete"]
    assert await house.stored_key(merchant, "late") is None
    assert (await house.come_back(merchant, payment_id)).payment.status is Status.CAPTURED


async def test_where_it_stood_before_says_nothing_of_a_completion(house: House, merchant: Merchant) -> None:
    """A question asked before the customer came back is answered after: the attempt is not set back."""
    payment_id = await waiting(house, merchant)
    asked, completed = Gate(ASKS), Gate()
    house.bank.will("lookup", asked)
    house.bank.will("complete", completed)
    await house.wait(seconds=2)
    looking = asyncio.create_task(house.another_process().settle(merchant, payment_id))
    await asked.entered.wait()
    back = asyncio.create_task(house.come_back(merchant, payment_id))
    await completed.entered.wait()
    asked.opened.set()
    await looking
    assert (await house.snapshot(merchant, payment_id)).attempts[0].state is AttemptState.COMPLETING
    completed.opened.set()
    assert (await back).payment.status is Status.CAPTURED


async def test_who_never_comes_back_is_asked_about_for_ever(house: House, merchant: Merchant) -> None:
    payment_id = await waiting(house, merchant)
    house.bank.will("lookup", *[ASKS] * 3)
    for _ in range(3):
        await house.wait(days=1)
        assert await house.work() == 1
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.REQUIRES_ACTION
    house.bank.settle(house.bank.keys("charge")[0], no_funds())
    await house.wait(days=1)
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.DECLINED


async def test_nobody_comes_back_to_a_payment_that_awaits_nobody(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    with pytest.raises(Refusal) as caught:
        await house.come_back(merchant, paid.payment.id)
    assert (caught.value.code, caught.value.param) == ("payment_unexpected_state", "return_parameters")


async def test_a_token_that_comes_with_a_completion_is_kept(house: House, merchant: Merchant) -> None:
    payment_id = await waiting(house, merchant)
    house.bank.will("complete", replace(TAKEN, token=Secret("tok_kept"), token_customer="cus_kept"))
    done = await house.come_back(merchant, payment_id)
    assert done.payment.payment_method_id is not None
    means, _ = await house.payments.stored_means(merchant, done.payment.payment_method_id)
    kept = means.tokens[done.attempts[0].processor_account_id]
    assert (kept.value, kept.customer) == (Secret("tok_kept"), "cus_kept")


async def test_a_token_is_kept_though_others_heard_of_the_approval_first(
    house: House, merchant: Merchant
) -> None:
    payment_id = await waiting(house, merchant)
    gate = Gate(replace(TAKEN, token=Secret("tok_kept")))
    house.bank.will("complete", gate)
    back = asyncio.create_task(house.come_back(merchant, payment_id))
    await gate.entered.wait()
    house.bank.will("lookup", TAKEN)
    await house.wait(seconds=45)
    await house.another_process().settle(merchant, payment_id)
    gate.opened.set()
    done = await back
    assert done.payment.status is Status.CAPTURED
    means, _ = await house.payments.stored_means(merchant, done.attempts[0].payment_method_id)
    assert means.tokens[done.attempts[0].processor_account_id].value == Secret("tok_kept")


async def test_a_decline_learned_in_cancelling_is_read_as_the_merchant_reads_it(
    house: House, merchant: Merchant
) -> None:
    async with house.database.transaction() as connection:
        await house.readings.override(
            connection,
            merchant,
            "visa",
            "96",
            reading=Reading(category=Category.ISSUER),
            note=None,
            set_by=None,
            now=house.now,
        )
    payment_id = await waiting(house, merchant)
    house.bank.will("withdraw", decline())
    ended = await house.cancel(merchant, payment_id)
    assert ended.payment.status is Status.CANCELED
    known = ended.attempts[0].decline
    assert known is not None and known.decided_by is Signal.MERCHANT_OVERRIDE


async def test_a_lookup_that_fails_while_a_completion_is_unknown_proves_nothing(house: House) -> None:
    """Where nothing can be withdrawn, such a payment stays unresolved until the processor tells."""
    merchant = await house.merchant("east")
    payment_id = await waiting(house, merchant)
    house.bank.will("complete", Lost(TAKEN))
    house.bank.will("lookup", Unknown("HTTP 500"))
    await house.come_back(merchant, payment_id)
    await house.wait(seconds=2)
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.UNRESOLVED
    await house.wait(days=1)
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.CAPTURED
