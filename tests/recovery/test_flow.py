"""The flow of recovery on a real database: what is written, in which order, and what survives a crash."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.recovery.cases import ALPHA, BRAVO, CHARLIE, FIRST, NOW, days, decline, payment, tried_again, tries
from tests.recovery.office import PAID_MONTHLY, Answer, Dies, Office

from recoup.kit.refusals import Refusal, conflict, not_found
from recoup.outcomes.core import AdviceAction, Category, Hardness
from recoup.payments.core import Reason
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import Action, EndReason, Recovery, Status
from recoup.recovery.core.steps import PATIENCE

DECLINED = Answer(PaymentStatus.DECLINED, decline())
CAPTURED = Answer(PaymentStatus.CAPTURED)
UNRESOLVED = Answer(PaymentStatus.UNRESOLVED)


class TestOpening:
    async def test_a_declined_renewal_opens_a_recovery_with_its_plan(self, office: Office) -> None:
        recovery = await office.opened()
        assert (recovery.status, recovery.version, recovery.policy) == (Status.SCHEDULED, 1, "default")
        assert recovery.next_at == await office.due_at(recovery) == FIRST
        assert office.payments.attached == {recovery.payment_id: recovery.id}
        assert await office.told(recovery) == ["recovery.opened", "recovery.retry_scheduled"]
        (decision,) = await office.decisions(recovery)
        assert decision["rule"] == "default"
        assert decision["why"] == recovery.plan.why if recovery.plan else False
        assert decision["facts"]["decline"]["code"] == "insufficient_funds"
        assert len(decision["card_tries"]) == 1

    async def test_the_customers_payday_is_waited_for(self, office: Office) -> None:
        customer_id = office.new_id()
        office.customers_known.known[customer_id] = PAID_MONTHLY
        recovery = await office.opened(payment(customer_id=customer_id))
        assert recovery.next_at == datetime(2026, 12, 1, 11, tzinfo=UTC)

    async def test_of_a_deleted_customer_only_the_card_is_known(self, office: Office) -> None:
        recovery = await office.opened(payment(customer_id=office.new_id(), issuer_country="GB"))
        assert recovery.plan is not None
        assert recovery.plan.facts["time_zone"] == "Europe/London"

    @pytest.mark.parametrize(
        "facts",
        [
            payment(initiator="customer"),
            payment(decline(hardness=Hardness.HARD)),
            payment(status=PaymentStatus.UNRESOLVED),
            payment(card_tries=tries([NOW - days(3)], rule="visa_category_1")),
        ],
    )
    async def test_what_opens_none_leaves_no_trace(self, office: Office, facts: object) -> None:
        payment_id = await office.refused(facts)  # type: ignore[arg-type]
        await office.hears(payment_id)
        assert await office.recoveries.page(office.us, payment_id=payment_id, limit=1) == []
        assert office.payments.attached == {}

    async def test_the_same_news_many_times_at_once_opens_one(self, office: Office) -> None:
        payment_id = await office.refused()
        await asyncio.gather(*(office.hears(payment_id) for _ in range(5)))
        recovery = await office.of(payment_id)
        assert office.payments.attached == {payment_id: recovery.id}
        assert await office.told(recovery) == ["recovery.opened", "recovery.retry_scheduled"]

    async def test_a_crash_before_the_payment_knows_its_recovery_is_mended(self, office: Office) -> None:
        recovery = await office.opened()
        facts = office.payments.known[recovery.payment_id]
        office.payments.known[recovery.payment_id] = replace(facts, recovery_id=None)
        office.payments.attached.clear()
        await office.hears(recovery.payment_id)
        assert office.payments.attached == {recovery.payment_id: recovery.id}

    async def test_news_of_a_payment_that_is_not_there_is_no_news(self, office: Office) -> None:
        await office.hears(office.new_id())


class TestTrying:
    async def test_an_approval_on_time_closes_it(self, office: Office) -> None:
        recovery = await office.opened()
        office.payments.answers.append(CAPTURED)
        assert await office.runs_until(NOW + days(30)) == [FIRST]
        ended = await office.again(recovery)
        assert (ended.status, ended.end_reason, ended.tries_made) == (Status.RECOVERED, EndReason.PAID, 1)
        assert office.payments.tries == [(FIRST, recovery.payment_id, (ALPHA, BRAVO, CHARLIE))]
        assert await office.due_at(ended) is None
        assert (await office.told(ended))[2:] == ["recovery.recovered"]

    @pytest.mark.parametrize("heard", ["inline", "later"])
    async def test_declines_plan_again_until_nothing_is_left(self, office: Office, heard: str) -> None:
        """Whether the news of a try comes before `retry` returns or not, each is planned after once."""
        if heard == "inline":
            office.payments.news = lambda payment_id, now: office.recoveries.on_payment_news(
                office.us, payment_id, now
            )
        recovery = await office.opened()
        office.payments.answers.extend([DECLINED] * 4)
        worked = await office.runs_until(NOW + days(30))
        assert worked[0] == FIRST
        assert len(set(worked)) == 4
        assert worked == sorted(worked)
        ended = await office.again(recovery)
        assert (ended.status, ended.end_reason) == (Status.EXHAUSTED, EndReason.TRIES_EXHAUSTED)
        assert (ended.tries_made, ended.next_at, await office.due_at(ended)) == (4, None, None)
        scheduled = ["recovery.retry_scheduled"] * 4
        assert await office.told(ended) == ["recovery.opened", *scheduled, "recovery.exhausted"]
        assert [one["action"] for one in await office.decisions(ended)] == ["retry"] * 4 + ["give_up"]

    async def test_late_news_of_a_decline_that_was_planned_after_changes_nothing(
        self, office: Office
    ) -> None:
        recovery = await office.opened()
        office.payments.answers.append(DECLINED)
        await office.runs_until(FIRST + timedelta(hours=1))
        before = await office.again(recovery)
        for _ in range(3):
            await office.hears(recovery.payment_id)
        assert await office.again(recovery) == before

    async def test_an_unknown_outcome_is_waited_for_and_not_tried_again(self, office: Office) -> None:
        recovery = await office.opened()
        office.payments.answers.append(UNRESOLVED)
        await office.runs_until(NOW + days(12))
        waiting = await office.again(recovery)
        assert (waiting.status, len(office.payments.tries)) == (Status.RUNNING, 1)
        facts = office.payments.known[recovery.payment_id]
        settled = replace(
            payment(at=NOW + days(12)), id=facts.id, attempts=facts.attempts, recovery_id=recovery.id
        )
        office.payments.known[recovery.payment_id] = settled
        await office.hears(recovery.payment_id)
        again = await office.again(recovery)
        assert (again.status, again.tries_made) == (Status.SCHEDULED, 1)
        assert again.next_at is not None
        assert again.next_at > NOW + days(12)

    async def test_evidence_that_it_was_paid_closes_it(self, office: Office) -> None:
        recovery = await office.opened()
        office.payments.answers.append(UNRESOLVED)
        await office.runs_until(NOW + days(40))
        facts = office.payments.known[recovery.payment_id]
        office.payments.known[recovery.payment_id] = replace(facts, status=PaymentStatus.CAPTURED)
        await office.hears(recovery.payment_id)
        assert (await office.again(recovery)).status is Status.RECOVERED

    async def test_where_the_customer_must_act_nothing_is_tried_and_the_deadline_ends_it(
        self, office: Office
    ) -> None:
        recovery = await office.opened(
            payment(decline(Category.AUTHENTICATION, action=AdviceAction.AUTHENTICATE))
        )
        assert recovery.status is Status.AWAITING_CUSTOMER
        assert (await office.told(recovery))[1:] == ["recovery.customer_needed"]
        await office.runs_until(NOW + days(30))
        ended = await office.again(recovery)
        assert (ended.status, ended.end_reason) == (Status.EXPIRED, EndReason.DEADLINE)
        assert office.payments.tries == []


class TestGate:
    """Asked on fresh facts when a try is due: whatever happened meanwhile and was not heard of."""

    @pytest.mark.parametrize(
        ("status", "end"),
        [
            (PaymentStatus.CAPTURED, Status.RECOVERED),
            (PaymentStatus.AUTHORIZED, Status.RECOVERED),
            (PaymentStatus.CANCELED, Status.STOPPED),
        ],
    )
    async def test_a_payment_that_needs_no_try_gets_none(
        self, office: Office, status: PaymentStatus, end: Status
    ) -> None:
        recovery = await office.opened()
        facts = office.payments.known[recovery.payment_id]
        office.payments.known[recovery.payment_id] = replace(facts, status=status)
        await office.runs_until(NOW + days(30))
        assert (await office.again(recovery)).status is end
        assert office.payments.tries == []

    async def test_a_stop_that_another_payment_of_the_card_earned_counts(self, office: Office) -> None:
        recovery = await office.opened()
        facts = office.payments.known[recovery.payment_id]
        stopped = tries([NOW, NOW + timedelta(hours=1)], rule="visa_category_1")
        office.payments.known[recovery.payment_id] = replace(facts, card_tries=stopped)
        await office.runs_until(NOW + days(30))
        ended = await office.again(recovery)
        assert (ended.status, ended.end_reason) == (Status.EXHAUSTED, EndReason.NETWORK_LIMIT)
        assert office.payments.tries == []

    async def test_a_try_by_hand_since_the_plan_is_planned_after(self, office: Office) -> None:
        recovery = await office.opened()
        facts = office.payments.known[recovery.payment_id]
        by_hand = tried_again(facts, NOW + days(8), decline(), reason=Reason.MANUAL)
        office.payments.known[recovery.payment_id] = by_hand
        await office.runs_until(FIRST)
        again = await office.again(recovery)
        assert office.payments.tries == []
        assert again.next_at is not None
        assert again.plan is not None
        assert (again.plan.attempts, again.next_at >= FIRST) == (2, True)


class TestCrashes:
    """The process dies, the lease ends, another one looks: nothing is lost and nothing is done twice."""

    async def test_a_death_before_the_try_has_it_made_later(self, office: Office) -> None:
        recovery = await office.opened()
        office.payments.answers.extend([Dies(), CAPTURED])
        await office.runs_until(FIRST + timedelta(hours=1))
        assert (await office.again(recovery)).status is Status.RECOVERED
        assert [at for at, _, _ in office.payments.tries] == [FIRST + PATIENCE]

    async def test_a_death_after_the_try_does_not_try_again(self, office: Office) -> None:
        recovery = await office.opened()
        office.payments.answers.extend([Dies(after=DECLINED), CAPTURED])
        await office.runs_until(FIRST + timedelta(hours=1))
        again = await office.again(recovery)
        assert (again.status, again.tries_made, len(office.payments.tries)) == (Status.SCHEDULED, 1, 1)

    async def test_a_due_row_that_is_worked_twice_at_once_tries_once(self, office: Office) -> None:
        recovery = await office.opened()
        office.payments.answers.extend([CAPTURED] * 5)
        due = FIRST
        await asyncio.gather(*(office.recoveries.run_due(office.us, recovery.id, due) for _ in range(5)))
        assert len(office.payments.tries) == 1
        assert (await office.again(recovery)).status is Status.RECOVERED

    async def test_a_due_row_that_comes_early_or_late_does_no_harm(self, office: Office) -> None:
        recovery = await office.opened()
        assert await office.recoveries.run_due(office.us, recovery.id, NOW) == FIRST
        assert await office.recoveries.run_due(office.us, office.new_id(), NOW) is None
        office.payments.answers.append(CAPTURED)
        assert await office.recoveries.run_due(office.us, recovery.id, FIRST + days(1)) is None
        assert await office.recoveries.run_due(office.us, recovery.id, FIRST + days(1)) is None
        assert len(office.payments.tries) == 1


class TestRefusals:
    """What payments will not even try."""

    async def test_it_is_asked_for_again_a_day_later(self, office: Office) -> None:
        recovery = await office.opened()
        office.payments.answers.extend([conflict("no_processor_account", "There is no account."), CAPTURED])
        await office.runs_until(FIRST + days(0.5))
        put_off = await office.again(recovery)
        assert (put_off.status, put_off.next_at, put_off.tries_made) == (Status.SCHEDULED, FIRST + days(1), 0)
        assert put_off.plan is not None
        assert "There is no account." in put_off.plan.why
        await office.runs_until(FIRST + days(1.5))
        assert (await office.again(recovery)).status is Status.RECOVERED

    async def test_it_ends_at_the_deadline_all_the_same(self, office: Office) -> None:
        recovery = await office.opened()
        office.payments.answers.extend([conflict("no_processor_account", "There is no account.")] * 40)
        worked = await office.runs_until(NOW + days(40))
        assert (await office.again(recovery)).status is Status.EXPIRED
        assert len(worked) <= 28

    @pytest.mark.parametrize(
        "gone", [not_found("payment method", "pm_1"), conflict("payment_method_detached", "It was detached.")]
    )
    async def test_without_its_payment_method_only_the_customer_can_help(
        self, office: Office, gone: Refusal
    ) -> None:
        recovery = await office.opened()
        office.payments.answers.append(gone)
        await office.runs_until(FIRST + days(0.5))
        waiting = await office.again(recovery)
        assert waiting.status is Status.AWAITING_CUSTOMER
        assert waiting.plan is not None
        assert waiting.plan.action is Action.ASK_CUSTOMER


async def test_a_write_onto_another_version_is_refused(office: Office) -> None:
    """Two that planned from the same facts: the second one looks again."""
    recovery = await office.opened()

    async def pause() -> Recovery:
        async with office.database.transaction() as connection:
            return await office.recoveries.pause(connection, office.us, recovery.id, now=NOW)

    await pause()
    held = await office.again(recovery)
    assert (held.status, held.version) == (Status.PAUSED, recovery.version + 1)
    assert await office.due_at(held) == held.deadline
    await office.runs_until(FIRST + timedelta(hours=1))
    assert office.payments.tries == []
