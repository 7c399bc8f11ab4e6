"""A recovery and its card: what waits for another card is tried with it at once, and with a closed one never."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recovery.cases import NOW, case, decline, payment

from recoup.outcomes.core import AdviceAction, Category, Hardness
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.core import AskCustomer, Rest, Retry, Status, Step, gate, look, plan, steps
from recoup.recovery.core.machine import EndReason
from recoup.recovery.core.planning import awake

SECOND = timedelta(seconds=1)
GONE = payment(
    decline(Category.LIFECYCLE, action=AdviceAction.UPDATE_CARD, hardness=Hardness.HARD, wait=timedelta(9))
)


def renewed(facts: PaymentFacts, *, after: timedelta) -> PaymentFacts:
    assert facts.decline is not None
    return replace(facts, renewed_at=facts.decline.at + after)


def opened(facts: PaymentFacts) -> Step:
    step = steps.opened(case(facts), merchant_id=facts.id, recovery_id=facts.id, now=NOW)
    assert isinstance(step, Step)
    return step


@given(st.timedeltas(min_value=SECOND, max_value=timedelta(days=20)))
def test_a_card_that_was_renewed_since_is_tried_as_soon_as_its_owner_is_awake(later: timedelta) -> None:
    """Advice about the old card, its waits and its stops hold no more."""
    facts, now = renewed(GONE, after=SECOND), NOW + later
    new = plan(case(facts), now)
    assert isinstance(new, Retry) and new.at == awake(now, case(facts).person.zone)
    assert gate(case(facts), new.at) is None


def test_a_card_that_is_no_newer_than_its_refusal_is_not_tried() -> None:
    assert isinstance(plan(case(renewed(GONE, after=-SECOND)), NOW), AskCustomer)


def test_a_closed_account_is_never_tried() -> None:
    shut = replace(renewed(payment(), after=SECOND), is_closed=True)
    assert isinstance(plan(case(shut), NOW), AskCustomer)
    assert isinstance(gate(case(shut), NOW), AskCustomer)


def test_what_waits_is_planned_anew_once_for_each_renewal() -> None:
    waiting = opened(GONE).after
    assert waiting.status is Status.AWAITING_CUSTOMER
    again = look(waiting, case(renewed(GONE, after=SECOND)), NOW + SECOND)
    assert isinstance(again, Step) and again.after.status is Status.SCHEDULED
    same = look(again.after, case(renewed(GONE, after=SECOND)), NOW + SECOND)
    assert not isinstance(same, Step), "once"


def test_a_scheduled_try_of_an_account_that_closed_is_given_up_at_once() -> None:
    scheduled = opened(payment()).after
    assert scheduled.status is Status.SCHEDULED
    step = look(scheduled, case(replace(payment(), is_closed=True)), NOW + SECOND)
    assert isinstance(step, Step) and step.after.status is Status.AWAITING_CUSTOMER
    rest = look(step.after, case(replace(payment(), is_closed=True)), NOW + 2 * SECOND)
    assert isinstance(rest, Rest)


@pytest.mark.parametrize("code", ["lost_card", "stolen_card", "pickup_card"])
def test_a_card_that_was_taken_from_its_owner_waits_for_the_next_one(code: str) -> None:
    record = payment(decline(Category.FRAUD, action=AdviceAction.STOP, hardness=Hardness.HARD)).decline
    assert record is not None
    lost = replace(payment(), decline=replace(record, decline=replace(record.decline, code=code)))
    step = opened(lost)
    assert (
        step.after.status is Status.AWAITING_CUSTOMER and step.after.end_reason is not EndReason.NETWORK_LIMIT
    )
    assert isinstance(plan(case(renewed(lost, after=SECOND)), NOW + SECOND), Retry)
