"""What is counted of a policy's play, case by case, and summed: once as it was, and once for every resample of cases.

Intervals are those of a bootstrap over cases (Efron 1979), by Poisson weights (Hanley and MacGibbon 2006): each case
weighs 0, 1, 2 … in each resample, drawn by the shard's own seed. So a shard of cases can be summed by itself, sums of
shards only have to be added, and differences between policies are paired, since a case weighs the same for all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from recoup.backtests.matches import DAY_S, Floats, Ground, Ints, Played
from recoup.sandbox.model import WORDS

CODES: Final = WORDS
RESAMPLES: Final = 1_000
_AT_ONCE: Final = 100
"""How many resamples are summed at once, so that their weights stay small."""
_PLAIN: Final = 7
_OF_CODE: Final = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each sum stands in a row of them: plain sums, then by day, by code and by attempt."""

    days: int
    tries: int

    @property
    def width(self) -> int:
        """How many sums there are."""
        return _PLAIN + self.days + _OF_CODE * len(CODES) + 2 * self.tries

    @property
    def by_day(self) -> slice:
        """What came back on each day; on the last one also what came at its very end."""
        return slice(_PLAIN, _PLAIN + self.days)

    @property
    def by_code(self) -> slice:
        """For each code of the decline: cases, what was owed, what came back, tries."""
        return slice(self.by_day.stop, self.by_day.stop + _OF_CODE * len(CODES))

    @property
    def by_attempt(self) -> slice:
        """What the first try brought, the second, and so on; then how many first, second … tries were made."""
        return slice(self.by_code.stop, self.by_code.stop + 2 * self.tries)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Sums by policy: `seen` (policies, width) as they were, `resampled` (resamples, policies, width). All are whole
    numbers, so that they are the same in whatever order shards are added."""

    seen: Ints
    resampled: Ints

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.seen + other.seen, self.resampled + other.resampled)


def counted(ground: Ground, played: Played, layout: Layout) -> Floats:
    """What is summed of each open case: cases, width."""
    open_, code = ground.open, ground.seen.answers.code[ground.open]
    owed = ground.seen.amount[open_].astype(np.float64)
    won_s, tries, own = played.won_s[open_], played.tries[open_], played.by_customer[open_]
    won = won_s >= 0
    tried = won & ~own
    back = owed * won
    row = np.arange(len(open_))
    found = np.zeros((len(open_), layout.width))
    plain = (np.ones(len(open_)), owed, back, won, tries, tries * tried, own)
    found[:, :_PLAIN] = np.stack([one.astype(np.float64) for one in plain], axis=1)
    day = np.where(won, np.minimum((won_s - ground.seen.when_s[open_]) // DAY_S, layout.days - 1), 0)
    found[row, layout.by_day.start + day] = back
    for place, one in enumerate((plain[0], owed, back, tries)):
        found[row, layout.by_code.start + code * _OF_CODE + place] = one
    first = layout.by_attempt.start
    found[row, first + np.maximum(tries - 1, 0)] += back * tried
    made = np.arange(layout.tries) < tries[:, None]
    found[:, first + layout.tries : first + 2 * layout.tries] = made
    return found


def summed(counts: Floats, *, seed: tuple[int, ...], resamples: int = RESAMPLES) -> Sums:
    """The sums over cases of (policies, cases, width), and those of all resamples."""
    policies, cases, width = counts.shape
    flat = counts.transpose(1, 0, 2).reshape(cases, policies * width)
    chance = np.random.default_rng(seed)
    parts = []
    for start in range(0, resamples, _AT_ONCE):
        weights = chance.poisson(1.0, size=(min(_AT_ONCE, resamples - start), cases)).astype(np.float64)
        parts.append(np.rint(weights @ flat).astype(np.int64))
    again = np.concatenate(parts) if parts else np.zeros((0, policies * width), dtype=np.int64)
    seen = np.rint(counts.sum(axis=1)).astype(np.int64)
    return Sums(seen, again.reshape(-1, policies, width))
