"""A card that is in a dispute is left alone: nothing is tried on it, and what was planned ends with its reason."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tests.recovery.cases import FIRST, NOW, days, decline, payment
from tests.recovery.office import Answer, Office

from recoup.db import due
from recoup.disputes.core.concluding import begun
from recoup.disputes.flow.writing import STOPS
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import Action, EndReason, Status

WHY = "the card is in a dispute"
METHOD = UUID(int=0x22)


async def disputed(office: Office, payment_id: UUID) -> UUID:
    """A dispute of a payment is heard, and whoever listens is told."""
    dispute_id: UUID = office.new_id()
    known = begun(office.us.id, dispute_id, office.new_id(), "du_1", now=office.clock.now())
    office.disputes.known[dispute_id] = replace(known, payment_id=payment_id, stops=True)
    office.disputes.why[METHOD] = WHY
    async with office.database.transaction() as connection:
        await due.put(
            connection,
            merchant_id=office.us.id,
            kind=STOPS,
            object_id=dispute_id,
            due_at=office.clock.now(),
        )
    return dispute_id


async def test_a_recovery_of_the_card_ends_when_the_dispute_is_heard(office: Office) -> None:
    recovery = await office.opened()
    other = await office.opened(payment(payment_method_id=UUID(int=0x33)))
    await disputed(office, recovery.payment_id)
    await office.runs_until(NOW)
    ended = await office.again(recovery)
    assert (ended.status, ended.end_reason) == (Status.STOPPED, EndReason.DISPUTED)
    assert ended.plan is not None and (ended.plan.action, ended.plan.why) == (Action.GIVE_UP, WHY)
    assert (await office.told(recovery))[-1] == "recovery.stopped"
    assert (await office.again(other)).status is Status.SCHEDULED
    office.payments.answers.append(Answer(PaymentStatus.CAPTURED))
    await office.runs_until(FIRST + days(0.5))
    assert [one for _, one, _ in office.payments.tries] == [other.payment_id]


async def test_a_try_that_is_due_asks_once_more(office: Office) -> None:
    """The gate is asked on fresh facts, whether anybody was told or not."""
    recovery = await office.opened()
    office.disputes.why[METHOD] = WHY
    await office.runs_until(FIRST + days(0.5))
    assert office.payments.tries == []
    assert (await office.again(recovery)).end_reason is EndReason.DISPUTED


async def test_none_opens_while_the_card_is_in_a_dispute(office: Office) -> None:
    office.disputes.why[METHOD] = WHY
    payment_id = await office.refused()
    await office.hears(payment_id)
    assert await office.recoveries.page(office.us, payment_id=payment_id, limit=1) == []


async def test_a_paused_one_ends_too(office: Office) -> None:
    recovery = await office.opened()
    async with office.database.transaction() as connection:
        await office.recoveries.pause(connection, office.us, recovery.id, now=NOW)
    await disputed(office, recovery.payment_id)
    await office.runs_until(NOW)
    assert (await office.again(recovery)).end_reason is EndReason.DISPUTED


async def test_a_try_under_way_is_let_go_on_and_none_follows(office: Office) -> None:
    """What was begun may bring the money; when it did not, nothing more is tried."""
    recovery = await office.opened()
    office.payments.answers.append(Answer(PaymentStatus.UNRESOLVED))
    await office.runs_until(FIRST)
    assert (await office.again(recovery)).status is Status.RUNNING
    await disputed(office, recovery.payment_id)
    await office.runs_until(FIRST)
    assert (await office.again(recovery)).status is Status.RUNNING
    known = office.payments.known[recovery.payment_id]
    office.payments.known[recovery.payment_id] = replace(
        known, status=PaymentStatus.DECLINED, decline=payment(decline()).decline
    )
    await office.hears(recovery.payment_id)
    assert (await office.again(recovery)).end_reason is EndReason.DISPUTED
    assert len(office.payments.tries) == 1
