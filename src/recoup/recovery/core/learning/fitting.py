"""Learns a model from lessons: the prior weights under which what came of tries is likeliest, near the sourced ones.

The chance of a try is the sum over hypotheses of their weights times the chance under each. Its logarithm is made as
large as possible over all tries by moving coefficients that tilt the weights, each held to zero, the sourced prior, by
a normal distribution: empirical Bayes, and so a merchant with few tries stays with what is published. Nothing is drawn
by lot: the same lessons give the same model.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from recoup.recovery.core.groups import BELONGS, Block
from recoup.recovery.core.learning.lessons import Lessons
from recoup.recovery.core.learning.model import LIKED_MIN, USUAL, Model
from recoup.recovery.core.learning.traits import Trait, Words

Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]


class Breadth(StrEnum):
    """How much is learned."""

    HOPE = "hope"
    """How often anything helps at all, by everything that is known."""
    WHOLE = "whole"
    """The shares of causes, pay cycles and depths too, and which accounts issuers like. Tries that were made where they
    seemed best cannot tell these apart, and taught so a plan may choose worse: only for who drew them by lot."""


LEARNT_BY: Final[Mapping[Breadth, Mapping[Block, tuple[Trait, ...]]]] = {
    Breadth.HOPE: {Block.HOPE: tuple(Trait)},
    Breadth.WHOLE: {
        Block.ROOT: tuple(Trait),
        Block.KIND: (Trait.COUNTRY, Trait.ISSUER),
        Block.DEPTH: (Trait.COUNTRY, Trait.FUNDING, Trait.AMOUNT, Trait.RECORD),
        Block.OTHER: (Trait.CATEGORY,),
    },
}
"""What the coefficients of each block may depend on."""
WORD_MIN: Final = 20
"""A word that fewer tries have is left to what is usual."""
WORDS_MAX: Final = 300
"""No trait has more words than this; the commonest are learned of."""
HELD_BY: Final = 2.0
"""How tightly a coefficient is held to the sourced prior: as by so many tries that say the opposite. Own estimate."""
STEPS: Final = 100
STEP: Final = 0.08
LIKED_HELD_BY: Final = 50.0
"""How many expected approvals an account must have before what it does outweighs what all do: own estimate."""
_SURE: Final = 1e-4
_MOMENTUM: Final = 0.9
_SCALE: Final = 0.99


def fit(lessons: Lessons, breadth: Breadth = Breadth.HOPE) -> Model:
    """The model that these lessons teach."""
    blocks = [_Taught(block, names, lessons) for block, names in LEARNT_BY[breadth].items()]
    weights = lessons.weights.astype(np.float32)
    chances, approved = lessons.chances.astype(np.float32), lessons.approved.astype(np.float32)
    for step in range(1, STEPS + 1):
        tilted = weights * np.exp(sum(one.tilts() for one in blocks))
        tilted /= tilted.sum(axis=1, keepdims=True)
        expected = np.clip((tilted * chances).sum(axis=1), _SURE, 1 - _SURE)
        wrong = (approved - expected) / (expected * (1 - expected))
        pulls = tilted * (chances - expected[:, None]) * wrong[:, None]
        for one in blocks:
            one.pulled(pulls, step)
    model = Model({one.block: one.rows() for one in blocks}, {})
    if breadth is Breadth.HOPE:
        return model
    return Model(model.blocks, _liked(lessons, heard(model, lessons)))


def heard(model: Model, lessons: Lessons) -> Floats:
    """The chance of each try under a model."""
    tilted = lessons.weights * np.exp(model.tilts(lessons.words))
    tilted /= tilted.sum(axis=1, keepdims=True)
    liked = [
        model.liked(issuer, account)
        for issuer, account in zip(lessons.words[Trait.ISSUER], lessons.account, strict=True)
    ]
    expected: Floats = (tilted * lessons.chances).sum(axis=1) * np.asarray(liked)
    return expected


class _Taught:
    """One block's coefficients while they are learned, by Adam (Kingma and Ba 2015) over all lessons at once."""

    def __init__(self, block: Block, names: Sequence[Trait], lessons: Lessons) -> None:
        self.block = block
        self._keys, self._has = _words(names, lessons.words, len(lessons))
        self._belongs = BELONGS[block].astype(np.float32)
        shape = (len(self._keys), len(self._belongs))
        self._coefficients: Singles = np.zeros(shape, dtype=np.float32)
        self._mean: Singles = np.zeros(shape, dtype=np.float32)
        self._square: Singles = np.zeros(shape, dtype=np.float32)

    def tilts(self) -> Singles:
        """What the coefficients say of each lesson: tries, groups."""
        found: Singles = self._has @ (self._coefficients @ self._belongs)
        return found

    def pulled(self, pulls: Singles, step: int) -> None:
        """Follow the lessons one step; `pulls` (tries, groups): which way each group should go."""
        slope = self._has.T @ (pulls @ self._belongs.T) - HELD_BY * self._coefficients
        self._mean = _MOMENTUM * self._mean + (1 - _MOMENTUM) * slope
        self._square = _SCALE * self._square + (1 - _SCALE) * slope * slope
        ahead, size = self._mean / (1 - _MOMENTUM**step), self._square / (1 - _SCALE**step)
        self._coefficients += STEP * ahead / (np.sqrt(size) + 1e-6)

    def rows(self) -> dict[str, tuple[float, ...]]:
        """The coefficients by word."""
        return {
            key: tuple(round(float(one), 5) for one in row)
            for key, row in zip(self._keys, self._coefficients, strict=True)
        }


def _words(
    names: Sequence[Trait], words: Mapping[Trait, Words], count: int
) -> tuple[tuple[str, ...], Singles]:
    """The words that are common enough, and which lesson has which: tries, words."""
    keys, columns = [USUAL], [np.ones(count, dtype=np.float32)]
    for trait in names:
        said = np.asarray(words[trait], dtype=np.str_)
        common = Counter(word for word in words[trait] if word).most_common(WORDS_MAX)
        for word in sorted(word for word, times in common if times >= WORD_MIN):
            keys.append(f"{trait}={word}")
            columns.append((said == word).astype(np.float32))
    return tuple(keys), np.stack(columns, axis=1)


def _liked(lessons: Lessons, expected: Floats) -> dict[str, float]:
    """How well each account does beside the best, over all issuers and by issuer: approvals over what was expected."""
    overall: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    own: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    rows = zip(
        lessons.words[Trait.ISSUER],
        lessons.account,
        lessons.approved.tolist(),
        expected.tolist(),
        strict=True,
    )
    for issuer, account, approved, chance in rows:
        for sums in (overall[account], own[f"{issuer}/{account}"]):
            sums[0] += approved
            sums[1] += chance
    usual = {account: _ratio(sums, 1.0) for account, sums in overall.items()}
    best = max(usual.values(), default=1.0)
    found = {account: _scaled(ratio / best) for account, ratio in usual.items()}
    for key, sums in own.items():
        account = key.rpartition("/")[2]
        if sums[1] >= WORD_MIN:
            found[key] = _scaled(_ratio(sums, usual[account]) / best)
    return found


def _ratio(sums: Sequence[float], usual: float) -> float:
    return (sums[0] + LIKED_HELD_BY * usual) / (sums[1] + LIKED_HELD_BY)


def _scaled(ratio: float) -> float:
    return round(min(max(ratio, LIKED_MIN), 1.0), 4)
