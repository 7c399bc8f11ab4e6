"""A policy's days, hours, routes and costs are what its recoveries go by."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recovery.cases import ALPHA, BRAVO, CHARLIE, NOW, case, decline, payment, tried_again

from recoup.outcomes.core import AdviceAction, Category
from recoup.recovery.core import DEFAULT, AskCustomer, Case, EndReason, GiveUp, Retry, gate, plan
from recoup.recovery.core.policy import BASELINE, Hours, Policy, Routes

NEW_YORK: Final = ZoneInfo("America/New_York")


def under(policy: Policy, facts: Any = None) -> Case:
    """A case that goes by this policy."""
    given_ = case(facts)
    return replace(given_, policy=policy, tries_max=policy.tries_max, deadline=NOW + policy.window)


def planned(found: Any) -> Retry:
    assert isinstance(found, Retry), found
    return found


def test_the_baseline_tries_on_its_days_at_the_account_that_refused() -> None:
    facts, tried = payment(), list[datetime]()
    for _ in BASELINE.days:
        now = facts.attempts[-1].at
        found = planned(plan(replace(under(BASELINE, facts), tries_made=len(tried)), now))
        assert found.accounts == (ALPHA,)
        assert "probability" not in found.facts, "nothing is estimated"
        tried.append(found.at)
        facts = tried_again(facts, found.at, decline())
    assert tried == [NOW + timedelta(days=one) for one in BASELINE.days]
    last = plan(replace(under(BASELINE, facts), tries_made=4), tried[-1])
    assert isinstance(last, GiveUp) and last.reason is EndReason.TRIES_EXHAUSTED


def test_a_schedule_yields_to_advice_hours_and_the_deadline() -> None:
    policy = replace(BASELINE, at=time(9, 30))
    found = planned(plan(under(policy), NOW))
    assert found.at == datetime(2026, 11, 23, 9, 30, tzinfo=NEW_YORK)
    waits = payment(decline(wait=timedelta(days=2)))
    assert planned(plan(under(policy, waits), NOW)).at == NOW + timedelta(days=2)
    night = replace(BASELINE, hours=Hours(time(12), time(13)))
    assert planned(plan(under(night), NOW)).at == datetime(2026, 11, 23, 12, tzinfo=NEW_YORK)
    late = replace(BASELINE, window=timedelta(hours=20))
    assert isinstance(plan(under(late), NOW), GiveUp)


@given(st.integers(0, 22), st.integers(1, 12), st.integers(0, 40))
def test_no_try_is_planned_outside_of_the_hours(begins: int, length: int, later: int) -> None:
    hours = Hours(time(begins), time(min(begins + length, 23)))
    for policy in (DEFAULT, BASELINE):
        found = planned(plan(under(replace(policy, hours=hours)), NOW + timedelta(hours=later)))
        assert hours.begins <= found.at.astimezone(NEW_YORK).time() < hours.ends, policy.name


@pytest.mark.parametrize("category", [Category.FUNDS, Category.ISSUER])
def test_only_the_accounts_that_the_policy_allows_are_asked(category: Category) -> None:
    facts = payment(decline(category))
    same = planned(plan(under(replace(DEFAULT, routes=Routes.SAME), facts), NOW))
    assert same.accounts == (ALPHA,)
    named = planned(plan(under(replace(DEFAULT, accounts=(CHARLIE, BRAVO)), facts), NOW))
    assert {*named.accounts} == {BRAVO, CHARLIE}


def test_where_nobody_may_be_asked_the_try_is_put_off_and_no_other_account_is_asked() -> None:
    """Also at the time of the try: without accounts, payments would route it anew."""
    alone = under(replace(DEFAULT, accounts=(CHARLIE,)), payment(accounts=(ALPHA,)))
    for one in (under(DEFAULT, payment(accounts=())), alone):
        for found in (plan(one, NOW), gate(one, NOW)):
            later = planned(found)
            assert later.at >= NOW + timedelta(days=1) and later.accounts == ()


def test_a_policy_says_whether_a_refusal_that_wants_the_customer_waits_for_them() -> None:
    wants = payment(decline(Category.AUTHENTICATION, action=AdviceAction.AUTHENTICATE))
    assert isinstance(plan(under(DEFAULT, wants), NOW), AskCustomer)
    ended = plan(under(replace(DEFAULT, step_up=False), wants), NOW)
    assert isinstance(ended, GiveUp) and ended.reason is EndReason.DECLINED_FOR_GOOD


def test_what_a_policy_reckons_with_decides() -> None:
    """A try that costs more than what is owed is not made, and what is reckoned with is in what a plan is worth."""
    dear = replace(DEFAULT, try_costs=10_000)
    found = plan(under(dear), NOW)
    assert isinstance(found, GiveUp) and found.reason is EndReason.NOT_WORTH_IT
    others = (
        DEFAULT,
        replace(DEFAULT, lost_per_day=1_000),
        replace(DEFAULT, margin=4_000),
        replace(DEFAULT, try_costs=100),
    )
    values = [planned(plan(under(policy), NOW)).facts["expected_value"] for policy in others]
    assert all(value < values[0] for value in values[1:]), values
