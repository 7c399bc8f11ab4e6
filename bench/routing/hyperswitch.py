"""Hyperswitch's success-rate routing, from the description and the defaults of its decision engine (version 3 of it).

Each acquirer has a window of its last outcomes, filled with successes at first; its score is the share of successes.
The highest score is asked, except that a share of payments (the hedging) goes to the others. An acquirer that has
fallen more than three standard deviations below the best is put back to three below, with its failures spread evenly
over the window, so that it can come back. Defaults: a window of 125, 5 % hedging, 3 deviations.

With auto-calibration, window and hedging follow the traffic of the last hour, looked at every quarter of an hour,
once it reaches 100 payments: a window of 5 sqrt(volume / (acquirers - 1)), rounded to 25, between 100 and 2,000; and
for each of the others such a share of payments as renews its window within the hour, between 1 % and a cap of 30 %
together. Changes below 25 outcomes, or one point of hedging, are not made.

With cost, the score is multiplied by what is left of the amount after the price (the engine's expected value).
"""

from __future__ import annotations

import math
from collections import deque
from random import Random
from typing import Final

from bench.routing.rivals import NOBODY, highest
from bench.routing.world import Acquirer, Answer, Payment

WINDOW: Final = 125
HEDGING: Final = 0.05
DEVIATIONS: Final = 3.0
VARIANCE_MIN: Final = 0.09
ZEROS_MIN: Final = 2

CALIBRATED_EVERY_S: Final = 900.0
LOOKED_BACK_S: Final = 3_600.0
VOLUME_MIN: Final = 100
WINDOW_STEP: Final = 25
WINDOW_RANGE: Final = (100, 2_000)
HEDGING_MAX: Final = 0.30
HEDGING_MIN_EACH: Final = 0.01
HEDGING_STEP: Final = 0.01


class SuccessRates:
    """Windows of outcomes, hedging, and the way back for laggards; `acquirers` are given where cost counts."""

    def __init__(self, acquirers: int, random: Random, *, priced: tuple[Acquirer, ...] = ()) -> None:
        self.window = WINDOW
        self.hedging = HEDGING
        self._seen = [deque([True] * WINDOW) for _ in range(acquirers)]
        self._good = [WINDOW] * acquirers
        self._random = random
        self._priced = priced

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        self._bring_back_laggards()
        scores = self.scores
        if self._priced:
            scores = [self._value(payment, one, score) for one, score in enumerate(scores)]
        best = highest(scores, self._random, without=without)
        if self._random.random() >= self.hedging:
            return best
        others = [one for one in range(len(scores)) if one not in {best, without}]
        return self._random.choice(others) if others else best

    def learn(self, payment: Payment, acquirer: int, answer: Answer, *, at_s: float) -> None:
        seen = self._seen[acquirer]
        seen.append(answer.is_approved)
        self._good[acquirer] += answer.is_approved
        while len(seen) > self.window:
            self._good[acquirer] -= seen.popleft()

    @property
    def scores(self) -> list[float]:
        """The share of successes in each window."""
        return [good / len(seen) for good, seen in zip(self._good, self._seen, strict=True)]

    def _bring_back_laggards(self) -> None:
        scores = self.scores
        best = max(scores)
        deviation = math.sqrt(max(best * (1 - best), VARIANCE_MIN) / self.window)
        for one, score in enumerate(scores):
            if score < best - DEVIATIONS * deviation:
                self._reset(one, lost=1 - best + DEVIATIONS * deviation)

    def _reset(self, acquirer: int, *, lost: float) -> None:
        zeros = min(max(math.floor(lost * self.window), ZEROS_MIN), self.window)
        apart = (self.window - 1) / (zeros - 1)
        places = {round(place * apart) for place in range(zeros)}
        self._seen[acquirer] = deque(place not in places for place in range(self.window))
        self._good[acquirer] = self.window - len(places)

    def _value(self, payment: Payment, acquirer: int, score: float) -> float:
        own = self._priced[acquirer]
        return score * (payment.amount * 1000 - own.fees.approved(payment, home=own.country))


class CalibratedSuccessRates(SuccessRates):
    """The same, with window and hedging set from the traffic."""

    def __init__(self, acquirers: int, random: Random) -> None:
        super().__init__(acquirers, random)
        self._others = acquirers - 1
        self._arrived: deque[float] = deque()
        self._due_s = CALIBRATED_EVERY_S

    def choose(self, payment: Payment, *, without: int = NOBODY) -> int:
        if without == NOBODY:
            self._arrived.append(payment.at_s)
        while payment.at_s >= self._due_s:
            self._calibrate(self._due_s)
            self._due_s += CALIBRATED_EVERY_S
        return super().choose(payment, without=without)

    def _calibrate(self, at_s: float) -> None:
        while self._arrived and self._arrived[0] < at_s - LOOKED_BACK_S:
            self._arrived.popleft()
        volume = len(self._arrived)
        if volume < VOLUME_MIN or self._others < 1:
            return
        steps = round(5 * math.sqrt(volume / self._others) / WINDOW_STEP)
        window = min(max(steps * WINDOW_STEP, WINDOW_RANGE[0]), WINDOW_RANGE[1])
        each = max(min(window / volume, HEDGING_MAX / self._others), HEDGING_MIN_EACH)
        hedging = min(each * self._others, HEDGING_MAX)
        if abs(window - self.window) >= WINDOW_STEP:
            self._resize(window)
        if abs(hedging - self.hedging) >= HEDGING_STEP:
            self.hedging = hedging

    def _resize(self, window: int) -> None:
        self.window = window
        for acquirer, seen in enumerate(self._seen):
            while len(seen) > window:
                self._good[acquirer] -= seen.popleft()
