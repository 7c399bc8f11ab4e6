"""What becomes of news on the way: nothing is told that did not happen, and luck belongs to the seed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.town import START

from recoup.sandbox.core.news import (
    DOUBLED_WITHIN_S,
    WHOLE,
    News,
    Telling,
    event_of,
    id_of,
    moments,
    on_the_way,
)
from recoup.sandbox.core.operations import Operation, OperationKind, OperationState
from recoup.sandbox.core.processors import ProcessorName

WORLD: Final = UUID(int=7)
DAY_S: Final = 86_400
shares = st.integers(0, WHOLE)
tellings = st.builds(
    Telling,
    lost=shares,
    doubled=shares,
    reordered=shares,
    reordered_by_s=st.integers(1, DAY_S),
    seed=st.integers(0, 2**53),
)


def some_news(name: str) -> News:
    event = event_of(WORLD, name)
    return News(
        id=id_of(WORLD, event),
        processor=ProcessorName.ALPHA,
        event=event,
        about="ch_1",
        charge_key="att_1",
        occurred_at=START,
        due_at=START,
        body="{}",
    )


@given(tellings, st.text(max_size=20))
def test_what_arrives_is_the_same_news_in_time_or_late(telling: Telling, name: str) -> None:
    """Never early, never something else, and never more than twice."""
    news = some_news(name)
    arrived = on_the_way(news, telling, world_id=WORLD)
    assert len(arrived) <= 2
    assert len({one.id for one in arrived}) == len(arrived)
    latest = START + timedelta(seconds=max(telling.reordered_by_s, DOUBLED_WITHIN_S + 1))
    for one in arrived:
        assert START <= one.due_at <= latest
        assert replace(one, id=news.id, due_at=news.due_at) == news


@given(tellings, st.text(max_size=20))
def test_the_same_seed_does_the_same(telling: Telling, name: str) -> None:
    """So that what a test saw can be seen again."""
    news = some_news(name)
    assert on_the_way(news, telling, world_id=WORLD) == on_the_way(news, telling, world_id=WORLD)


def test_shares_are_met() -> None:
    """One in twenty is one in twenty, give or take."""
    telling = Telling(lost=500, doubled=500, reordered=1000, seed=3)
    arrived = [on_the_way(some_news(str(n)), telling, world_id=WORLD) for n in range(10_000)]
    assert 400 < sum(not each for each in arrived) < 600
    assert 400 < sum(len(each) == 2 for each in arrived) < 600
    assert 800 < sum(bool(each) and each[0].due_at > START for each in arrived) < 1100


def operation(kind: OperationKind, state: OperationState) -> Operation:
    return Operation(
        processor=ProcessorName.ALPHA,
        key="att_1",
        epoch=1,
        kind=kind,
        state=state,
        reference="ch_1",
        created_at=START,
    )


def test_a_late_end_is_told_when_it_comes() -> None:
    pending = operation(OperationKind.CHARGE, OperationState.PENDING)
    late = replace(pending, due_at=START + timedelta(days=1), due_state=OperationState.DECLINED)
    assert list(moments(late)) == [
        (START, OperationState.PENDING),
        (START + timedelta(days=1), OperationState.DECLINED),
    ]


def test_what_was_turned_away_or_waits_for_its_customer_is_no_news() -> None:
    """It is the answer to a request, and whoever asked has it."""
    assert not list(moments(operation(OperationKind.CAPTURE, OperationState.REFUSED)))
    assert not list(moments(operation(OperationKind.CHARGE, OperationState.REQUIRES_ACTION)))
    assert not list(moments(operation(OperationKind.VERIFICATION, OperationState.APPROVED)))
