"""A part of a payment, charged by itself: whatever happens in between, no more is taken than was owed."""

from __future__ import annotations

import asyncio
import random
from uuid import UUID

import psycopg
import pytest
from tests.payments.bank import Gate, Lost, lost_card, no_funds
from tests.payments.house import House

from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Approved, Unprocessed, Withdrawn
from recoup.payments.core import Reason, Status
from recoup.payments.flow.owing import Owing
from recoup.payments.flow.parts import SETTLE, Parts, Portion

OWED, PART = 1000, 400


def parts_of(house: House) -> Parts:
    """The flow under test."""
    return Parts(house._tools(), retry=house.payments.retry)


async def refused(house: House, merchant: Merchant, *, divisible: bool = True) -> UUID:
    """A payment of the merchant's own making that was refused for missing money."""
    house.bank.will("charge", no_funds())
    return (await house.pay(merchant, initiator="merchant", divisible=divisible)).payment.id


async def charge(house: House, merchant: Merchant, payment_id: UUID, amount: int = PART) -> UUID:
    """Try a part; the payment that it is."""
    portion = Portion(house.new_id(), amount, house.new_id(), None)
    await parts_of(house).charge(merchant, payment_id, portion, now=house.now)
    return portion.id


async def again(house: House, merchant: Merchant, payment_id: UUID) -> Status:
    """One more try of the whole, or of the rest."""
    return await house.payments.retry(
        merchant, payment_id, reason=Reason.RECOVERY, accounts=None, now=house.now
    )


def taken(house: House) -> int:
    """All that customers lost at the bank."""
    return sum(house.bank.sums(key)["capture"] for key in house.bank.charges)


async def test_what_a_part_brought_is_not_asked_for_again(house: House, merchant: Merchant) -> None:
    payment_id = await refused(house, merchant)
    part_id = await charge(house, merchant, payment_id)
    part, left = [await house.snapshot(merchant, one) for one in (part_id, payment_id)]
    assert (part.payment.status, part.payment.part_of) == (Status.CAPTURED, payment_id)
    assert (left.payment.amount, left.payment.debt, left.payment.part_open) == (600, OWED, False)
    assert (await house.events(merchant, payment_id))[-1] == "payment.part_received"
    facts = await house.payments.facts(merchant, payment_id)
    assert facts is not None and (facts.amount, facts.debt) == (Money(600, "USD"), Money(OWED, "USD"))
    assert [(one.amount.minor, one.is_part) for one in facts.attempts] == [(OWED, False), (PART, True)]
    assert (facts.status, facts.divisible) == (Status.DECLINED, False)
    assert await again(house, merchant, payment_id) is Status.CAPTURED
    assert taken(house) == OWED
    with pytest.raises(Refusal, match="no part of it may be charged"):
        await charge(house, merchant, payment_id)
    await house.refund(merchant, part_id)
    await house.refund(merchant, payment_id)
    shown = await house.call("GET", f"/v1/payments/{_shown(payment_id)}", key=await house.key_of(merchant))
    assert (shown.json["amount"], shown.json["amount_captured"], shown.json["amount_refunded"]) == (
        OWED,
        600,
        600,
    )
    assert shown.json["part"] == {"payment": _shown(part_id), "status": "received", "amount_received": PART}


NOT_SENT = Unprocessed("not sent")


@pytest.mark.parametrize("answers", [[no_funds()], [NOT_SENT, NOT_SENT]])
async def test_a_refused_part_leaves_the_debt_whole(
    house: House, merchant: Merchant, answers: list[object]
) -> None:
    """It is canceled, so that nobody tries it any more, and there is no second."""
    payment_id = await refused(house, merchant)
    house.bank.will("charge", *answers)
    part_id = await charge(house, merchant, payment_id)
    assert (await house.snapshot(merchant, part_id)).payment.status is Status.CANCELED
    whole = (await house.snapshot(merchant, payment_id)).payment
    assert (whole.amount, whole.part_open, whole.status) == (OWED, False, Status.DECLINED)
    with pytest.raises(Refusal):
        await again(house, merchant, part_id)
    with pytest.raises(Refusal, match="no part of it"):
        await charge(house, merchant, payment_id)
    await house.confirm(merchant, payment_id)
    assert taken(house) == OWED


async def test_what_is_said_of_a_part_for_good_holds_for_the_whole(house: House, merchant: Merchant) -> None:
    payment_id = await refused(house, merchant)
    house.bank.will("charge", lost_card())
    await charge(house, merchant, payment_id)
    facts = await house.payments.facts(merchant, payment_id)
    assert facts is not None and facts.decline is not None and facts.decline.decline.code == "lost_card"
    for tried in (house.confirm(merchant, payment_id), again(house, merchant, payment_id)):
        with pytest.raises(Refusal, match="declined for good"):
            await tried
    await house.confirm(merchant, payment_id, await house.means(merchant, "4012888888881881"))
    assert taken(house) == OWED


async def test_while_a_part_may_bring_money_the_whole_waits(house: House, merchant: Merchant) -> None:
    """Nobody charges it, nobody ends it; evidence settles the part, and the rest is charged."""
    payment_id = await refused(house, merchant)
    house.bank.will("charge", Lost(Approved("ch", captured=True)))
    part_id = await charge(house, merchant, payment_id)
    facts = await house.payments.facts(merchant, payment_id)
    assert facts is not None and facts.status is Status.PROCESSING
    for attempted in (house.confirm, house.cancel):
        with pytest.raises(Refusal) as refusal:
            await attempted(merchant, payment_id)
        assert (refusal.value.code, refusal.value.retry_after_s) == ("payment_under_way", 1)
    async with house.database.transaction() as connection:
        owing = Owing(house._tools())
        assert not await owing.let_go(connection, merchant, payment_id, now=house.now)
    await house.wait(minutes=15)
    await house.work()
    await house.wait(minutes=15)
    await house.work()
    assert (await house.snapshot(merchant, part_id)).payment.status is Status.CAPTURED
    assert (await house.snapshot(merchant, payment_id)).payment.amount == 600
    await house.confirm(merchant, payment_id)
    assert taken(house) == OWED


async def test_what_the_customer_pays_at_the_same_moment_is_paid_once(
    house: House, merchant: Merchant
) -> None:
    payment_id = await refused(house, merchant)
    gate = Gate()
    house.bank.will("charge", gate)
    paying = asyncio.create_task(house.confirm(merchant, payment_id))
    await gate.entered.wait()
    with pytest.raises(Refusal, match="no part of it"):
        await charge(house, merchant, payment_id)
    gate.opened.set()
    await paying
    assert taken(house) == OWED


async def test_two_parts_at_once_are_one(house: House, merchant: Merchant) -> None:
    payment_id = await refused(house, merchant)
    gate = Gate()
    house.bank.will("charge", gate)
    first = asyncio.create_task(charge(house, merchant, payment_id))
    await gate.entered.wait()
    with pytest.raises(Refusal):
        await charge(house.another_process(), merchant, payment_id)
    gate.opened.set()
    await first
    assert taken(house) == PART


async def test_a_part_that_nobody_tried_is_let_go_of(house: House, merchant: Merchant) -> None:
    """The process died between opening it and trying it; or no account can do it."""
    payment_id = await refused(house, merchant)
    parts, portion = parts_of(house), Portion(house.new_id(), PART, house.new_id(), None)
    await parts._begin(merchant, payment_id, portion, now=house.now)
    await parts._begin(merchant, payment_id, portion, now=house.now)  # its commit was not heard of
    assert (SETTLE, portion.id) in await house.dues(merchant)
    await house.wait(minutes=5)
    await house.work()
    assert (await house.snapshot(merchant, portion.id)).payment.status is Status.CANCELED
    assert await again(house, merchant, payment_id) is Status.CAPTURED
    other = await refused(house, merchant)
    nowhere = Portion(house.new_id(), PART, house.new_id(), [house.new_id()])
    with pytest.raises(Refusal):
        await parts.charge(merchant, other, nowhere, now=house.now)
    assert (await house.snapshot(merchant, other)).payment.part_open is False


async def test_a_part_whose_bank_wants_the_customer_is_given_up(house: House, merchant: Merchant) -> None:
    payment_id = await refused(house, merchant)
    house.bank.will("charge", ActionRequired("r", "https://bank.example"))
    house.bank.will("withdraw", Withdrawn())
    part_id = await charge(house, merchant, payment_id)
    assert (await house.snapshot(merchant, part_id)).payment.status is Status.CANCELED
    await house.confirm(merchant, payment_id)
    assert taken(house) == OWED


async def test_what_must_be_paid_whole_has_no_part(house: House, merchant: Merchant) -> None:
    for payment_id in (await refused(house, merchant, divisible=False), await house.authorized(merchant)):
        with pytest.raises(Refusal, match="no part of it"):
            await charge(house, merchant, payment_id)


WRONG = {
    "payments_wait_for_their_part": "status = 'processing' where merchant_id = %(m)s and id = %(whole)s",
    "payments_owe_their_debt_at_most": "amount = 1001 where merchant_id = %(m)s and id = %(whole)s",
    "payments_one_part": "part_of = %(whole)s where merchant_id = %(m)s and id = %(other)s",
}


@pytest.mark.parametrize("rule", WRONG)
async def test_the_database_keeps_the_rules_by_itself(house: House, merchant: Merchant, rule: str) -> None:
    payment_id, other = await refused(house, merchant), await refused(house, merchant)
    portion = Portion(house.new_id(), PART, house.new_id(), None)
    await parts_of(house)._begin(merchant, payment_id, portion, now=house.now)
    with pytest.raises(psycopg.IntegrityError, match=rule):
        await house.database.execute(
            f"update payments set {WRONG[rule]}",
            {"m": merchant.id, "whole": payment_id, "other": other},
        )


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_tried_at_once_no_more_is_taken_than_was_owed(
    house: House, merchant: Merchant, seed: int
) -> None:
    """Parts, tries of the whole, the customer, a cancellation and lost answers, all at once, from several processes."""
    chance = random.Random(seed)
    processes = [house, house.another_process(), house.another_process()]
    answers = [no_funds(), Lost(Approved("ch", captured=True)), Lost(), Approved("ch", captured=True)]
    payment_id = await refused(house, merchant)

    async def act() -> None:
        at, what = chance.choice(processes), chance.choice(["part", "again", "confirm", "cancel", "settle"])
        await asyncio.sleep(chance.random() / 50)
        try:
            match what:
                case "part":
                    await charge(at, merchant, payment_id, chance.randrange(1, OWED))
                case "again":
                    await again(at, merchant, payment_id)
                case "confirm":
                    await at.confirm(merchant, payment_id)
                case "cancel" if chance.random() < 0.2:
                    await at.cancel(merchant, payment_id)
                case _:
                    await at.work()
        except Refusal:
            return

    for _ in range(5):
        house.bank.will("charge", *[chance.choice(answers) for _ in range(2)])
        await asyncio.gather(*[act() for _ in range(5)])
        await house.wait(minutes=30)
        assert taken(house) <= OWED
    for _ in range(6):
        await house.wait(days=1)
        await house.work()
    found = await house.payments_of(merchant)
    assert sum(one.payment.captured for one in found) == taken(house) <= OWED
    whole = (await house.snapshot(merchant, payment_id)).payment
    assert not whole.part_open
    assert whole.in_part == sum(one.payment.captured for one in found if one.payment.part_of == payment_id)


def _shown(payment_id: UUID) -> str:
    return render(Kind.PAYMENT, payment_id)
