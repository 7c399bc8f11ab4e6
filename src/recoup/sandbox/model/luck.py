"""Luck for many at once: each number follows from the seed, from what is drawn, and from whom it is drawn for.

Nothing is drawn in turn, so it does not matter who asks first, or how often. The mixing is SplitMix64's (Steele, Lea
and Flood, 2014) over a sum of facts, each times an odd number of its own.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_WORD: Final = (1 << 64) - 1
_ODD: Final = (
    0x9E3779B97F4A7C15,
    0xD1B54A32D192ED03,
    0xAEF17502108EF2D9,
    0xDB4F0B9175AE2165,
    0xBBE0563303A4615F,
)
_FIRST: Final = np.uint64(0xBF58476D1CE4E5B9)
_SECOND: Final = np.uint64(0x94D049BB133111EB)
_SHIFTS: Final = (np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11))
_UNIT: Final = 2.0**-53


@unique
class Draw(IntEnum):
    """What is drawn. The numbers are part of every world: a new one is added at the end."""

    COUNTRY = 1
    ZONE = 2
    CARD = 3
    ISSUER = 4
    PATTERN = 5
    PATTERN_DAY = 6
    INCOME = 7
    AMOUNT = 8
    TIGHT = 9
    SPENDS = 10
    BILLS = 11
    CLAIM = 12
    CREDIT_HOUR = 13
    DORMANT = 14
    DEAD = 15
    DEAD_HOW = 16
    UPDATED = 17
    UPDATE_DELAY = 18
    REVOKED = 19
    AUTHENTICATES = 20
    LIMITED = 21
    LIMIT_KIND = 22
    LIMIT_WHEN = 23
    TENURE = 24
    BILLED_DAY = 25
    BILLED_SECOND = 26
    BACKUP = 27
    BACKUP_FUNDS = 28
    LIKING = 29
    LIKING_ROUTE = 30
    LIKING_NOW = 31
    DISLIKE = 32
    TIRED = 33
    CYCLE_NOISE = 34
    IRREGULAR_DAY = 35
    IRREGULAR_LENGTH = 36
    IRREGULAR_SIZE = 37
    TOP_UP = 38
    TOP_UP_WHEN = 39
    TOP_UP_SIZE = 40
    TOP_UP_LASTS = 41
    ISSUER_RISK = 42
    ISSUER_AFFINITY = 43
    ISSUER_MASKS = 44
    ISSUER_TIRES = 45
    ISSUER_ADVISES = 46
    OUTAGE = 47
    OUTAGE_WHEN = 48
    OUTAGE_LASTS = 49
    ROUTE_OUTAGE = 50
    ROUTE_OUTAGE_WHEN = 51
    ROUTE_OUTAGE_LASTS = 52
    MASKED = 53
    ADVICE = 54
    ADVICE_WRONG = 55
    WORD = 56
    ACTS = 57
    ACTS_WHEN = 58
    PAYS = 59
    GLITCH = 60
    ROUTE_GLITCH = 61


class Luck:
    """The luck of one seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def uniform(self, draw: Draw, *facts: Ints | int) -> Floats:
        """Numbers from 0 to below 1, as many as the longest of the facts."""
        mixed = np.atleast_1d(np.uint64(_mixed(self.seed * 1009 + draw)))
        for fact, odd in zip(facts, _ODD, strict=False):
            mixed = mixed + np.atleast_1d(np.asarray(fact, dtype=np.int64)).view(np.uint64) * np.uint64(odd)
        mixed = (mixed ^ (mixed >> _SHIFTS[0])) * _FIRST
        mixed = (mixed ^ (mixed >> _SHIFTS[1])) * _SECOND
        mixed ^= mixed >> _SHIFTS[2]
        return np.asarray((mixed >> _SHIFTS[3]) * _UNIT, dtype=np.float64)

    def normal(self, draw: Draw, *facts: Ints | int) -> Floats:
        """Standard normal numbers, by Box and Muller's transform."""
        radius = np.sqrt(-2.0 * np.log1p(-self.uniform(draw, *facts)))
        turned: Floats = radius * np.cos(2.0 * np.pi * self.uniform(draw, *facts, 1))
        return turned

    def exponential(self, draw: Draw, *facts: Ints | int) -> Floats:
        """Exponential numbers with mean 1."""
        return np.asarray(-np.log1p(-self.uniform(draw, *facts)))


def chosen(unit: Floats, shares: NDArray[np.float64]) -> Ints:
    """Which of the alternatives each uniform number falls on; `shares` need not sum to 1."""
    edges = np.cumsum(shares, axis=-1)
    if shares.ndim == 1:
        return np.searchsorted(edges / edges[-1], unit, side="right").astype(np.int64)
    found: Ints = (unit[:, None] >= edges[:, :-1] / edges[:, -1:]).sum(axis=1).astype(np.int64)
    return found


def _mixed(fact: int) -> int:
    fact = (fact * _ODD[0]) & _WORD
    fact = ((fact ^ (fact >> 30)) * int(_FIRST)) & _WORD
    fact = ((fact ^ (fact >> 27)) * int(_SECOND)) & _WORD
    return fact ^ (fact >> 31)
