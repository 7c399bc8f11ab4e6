"""Recoveries of what failed elsewhere: nothing is charged for what was paid by another way, whatever the moment."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from tests.recovery.cases import FIRST, NOW, days, decline, payment, tried_again
from tests.recovery.office import Answer, FakeDisputes, NoModels, Office

from recoup.merchants.core import Merchant
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import EndReason, Mode, Person, Recovery, Status
from recoup.recovery.flow.others import Brought, OthersFailures


async def let_go(payment_id: UUID) -> bool:
    del payment_id
    return True


async def holds_money(payment_id: UUID) -> bool:
    del payment_id
    return False


async def paid(office: Office, recovery: Recovery, *, under_way: bool = False) -> Recovery:
    """The merchant says that the debt was paid by another way."""
    others = OthersFailures(disputes=office.disputes, models=NoModels(), new_id=office.new_id)
    now = office.clock.now()
    async with office.database.transaction() as connection:
        held = await others.locked(connection, office.us, recovery.id)
        return await others.paid_elsewhere(
            connection, office.us, held, at=now, let_go=holds_money if under_way else let_go, now=now
        )


async def advised(office: Office) -> tuple[Recovery, OthersFailures]:
    """The recovery of a failure that we only advise on."""
    others = OthersFailures(disputes=office.disputes, models=NoModels(), new_id=office.new_id)
    recovery_id = office.new_id()
    facts = payment(id=recovery_id)
    brought = Brought(
        recovery_id=recovery_id,
        external_id=f"in {recovery_id}",
        mode=Mode.ADVISE,
        facts=facts,
        person=Person("America/New_York", "US"),
        deadline=None,
    )
    office.payments.known[recovery_id] = facts
    step, case = await others.planned(office.us, brought, now=NOW)
    async with office.database.transaction() as connection:
        return await others.write(connection, office.us, step, case), others


async def test_what_was_paid_elsewhere_is_not_tried(office: Office) -> None:
    recovery = await office.opened()
    ended = await paid(office, recovery)
    assert (ended.status, ended.end_reason) == (Status.STOPPED, EndReason.PAID_ELSEWHERE)
    await office.runs_until(NOW + days(40))
    assert office.payments.tries == []


async def test_reported_in_the_very_moment_of_the_look_no_try_is_made(office: Office) -> None:
    """The look has read that all is well; its write then finds the recovery moved on."""
    recovery = await office.opened()

    class Meanwhile(FakeDisputes):
        reported = False

        async def stops(
            self, merchant: Merchant, *, payment_method_id: UUID | None, fingerprint: str | None
        ) -> str | None:
            if not self.reported:
                self.reported = True
                await paid(office, recovery)
            return None

    office.recoveries._cases._disputes = Meanwhile()
    await office.runs_until(FIRST + days(1))
    assert office.payments.tries == []
    assert (await office.again(recovery)).end_reason is EndReason.PAID_ELSEWHERE


@pytest.mark.parametrize("approved", [False, True])
async def test_a_try_under_way_ends_it(office: Office, *, approved: bool) -> None:
    """Nobody takes back what left: declined, it is over; approved, it was paid twice, and says so."""
    recovery = await office.opened()
    office.payments.answers.append(Answer(PaymentStatus.UNRESOLVED))
    await office.runs_until(FIRST + timedelta(minutes=1))
    reported = await paid(office, recovery, under_way=True)
    assert (reported.status, reported.paid_elsewhere_at) == (Status.RUNNING, office.clock.now())
    known = office.payments.known[recovery.payment_id]
    status = PaymentStatus.CAPTURED if approved else PaymentStatus.DECLINED
    before = replace(known, attempts=known.attempts[:-1])
    office.payments.known[recovery.payment_id] = tried_again(
        before, office.clock.now(), None if approved else decline(), status=status
    )
    await office.hears(recovery.payment_id)
    ended = await office.again(recovery)
    expected = (Status.RECOVERED, EndReason.PAID) if approved else (Status.STOPPED, EndReason.PAID_ELSEWHERE)
    assert (ended.status, ended.end_reason) == expected
    assert ended.paid_elsewhere_at is not None and len(office.payments.tries) == 1


async def test_an_advised_try_is_told_and_never_made(office: Office) -> None:
    recovery, others = await advised(office)
    assert (recovery.status, recovery.next_at, recovery.payment_id) == (Status.SCHEDULED, FIRST, recovery.id)
    await office.runs_until(FIRST + days(2))
    waiting = await office.again(recovery)
    assert (waiting.status, office.payments.tries) == (Status.RUNNING, [])
    facts = tried_again(office.payments.known[recovery.id], office.clock.now(), decline())
    async with office.database.transaction() as connection:
        held = await others.locked(connection, office.us, recovery.id)
        again = await others.heard(
            connection, office.us, held, facts, Person("America/New_York", "US"), now=office.clock.now()
        )
    assert (again.status, again.tries_made) == (Status.SCHEDULED, 1)
    office.payments.known[recovery.id] = facts
    await office.runs_until(NOW + days(40))
    ended = await office.again(recovery)
    assert (ended.status, ended.end_reason, office.payments.tries) == (Status.EXPIRED, EndReason.DEADLINE, [])
    told = await office.told(recovery)
    assert told.count("recovery.retry_due") == 2 and told[-1] == "recovery.expired"
