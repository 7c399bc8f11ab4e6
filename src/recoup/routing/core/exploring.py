"""Which account is asked first: the best, or now and then another that may be better, with the chance of each stated.

What is never tried is never learned, so a small share of payments goes to accounts that might be better than the best.
Each gets weight by the probability that it is (probability matching), so a new account, of which nothing is known, gets
most, and one that is surely worse gets none. The whole share is at most `explore`, and fades by itself as the accounts
become known. The chances are stored with the decision: later questions ("what would have been?") need them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, hypot, sqrt
from typing import Final

from recoup.routing.core.learning import INTERVAL

BASIS_POINTS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Prospect:
    """What an account promises: a value (in whatever unit, the same for all), and its standard deviation."""

    value: float
    spread: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """Indexes of the prospects in the order in which to ask, for each prospect the chance to be first, and the best."""

    order: tuple[int, ...]
    propensities: tuple[float, ...]
    best: int

    @property
    def is_trial(self) -> bool:
        """Whether another than the best goes first."""
        return self.order[0] != self.best


def choose(prospects: Sequence[Prospect], *, explore: int, draw: float) -> Chosen:
    """An order, by value but for a trial. `explore` is in basis points; `draw` is chance, from 0 up to but not 1.

    Prospects of equal value keep the order in which they are given.
    """
    assert prospects and 0 <= explore <= BASIS_POINTS and 0.0 <= draw < 1.0, (
        "a choice needs prospects and chance"
    )
    ranked = sorted(range(len(prospects)), key=lambda one: -prospects[one].value)
    propensities = _propensities(prospects, best=ranked[0], explore=explore / BASIS_POINTS)
    first = _drawn(ranked, propensities, draw)
    return Chosen((first, *(one for one in ranked if one != first)), propensities, ranked[0])


def _propensities(prospects: Sequence[Prospect], *, best: int, explore: float) -> tuple[float, ...]:
    leading = prospects[best]
    chances = [0.0 if place == best else _may_be_better(one, leading) for place, one in enumerate(prospects)]
    better = sum(chances)
    share = min(explore, better / (1.0 + better))
    if share <= 0.0:
        return tuple(1.0 if place == best else 0.0 for place in range(len(prospects)))
    return tuple(
        1.0 - share if place == best else share * chance / better for place, chance in enumerate(chances)
    )


def _may_be_better(one: Prospect, best: Prospect) -> float:
    """The probability that it is better than the best, both taken as normal; 0 where even its upper bound is lower."""
    if one.value + INTERVAL * one.spread <= best.value:
        return 0.0
    return 0.5 * erfc((best.value - one.value) / (sqrt(2.0) * hypot(one.spread, best.spread)))


def _drawn(ranked: Sequence[int], propensities: Sequence[float], draw: float) -> int:
    """Chance from 0 up lies with the best, so that one who explores less explores in a part of the same cases."""
    for place in ranked:
        if draw < propensities[place]:
            return place
        draw -= propensities[place]
    return ranked[0]  # the sum of floats fell short of 1 by a rounding
