"""A completion whose answer got lost, at a processor that may be asked for the very same once more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import pytest
from tests.payments.bank import Died, Dies, Lost, decline
from tests.payments.house import House

from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.outcomes.core import ActionRequired, Approved, Pending, Unknown, Unprocessed
from recoup.payments.core import AttemptState, Status
from recoup.payments.flow.settling import RESUMED_WITHIN

ASKS: Final = ActionRequired("ref-1", "https://bank.example/3ds")
TAKEN: Final = Approved("ch-1", captured=True)
NOBODY_TELLS: Final = [Unknown("this processor cannot be asked")] * 40
BACK: Final = {"redirectResult": "abc"}


@pytest.fixture
async def merchant(house: House) -> AsyncIterator[Merchant]:
    """One whose only processor cannot be asked."""
    yield await house.merchant("west")
    await house.check_rows()


async def lost(house: House, merchant: Merchant, happened: Any = None) -> UUID:
    """A payment whose customer came back, and whose completion was not answered."""
    house.bank.will("charge", ASKS)
    house.bank.will("lookup", *NOBODY_TELLS)
    paid = await house.pay(merchant)
    house.bank.will("complete", Lost(happened))
    done = await house.come_back(merchant, paid.payment.id, **BACK)
    assert done.payment.status is Status.UNRESOLVED
    return paid.payment.id


async def kept(house: House, payment_id: UUID) -> Any:
    """What is kept of what the customer brought back."""
    row = await house.database.fetch_one(
        "select returned from attempts where payment_id = %(id)s", {"id": payment_id}
    )
    assert row is not None
    return row["returned"]


@pytest.mark.parametrize(
    ("happened", "status"),
    [(None, Status.CAPTURED), (TAKEN, Status.CAPTURED), (decline(), Status.DECLINED)],
    ids=["it never arrived", "it was taken", "it was declined"],
)
async def test_it_is_asked_for_again_under_the_same_key_with_the_same_words(
    house: House, merchant: Merchant, happened: Any, status: Status
) -> None:
    payment_id = await lost(house, merchant, happened)
    await house.wait(seconds=2)
    await house.work()
    settled = await house.snapshot(merchant, payment_id)
    assert settled.payment.status is status
    assert len(settled.attempts) == 1
    assert house.bank.returned == [BACK, BACK]
    assert house.bank.keys("complete") == house.bank.keys("charge") * 2
    assert house.bank.double_charges() == 0
    assert await kept(house, payment_id) is None, "what the customer brought back goes with the end"


async def test_while_nobody_knows_no_other_may_start(house: House, merchant: Merchant) -> None:
    payment_id = await lost(house, merchant)
    house.bank.will("complete", *[Lost()] * 3)
    for _ in range(3):
        await house.wait(minutes=20)
        await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.UNRESOLVED
    for attempted in (
        house.come_back(merchant, payment_id),
        house.confirm(merchant, payment_id, await house.means(merchant, "5555555555554444")),
    ):
        with pytest.raises(Refusal):
            await attempted
    await house.wait(hours=2)
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.CAPTURED
    assert len(house.bank.keys("charge")) == 1


async def test_a_repetition_that_did_not_leave_says_nothing_of_the_first(
    house: House, merchant: Merchant
) -> None:
    payment_id = await lost(house, merchant, TAKEN)
    house.bank.settle(house.bank.keys("charge")[0], Unprocessed("not sent: no connection"))
    await house.wait(seconds=2)
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.UNRESOLVED
    house.bank.settle(house.bank.keys("charge")[0], TAKEN)
    await house.wait(minutes=5)
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.CAPTURED


@pytest.mark.parametrize(
    ("meaning", "status"), [(ASKS, Status.REQUIRES_ACTION), (Pending("ref-1"), Status.PROCESSING)]
)
async def test_what_it_says_in_between_is_evidence_too(
    house: House, merchant: Merchant, meaning: Any, status: Status
) -> None:
    payment_id = await lost(house, merchant)
    house.bank.will("complete", meaning)
    await house.wait(seconds=2)
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is status


async def test_a_process_that_died_in_between_is_followed_by_another(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", ASKS)
    house.bank.will("lookup", *NOBODY_TELLS)
    payment_id = (await house.pay(merchant)).payment.id
    house.bank.will("complete", Dies())
    with pytest.raises(Died):
        await house.come_back(merchant, payment_id, **BACK)
    await house.wait(seconds=45)
    await house.another_process().settle(merchant, payment_id)
    settled = await house.snapshot(merchant, payment_id)
    assert (settled.payment.status, settled.attempts[0].state) == (Status.CAPTURED, AttemptState.APPROVED)
    assert house.bank.returned == [BACK, BACK]


async def test_not_after_a_day(house: House, merchant: Merchant) -> None:
    """Nobody expects the money to be taken then; the processor may still tell."""
    payment_id = await lost(house, merchant)
    house.clock.advance(RESUMED_WITHIN + timedelta(minutes=1))
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.UNRESOLVED
    assert house.bank.verbs().count("complete") == 1


async def test_not_at_an_account_that_leads_elsewhere_since(house: House, merchant: Merchant) -> None:
    payment_id = await lost(house, merchant)
    (account,) = await house.accounts.accounts_of(merchant.id)
    async with house.database.transaction() as connection:
        await house.accounts.update(
            connection, merchant, account.id, changes={"base_url": "http://127.0.0.1:2"}, now=house.now
        )
    await house.wait(seconds=20)
    await house.work()
    assert house.bank.verbs().count("complete") == 1
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.UNRESOLVED


async def test_elsewhere_nothing_is_kept_and_nothing_repeated(house: House) -> None:
    merchant = await house.merchant("east")
    payment_id = await lost(house, merchant)
    assert await kept(house, payment_id) is None
    await house.wait(minutes=5)
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.UNRESOLVED
    assert house.bank.verbs().count("complete") == 1


async def test_a_charge_that_is_unknown_from_the_start_is_not_completed(
    house: House, merchant: Merchant
) -> None:
    house.bank.will("charge", Lost(ASKS))
    house.bank.will("lookup", *NOBODY_TELLS)
    payment_id = (await house.pay(merchant)).payment.id
    await house.wait(minutes=5)
    await house.work()
    assert (await house.snapshot(merchant, payment_id)).payment.status is Status.UNRESOLVED
    assert "complete" not in house.bank.verbs()
