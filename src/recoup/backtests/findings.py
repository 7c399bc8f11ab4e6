"""What sums of a back-test say: values with their intervals, differences between policies, curves and tables.

Every interval is the middle 95 % of the same number in all resamples; differences are taken resample by resample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from recoup.backtests.matches import Floats
from recoup.backtests.measures import CODES, Layout, Sums
from recoup.backtests.players import Player

COVERED: Final = (2.5, 97.5)
CASES, OWED, BACK, WON, TRIES, TRIES_OF_WON, BY_CUSTOMER = range(7)
_OF_CODE: Final = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its two-sided 95 % interval."""

    value: float
    low: float
    high: float

    def shown(self, digits: int = 1, *, sign: bool = False) -> str:
        """As written in a table."""
        how = f"{'+' if sign else ''}.{digits}f"
        return f"{self.value:{how}} ({self.low:{how}} to {self.high:{how}})"

    @property
    def is_sure(self) -> bool:
        """Whether 0 lies outside of the interval."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class OfCode:
    """What became of the renewals that were declined with a code: for each policy the part that came back, in percent
    of what was owed, and the tries."""

    code: str
    cases: int
    owed: int
    back: tuple[Estimate, ...]
    tries: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OfAttempt:
    """What the nth tries of a policy brought, in percent of what was owed, and how many were made."""

    number: int
    made: int
    back: Estimate


class Findings:
    """All that is told of a back-test. `fee` is what a try costs, in minor units."""

    def __init__(self, players: Sequence[Player], sums: Sums, layout: Layout, *, fee: int) -> None:
        assert sums.seen.shape == (len(players), layout.width), "the sums are of these players"
        self.players = tuple(players)
        self.layout = layout
        self.fee = fee
        # The first row is what was seen, the others are resamples.
        self._rows: Floats = np.concatenate([sums.seen[None], sums.resampled]).astype(np.float64)

    @property
    def cases(self) -> int:
        """How many declined renewals could be tried again."""
        return int(self._rows[0, 0, CASES])

    @property
    def owed(self) -> int:
        """What was owed, in minor units."""
        return int(self._rows[0, 0, OWED])

    def total(self, player: int, what: int) -> int:
        """A plain sum."""
        return int(self._rows[0, player, what])

    def net(self, player: int) -> Estimate:
        """What came back less the cost of all tries, in percent of what was owed."""
        return _estimate(self._net(player))

    def paid(self, player: int) -> Estimate:
        """The part of payments that came back, in percent."""
        return _estimate(100 * self._of(player, WON) / self._of(player, CASES))

    def tries_each(self, player: int) -> Estimate:
        """All tries, lost ones too, per recovered payment."""
        return _estimate(self._of(player, TRIES) / np.maximum(self._of(player, WON), 1))

    def cost(self, player: int) -> Estimate:
        """What the tries cost, in percent of what was owed."""
        return _estimate(100 * self.fee * self._of(player, TRIES) / self._of(player, OWED))

    def ahead(self, player: int, other: int) -> Estimate:
        """By how many points of net value the first is ahead of the other."""
        return _estimate(self._net(player) - self._net(other))

    def tries_saved(self, player: int, other: int) -> Estimate:
        """How many tries fewer the first makes, in percent of the other's."""
        theirs = np.maximum(self._of(other, TRIES), 1)
        return _estimate(100 * (theirs - self._of(player, TRIES)) / theirs)

    def gap_closed(self, player: int, floor: int, ceiling: int) -> Estimate | None:
        """The part of the way from one policy to another, in percent; None where there is no way between them."""
        gained, possible = self._net(player) - self._net(floor), self._net(ceiling) - self._net(floor)
        if possible.min() <= 0:
            return None
        return _estimate(100 * gained / possible)

    def curve(self, player: int) -> list[Estimate]:
        """What had come back by the end of each day, in percent of what was owed; the first is at the decline."""
        return self._curve(lambda rows: rows[:, player])

    def curve_ahead(self, player: int, other: int) -> list[Estimate]:
        """By how many points the first had more back by the end of each day."""
        return self._curve(lambda rows: rows[:, player] - rows[:, other])

    def codes(self) -> list[OfCode]:
        """By code of the decline, the most owed first."""
        width = self._rows[:, :, self.layout.by_code].reshape(*self._rows.shape[:2], len(CODES), _OF_CODE)
        found = []
        for place, code in enumerate(CODES):
            of_code = width[:, :, place]
            if not of_code[0, 0, 0]:
                continue
            back = 100 * of_code[..., 2] / np.maximum(of_code[..., 1], 1)
            found.append(
                OfCode(
                    code,
                    cases=int(of_code[0, 0, 0]),
                    owed=int(of_code[0, 0, 1]),
                    back=tuple(_estimate(one) for one in back.T),
                    tries=tuple(int(one) for one in of_code[0, :, 3]),
                )
            )
        return sorted(found, key=lambda one: (-one.owed, one.code))

    def attempts(self, player: int) -> list[OfAttempt]:
        """By number of the try."""
        rows = self._rows[:, player, self.layout.by_attempt]
        back, made = rows[:, : self.layout.tries], rows[0, self.layout.tries :]
        owed = self._of(player, OWED)
        return [
            OfAttempt(number + 1, int(made[number]), _estimate(100 * back[:, number] / owed))
            for number in range(self.layout.tries)
            if made[number]
        ]

    def _of(self, player: int, what: int) -> Floats:
        found: Floats = self._rows[:, player, what]
        return found

    def _net(self, player: int) -> Floats:
        back = self._of(player, BACK) - self.fee * self._of(player, TRIES)
        found: Floats = 100 * back / self._of(player, OWED)
        return found

    def _curve(self, of: Callable[[Floats], Floats]) -> list[Estimate]:
        by_day = np.cumsum(of(self._rows[:, :, self.layout.by_day]), axis=1)
        shares = 100 * by_day / self._of(0, OWED)[:, None]
        return [Estimate(0.0, 0.0, 0.0), *(_estimate(one) for one in shares.T)]


def _estimate(rows: Floats) -> Estimate:
    """What was seen, with the middle of what was resampled."""
    if len(rows) < 2:
        return Estimate(float(rows[0]), float(rows[0]), float(rows[0]))
    low, high = np.percentile(rows[1:], COVERED)
    return Estimate(float(rows[0]), float(low), float(high))
