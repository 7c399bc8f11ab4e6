"""What came of tries, each with what was known before it: what there is to learn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import numpy as np
import numpy.typing as npt

from recoup.recovery.core.believing import believing
from recoup.recovery.core.chances import chances
from recoup.recovery.core.evidence import gone_at
from recoup.recovery.core.groups import GROUPS, grouped
from recoup.recovery.core.learning.traits import Said, Trait, Words, traits
from recoup.recovery.core.observed import Observed

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CHUNK: Final = 256
"""How many tries are thought of at once."""
HELD_BACK: Final = 4
"""One person in so many is held back from learning, always the same ones: models are judged by them."""


def is_held_back(person: str) -> bool:
    """Whether a person's tries are kept for judging: by who they are, so that no model ever learns from them."""
    return crc32(person.encode()) % HELD_BACK == 0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lesson:
    """Tries of a batch: when, with which option, at which account, and whether each was approved.

    What is known before each is `observed`; no model may have tilted it.
    """

    observed: Observed
    said: Said
    when: Floats
    option: Ints
    account: Sequence[str]
    approved: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """Everything to learn from, in groups of hypotheses: `weights` and `chances` (tries, groups) before learning."""

    weights: Floats
    chances: Floats
    approved: Flags
    words: Mapping[Trait, Words]
    account: Sequence[str]

    def __len__(self) -> int:
        return len(self.approved)

    @property
    def untrained(self) -> Floats:
        """The chance of each try by sourced priors alone."""
        found: Floats = (self.weights * self.chances).sum(axis=1)
        return found

    def among(self, which: Flags) -> Lessons:
        """Some of them."""
        places = np.flatnonzero(which).tolist()
        return Lessons(
            self.weights[which],
            self.chances[which],
            self.approved[which],
            {trait: [said[place] for place in places] for trait, said in self.words.items()},
            [self.account[place] for place in places],
        )


def lessons_of(batches: Sequence[Lesson]) -> Lessons:
    """Batches of tries, as lessons."""
    parts = [part for one in batches for part in _parts(one)]
    words: dict[Trait, list[str]] = {trait: [] for trait in Trait}
    for one in batches:
        for trait, said in traits(one.observed, one.said).items():
            words[trait].extend(said)
    nothing = np.zeros((0, GROUPS))
    return Lessons(
        np.concatenate([weights for weights, _ in parts] or [nothing]),
        np.concatenate([chances for _, chances in parts] or [nothing]),
        np.concatenate([one.approved for one in batches] or [np.zeros(0, dtype=np.bool_)]),
        words,
        [account for one in batches for account in one.account],
    )


def _parts(lesson: Lesson) -> list[tuple[Floats, Floats]]:
    return [
        _thought(
            lesson.observed.cut(slice(start, start + CHUNK)),
            lesson.when[start : start + CHUNK],
            lesson.option[start : start + CHUNK],
        )
        for start in range(0, len(lesson.observed), CHUNK)
    ]


def _thought(observed: Observed, when: Floats, option: Ints) -> tuple[Floats, Floats]:
    """The weights of all groups before the tries, and the chance of each try under every group."""
    belief = believing(observed, now_s=float(observed.refused_at.min()))
    at, row = when[:, None], np.arange(len(observed))
    found = chances(
        belief.calendar.since(at, gone_at=gone_at(observed)).there(),
        after_first_s=np.maximum(at - belief.first_at[:, None], 0),
        after_last_s=np.maximum(at - observed.refused_at[:, None], 0),
        comes=belief.comes,
        options=observed.options,
    )
    return grouped(belief.weights, found.at(row, np.zeros_like(row), option))
