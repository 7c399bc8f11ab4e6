"""A database that is busy or away just after a processor was asked: nobody is told that nothing was done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from tests.payments.bank import Gate
from tests.payments.house import House

from recoup.db import Overloaded
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.payments.core import OperationState, Status
from recoup.payments.flow import Payments
from recoup.payments.writes import Answer


class Full:
    """A writer's queue that takes nothing more."""

    async def write(self, _: UUID, __: bytes) -> None:
        raise Overloaded("no room")

    async def close(self) -> None:
        """As the one it stands for."""


async def asked_and_not_stored(house: House, verb: str, work: Any) -> Refusal:
    """What is refused where the queue fills up while the processor is asked."""
    gate = Gate()
    house.bank.will(verb, gate)
    task = asyncio.create_task(work)
    await gate.entered.wait()
    queue, house.writer._grouped = house.writer._grouped, Full()  # type: ignore[assignment]
    gate.opened.set()
    try:
        with pytest.raises(Refusal) as refused:
            await task
    finally:
        house.writer._grouped = queue
    return refused.value


async def test_a_charge_whose_answer_cannot_be_stored_is_named_and_settles_by_itself(
    house: House, merchant: Merchant
) -> None:
    refused = await asked_and_not_stored(house, "charge", house.pay(merchant))
    (unsettled,) = await house.payments_of(merchant)
    shown = render(Kind.PAYMENT, unsettled.payment.id)
    assert (refused.code, refused.http_status) == ("outcome_not_stored", 503)
    assert shown in refused.message and "do not make another one" in refused.message
    assert refused.retry_after_s is None, "a client that tries again by itself would make a second payment"
    await house.wait(minutes=2)
    await house.work()
    assert (await house.snapshot(merchant, unsettled.payment.id)).payment.status is Status.CAPTURED
    assert house.bank.verbs() == ["charge", "lookup"]


async def test_a_refund_whose_answer_cannot_be_stored_is_no_different(
    house: House, merchant: Merchant
) -> None:
    paid = await house.pay(merchant)
    refused = await asked_and_not_stored(house, "refund", house.refund(merchant, paid.payment.id))
    assert refused.code == "outcome_not_stored"
    await house.wait(minutes=2)
    await house.work()
    (refund,) = (await house.snapshot(merchant, paid.payment.id)).operations
    assert refund.state is OperationState.SUCCEEDED


async def test_an_answer_that_cannot_be_recorded_is_given_all_the_same(
    house: House, merchant: Merchant
) -> None:
    """What it tells is written already; the same request again is answered from that."""

    async def full(_: UUID, __: Answer) -> None:
        raise Overloaded("no room")

    payments = Payments(replace(house.payments._tools, record_answer=full))
    paid = await house.pay(merchant)
    house.payments = payments
    refund = await house.refund(merchant, paid.payment.id, key="k")
    assert refund.state is OperationState.SUCCEEDED
    stored = await house.stored_key(merchant, "k")
    assert (stored["resource"], stored["status"]) == ("refund", None)
