"""What was made of a sample of cases by everybody, and shares of gaps between them with intervals over cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bench.routing.intervals import Mean
from recoup.backtests.matches import FEE
from recoup.sandbox.model.luck import Floats, Ints

Budget = tuple[int, int, int]
"""Days, tries and routes."""
Made = tuple[Sequence[int], Sequence[int]]
"""By case: whether it came back, and how many tries were made."""
DRAWS: Final = 2_000
"""How often cases are drawn again for an interval."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """What is owed by each case, and what every policy made of it."""

    owed: Ints
    made: Mapping[str, Mapping[Budget, Made]]

    def net(self, policy: str, budget: Budget) -> Floats:
        """What came back of each case, less the fee of every try."""
        won, tries = self.made[policy][budget]
        found: Floats = self.owed * np.asarray(won) - FEE * np.asarray(tries, dtype=np.float64)
        return found

    def tries(self, policy: str, budget: Budget) -> float:
        """All tries per recovered payment."""
        won, tries = self.made[policy][budget]
        return float(np.sum(tries) / max(1, int(np.sum(won))))

    def percent(self, policy: str, budget: Budget) -> Mean:
        """Net value in percent of what was owed."""
        return _share(self.net(policy, budget), self.owed.astype(np.float64))

    def ahead(self, own: str, other: str, budget: Budget) -> Mean:
        """By how many points of net value one is ahead of another."""
        return _share(self.net(own, budget) - self.net(other, budget), self.owed.astype(np.float64))

    def closed(self, own: str, budget: Budget, *, floor: str, ceiling: str) -> Mean:
        """The part of the way from a floor to a ceiling, in percent."""
        low = self.net(floor, budget)
        return _share(self.net(own, budget) - low, self.net(ceiling, budget) - low)


def pooled(samples: Sequence[Sample]) -> Sample:
    """Samples of several worlds as one."""
    made = {
        policy: {
            budget: _joined([sample.made[policy][budget] for sample in samples])
            for budget in samples[0].made[policy]
        }
        for policy in samples[0].made
    }
    return Sample(np.concatenate([sample.owed for sample in samples]), made)


def _joined(parts: Sequence[Made]) -> Made:
    return [one for won, _ in parts for one in won], [one for _, tries in parts for one in tries]


def _share(part: Floats, whole: Floats) -> Mean:
    """A ratio of sums in percent, and half of its 95 % interval by drawing cases again."""
    drawn = np.random.default_rng(1).integers(0, len(part), (DRAWS, len(part)))
    low, high = np.percentile(_percent(part[drawn].sum(axis=1), whole[drawn].sum(axis=1)), (2.5, 97.5))
    return Mean(float(_percent(part.sum(), whole.sum())), float((high - low) / 2))


def _percent(part: Floats, whole: Floats) -> Floats:
    """A share of nothing is none."""
    there = whole != 0.0
    found: Floats = 100.0 * np.where(there, part / np.where(there, whole, 1.0), 0.0)
    return found
