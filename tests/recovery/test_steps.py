"""Steps: what a recovery does at every turn, and that it always ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recovery.cases import (
    ALPHA,
    BRAVO,
    CHARLIE,
    NEW_YORKER,
    NOW,
    PAID_ON_THE_FIRST,
    PAYMENT,
    case,
    days,
    decline,
    failed,
    payment,
    tried_again,
)

from recoup.outcomes.core import AdviceAction, Category, Hardness
from recoup.payments.core import Reason
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.core import (
    DEFAULT,
    MOVES,
    OPEN,
    STANDINGS,
    Action,
    EndReason,
    IllegalMove,
    News,
    NotOpened,
    Person,
    Recovery,
    Rest,
    Run,
    Status,
    Step,
    case_of,
    look,
    moved,
    tries_of,
)
from recoup.recovery.core import steps as moves
from recoup.recovery.core.steps import PATIENCE, due_at

MERCHANT, RECOVERY = UUID(int=0x77), UUID(int=0x88)


def opened(facts: PaymentFacts | None = None, *, person: Person = NEW_YORKER) -> Recovery:
    """A recovery as it opens at `NOW`."""
    step = moves.opened(case(facts, person=person), merchant_id=MERCHANT, recovery_id=RECOVERY, now=NOW)
    assert isinstance(step, Step)
    return step.after


def seen(
    recovery: Recovery, facts: PaymentFacts, now: datetime, *, person: Person = NEW_YORKER
) -> Step | Run | Rest:
    return look(recovery, case_of(recovery, facts, person, policy=DEFAULT), now)


def stepped(recovery: Recovery, facts: PaymentFacts, now: datetime) -> Step:
    step = seen(recovery, facts, now)
    assert isinstance(step, Step), step
    return step


def running() -> tuple[Recovery, datetime]:
    """A recovery whose first try has just begun, and when."""
    recovery = opened()
    assert recovery.next_at is not None
    run = seen(recovery, payment(), recovery.next_at)
    assert isinstance(run, Run)
    return run.after, recovery.next_at


class TestOpening:
    def test_it_opens_with_its_first_try_planned(self) -> None:
        step = moves.opened(
            case(person=PAID_ON_THE_FIRST), merchant_id=MERCHANT, recovery_id=RECOVERY, now=NOW
        )
        assert isinstance(step, Step)
        new = step.after
        assert step.happened == ("recovery.opened", "recovery.retry_scheduled")
        assert (new.status, new.version, new.events_count) == (Status.SCHEDULED, 1, 2)
        assert (new.tries_made, new.tries_max, new.deadline) == (0, 4, NOW + days(28))
        assert new.payment_id == PAYMENT
        assert new.plan is not None
        assert new.next_at == new.plan.at == due_at(new)

    def test_where_only_the_customer_can_help_it_waits_for_them(self) -> None:
        new = opened(payment(decline(Category.AUTHENTICATION, action=AdviceAction.AUTHENTICATE)))
        assert new.status is Status.AWAITING_CUSTOMER
        assert new.next_at is None
        assert due_at(new) == new.deadline

    def test_where_nothing_could_follow_none_opens(self) -> None:
        nothing = case(payment(card_tries=payment(decline(rule="visa_category_1")).card_tries))
        answer = moves.opened(nothing, merchant_id=MERCHANT, recovery_id=RECOVERY, now=NOW)
        assert isinstance(answer, NotOpened)


class TestDue:
    def test_a_try_runs_when_its_time_has_come_and_not_before(self) -> None:
        recovery = opened()
        assert recovery.next_at is not None
        assert seen(recovery, payment(), recovery.next_at - timedelta.resolution) == Rest(recovery.next_at)
        run = seen(recovery, payment(), recovery.next_at)
        assert isinstance(run, Run)
        assert run.after.status is Status.RUNNING
        assert run.after.version == recovery.version + 1
        assert run.accounts == (ALPHA, BRAVO, CHARLIE)

    def test_a_running_try_is_left_to_its_process_and_then_made_by_another(self) -> None:
        recovery, begun = running()
        assert seen(recovery, payment(), begun + timedelta(seconds=1)) == Rest(begun + PATIENCE)
        assert isinstance(seen(recovery, payment(), begun + PATIENCE), Run)

    def test_a_shut_gate_plans_again_instead(self) -> None:
        recovery = opened()
        assert recovery.next_at is not None
        step = stepped(recovery, payment(), recovery.deadline)
        assert step.after.status is Status.EXPIRED
        assert step.after.end_reason is EndReason.DEADLINE

    def test_accounts_are_those_that_can_do_it_now(self) -> None:
        """One was disabled since the plan was made."""
        recovery = opened()
        assert recovery.next_at is not None
        run = seen(recovery, payment(accounts=(BRAVO,)), recovery.next_at)
        assert isinstance(run, Run)
        assert run.accounts == (BRAVO,)


class TestNews:
    def test_an_approval_ends_it(self) -> None:
        recovery, begun = running()
        paid = tried_again(payment(), begun, None, status=PaymentStatus.CAPTURED)
        step = stepped(recovery, paid, begun)
        assert step.happened == ("recovery.recovered",)
        assert (step.after.status, step.after.end_reason) == (Status.RECOVERED, EndReason.PAID)
        assert (step.after.tries_made, step.after.next_at, due_at(step.after)) == (1, None, None)

    @pytest.mark.parametrize("status", [PaymentStatus.AUTHORIZED, PaymentStatus.CAPTURED])
    @pytest.mark.parametrize("held", ["scheduled", "paused", "awaiting_customer"])
    def test_a_payment_that_was_paid_otherwise_ends_it_too(self, status: PaymentStatus, held: str) -> None:
        """The customer came back and paid, whatever we were waiting for."""
        recovery = replace(opened(), status=Status(held))
        assert stepped(recovery, payment(status=status), NOW).after.status is Status.RECOVERED

    def test_a_canceled_payment_stops_it(self) -> None:
        step = stepped(opened(), payment(status=PaymentStatus.CANCELED), NOW)
        assert (step.after.status, step.after.end_reason) == (Status.STOPPED, EndReason.PAYMENT_CANCELED)

    def test_another_decline_plans_again(self) -> None:
        recovery, begun = running()
        step = stepped(recovery, tried_again(payment(), begun, decline()), begun)
        assert step.happened == ("recovery.retry_scheduled",)
        assert (step.after.status, step.after.tries_made) == (Status.SCHEDULED, 1)
        assert step.after.next_at is not None
        assert step.after.next_at > begun

    def test_the_same_news_again_changes_nothing(self) -> None:
        recovery, begun = running()
        declined = tried_again(payment(), begun, decline())
        after = stepped(recovery, declined, begun).after
        assert after.next_at is not None
        assert seen(after, declined, begun) == Rest(after.next_at)

    @pytest.mark.parametrize(
        "status", [one for one, standing in STANDINGS.items() if standing == "under_way"]
    )
    def test_without_an_outcome_nothing_is_done(self, status: PaymentStatus) -> None:
        """Proof before retry: whatever the time, and however due the try."""
        recovery, begun = running()
        for now in (begun, begun + days(2), recovery.deadline - days(1)):
            assert isinstance(seen(recovery, payment(status=status), now), Rest)
            assert isinstance(seen(opened(), payment(status=status), now), Rest)

    def test_an_unknown_outcome_is_waited_for_beyond_the_deadline(self) -> None:
        """It may be an approval: only evidence says how the recovery ended."""
        recovery, _ = running()
        unresolved = payment(status=PaymentStatus.UNRESOLVED)
        assert isinstance(seen(recovery, unresolved, recovery.deadline + days(5)), Rest)

    def test_a_customer_who_does_not_act_lets_it_expire(self) -> None:
        recovery, _ = running()
        acting = payment(status=PaymentStatus.REQUIRES_ACTION)
        assert stepped(recovery, acting, recovery.deadline).after.status is Status.EXPIRED

    def test_a_hard_decline_ends_it(self) -> None:
        recovery, begun = running()
        step = stepped(recovery, tried_again(payment(), begun, decline(hardness=Hardness.HARD)), begun)
        assert (step.after.status, step.after.end_reason) == (Status.EXHAUSTED, EndReason.DECLINED_FOR_GOOD)
        assert step.after.plan is not None
        assert step.after.plan.action is Action.GIVE_UP

    def test_a_try_made_by_hand_is_planned_after_but_not_counted(self) -> None:
        facts = tried_again(payment(), NOW + days(0.5), decline(), reason=Reason.MANUAL)
        step = stepped(opened(), facts, NOW + days(0.5))
        assert (step.after.status, step.after.tries_made) == (Status.SCHEDULED, 0)


class TestPeople:
    def test_a_paused_one_runs_nothing_and_expires(self) -> None:
        held = moves.paused(opened(), NOW).after
        assert seen(held, payment(), NOW + days(20)) == Rest(held.deadline)
        assert due_at(held) == held.deadline
        assert stepped(held, payment(), held.deadline).after.status is Status.EXPIRED

    def test_news_of_a_paused_one_is_planned_for_but_not_scheduled(self) -> None:
        recovery, begun = running()
        held = moves.paused(recovery, begun).after
        step = stepped(held, tried_again(payment(), begun, decline()), begun)
        assert (step.after.status, step.after.next_at, step.happened) == (Status.PAUSED, None, ())
        again = moves.resumed(step.after, begun).after
        assert again.status is Status.SCHEDULED
        assert again.plan is not None
        assert again.next_at == again.plan.at

    def test_what_was_due_meanwhile_is_due_when_resumed(self) -> None:
        held = moves.paused(opened(), NOW).after
        step = moves.resumed(held, NOW + days(9))
        assert step.happened == ("recovery.resumed",)
        assert step.after.next_at == NOW + days(9)

    def test_one_that_awaits_the_customer_is_resumed_to_that(self) -> None:
        waiting = opened(payment(decline(Category.AUTHENTICATION, action=AdviceAction.AUTHENTICATE)))
        again = moves.resumed(moves.paused(waiting, NOW).after, NOW).after
        assert again.status is Status.AWAITING_CUSTOMER

    def test_a_hastened_try_is_due_now_and_passes_the_gate_all_the_same(self) -> None:
        sooner = moves.hastened(opened(person=PAID_ON_THE_FIRST), NOW + days(1))
        assert sooner.after.next_at == NOW + days(1)
        assert sooner.plan is not None
        assert "by hand" in sooner.plan.why
        assert isinstance(seen(sooner.after, payment(), NOW + days(1)), Run)
        advised = moves.hastened(opened(payment(decline(wait=days(5)))), NOW + days(1)).after
        assert isinstance(seen(advised, payment(decline(wait=days(5))), NOW + days(1)), Step)

    def test_a_stopped_one_stays_stopped(self) -> None:
        ended = moves.stopped(opened(), NOW).after
        assert ended.end_reason is EndReason.REQUESTED
        assert seen(ended, payment(), NOW + days(2)) == Rest(None)
        assert seen(ended, payment(status=PaymentStatus.CAPTURED), NOW) == Rest(None)


class TestTable:
    @pytest.mark.parametrize("status", list(Status))
    @pytest.mark.parametrize("news", list(News))
    def test_what_the_table_does_not_list_is_refused(self, status: Status, news: News) -> None:
        if news in MOVES[status]:
            assert moved(status, news) is MOVES[status][news]
        else:
            with pytest.raises(IllegalMove):
                moved(status, news)

    def test_an_end_is_final(self) -> None:
        assert {Status.RECOVERED, Status.EXHAUSTED, Status.EXPIRED, Status.STOPPED} == set(Status) - OPEN

    def test_every_status_of_a_payment_means_something(self) -> None:
        assert set(STANDINGS) == set(PaymentStatus)


answers = st.one_of(
    st.tuples(
        st.just(PaymentStatus.DECLINED),
        st.builds(
            decline,
            st.sampled_from(
                [Category.FUNDS, Category.ISSUER, Category.LIMIT, Category.NETWORK, Category.OTHER]
            ),
            wait=st.none() | st.timedeltas(timedelta(0), days(12)),
            hardness=st.sampled_from([Hardness.SOFT] * 9 + [Hardness.HARD]),
            action=st.sampled_from([AdviceAction.RETRY_LATER] * 9 + [AdviceAction.AUTHENTICATE]),
        ),
    ),
    st.tuples(st.just(PaymentStatus.FAILED), st.none()),
    st.tuples(st.just(PaymentStatus.UNRESOLVED), st.none()),
)
persons = st.sampled_from([NEW_YORKER, PAID_ON_THE_FIRST, Person("Asia/Tokyo", "JP"), Person("UTC")])


class TestLives:
    """Whatever the world answers, a recovery ends: tries only fall, and the deadline comes."""

    @given(st.booleans(), persons, st.lists(answers, min_size=12, max_size=12))
    def test_every_life_ends_within_its_tries_and_its_time(
        self,
        never_sent: bool,
        person: Person,
        world: list[tuple[PaymentStatus, object]],
    ) -> None:
        facts = failed() if never_sent else payment()
        recovery, now, made = opened(facts, person=person), NOW, 0
        answers = iter(world)
        for _ in range(100):
            step = seen(recovery, facts, now, person=person)
            match step:
                case Step():
                    assert step.after.version == recovery.version + 1
                    recovery = step.after
                case Run():
                    assert recovery.next_at is not None or recovery.status is Status.RUNNING
                    assert now < recovery.deadline
                    made += 1
                    recovery, facts = step.after, _answered(facts, now, next(answers))
                case Rest(until=None):
                    break
                case Rest(until=until):
                    assert until is not None and until > now, "time goes on"
                    now, facts = until, _settled(facts, until)
        assert not recovery.is_open
        assert made == tries_of(facts) <= DEFAULT.tries_max
        assert recovery.tries_made == made
        assert recovery.ended_at is not None
        assert recovery.ended_at <= recovery.deadline + days(1)


def _answered(facts: PaymentFacts, now: datetime, answer: tuple[PaymentStatus, object]) -> PaymentFacts:
    status, refusal = answer
    return tried_again(facts, now, refusal, status=status)  # type: ignore[arg-type]


def _settled(facts: PaymentFacts, now: datetime) -> PaymentFacts:
    """Evidence came: what was unknown was a decline."""
    if facts.status is not PaymentStatus.UNRESOLVED:
        return facts
    return replace(payment(decline(), at=now), attempts=facts.attempts, card_tries=facts.card_tries)
