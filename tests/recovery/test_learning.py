"""What a merchant's tries teach, and what keeps a bad lesson out of force."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
import pytest
from tests.recovery.observing import DAY_S, NOW, observed

from recoup.recovery.core.believing import believing
from recoup.recovery.core.chances import chances
from recoup.recovery.core.evidence import gone_at
from recoup.recovery.core.groups import GROUPS
from recoup.recovery.core.joint import plan_many
from recoup.recovery.core.learning import (
    Breadth,
    Lesson,
    Lessons,
    Model,
    Window,
    fit,
    heard,
    is_held_back,
    lessons_of,
    model_from,
    verdict,
)
from recoup.recovery.core.learning.card import judged
from recoup.recovery.core.learning.traits import Said, traits

TRIES: Final = 600
GOOD, BAD = "411111", "422222"
_WHEN: Final = datetime(2026, 11, 22, 15, tzinfo=UTC)


def said(issuers: Sequence[str]) -> Said:
    """Cards of these issuers, all else alike."""
    many = len(issuers)
    return Said(
        code=["do_not_honor"] * many,
        brand=["visa"] * many,
        funding=["debit"] * many,
        issuer=list(issuers),
        amount=np.full(many, 5_000.0),
    )


def lessons(approved: Sequence[bool], issuers: Sequence[str]) -> Lessons:
    """A try two days after each refusal without a reason, by the second account."""
    many = len(approved)
    lesson = Lesson(
        observed=observed(many, category=["issuer"] * many),
        said=said(issuers),
        when=np.full(many, NOW + 2 * DAY_S),
        option=np.ones(many, dtype=np.int64),
        account=["b"] * many,
        approved=np.asarray(approved),
    )
    return lessons_of([lesson])


@pytest.fixture(scope="module")
def taught() -> tuple[Lessons, Model]:
    """Cards of one issuer are approved nine times out of ten, those of another one time."""
    issuers = [GOOD, BAD] * (TRIES // 2)
    luck = np.random.default_rng(5).random(TRIES)
    whole = lessons(
        [x < (0.9 if one == GOOD else 0.1) for one, x in zip(issuers, luck, strict=True)], issuers
    )
    return whole, fit(whole, Breadth.WHOLE)


def test_what_is_seen_again_and_again_is_learned_and_the_same_lessons_teach_the_same(
    taught: tuple[Lessons, Model],
) -> None:
    whole, model = taught
    assert len(set(np.round(whole.untrained, 6))) == 1, "sourced priors know nothing of these issuers"
    good, bad = (heard(model, lessons([True], [issuer]))[0] for issuer in (GOOD, BAD))
    assert good > 0.75, "nearly what was seen"
    assert bad < 0.25, "nearly what was seen"
    unheard_of = heard(model, lessons([True], ["433333"]))[0]
    assert bad < unheard_of < good, "of an issuer that nobody knows, what is usual is believed"
    assert fit(whole, Breadth.WHOLE).kept() == model.kept(), "nothing is drawn by lot"


def test_learning_how_often_anything_helps_leaves_the_best_moment_and_route_where_they_were(
    taught: tuple[Lessons, Model],
) -> None:
    """What was tried only where it seemed best cannot tell where else it would have been better."""
    model = fit(taught[0])
    plain = observed(2, category=["issuer"] * 2)
    read = model.read(plain, said([GOOD, BAD]), [["a", "b", "c"]] * 2)
    assert (read.liked == 1).all()
    tilted = replace(plain, tilts=read.tilts)
    before, after = (
        plan_many(one, now=NOW, tries_left=1, deadline=NOW + 28 * DAY_S) for one in (plain, tilted)
    )
    assert after.when.tolist() == before.when.tolist()
    assert after.route.tolist() == before.route.tolist()
    assert after.chance[0] > before.chance[0] > after.chance[1], "but how likely it is was learned"
    untouched = replace(plain, tilts=np.zeros((2, GROUPS)))
    assert plan_many(untouched, now=NOW, tries_left=1, deadline=NOW + 28 * DAY_S).when[0] == before.when[0]


def test_a_model_is_the_same_after_storage_and_leaves_out_hypotheses_that_are_no_more(
    taught: tuple[Lessons, Model],
) -> None:
    whole, model = taught
    kept = model.kept()
    assert np.array_equal(heard(model_from(kept), whole), heard(model, whole))
    kept["blocks"]["other"]["names"][0] = "of_another_version"
    words = traits(observed(1), said([GOOD]))
    assert model_from(kept).tilts(words).shape == (1, GROUPS)
    assert model_from({"blocks": {}, "accounts": {}}).tilts(words).any() is np.False_, "nothing is learned"


def test_a_model_is_taken_only_where_people_whom_it_never_saw_bear_it_out(
    taught: tuple[Lessons, Model],
) -> None:
    whole, model = taught
    window = Window(_WHEN, _WHEN, tries=TRIES, approved=300, held_back=TRIES)
    chances = {"model": heard(model, whole), "untrained": whole.untrained}
    card = verdict(window, "whole", chances, whole.approved)
    assert card.refused is None
    assert card.model is not None and card.untrained is not None
    assert card.model.log_loss < card.untrained.log_loss
    assert "not better than the model in force" in str(
        verdict(window, "whole", chances | {"in_place": chances["model"]}, whole.approved).refused
    ), "it must be ahead of what it replaces"
    turned = verdict(
        window, "whole", {"model": whole.untrained, "untrained": chances["model"]}, whole.approved
    )
    assert "not better than sourced priors" in str(turned.refused)
    few = Window(_WHEN, _WHEN, tries=10, approved=5, held_back=3)
    assert "10 tries to learn from" in str(verdict(few, "whole", {}, whole.approved[:0]).refused)
    assert "tries to judge by" in str(
        verdict(window, "whole", chances, np.ones(TRIES, dtype=np.bool_)).refused
    )


def test_calibration_is_the_distance_between_what_was_foretold_and_what_came() -> None:
    found = judged(np.asarray([0.25] * 4 + [0.75] * 4), np.asarray([True, *[False] * 3, *[True] * 4]))
    assert [tries for _, _, tries in found.bins] == [4, 4]
    assert found.off == pytest.approx(0.125)


def test_one_person_is_always_on_the_same_side_and_about_one_in_four_is_held_back() -> None:
    sides = [is_held_back(str(one)) for one in range(2_000)]
    assert sides == [is_held_back(str(one)) for one in range(2_000)]
    assert 400 < sum(sides) < 600


def test_48_moments_by_5_routes_are_scored_by_a_model_in_under_2_ms(taught: tuple[Lessons, Model]) -> None:
    """What one plan costs more for a model, and the chances of all moments and routes under it: the processor's time of
    the quickest of many, which no other work on the machine adds to."""
    model, plain, card = taught[1], observed(1, routes=5, category=["issuer"]), said([GOOD])
    when = NOW + np.arange(48)[None, :] * DAY_S / 2

    def scored() -> float:
        begun = time.thread_time()
        tilted = replace(plain, tilts=model.read(plain, card, [list("abcde")]).tilts)
        belief = believing(tilted, now_s=NOW)
        found = chances(
            belief.calendar.since(when, gone_at=gone_at(tilted)).there(),
            after_first_s=when - NOW,
            after_last_s=when - NOW,
            comes=belief.comes,
            options=tilted.options,
        )
        assert found.summed(belief.weights[:, None]).shape == (1, 1, 48, 5)
        return time.thread_time() - begun

    quickest = min(scored() for _ in range(40))
    print(f"{quickest * 1000:.2f} ms")
    assert quickest < 0.002
