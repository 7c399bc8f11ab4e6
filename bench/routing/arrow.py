"""Normal beliefs about many effects, of which each group hangs together only with a few that all groups share.

The precision matrix then has the shape of an arrow: a block for each group, one for what is shared, and what couples
the two. Eliminating the groups one after the other leaves a small system, which makes the solution exact and cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from random import Random

Vector = list[float]
Matrix = list[Vector]


@dataclass(frozen=True, slots=True)
class Group:
    """One group's part of a system: its precision, its coupling to what is shared (a row for each of its effects), and
    the right-hand side."""

    precision: Matrix
    coupling: Matrix
    right: Vector


@dataclass(frozen=True, slots=True)
class _Solved:
    """A group given what is shared: mean = alone - by_shared x shared, with this factor of its precision."""

    factor: Matrix
    alone: Vector
    by_shared: Matrix
    """A row for each shared effect."""


class Belief:
    """What is believed of all effects."""

    def __init__(self, groups: Sequence[Group], precision: Matrix, right: Vector) -> None:
        shared, wanted = [row[:] for row in precision], right[:]
        self._groups = [_eliminated(group, shared, wanted) for group in groups]
        self._factor = factored(shared)
        self._shared = solved(self._factor, wanted)

    def mean_of(self, group: int, own: Sequence[int], shared: Sequence[int]) -> float:
        """The mean of the sum of these effects of a group and these shared ones."""
        one, total = self._groups[group], 0.0
        for place in own:
            by_shared = [row[place] for row in one.by_shared]
            total += one.alone[place] - _dot(by_shared, self._shared)
        return total + sum(self._shared[place] for place in shared)

    def drawn(self, group: int, chance: Random) -> tuple[Vector, Vector]:
        """A draw of the effects of a group, and of the shared ones."""
        one, gauss = self._groups[group], chance.gauss
        shared = _backward(self._factor, [gauss(0.0, 1.0) for _ in self._shared])
        shared = list(map(float.__add__, shared, self._shared))
        own = list(map(float.__add__, one.alone, _backward(one.factor, [gauss(0.0, 1.0) for _ in one.alone])))
        for value, row in zip(shared, one.by_shared, strict=True):
            if any(row):
                own = [effect - value * part for effect, part in zip(own, row, strict=True)]
        return own, shared


def _eliminated(group: Group, shared: Matrix, wanted: Vector) -> _Solved:
    """The group solved for what is shared, whose system takes over what the group says of it."""
    factor = factored(group.precision)
    alone = solved(factor, group.right)
    columns = [list(column) for column in zip(*group.coupling, strict=True)]
    by_shared = [solved(factor, column) if any(column) else [0.0] * len(alone) for column in columns]
    touched = [place for place, column in enumerate(columns) if any(column)]
    for one in touched:
        row, column = shared[one], columns[one]
        wanted[one] -= _dot(column, alone)
        for other in touched:
            row[other] -= _dot(column, by_shared[other])
    return _Solved(factor, alone, by_shared)


def factored(matrix: Matrix) -> Matrix:
    """The lower factor of a positive definite matrix (Cholesky), by rows."""
    rows: Matrix = []
    for place, given in enumerate(matrix):
        row: Vector = []
        for one in range(place):
            row.append((given[one] - _dot(rows[one][:one], row)) / rows[one][one])
        row.append(sqrt(given[place] - _dot(row, row)))
        rows.append(row)
    return rows


def solved(factor: Matrix, right: Vector) -> Vector:
    """The solution of the system whose matrix has this factor."""
    return _backward(factor, _forward(factor, right))


def _backward(factor: Matrix, right: Vector) -> Vector:
    found = right[:]
    for place in range(len(factor) - 1, -1, -1):
        row = factor[place]
        value = found[place] = found[place] / row[place]
        for one in range(place):
            found[one] -= row[one] * value
    return found


def _forward(factor: Matrix, right: Sequence[float]) -> Vector:
    found: Vector = []
    for place, row in enumerate(factor):
        found.append((right[place] - _dot(row[:place], found)) / row[place])
    return found


def _dot(left: Sequence[float], right: Sequence[float]) -> float:
    return sum(map(float.__mul__, left, right))
