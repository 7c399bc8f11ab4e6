"""Means over seeds with their 95 % intervals, paired by seed, since all policies meet the same luck in a world."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_T: Final = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
    2.131,
)
"""Student's t at 97.5 %, by degrees of freedom from 1."""
_NORMAL: Final = 2.0


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean and half the width of its 95 % interval (0 for a single seed)."""

    value: float
    half: float

    def shown(self, digits: int = 2, *, sign: bool = False) -> str:
        """As written in a table."""
        value = f"{self.value:+.{digits}f}" if sign else f"{self.value:.{digits}f}"
        return f"{value} ± {self.half:.{digits}f}"


def mean_of(values: Sequence[float]) -> Mean:
    """The mean of independent values, by Student's t."""
    count = len(values)
    if count < 2:
        return Mean(values[0], 0.0)
    quantile = _T[count - 2] if count - 2 < len(_T) else _NORMAL
    return Mean(statistics.fmean(values), quantile * statistics.stdev(values) / math.sqrt(count))


def closed(own: Sequence[float], floor: Sequence[float], ceiling: Sequence[float]) -> Mean:
    """The part of the gap from `floor` to `ceiling` that was closed, in percent: a ratio of sums, with the interval of
    the jackknife over seeds."""
    gained = [mine - low for mine, low in zip(own, floor, strict=True)]
    possible = [high - low for high, low in zip(ceiling, floor, strict=True)]
    whole = 100.0 * sum(gained) / sum(possible)
    count = len(gained)
    if count < 2:
        return Mean(whole, 0.0)
    without = [100.0 * (sum(gained) - gained[one]) / (sum(possible) - possible[one]) for one in range(count)]
    middle = statistics.fmean(without)
    error = math.sqrt((count - 1) / count * sum((value - middle) ** 2 for value in without))
    quantile = _T[count - 2] if count - 2 < len(_T) else _NORMAL
    return Mean(whole, quantile * error)
