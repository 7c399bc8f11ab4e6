"""What later subjects may know of a payment, read from its rows and from those of its card."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.payments.bank import Lost, no_funds
from tests.payments.house import House

from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Declined, Unprocessed
from recoup.payments.core import AttemptState, Snapshot, Status
from recoup.payments.core.facts import PaymentFacts

SOMEBODYS = "4012888888881881"
EVERYBODYS = "4242424242424242"


async def pay(house: House, merchant: Merchant, number: str = SOMEBODYS) -> Snapshot:
    """Charge a new card with this number."""
    means = await house.means(merchant, number)
    new = house.new_payment(merchant)
    return await house.payments.create(merchant, new, means, claim=None, now=house.now)


async def facts_of(house: House, merchant: Merchant, number: str = SOMEBODYS) -> PaymentFacts:
    """The facts of a fresh decline."""
    house.bank.will("charge", no_funds())
    refused = await pay(house, merchant, number)
    facts = await house.payments.facts(merchant, refused.payment.id)
    assert facts is not None and facts.status is Status.DECLINED
    return facts


async def test_tries_on_a_card_count_over_all_its_payments(house: House, merchant: Merchant) -> None:
    """What was never processed does not count, what nobody knows does."""
    house.bank.will("charge", no_funds(), Unprocessed("not sent"), Unprocessed("not sent"), Lost())
    for _ in range(4):
        await pay(house, merchant)
        await house.wait(hours=1)
    facts = await facts_of(house, merchant)
    assert [one.declined for one in facts.card_tries] == [True, True, False, True]
    assert [one.at for one in facts.card_tries] == sorted(one.at for one in facts.card_tries)
    assert [one.state for one in facts.attempts] == [AttemptState.DECLINED]
    other = await house.merchant()
    assert len((await facts_of(house, other)).card_tries) == 1, "another merchant's tries are its own"


async def test_old_tries_are_forgotten_but_for_those_that_stopped_the_card(
    house: House, merchant: Merchant
) -> None:
    """A stop of a network outlasts every window, and is what nobody may try against."""
    stop = Declined(replace(no_funds().decline, rule="visa_category_1"))
    house.bank.will("charge", stop)
    refused = await pay(house, merchant)
    await house.wait(days=400)
    facts = await house.payments.facts(merchant, refused.payment.id)
    assert facts is not None and [one.rule for one in facts.card_tries] == ["visa_category_1"]
    with pytest.raises(Refusal) as caught:
        await pay(house, merchant)
    assert caught.value.code == "card_stopped_by_network"


async def test_everybody_who_uses_a_published_test_card_has_a_budget_of_their_own(
    house: House, merchant: Merchant
) -> None:
    """Or the sixteenth test of a day would find the card's month used up by the fifteen before it."""
    assert len((await facts_of(house, merchant, EVERYBODYS)).card_tries) == 1
    facts = await facts_of(house, merchant, EVERYBODYS)
    assert len(facts.card_tries) == 1
    assert facts.payment_method_id is not None
    house.bank.will("charge", no_funds())
    means, _ = await house.payments.stored_means(merchant, facts.payment_method_id)
    await house.payments.confirm(merchant, facts.id, means, claim=None, now=house.now)
    again = await house.payments.facts(merchant, facts.id)
    assert again is not None and len(again.card_tries) == 2


async def test_there_are_no_facts_of_a_payment_that_is_not_there(house: House, merchant: Merchant) -> None:
    assert await house.payments.facts(merchant, house.new_id()) is None
