"""What came of a change of the billing date: how many invoices were refused at the first try, before it and after.

A share of few is worth little, so each comes with an interval, and so does their difference; where there were too few
to tell, that is what is said.

Sources: E. B. Wilson, Journal of the American Statistical Association 22 (1927), for the interval of a share;
R. G. Newcombe, Statistics in Medicine 17 (1998), method 10, for that of a difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Final

TRIED_MIN: Final = 6
"""From how many invoices on each side shares are compared at all: half a year of monthly ones."""
_Z: Final = 1.959964
"""For intervals that hold 95 times in a hundred."""


class Verdict(StrEnum):
    """What the figures say."""

    TOO_FEW = "too_few"
    NO_DIFFERENCE = "no_clear_difference"
    FEWER = "fewer_refused"
    MORE = "more_refused"


@dataclass(frozen=True, slots=True)
class Share:
    """How many invoices were charged, how many of those were refused at the first try, and the share's interval."""

    tried: int
    refused: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """How many of those that were charged were refused; None where none was."""
        return self.refused / self.tried if self.tried else None


@dataclass(frozen=True, slots=True)
class Measured:
    """Before and after, the interval of by how much the share changed, and what that says."""

    before: Share
    after: Share
    low: float
    high: float
    verdict: Verdict


def share_of(outcomes: Iterable[bool]) -> Share:
    """The share of those that are true, with its interval."""
    found = list(outcomes)
    low, high = wilson(sum(found), len(found))
    return Share(len(found), sum(found), low, high)


def compared(before: Share, after: Share) -> Measured:
    """Two shares side by side."""
    first, then = before.share or 0.0, after.share or 0.0
    difference = then - first
    low = difference - sqrt((then - after.low) ** 2 + (before.high - first) ** 2)
    high = difference + sqrt((after.high - then) ** 2 + (first - before.low) ** 2)
    if min(before.tried, after.tried) == 0:
        low, high = -1.0, 1.0
    return Measured(before, after, low, high, _verdict(before, after, low, high))


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """Between which shares the true one lies, 95 times in a hundred; of nothing, anywhere."""
    assert 0 <= hits <= tries, "a share is of the whole at most"
    if tries == 0:
        return 0.0, 1.0
    share, square = hits / tries, _Z * _Z
    middle = (share + square / (2 * tries)) / (1 + square / tries)
    half = _Z * sqrt(share * (1 - share) / tries + square / (4 * tries * tries)) / (1 + square / tries)
    return max(0.0, middle - half), min(1.0, middle + half)


def _verdict(before: Share, after: Share, low: float, high: float) -> Verdict:
    if min(before.tried, after.tried) < TRIED_MIN:
        return Verdict.TOO_FEW
    if high < 0:
        return Verdict.FEWER
    return Verdict.MORE if low > 0 else Verdict.NO_DIFFERENCE
