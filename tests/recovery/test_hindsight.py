"""Another policy judged by logged recoveries: it is right where chance had drawn, and says so where it cannot know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.recovery.cases import NOW, case, decline, payment, tried_again

from recoup.recovery.core.hindsight import CERTAIN, Aside, Hindsight, Judge
from recoup.recovery.core.otherwise import Situation, TryThen, otherwise
from recoup.recovery.core.policy import Method, Policy
from recoup.recovery.core.records import Action, Case
from recoup.recovery.core.stepwise import Chain, Interval, Tally
from recoup.recovery.core.stories import Decided, Story, Tried
from recoup.recovery.core.walking import Logger

LATER: Final = NOW + timedelta(days=60)
APPROVED_ON: Final = {1: 0.2, 3: 0.5, 5: 0.3}
"""The chance of a try on the nth day, which is luck of that day alone."""


def schedule(*days: int, name: str = "days") -> Policy:
    return Policy(
        name=name, window=timedelta(days=28), tries_max=len(days), method=Method.SCHEDULE, days=days
    )


def lived(policy: Policy, luck: Random, *, number: int = 0) -> Story:
    """A recovery under a policy, in a world where the day decides."""
    answers = {day: luck.random() < chance for day, chance in APPROVED_ON.items()}
    facts, now, turns = payment(), NOW, list[tuple[Decided, Tried]]()
    for made in range(policy.tries_max):
        situation = Situation(_case(policy, case(facts), made), now)
        planned = otherwise(policy, [situation])[0]
        assert isinstance(planned, TryThen)
        choice = Decided(now, Action.RETRY, planned.at, planned.account, situation)
        approved = answers[policy.days[made]]
        turns.append((choice, Tried(planned.at, planned.account, approved)))
        facts, now = tried_again(facts, planned.at, decline()), planned.at
        if approved:
            return _story(policy, turns, None, number)
    last = Decided(now, Action.GIVE_UP, None, None, Situation(_case(policy, case(facts), len(turns)), now))
    return _story(policy, turns, last, number)


def _case(policy: Policy, one: Case, made: int) -> Case:
    return Case(
        payment=one.payment,
        person=one.person,
        policy=policy,
        opened_at=NOW,
        deadline=NOW + policy.window,
        tries_made=made,
        tries_max=policy.tries_max,
    )


def _story(
    policy: Policy, turns: Sequence[tuple[Decided, Tried]], last: Decided | None, number: int
) -> Story:
    return Story(
        id=UUID(int=number),
        policy=policy.name,
        version=None,
        arm=None,
        opened_at=NOW,
        minor=5_000,
        currency="USD",
        turns=tuple(turns),
        last=last,
        paid_at=None,
    )


def told_of(
    new: Policy, arms: Sequence[tuple[Policy, float]], *, count: int, now: datetime = LATER, seed: int = 1
) -> tuple[Hindsight, list[tuple[int, Story]]]:
    """What a log of so many recoveries, drawn into arms, says of a policy; and the log, each with its arm."""
    luck, judge, stories = Random(seed), Judge(new, now=now), []
    for number in range(count):
        own = luck.choices(range(len(arms)), [share for _, share in arms])[0]
        stories.append((own, lived(arms[own][0], luck, number=number)))
    judge.judge(
        [
            (one, [Logger(policy, share, own=place == own) for place, (policy, share) in enumerate(arms)])
            for own, one in stories
        ]
    )
    return judge.hindsight(), stories


def test_a_policy_judged_by_its_own_log_is_what_it_was() -> None:
    """Else every difference would hold something of the estimator's own."""
    own = schedule(1, 3)
    told, _ = told_of(own, [(own, 1.0)], count=400)
    found = told.recovered
    assert found is not None
    assert found.snips.estimate == pytest.approx(found.logged.estimate) == pytest.approx(found.ips.estimate)
    assert found.difference.estimate == pytest.approx(0.0)
    assert found.support.unsupported == 0.0
    assert found.verdict == "no_difference_shown"
    assert [one.made for one in told.choices] == [one.reached for one in told.choices]


def test_an_arm_is_judged_by_its_part_and_the_verdict_is_right() -> None:
    """The chance of each arm is known, so its part of the log stands for all."""
    first, second = schedule(1), schedule(3)
    told, stories = told_of(second, [(first, 0.5), (second, 0.5)], count=800)
    found = told.recovered
    assert found is not None
    won = [any(tried.approved for _, tried in story.turns) for arm, story in stories if arm == 1]
    assert found.snips.estimate == pytest.approx(float(np.mean(won)))
    assert found.snips.low < APPROVED_ON[3] < found.snips.high
    assert found.verdict == "better"
    assert told.by_chance == 1.0
    worse = told_of(first, [(first, 0.5), (second, 0.5)], count=800)[0].recovered
    assert worse is not None
    assert worse.verdict == "worse"


def test_arms_that_begin_alike_stand_for_each_other_until_they_part() -> None:
    """Both make the first try, so every recovery says what it brings; only the second is weighed."""
    short, long = schedule(1, 3), schedule(1, 5)
    told, stories = told_of(long, [(short, 0.7), (long, 0.3)], count=800)
    found = told.recovered
    assert found is not None
    first = np.mean([bool(story.turns[0][1].approved) for _, story in stories])
    refused = [story.turns[1][1] for arm, story in stories if arm == 1 and len(story.turns) > 1]
    second = np.mean([bool(tried.approved) for tried in refused])
    assert found.ips.low < first + (1 - first) * second < found.ips.high
    assert found.support.effective > 0.2 * len(stories)


def test_where_nothing_was_drawn_and_choices_differ_it_refuses_and_says_how_thin() -> None:
    told, _ = told_of(schedule(3), [(schedule(1), 1.0)], count=400)
    found = told.recovered
    assert found is not None
    assert found.verdict == "inconclusive"
    assert found.reasons[0] == CERTAIN
    assert any("100.0%" in why for why in found.reasons)
    assert (found.difference.low, found.difference.high) != (0.0, 0.0)
    assert told.choices[0].made == 0
    net = told.net_value["USD"]
    assert net.snips.high >= net.logged.estimate, "nobody knows, so it may be better as well"


def test_to_stop_earlier_needs_no_luck_to_be_judged() -> None:
    """What is not tried brings nothing: that is known without having been seen."""
    told, stories = told_of(schedule(1), [(schedule(1, 3), 1.0)], count=400)
    found = told.recovered
    assert found is not None
    assert found.support.unsupported == 0.0
    first = np.mean([bool(story.turns[0][1].approved) for _, story in stories])
    assert found.snips.estimate == pytest.approx(float(first))
    assert found.verdict == "worse"


def test_a_later_try_in_the_chosen_slot_is_told_apart() -> None:
    told, stories = told_of(schedule(3), [(schedule(1, 3), 1.0)], count=200)
    later = [story.turns[1][1] for _, story in stories if len(story.turns) > 1]
    assert told.slots.later.tries == len(later)
    assert told.slots.later.approved == sum(bool(tried.approved) for tried in later)
    assert told.slots.never == len(stories) - len(later)
    assert told.slots.instead.tries == len(stories)


def test_what_is_too_young_or_not_as_decided_is_set_aside() -> None:
    own = schedule(1)
    young, _ = told_of(own, [(own, 1.0)], count=5, now=NOW + timedelta(days=20))
    assert (young.recoveries, young.aside) == (0, {Aside.YOUNG: 5})
    story = lived(own, Random(1))
    choice, tried = story.turns[0]
    moved = Tried(tried.at + timedelta(days=1), tried.account, tried.approved)
    judge = Judge(own, now=LATER)
    judge.judge([(_story(own, [(choice, moved)], story.last, 1), [Logger(own, 1.0, own=True)])])
    assert judge.hindsight().aside == {Aside.CHANGED: 1}


@given(
    st.lists(
        st.tuples(st.floats(0.2, 3.0), st.booleans(), st.floats(0.2, 3.0), st.booleans(), st.booleans()),
        min_size=30,
        max_size=60,
    )
)
def test_the_interval_is_that_of_the_jackknife(rows: list[tuple[float, bool, float, bool, bool]]) -> None:
    """A second way to the same width, which knows no derivatives."""
    chains = [
        Chain(
            (one, two), (float(won), float(again and not won)), float(logged), lost=0.0, least=0.0, most=1.0
        )
        for one, won, two, again, logged in rows
    ]
    found = _evaluated(chains)
    without = [_evaluated(chains[:place] + chains[place + 1 :]).estimate for place in range(len(chains))]
    count = len(chains)
    error = float(np.sqrt((count - 1) / count * np.sum((np.array(without) - np.mean(without)) ** 2)))
    half = (found.high - found.low) / 2
    assert half == pytest.approx(1.96 * error, rel=0.35, abs=0.02)


def _evaluated(chains: Sequence[Chain]) -> Interval:
    tally = Tally(3)
    for one in chains:
        tally.add(one)
    return tally.evaluation().snips
