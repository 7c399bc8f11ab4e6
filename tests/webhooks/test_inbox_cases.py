"""What a person is told of deliveries: with the payment that it is about, and without waiting for the rest."""

from __future__ import annotations

import asyncio

import pytest
from tests.payments.bank import Gate
from tests.payments.house import House
from tests.webhooks.telling import account_of, cases, results, rows, saying, send, telling

from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved
from recoup.payments.core import Snapshot
from recoup.webhooks.flow.reading import NEWS


@pytest.fixture
async def teller(house: House) -> Merchant:
    """A merchant whose processor tells, and can be asked."""
    telling(house, "north", "teller")
    return await house.merchant("teller")


def key_of(snapshot: Snapshot) -> str:
    return render(Kind.ATTEMPT, snapshot.attempts[0].id)


async def test_the_case_of_two_contents_names_the_payment_that_they_are_about(
    house: House, teller: Merchant
) -> None:
    paid = await house.pay(teller)
    account = await account_of(house, teller)
    for says in ("approved", "declined"):
        await send(house, account, saying("e-1", {"says": says, "key": key_of(paid)}))
    await house.work()
    [case] = await house.audit_cases.page(teller, state=None, after=None, before=None, limit=9)
    assert (case.kind, case.object_id) == ("webhook_conflict", paid.payment.id)


async def test_what_a_person_must_see_does_not_wait_for_what_cannot_be_judged_yet(
    house: House, teller: Merchant
) -> None:
    """One delivery: a payment that is being made, and a dispute with two ends."""
    gate = Gate(Approved("ch-1", captured=True))
    house.bank.will("charge", gate)
    paying = asyncio.create_task(house.pay(teller))
    await gate.entered.wait()
    [under_way] = await house.payments_of(teller)
    account, now = await account_of(house, teller), house.now.isoformat()
    ends = [{"says": f"dispute_{end}", "event": end, "at": now} for end in ("won", "lost")]
    waiting = {"says": "approved", "key": key_of(under_way)}
    await send(house, account, saying("e-1", *ends, waiting))
    (row,) = await rows(house, teller)
    for _ in range(2):
        assert await house.inbound.reader.read(teller, row["id"], house.now) is not None
        assert (NEWS, row["id"]) in await house.dues(teller)
    await house.inbound.handlers()[NEWS](teller, row["id"], house.now)
    [(kind, subject)] = await cases(house, teller)
    assert kind == "contradiction" and "dsp_" in subject
    gate.opened.set()
    await paying
    await house.wait(minutes=5)
    await house.work()
    assert await results(house, teller) == ["contradiction"]
    assert len(await cases(house, teller)) == 1
