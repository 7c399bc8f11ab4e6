"""What a processor says, asked, against what is closed: one case, with what to do, whoever found it and how often."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.payments.bank import Gate, Lost, no_funds
from tests.payments.house import House
from tests.settlements.desk import Desk, charged
from tests.webhooks.telling import account_of, cases, saying, send, telling

from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved, Done, Refused
from recoup.payments.core import Snapshot, Status
from recoup.payments.flow.heard import CONTRADICTED
from recoup.payments.flow.tools import operation_key

TAKEN = Approved("ch-9", captured=True)


async def declined_here_approved_there(house: House, merchant: Merchant) -> Snapshot:
    house.bank.will("charge", no_funds())
    declined = await house.pay(merchant)
    house.bank.settle(render(Kind.ATTEMPT, declined.attempts[0].id), TAKEN)
    return declined


async def listed(house: House, merchant: Merchant) -> list[dict[str, Any]]:
    answer = await house.call("GET", "/v1/audit/cases", key=await house.key_of(merchant))
    found: list[dict[str, Any]] = answer.json["data"]
    return found


async def test_what_reading_again_finds_opens_one_case(house: House, merchant: Merchant) -> None:
    declined = await declined_here_approved_there(house, merchant)
    await house.payments.rereading.follow(merchant.id)
    for _ in range(3):  # after an hour, a day and a week
        await house.wait(days=7)
        await house.work()
    [case] = await listed(house, merchant)
    assert case["kind"] == "contradiction" and case["payment"] == render(Kind.PAYMENT, declined.payment.id)
    assert "void or refund" in case["remedy"]
    assert (case["details"]["held"], case["details"]["told"]) == ("declined", "approved")
    assert (await house.events(merchant)).count("audit.case_opened") == 1
    assert (await house.snapshot(merchant, declined.payment.id)).payment.status is Status.DECLINED


async def test_a_webhook_and_a_question_that_say_the_same_open_one_case(house: House) -> None:
    telling(house, "north", "teller")
    merchant = await house.merchant("teller")
    declined = await declined_here_approved_there(house, merchant)
    await house.wait(minutes=5)
    key = render(Kind.ATTEMPT, declined.attempts[0].id)
    body = saying("e-1", {"says": "approved", "key": key, "minor": 1000, "at": house.now.isoformat()})
    await send(house, await account_of(house, merchant), body)
    await house.work()
    assert len(await cases(house, merchant)) == 1
    await house.payments.sync(merchant, declined.payment.id, claim=None)
    assert (CONTRADICTED, declined.payment.id) in await house.dues(merchant)
    await house.work()
    assert await cases(house, merchant) == [("contradiction", f"{key}:declined:approved")]


async def test_it_is_seen_again_after_a_person_has_closed_it(house: House, merchant: Merchant) -> None:
    declined = await declined_here_approved_there(house, merchant)
    await house.payments.sync(merchant, declined.payment.id, claim=None)
    await house.work()
    [case] = await listed(house, merchant)
    key = await house.key_of(merchant)
    await house.call("POST", f"/v1/audit/cases/{case['id']}/resolve", {"resolution": "voided"}, key=key)
    await house.payments.sync(merchant, declined.payment.id, claim=None)
    await house.work()
    assert sorted(one["state"] for one in await listed(house, merchant)) == ["open", "resolved"]


async def test_our_own_late_answer_against_what_others_were_told_opens_a_case(
    house: House, merchant: Merchant
) -> None:
    """The attempt was given up for lost and declined by the processor's word; then its approval comes."""
    gate = Gate(TAKEN)
    house.bank.will("charge", gate)
    house.bank.will("lookup", no_funds())
    paying = asyncio.create_task(house.pay(merchant))
    await gate.entered.wait()
    [under_way] = await house.payments_of(merchant)
    await house.wait(seconds=41)
    await house.another_process().settle(merchant, under_way.payment.id)
    house.bank.settle(render(Kind.ATTEMPT, under_way.attempts[0].id), TAKEN)
    gate.opened.set()
    paid = await paying
    assert paid.payment.status is Status.DECLINED
    await house.work()
    [case] = await listed(house, merchant)
    assert (case["details"]["held"], case["details"]["told"]) == ("declined", "approved")


async def test_a_late_answer_to_a_refund_against_what_others_were_told_opens_a_case(
    house: House, merchant: Merchant
) -> None:
    paid = await house.pay(merchant)
    gate = Gate(Done("r-1"))
    house.bank.will("refund", gate)
    house.bank.will("lookup_change", Refused("no", "No."))
    refunding = asyncio.create_task(house.refund(merchant, paid.payment.id, 100))
    await gate.entered.wait()
    await house.wait(seconds=41)
    await house.settle(merchant, paid.payment.id)
    [known] = (await house.snapshot(merchant, paid.payment.id)).operations
    house.bank.settle(operation_key(known), Done("r-1"))
    gate.opened.set()
    refund = await refunding
    await house.work()
    [case] = await listed(house, merchant)
    assert case["details"]["object"] == operation_key(refund)
    assert "do not ask for it again" in case["remedy"]


async def test_what_agrees_or_says_nothing_opens_none(house: House, merchant: Merchant) -> None:
    paid = await house.pay(merchant)
    await house.payments.sync(merchant, paid.payment.id, claim=None)
    house.bank.will("lookup", Lost())
    await house.payments.sync(merchant, paid.payment.id, claim=None)
    await house.work()
    assert await listed(house, merchant) == []


@pytest.mark.parametrize("times", [1, 2])
async def test_a_settlement_against_what_is_closed_opens_one_case(house: House, times: int) -> None:
    merchant = await house.merchant()
    account = (await house.accounts.accounts_of(merchant.id))[0]
    desk = Desk(house, merchant, account.id)
    house.bank.will("charge", no_funds())
    declined = await house.pay(merchant)
    for _ in range(times):
        await desk.stripe(charged(declined))
        await house.work()
    [(kind, subject)] = await cases(house, merchant)
    assert kind == "contradiction" and subject.endswith("settled_though_declined")
