"""The table of cells in memory: compact, bounded, read on the hot path.

Open addressing over plain arrays, at most two thirds full: 20 bytes a slot, so between 30 and 60 bytes a cell, where a
dict of tuples takes about 250. Mean, variance and time lie side by side as 32-bit floats (one miss of the processor's
cache instead of three; the time is good to a quarter of a minute): a replica to read, never what is learned from. Keys
are good hashes already: their low bits are the slot, and the bits above 32 the segment. There are many small segments,
each of which grows by itself, so that no growth stops everything else for longer than some milliseconds. A full segment
drops the part of its cells that was learned longest ago.

With the usual limit a table is full between 1.0 and 1.4 million cells, in 42 MB.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from recoup.routing.core.learning import Cell

SEGMENTS: Final = 256
SLOTS_MAX: Final = 2**21
"""The most slots one table has."""
SLOT_BYTES: Final = 20
SEGMENT_BYTES: Final = 250
"""What the objects of a segment take, beside its slots."""
TABLE_BYTES: Final = 5_000
"""What a table takes before it has any cell."""
_SEGMENT_SHIFT: Final = 32
_SLOTS_MIN: Final = 8
_FIELDS: Final = 3
_EMPTY: Final = 0
"""The key of an empty slot. No hash is likely to be it, and one that is counts as another."""
_INSTEAD: Final = 1
_SINCE_S: Final = 1_577_836_800.0
"""2020-01-01. Times are kept in hours from there, which a 32-bit float tells apart well."""
_HOUR_S: Final = 3600.0
_KEPT: Final = 0.75
"""The part of a full segment that is kept, so that this is done seldom."""

_Segment = tuple["array[int]", "array[float]", int]
"""Keys, values, and the mask that makes a slot of a key."""


class CellTable:
    """Cells by key. `version` is how far in the merchant's event stream they were learned; None: nothing is known."""

    __slots__ = ("_counts", "_segments", "_slots_max", "count", "version")

    def __init__(self, *, slots_max: int = SLOTS_MAX) -> None:
        self._slots_max = slots_max // SEGMENTS
        assert self._slots_max >= _SLOTS_MIN and self._slots_max & (self._slots_max - 1) == 0, (
            "a power of two"
        )
        nothing = _segment(1)
        self._segments: list[_Segment] = [nothing] * SEGMENTS
        self._counts = [0] * SEGMENTS
        self.count = 0
        self.version: int | None = None

    @property
    def bytes_used(self) -> int:
        """About how much memory the table takes."""
        used = [len(keys) for keys, _, _ in self._segments if len(keys) > 1]
        return TABLE_BYTES + sum(used) * SLOT_BYTES + len(used) * SEGMENT_BYTES

    def get(self, key: int, /) -> Cell | None:
        """The cell of this key, or None."""
        keys, values, mask = self._segments[key >> _SEGMENT_SHIFT & 255]
        slot = key & mask
        while (found := keys[slot]) != key or not found:
            if not found:
                return None
            slot = (slot + 1) & mask
        at = slot * _FIELDS
        return values[at], values[at + 1], values[at + 2] * _HOUR_S + _SINCE_S

    def put(self, cells: Iterable[tuple[int, Cell]]) -> None:
        """Set cells."""
        for key, cell in cells:
            self._set(key or _INSTEAD, cell)

    def _set(self, key: int, cell: Cell) -> None:
        number = key >> _SEGMENT_SHIFT & 255
        segment = self._segments[number]
        slot = _slot(segment, key)
        if segment[0][slot] == _EMPTY:
            if 3 * (self._counts[number] + 1) > 2 * len(segment[0]):
                segment = self._with_room(number)
                slot = _slot(segment, key)
            self.count += 1
            self._counts[number] += 1
        _write(segment, slot, key, cell)

    def _with_room(self, number: int) -> _Segment:
        """A larger segment; or, where it is as large as it may be, one without the oldest cells."""
        old = self._segments[number]
        kept, slots = list(_items(old)), max(2 * len(old[0]), _SLOTS_MIN)
        if slots > self._slots_max:
            slots = self._slots_max
            kept.sort(key=_learned_at, reverse=True)
            del kept[int(len(kept) * _KEPT) :]
        new = self._segments[number] = _segment(slots)
        for key, cell in kept:
            _write(new, _slot(new, key), key, cell)
        self.count += len(kept) - self._counts[number]
        self._counts[number] = len(kept)
        return new


def _segment(slots: int) -> _Segment:
    return array("q", bytes(8 * slots)), array("f", bytes(4 * _FIELDS * slots)), slots - 1


def _slot(segment: _Segment, key: int) -> int:
    """Where the key is, or would be put."""
    keys, _, mask = segment
    slot = key & mask
    while keys[slot] not in {key, _EMPTY}:
        slot = (slot + 1) & mask
    return slot


def _write(segment: _Segment, slot: int, key: int, cell: Cell) -> None:
    keys, values, _ = segment
    at = slot * _FIELDS
    keys[slot] = key
    values[at], values[at + 1] = cell[0], cell[1]
    values[at + 2] = (cell[2] - _SINCE_S) / _HOUR_S


def _items(segment: _Segment) -> Iterator[tuple[int, Cell]]:
    keys, values, _ = segment
    for slot, key in enumerate(keys):
        if key != _EMPTY:
            at = slot * _FIELDS
            yield key, (values[at], values[at + 1], values[at + 2] * _HOUR_S + _SINCE_S)


def _learned_at(item: tuple[int, Cell]) -> float:
    return item[1][2]
