"""The laws of the joint choice: when, where and with what, for one case as for many."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from time import process_time
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.recovery.observing import DAY_S, NOW, observed

from recoup.outcomes.core import Category
from recoup.paydays.core import Monthly, PayCycle, Weekly, beliefs
from recoup.recovery.core import joint
from recoup.recovery.core.causes import ROOTS, SHARES
from recoup.recovery.core.chances import OTHERS, Means, Options, roots_believed
from recoup.recovery.core.choosing import Forced, Question, best, gains, nothing

DEADLINE = NOW + 28 * DAY_S
categories = st.sampled_from([one.value for one in Category])
pays = st.sampled_from([None, Monthly(1), Monthly(25), Weekly(4)])
waits = st.floats(0, 20 * DAY_S)


def _thought(seen: joint.Observed, *, tries: int = 4, deadline: float = DEADLINE) -> joint.Thought:
    cases = len(seen)
    return joint.think(
        seen,
        now=np.full(cases, NOW),
        tries_left=np.full(cases, tries),
        deadline=np.full(cases, deadline),
    )


def _local(moment: float, zone: str = "America/New_York") -> datetime:
    return datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(zone))


@settings(max_examples=40, deadline=None)
@given(categories, pays, waits, st.floats(1, 30), st.integers(1, 6))
def test_a_try_is_by_day_between_what_is_advised_and_the_deadline(
    category: str, pay: PayCycle | None, wait: float, days: float, tries: int
) -> None:
    seen = observed(category=[category], stated=[pay], not_before=np.asarray([NOW + wait]))
    new = joint.plan_many(seen, now=NOW, tries_left=tries, deadline=NOW + days * DAY_S)
    if not np.isnan(new.when[0]):
        assert NOW + wait <= new.when[0] < NOW + days * DAY_S
        assert 5 <= _local(new.when[0]).hour < 22
        assert 0 < new.chance[0] <= new.recovered[0] + 1e-9 <= 1


@settings(max_examples=20, deadline=None)
@given(categories, pays)
def test_more_tries_are_never_worth_less(category: str, pay: PayCycle | None) -> None:
    seen = observed(category=[category], stated=[pay])
    worth = [float(_thought(seen, tries=tries).choice.value[0]) for tries in range(7)]
    assert all(more >= less * 0.99 - 1e-6 for less, more in pairwise(worth))
    assert worth[0] == 0


@pytest.mark.parametrize(
    ("country", "zone"), [("US", "America/New_York"), ("DE", "Europe/Berlin"), ("JP", "Asia/Tokyo")]
)
@pytest.mark.parametrize("cycle", [Monthly(1), Monthly(10), Weekly(2)])
def test_a_known_payday_is_hit_on_its_morning(country: str, zone: str, cycle: PayCycle) -> None:
    seen = observed(country=[country], zone=[zone], stated=[cycle])
    new = joint.plan_many(seen, now=NOW, tries_left=1, deadline=DEADLINE)
    calendar = beliefs.calendar_of([country], [zone], pairs=np.asarray([[1, 15]]), now_s=NOW)
    there = calendar.there(new.when[:, None])[0, 0].reshape(-1, len(beliefs.DEPTHS_DAYS)).T
    assert _local(new.when[0], zone).hour in (5, 6)
    assert (there[1:, beliefs.place_of(cycle)[0]] >= 0.9).all()


def test_a_large_fee_makes_fewer_tries() -> None:
    counts = [
        int(_thought(observed(cost=np.full((1, 3), cost))).choice.sets.used.sum())
        for cost in (0.0, 900.0, 9000.0)
    ]
    assert counts[0] == 4
    assert counts[1] < 4
    assert counts[2] == 0


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(2)), st.integers(0, 2**32 - 1))
def test_the_order_of_hypotheses_and_routes_changes_nothing(order: list[int], seed: int) -> None:
    asked = _thought(observed(category=["issuer"])).question
    size = asked.chances.there.shape[2]
    mixed = np.random.default_rng(seed).permutation(size)
    every = [*mixed, *range(size, size + len(OTHERS))]
    chances = replace(
        asked.chances,
        there=asked.chances.there[..., mixed],
        granted=asked.chances.granted[:, order],
        besides=asked.chances.besides[:, order],
        others=asked.chances.others[:, :, order],
    )
    weights, harm = asked.weights[:, every], asked.harm[:, every]
    cost, allowed = asked.cost[..., order], asked.allowed[..., order]
    other = replace(asked, weights=weights, harm=harm, chances=chances, cost=cost, allowed=allowed)
    assert best(other).value[0] == pytest.approx(best(asked).value[0], rel=0.01)
    assert best(other).slot[0] == best(asked).slot[0]


def test_what_a_try_adds_is_exact() -> None:
    """The gain that the greedy step reads off is the difference of the values of both sets."""
    asked = _thought(observed(category=["issuer"]), tries=3).question
    first = Forced(np.asarray([True]), np.asarray([20]), np.asarray([1]))
    one = best(replace(asked, tries=np.asarray([1])), first)
    added = gains(asked, one.sets, [0])[0]
    slot, option = np.unravel_index(int(added.argmax()), added.shape)
    two = best(replace(asked, tries=np.asarray([2])), first)
    assert (int(slot), int(option)) in zip(
        two.sets.slot[0].tolist(), two.sets.option[0].tolist(), strict=True
    )
    assert two.value[0] - one.value[0] == pytest.approx(float(added.max()))


def test_many_at_once_are_chosen_as_one_by_one() -> None:
    said = [one.value for one in Category] * 12
    many = joint.plan_many(observed(len(said), category=said), now=NOW, tries_left=2, deadline=DEADLINE)
    for place, category in enumerate(said[:12]):
        one = joint.plan_many(observed(category=[category]), now=NOW, tries_left=2, deadline=DEADLINE)
        assert one.route[0] == many.route[place]
        np.testing.assert_allclose(one.when[0], many.when[place])
        np.testing.assert_allclose(many.value[place], many.value[place + 132])


def test_forbidden_slots_are_never_chosen() -> None:
    asked: Question = _thought(observed()).question
    nothing = best(replace(asked, allowed=np.zeros_like(asked.allowed)))
    assert nothing.slot[0] == -1
    assert nothing.value[0] == 0


def test_missing_money_stays_with_its_route_and_mistrust_leaves_it() -> None:
    new = joint.plan_many(observed(2, category=["funds", "fraud"]), now=NOW, tries_left=1, deadline=DEADLINE)
    assert new.route[0] == 0
    assert new.route[1] != 0


def test_technique_is_tried_within_the_hour_while_another_try_is_left() -> None:
    seen = observed(category=["processor"], routes=1)
    new = joint.plan_many(seen, now=NOW, tries_left=2, deadline=DEADLINE)
    assert NOW < new.when[0] <= NOW + 3600
    last = joint.plan_many(seen, now=NOW, tries_left=1, deadline=DEADLINE)
    assert last.chance[0] > new.chance[0]


def test_the_longer_an_outage_lasts_the_later_it_is_asked_again() -> None:
    """Half of all outages are over within the hour; those that are not last for hours."""
    waits = []
    for before in range(3):
        shape = (1, before)
        seen = observed(
            category=["processor"],
            routes=1,
            seen_at=NOW - 3600.0 * np.arange(before, 0, -1)[None, :],
            seen_approved=np.zeros(shape, dtype=np.bool_),
            seen_category=np.full(shape, "processor"),
            seen_here=np.ones(shape, dtype=np.bool_),
            seen_ratio=np.ones(shape),
        )
        new = joint.plan_many(seen, now=NOW, tries_left=4, deadline=DEADLINE)
        waits.append(float(new.when[0]) - NOW)
    assert waits == [0.5 * 3600, 3 * 3600, pytest.approx(20 * 3600, abs=12 * 3600)]


def test_a_route_that_refused_is_left_for_one_that_did_not() -> None:
    """Not only for another than the last."""
    seen = observed(category=["fraud"], routes=3)
    refused = replace(seen.options, refused=np.asarray([[True, True, False]]))
    new = joint.plan_many(replace(seen, options=refused), now=NOW, tries_left=1, deadline=DEADLINE)
    assert new.route[0] == 2


def test_whoever_is_refused_is_not_asked_the_same_again_at_once() -> None:
    """Missing money does not come within hours, and luck belongs to the moment."""
    for category in ("funds", "issuer", "fraud"):
        seen = observed(category=[category], routes=1)
        new = joint.plan_many(seen, now=NOW, tries_left=8, deadline=NOW + 7 * DAY_S)
        assert not new.when[0] < NOW + 6 * 3600


def test_a_dead_card_is_tried_only_with_its_new_number() -> None:
    dead = observed(category=["lifecycle"], routes=2)
    assert np.isnan(joint.plan_many(dead, now=NOW, tries_left=4, deadline=DEADLINE).when[0])
    renewed = replace(
        dead, options=replace(dead.options, means=np.asarray([[int(Means.OLD), int(Means.UPDATED)]]))
    )
    new = joint.plan_many(renewed, now=NOW, tries_left=4, deadline=DEADLINE)
    assert new.means[0] == Means.UPDATED
    assert new.when[0] < NOW + DAY_S
    assert new.chance[0] > 0.7


def test_half_of_what_gives_no_reason_is_missing_money() -> None:
    believed = roots_believed(_thought(observed(category=["issuer"])).question.weights)[0]
    by_root = dict(zip(ROOTS, believed, strict=True))
    assert 0.4 < by_root[ROOTS[0]] + by_root[ROOTS[1]] < 0.7


def test_more_refusals_make_a_dormant_account_likelier() -> None:
    once = roots_believed(_thought(observed()).question.weights)[0]
    seen_at = np.asarray([[NOW - days * DAY_S for days in (21, 14, 7, 5, 3)]])
    often = observed(
        seen_at=seen_at,
        seen_approved=np.zeros((1, 5), dtype=np.bool_),
        seen_category=np.full((1, 5), "funds"),
        seen_here=np.ones((1, 5), dtype=np.bool_),
        seen_ratio=np.ones((1, 5)),
    )
    assert roots_believed(_thought(often).question.weights)[0][1] > once[1]


def test_every_number_has_its_source_and_shares_are_shares() -> None:
    for one in SHARES.values():
        assert one.source
        assert sum(getattr(one, root) for root in ROOTS) == pytest.approx(1)
    assert all(one.source for one in OTHERS)


def test_nobody_is_planned_for_at_once() -> None:
    assert len(joint.plan_many(observed(0), now=NOW, tries_left=4, deadline=DEADLINE).when) == 0


def test_one_case_is_scored_within_milliseconds() -> None:
    """48 slots by 5 routes take a small part of a millisecond; the bound is for a machine with other things to do."""
    seen = observed(routes=5)
    options = replace(seen.options, liked=np.linspace(1, 0.9, 5)[None, :])
    asked = _thought(replace(seen, options=options), deadline=NOW + 43 * DAY_S).question
    assert asked.allowed.shape[1:] >= (48, 5)
    sets = nothing(asked)
    spent = []
    for _ in range(20):
        start = process_time()
        gains(asked, sets, [])
        spent.append(process_time() - start)
    assert min(spent) < 0.002


def test_a_backup_card_is_worth_more_than_a_dead_one() -> None:
    both = observed(category=["lifecycle"], routes=2)
    options = Options(
        route=np.zeros((1, 2), dtype=np.int64),
        means=np.asarray([[int(Means.OLD), int(Means.BACKUP)]]),
        refused=np.ones((1, 2), dtype=np.bool_),
        liked=np.ones((1, 2)),
    )
    new = joint.plan_many(replace(both, options=options), now=NOW, tries_left=1, deadline=DEADLINE)
    assert new.means[0] == Means.BACKUP
