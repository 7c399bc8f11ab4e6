"""A try that comes due is the one that was planned: where, when, and for whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from tests.recovery.cases import ALPHA, BRAVO, CHARLIE, NOW, attempt, case, decline, payment

from recoup.outcomes.core import Category
from recoup.recovery.core import ELSEWHERE, steps
from recoup.recovery.core.learned import Taught
from recoup.recovery.core.learning.model import Model
from recoup.recovery.core.planning import plan
from recoup.recovery.core.policy import DEFAULT, Hours, Method
from recoup.recovery.core.records import Case, How, Made, Mode, Recovery
from recoup.recovery.core.steps import Rest, Run, Step

NIGHT_UTC = 8
"""Three in the morning where the customer of `case` lives."""


def test_the_accounts_of_a_plan_are_asked_in_its_order() -> None:
    """Also where a model likes an account that the cause alone would ask last."""
    likes = Taught(1, Model({}, {str(ALPHA): 0.3, str(BRAVO): 0.3, str(CHARLIE): 1.0}))
    for category in (Category.FUNDS, Category.ISSUER, Category.LIMIT, Category.PROCESSOR):
        for taught in (None, likes):
            known = replace(case(payment(decline(category))), taught=taught)
            recovery = _begun(known)
            assert recovery.plan is not None and recovery.next_at is not None
            run = steps.look(recovery, known, recovery.next_at)
            assert isinstance(run, Run) and run.accounts == recovery.plan.accounts, (category, taught)


def test_an_account_that_can_no_longer_do_it_is_left_out() -> None:
    known = case(payment(decline(Category.ISSUER)))
    recovery = _begun(known)
    assert recovery.plan is not None and recovery.next_at is not None
    first = recovery.plan.accounts[0]
    fewer = tuple(one for one in known.payment.accounts if one != first)
    run = steps.look(
        recovery, replace(known, payment=replace(known.payment, accounts=fewer)), recovery.next_at
    )
    assert isinstance(run, Run) and first not in run.accounts and set(run.accounts) == set(fewer)


def test_a_try_that_was_held_into_the_night_waits_for_the_morning() -> None:
    known = case()
    recovery = _begun(known)
    assert recovery.next_at is not None
    night = _night_after(recovery.next_at)
    late = steps.look(recovery, known, night)
    assert isinstance(late, Step) and late.after.next_at is not None and late.after.next_at > night
    by_hand = steps.hastened(recovery, night).after
    assert isinstance(steps.look(by_hand, known, night), Run), "a person may ask for it at night"


def test_what_holds_a_try_holds_it_until_an_hour_of_the_policy() -> None:
    known = replace(case(), policy=replace(DEFAULT, hours=Hours(time(9), time(17))))
    recovery = _begun(known)
    assert recovery.next_at is not None
    night = _night_after(recovery.next_at)
    held = steps.instead(recovery, known, Made(How.HELD, "a switch", night), recovery.next_at).after
    assert held.next_at is not None and held.next_at > night
    assert isinstance(steps.look(held, known, held.next_at), Run)


def test_what_is_asked_elsewhere_is_advised_under_a_policy_that_names_accounts() -> None:
    known = replace(
        case(payment(accounts=(ELSEWHERE,), attempts=(attempt(NOW, account=ELSEWHERE),))),
        policy=replace(DEFAULT, accounts=(ALPHA, BRAVO)),
    )
    recovery = _begun(known, mode=Mode.ADVISE)
    assert recovery.plan is not None and recovery.plan.accounts == (ELSEWHERE,)


def test_the_last_day_of_a_schedule_is_tried() -> None:
    """A week of 1, 3, 5, 7 has four tries, not three."""
    week = replace(DEFAULT, method=Method.SCHEDULE, days=(1, 3, 5, 7), tries_max=4, window=timedelta(days=7))
    assert steps.new_deadline(week, NOW) > NOW + timedelta(days=7)
    assert steps.new_deadline(replace(week, days=(1, 3)), NOW) == NOW + timedelta(days=7)
    only = replace(week, days=(7,), tries_max=1)
    known = replace(case(), policy=only, tries_max=1, deadline=steps.new_deadline(only, NOW))
    recovery = _begun(known)
    assert recovery.next_at is not None and NOW + timedelta(days=6.9) < recovery.next_at < known.deadline
    assert not isinstance(steps.look(recovery, known, recovery.next_at), Rest)


def _begun(known: Case, **more: Any) -> Recovery:
    begun = steps.begun(
        known, plan(known, NOW), merchant_id=UUID(int=1), recovery_id=UUID(int=2), now=NOW, **more
    )
    return begun.after


def _night_after(moment: datetime) -> datetime:
    return (moment + timedelta(days=1)).replace(hour=NIGHT_UTC)
