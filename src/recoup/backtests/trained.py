"""Recoup with a model learned from other cardholders of the same world, by the very code that learns from merchants'
tries: what came of an untrained Recoup's tries teaches, a part of people is held back, and a model that does not do
better on them is not used.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np

from recoup.backtests.matches import Flags, Floats, Ground, Ints
from recoup.backtests.ours import Ours
from recoup.recovery.core.learning import (
    Breadth,
    Card,
    Lesson,
    Model,
    Window,
    fit,
    heard,
    is_held_back,
    lessons_of,
    verdict,
)
from recoup.recovery.core.learning.traits import Said
from recoup.recovery.core.observed import Observed
from recoup.sandbox.model import ROUTES, WORDS, Answers

SCHOOL_DAYS: Final = 28
SCHOOL_TRIES: Final = 4
"""The window and the tries of the default policy, under which tries are learned from."""


class Trained(Ours):
    """The joint choice, tilted by what a model says of each case; without a model as it is."""

    def __init__(
        self, ground: Ground, model: Model | None, *, days: int, tries: int, routes: int = ROUTES
    ) -> None:
        super().__init__(ground, days=days, tries=tries, routes=routes)
        self._model = model
        self._code = ground.seen.answers.code.copy()
        self._able = tuple(str(route) for route in range(routes))

    def hear(self, cases: Ints, when_s: Ints, route: Ints, answers: Answers) -> None:
        """What was answered; the code is a trait too."""
        super().hear(cases, when_s, route, answers)
        self._code[cases] = answers.code

    def plain(self, cases: Ints, made: int) -> Observed:
        """What is seen of these, with nothing learned."""
        return super()._observed(cases, made)

    def said(self, cases: Ints) -> Said:
        """What is said of these beside it."""
        seen = self._ground.seen
        return Said(
            code=[WORDS[code] for code in self._code[cases].tolist()],
            brand=[str(one) for one in seen.brand[cases].tolist()],
            funding=[str(one) for one in seen.funding[cases].tolist()],
            issuer=[str(one) for one in seen.bin[cases].tolist()],
            amount=seen.amount[cases].astype(np.float64),
        )

    def _observed(self, cases: Ints, made: int) -> Observed:
        plain = self.plain(cases, made)
        if self._model is None:
            return plain
        read = self._model.read(plain, self.said(cases), [self._able] * len(cases))
        return replace(plain, tilts=read.tilts, options=replace(plain.options, liked=read.liked))


@dataclass(slots=True)
class _Notes:
    """What an untrained Recoup tried in a world, and what came of it."""

    policy: Trained
    lessons: list[Lesson] = field(default_factory=list)
    cases: list[Ints] = field(default_factory=list)

    def hear(self, cases: Ints, when_s: Ints, route: Ints, answers: Answers) -> None:
        """Note the tries with what was known before them."""
        made = len(self.lessons)
        self.lessons.append(
            Lesson(
                observed=self.policy.plain(cases, made),
                said=self.policy.said(cases),
                when=when_s.astype(np.float64),
                option=route,
                account=[str(one) for one in route.tolist()],
                approved=answers.approved,
            )
        )
        self.cases.append(cases)
        self.policy.hear(cases, when_s, route, answers)


def schooled(
    seed: int, cases: int, *, people_from: int = 0, breadth: Breadth = Breadth.HOPE
) -> tuple[Model | None, Card]:
    """What so many declined renewals of other people in the world of this seed teach; None where it was refused."""
    ground = Ground(seed, cases, people_from=people_from)
    untrained = Trained(ground, None, days=SCHOOL_DAYS, tries=SCHOOL_TRIES)
    notes = _Notes(untrained)
    ground.play(untrained.choose, days=SCHOOL_DAYS, tries=SCHOOL_TRIES, told=notes.hear)
    people = np.concatenate(notes.cases)
    held: Flags = np.asarray([is_held_back(str(one)) for one in people.tolist()], dtype=np.bool_)
    whole = lessons_of(notes.lessons)
    back, when = whole.among(held), np.concatenate([one.when for one in notes.lessons])
    model = fit(whole.among(~held), breadth)
    window = Window(
        since=_moment(when.min()),
        until=_moment(when.max()),
        tries=len(whole),
        approved=int(whole.approved.sum()),
        held_back=len(back),
    )
    expected: dict[str, Floats] = {"model": heard(model, back), "untrained": back.untrained}
    card = verdict(window, breadth, expected, back.approved)
    return (model if card.refused is None else None), card


def _moment(at_s: np.float64) -> datetime:
    return datetime.fromtimestamp(float(at_s), UTC)
