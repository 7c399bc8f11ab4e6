"""Algorithms that others route by, from their descriptions: each chooses an acquirer and learns from the answer.

A policy sees `Payment` and `Answer`, which is what a merchant sees, and numbers acquirers from 0. `choose` may be told
whom to leave out, where a first try failed technically. Unknown and unprocessed outcomes count as failures for all of
these, as their descriptions say: they know success and failure only.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from random import Random
from typing import Final, Protocol

from bench.routing.world import Answer, Payment, World

NOBODY: Final = -1
EXPLORATION: Final = 0.6
"""The factor under the root of both upper confidence bounds: Garivier and Moulines (2008) prove theirs above a half."""
REWARD_MAX: Final = 1.0


class Policy(Protocol):
    """What routes."""

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        """The acquirer to ask, `without` left out."""
        ...

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        """Takes in what an acquirer answered, at the time when it is known."""
        ...


def highest(scores: Sequence[float], random: Random, *, without: int = NOBODY) -> int:
    """The acquirer with the highest score, drawn among equals."""
    top = max(score for one, score in enumerate(scores) if one != without)
    best = [one for one, score in enumerate(scores) if one != without and score >= top]
    return best[0] if len(best) == 1 else random.choice(best)


class AtRandom:
    """Every acquirer equally often."""

    def __init__(self, acquirers: int, random: Random) -> None:
        self._all = range(acquirers)
        self._random = random

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        return self._random.choice([one for one in self._all if one != without])

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        """Learns nothing."""


class Static:
    """Always the same acquirer; where it fails technically, the next."""

    def __init__(self, acquirers: int, favourite: int) -> None:
        self._order = [(favourite + step) % acquirers for step in range(acquirers)]

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        return next(one for one in self._order if one != without)

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        """Learns nothing."""


class SlidingWindowUcb:
    """Upper confidence bounds over the last outcomes of all acquirers together (Garivier and Moulines, 2008).

    The bound of an acquirer is its mean in the window plus sqrt(0.6 ln(plays in the window) / its plays in the window);
    who has none is played first.
    """

    def __init__(self, acquirers: int, random: Random, *, window: int) -> None:
        self._seen: deque[tuple[int, float]] = deque()
        self._window = window
        self._plays = [0] * acquirers
        self._sums = [0.0] * acquirers
        self._random = random

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        spread = EXPLORATION * math.log(max(len(self._seen), 1))
        scores = [
            total / plays + REWARD_MAX * math.sqrt(spread / plays) if plays else math.inf
            for total, plays in zip(self._sums, self._plays, strict=True)
        ]
        return highest(scores, self._random, without=without)

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        reward = float(answer.is_approved)
        self._seen.append((acquirer, reward))
        self._plays[acquirer] += 1
        self._sums[acquirer] += reward
        if len(self._seen) > self._window:
            oldest, was = self._seen.popleft()
            self._plays[oldest] -= 1
            self._sums[oldest] -= was


class DiscountedUcb:
    """Upper confidence bounds over outcomes that count less the older they are (Kocsis and Szepesvari, 2006).

    Every outcome multiplies all counts by the discount. The bound is the discounted mean plus
    2 sqrt(0.6 ln(all counts) / its count).
    """

    def __init__(self, acquirers: int, random: Random, *, discount: float) -> None:
        self._discount = discount
        self._plays = [0.0] * acquirers
        self._sums = [0.0] * acquirers
        self._random = random

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        spread = EXPLORATION * math.log(max(sum(self._plays), 1.0))
        scores = [
            total / plays + 2 * REWARD_MAX * math.sqrt(spread / plays) if plays > 0 else math.inf
            for total, plays in zip(self._sums, self._plays, strict=True)
        ]
        return highest(scores, self._random, without=without)

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        kept = self._discount
        self._plays = [plays * kept for plays in self._plays]
        self._sums = [total * kept for total in self._sums]
        self._plays[acquirer] += 1.0
        self._sums[acquirer] += float(answer.is_approved)


class Thompson:
    """Draws each acquirer's approval rate from what was seen of it, Beta from a flat prior, and takes the highest.

    With a discount below 1, what was seen counts less with every later outcome.
    """

    def __init__(self, acquirers: int, random: Random, *, discount: float = 1.0) -> None:
        self._discount = discount
        self._approved = [0.0] * acquirers
        self._failed = [0.0] * acquirers
        self._random = random

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        draw = self._random.betavariate
        scores = [draw(1.0 + yes, 1.0 + no) for yes, no in zip(self._approved, self._failed, strict=True)]
        return highest(scores, self._random, without=without)

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        if self._discount < 1.0:
            self._approved = [count * self._discount for count in self._approved]
            self._failed = [count * self._discount for count in self._failed]
        if answer.is_approved:
            self._approved[acquirer] += 1.0
        else:
            self._failed[acquirer] += 1.0


class ThompsonByBin:
    """One Thompson sampler for each BIN: the plainest way to use context, without shrinkage."""

    def __init__(self, acquirers: int, random: Random) -> None:
        self._acquirers = acquirers
        self._random = random
        self._each: dict[str, Thompson] = {}

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        return self._of(payment).choose(payment, without=without)

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        self._of(payment).learn(payment, acquirer, answer, at_s=at_s)

    def _of(self, payment: Payment) -> Thompson:
        found = self._each.get(payment.bin)
        if found is None:
            found = self._each[payment.bin] = Thompson(self._acquirers, self._random)
        return found


class Oracle:
    """Knows each payment's true probabilities, outages included, but not the luck; `for_value` counts money instead."""

    def __init__(self, world: World, *, for_value: bool = False) -> None:
        self._world = world
        self._for_value = for_value

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        chances = self._world.chances[payment.index]
        scores = [self._expected(payment, one) for one in range(len(chances))] if self._for_value else chances
        return max((one for one in range(len(chances)) if one != without), key=scores.__getitem__)

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        """Has nothing to learn."""

    def _expected(self, payment: Payment, acquirer: int) -> float:
        return expected_worth(self._world, payment, acquirer)


def expected_worth(world: World, payment: Payment, acquirer: int) -> float:
    """What asking this acquirer brings on average, in thousandths of a minor unit."""
    chance = world.chances[payment.index][acquirer]
    won = world.worth(payment, acquirer, is_approved=True)
    lost = world.worth(payment, acquirer, is_approved=False)
    return chance * won + (1.0 - chance) * lost
