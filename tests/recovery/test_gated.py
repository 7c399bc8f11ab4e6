"""What the gate says of a try that is due: what it is asked, and what follows in a recovery."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from tests.recovery.cases import FIRST, NOW, days, payment
from tests.recovery.office import Answer, Office

from recoup.gate.core import Due, Held, Later, Open, Passage
from recoup.merchants.core import Merchant
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import EndReason, Status


class Says:
    """A gate that says so, and keeps what it was asked."""

    def __init__(self, says: Callable[[Due, datetime], Passage]) -> None:
        self.asked: list[Due] = []
        self._says = says

    async def passage(self, merchant: Merchant, due: Due, now: datetime) -> Passage:
        """What it is to say."""
        del merchant
        self.asked.append(due)
        return self._says(due, now)


async def test_a_customer_whom_only_a_failure_tells_of_is_not_named(office: Office) -> None:
    """Such a one is known by the recovery's id, which is no customer's."""
    gate = Says(lambda due, _: Open(due.accounts))
    office.recoveries.guard(gate)
    for known in (True, False):
        customer_id = office.new_id()
        recovery = await office.opened(payment(customer_id=customer_id, at=office.clock.now()))
        if not known:
            facts = office.payments.known[recovery.payment_id]
            office.payments.known[recovery.payment_id] = replace(facts, customer_id=recovery.id)
        office.payments.answers.append(Answer(PaymentStatus.CAPTURED))
        await office.runs_until(recovery.deadline - days(1))
        assert gate.asked.pop().customer_id == (customer_id if known else None)


async def test_what_is_held_and_held_again_still_ends_at_its_deadline(office: Office) -> None:
    recovery = await office.opened()
    office.recoveries.guard(Says(lambda _, now: Held(now + days(6.9), "the shop is closed")))
    await office.runs_until(recovery.deadline)
    ended = await office.again(recovery)
    assert (ended.status, ended.end_reason) == (Status.EXPIRED, EndReason.DEADLINE)
    assert office.payments.tries == []


async def test_what_is_asked_about_later_is_tried_then_and_nothing_is_written_before(office: Office) -> None:
    recovery = await office.opened()
    office.payments.answers.append(Answer(PaymentStatus.CAPTURED))
    free = FIRST + days(1)
    office.recoveries.guard(Says(lambda due, now: Open(due.accounts) if now >= free else Later(free)))
    await office.runs_until(FIRST)
    assert (await office.again(recovery)).version == recovery.version
    assert await office.due_at(recovery) == free
    await office.runs_until(NOW + days(30))
    assert [at for at, *_ in office.payments.tries] == [free]
