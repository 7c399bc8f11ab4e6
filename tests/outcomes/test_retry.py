"""What may be tried after a decline: another processor now, or the same card later."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.outcomes.core import (
    Advice,
    AdviceAction,
    Category,
    Decline,
    Hardness,
    another_processor,
    later,
    may_retry_later,
    may_try_another_processor,
)

HELPED_ELSEWHERE = {Category.PROCESSOR, Category.NETWORK, Category.MERCHANT_CONFIGURATION, Category.ISSUER}
declines = st.builds(
    Decline,
    code=st.just("anything"),
    category=st.sampled_from(Category),
    hardness=st.sampled_from(Hardness),
    message=st.just("A message."),
    advice=st.builds(
        Advice, st.sampled_from(AdviceAction), st.none() | st.timedeltas(timedelta(0), timedelta(days=10))
    ),
    recognised=st.booleans(),
)


def soft(
    category: Category, *, action: AdviceAction = AdviceAction.NONE, wait: timedelta | None = None
) -> Decline:
    return Decline("anything", category, Hardness.SOFT, "A message.", Advice(action, wait))


@given(declines)
def test_both_questions_always_have_an_answer_and_a_reason(decline: Decline) -> None:
    for verdict in (another_processor(decline), later(decline)):
        assert verdict.why
    assert may_try_another_processor(decline) == another_processor(decline).allowed
    assert may_retry_later(decline) == later(decline).allowed


@given(declines)
def test_hard_and_stopped_end_it(decline: Decline) -> None:
    if decline.hardness is Hardness.HARD or decline.advice.stops:
        assert not another_processor(decline).allowed
        assert not later(decline).allowed


@given(declines)
def test_another_processor_is_asked_only_where_it_can_help(decline: Decline) -> None:
    if another_processor(decline).allowed:
        assert decline.category in HELPED_ELSEWHERE
        assert decline.recognised


@pytest.mark.parametrize("category", Category)
def test_the_category_decides_for_a_plain_soft_decline(category: Category) -> None:
    assert another_processor(soft(category)).allowed == (category in HELPED_ELSEWHERE)
    assert later(soft(category)).allowed


def test_a_network_that_asks_to_wait_is_not_asked_again_at_once_by_another_way() -> None:
    waiting = soft(Category.ISSUER, action=AdviceAction.RETRY_LATER, wait=timedelta(hours=72))
    assert not another_processor(waiting).allowed
    assert later(waiting).allowed
    assert another_processor(soft(Category.ISSUER, action=AdviceAction.RETRY_LATER)).allowed


@pytest.mark.parametrize(
    "action",
    [
        AdviceAction.UPDATE_CARD,
        AdviceAction.AUTHENTICATE,
        AdviceAction.FIX_DATA,
        AdviceAction.CHANGE_CREDENTIAL_FORM,
    ],
)
def test_what_must_change_first_is_not_retried_as_it_stands(action: AdviceAction) -> None:
    assert not later(soft(Category.ISSUER, action=action)).allowed


def test_a_wrong_set_up_here_may_be_right_elsewhere() -> None:
    assert another_processor(soft(Category.MERCHANT_CONFIGURATION, action=AdviceAction.FIX_DATA)).allowed
