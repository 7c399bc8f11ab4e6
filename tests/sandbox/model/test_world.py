"""Laws of the world of declined renewals: what a contest of policies must be able to rely on."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.sandbox.model import NEVER, ROUTES, WORDS, Answers, Cause, Means, World
from recoup.sandbox.model.calendar import SLOT_S
from recoup.sandbox.model.luck import Ints

CASES = 600
WORLD = World(5, CASES)
EVERY = np.arange(CASES)
FAILED = WORLD.failures()
DAYS = st.integers(0, 27 * 86_400)


def same(left: Answers, right: Answers) -> bool:
    return all(np.array_equal(getattr(left, one.name), getattr(right, one.name)) for one in fields(Answers))


def test_the_same_seed_is_the_same_world() -> None:
    again = World(5, CASES)
    for one in fields(WORLD.who):
        assert np.array_equal(getattr(again.who, one.name), getattr(WORLD.who, one.name)), one.name
    assert same(again.failures().answers, FAILED.answers)
    assert same(again.try_(EVERY, FAILED.when_s + 90_000), WORLD.try_(EVERY, FAILED.when_s + 90_000))


def test_another_seed_is_another_world() -> None:
    assert not np.array_equal(World(6, CASES).who.pay, WORLD.who.pay)


def test_a_smaller_world_is_the_beginning_of_a_larger_one() -> None:
    """So a case can be named by its number, whoever made the world."""
    assert np.array_equal(World(5, 37).who.index, WORLD.who.index[:37])


def test_training_and_test_share_issuers_and_no_cardholder() -> None:
    other = World(5, CASES, people_from=50_000_000)
    assert not set(other.who.index) & set(WORLD.who.index)
    assert np.array_equal(other.nature.issuers.affinity, WORLD.nature.issuers.affinity)


def test_every_renewal_was_declined_and_says_why() -> None:
    assert not FAILED.answers.approved.any()
    assert (FAILED.answers.code > 0).all() and (FAILED.answers.network_code != "").all()
    assert same(WORLD.try_(EVERY, FAILED.when_s), FAILED.answers)
    assert (WORLD.truth.cause() != Cause.NONE).all()


@given(after_s=DAYS, route=st.integers(0, ROUTES - 1), order=st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_the_order_of_asking_does_not_matter(after_s: int, route: int, order: object) -> None:
    shuffled = EVERY.tolist()
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    mixed = np.array(shuffled)
    straight = WORLD.try_(EVERY, FAILED.when_s + after_s, route=route)
    back = WORLD.try_(mixed, FAILED.when_s[mixed] + after_s, route=route)
    assert np.array_equal(straight.approved[mixed], back.approved)
    assert np.array_equal(straight.code[mixed], back.code)
    lone = mixed[:1]
    assert WORLD.try_(lone, FAILED.when_s[lone] + after_s, route=route).code[0] == back.code[0]


@given(slot=st.integers(1, 100), into_s=st.integers(0, SLOT_S - 1), route=st.integers(0, ROUTES - 1))
@settings(max_examples=20, deadline=None)
def test_a_slot_and_a_route_have_one_answer(slot: int, into_s: int, route: int) -> None:
    """Whoever tries again, or a minute later, finds no better luck."""
    slots = WORLD.who.slot + slot
    middle = WORLD.middles_s(EVERY, slots)
    moment = middle - SLOT_S // 2 + into_s
    inside = WORLD.slots(EVERY, moment) == slots  # all, unless clocks changed
    assert inside.mean() > 0.9
    first = WORLD.try_(EVERY[inside], middle[inside], route=route)
    play = WORLD.play()
    again = [play.try_(EVERY[inside], moment[inside], route=route) for _ in range(3)]
    assert all(np.array_equal(first.code, one.code) for one in again)


def test_hindsight_is_what_lone_tries_would_have_met() -> None:
    known = WORLD.truth.approvals(EVERY[:50], slots=40)
    slots = WORLD.truth.slots(EVERY[:50], 40)
    for place in (0, 7, 39):
        for route in range(ROUTES):
            met = WORLD.try_(EVERY[:50], WORLD.middles_s(EVERY[:50], slots[:, place]), route=route)
            assert np.array_equal(known[:, place, route], met.approved)


def test_more_tries_before_never_help() -> None:
    when_s = FAILED.when_s + 5 * 86_400
    found = [WORLD.try_(EVERY, when_s, recent=number).approved for number in (0, 1, 2, 3, 6, 12)]
    assert all((more <= fewer).all() for fewer, more in pairwise(found))
    assert found[-1].sum() < found[0].sum()


def test_a_play_counts_its_own_tries_only() -> None:
    busy, calm = WORLD.play(), WORLD.play()
    when_s = FAILED.when_s + 4 * 86_400
    for slot in range(11, 0, -1):
        busy.try_(EVERY, when_s - slot * SLOT_S)
    assert same(calm.try_(EVERY, when_s), WORLD.try_(EVERY, when_s))
    assert busy.try_(EVERY, when_s).approved.sum() < WORLD.try_(EVERY, when_s).approved.sum()


@given(after_s=DAYS, part=st.integers(1, 99))
@settings(max_examples=20, deadline=None)
def test_less_money_is_never_harder_to_get(after_s: int, part: int) -> None:
    when_s = FAILED.when_s + after_s
    whole = WORLD.try_(EVERY, when_s).approved
    assert (whole <= WORLD.try_(EVERY, when_s, amount=FAILED.amount * part // 100).approved).all()


@given(after_s=DAYS)
@settings(max_examples=20, deadline=None)
def test_authentication_never_hurts(after_s: int) -> None:
    when_s = FAILED.when_s + after_s
    plain = WORLD.try_(EVERY, when_s).approved
    assert (plain <= WORLD.try_(EVERY, when_s, authenticated=True).approved).all()


def test_a_dead_card_pays_only_when_the_updater_has_another() -> None:
    dead = np.flatnonzero(WORLD.truth.cause() == Cause.DEAD)
    when_s = FAILED.when_s[dead] + 20 * 86_400
    old = WORLD.try_(dead, when_s)
    new = WORLD.try_(dead, when_s, means=Means.UPDATED)
    known = WORLD.updated(dead, when_s)
    assert not old.approved.any() and new.approved.sum() > len(dead) / 4
    assert not (new.approved & ~known).any() and 0.4 < known.mean() < 0.9


@pytest.mark.parametrize("cause", [Cause.DORMANT, Cause.REVOKED])
def test_some_are_won_by_no_timing(cause: Cause) -> None:
    lost = np.flatnonzero(WORLD.truth.cause() == cause)
    assert len(lost) > 3 and not WORLD.truth.approvals(lost).any()


def test_a_backup_card_helps_only_who_has_one() -> None:
    dead = np.flatnonzero(WORLD.truth.cause() == Cause.DEAD)
    found = WORLD.try_(dead, FAILED.when_s[dead] + 86_400, means=Means.BACKUP).approved
    assert found.any() and not (found & ~FAILED.has_backup[dead]).any()


def test_history_is_earlier_and_ends_with_an_approval() -> None:
    """A customer whose renewal was never paid is gone; the tries of each renewal stop at an approval."""
    known = FAILED.history
    assert (
        known.there.any()
        and (known.when_s[known.there] < np.repeat(FAILED.when_s, known.there.sum(axis=1))).all()
    )
    there, approved = (array.reshape(CASES, -1, 5) for array in (known.there, known.approved))
    assert np.array_equal(approved.sum(axis=2) == 1, there[:, :, 0])
    last = np.where(there, np.arange(5), -1).max(axis=2)
    assert (approved.argmax(axis=2)[there[:, :, 0]] == last[there[:, :, 0]]).all()
    assert (known.code[known.there & ~known.approved] > 0).all()


def test_history_is_what_would_have_been_answered() -> None:
    """Earlier tries were made in the same world: what they teach of a payday is true."""
    known = FAILED.history
    first = np.flatnonzero(known.there[:, -5])
    assert np.array_equal(WORLD.try_(first, known.when_s[first, -5]).approved, known.approved[first, -5])


def test_advice_on_when_to_come_is_mastercards_alone() -> None:
    advice = FAILED.answers.advice
    timed = np.isin(advice, [str(code) for code in range(24, 31)])
    assert timed.any() and (FAILED.brand[timed] == 1).all()
    assert (FAILED.answers.code[timed] == WORDS.index("insufficient_funds")).all()


def test_customers_act_the_same_whenever_they_are_asked_the_same() -> None:
    rates = []
    for message in (1, 2, 3, 4):
        said = WORLD.asked(EVERY, FAILED.when_s, message=message)
        assert np.array_equal(
            said.at_s, WORLD.asked(EVERY[::-1], FAILED.when_s[::-1], message=message).at_s[::-1]
        )
        acts = said.at_s < NEVER
        assert (said.at_s[acts] >= FAILED.when_s[acts]).all() and not (said.pays & ~acts).any()
        rates.append(acts.mean())
    assert rates[0] > rates[1] > rates[3]


def test_many_tries_are_fast() -> None:
    """20,000 at once take about 20 ms; the bound allows for a slow machine."""
    many: Ints = np.arange(20_000) % CASES
    when_s = FAILED.when_s[many] + 86_400 * 3
    took = []
    for _ in range(5):
        began = process_time()
        WORLD.try_(many, when_s)
        took.append(process_time() - began)
    assert min(took) < 0.15
