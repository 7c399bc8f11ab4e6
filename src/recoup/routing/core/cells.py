"""The table of cells in memory: compact, bounded, read on the hot path.

Open addressing over four plain arrays, at most two thirds full: 20 bytes a slot, so between 30 and 60 bytes a cell,
where a dict of tuples takes about 250. A million cells lie in 2^21 slots, 42 MB. Means and variances are kept as
32-bit floats: a replica to read, never what is learned from. Keys are good hashes already, so their low bits are the
slot.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import Final

from recoup.routing.core.learning import Cell

SLOT_BYTES: Final = 20
CELLS_MAX: Final = 1_000_000
"""How many cells one merchant's table holds; beyond it, those that were learned longest ago are dropped."""
_SLOTS_MIN: Final = 64
_EMPTY: Final = 0
"""The key of an empty slot. No hash is likely to be it, and one that is counts as another."""
_INSTEAD: Final = 1
_KEPT: Final = 0.75
"""The part of the cells that is kept when there are too many, so that this is done seldom."""


class CellTable:
    """Cells by key. `version` is how far in the merchant's event stream they were learned; None: nothing is known."""

    __slots__ = ("_ats", "_cells_max", "_keys", "_mask", "_means", "_variances", "count", "version")

    def __init__(self, *, cells_max: int = CELLS_MAX) -> None:
        assert cells_max > 0, "a table holds something"
        self.version: int | None = None
        self._cells_max = cells_max
        self._clear(_SLOTS_MIN)

    @property
    def bytes_used(self) -> int:
        """The memory of the table."""
        return (self._mask + 1) * SLOT_BYTES

    def get(self, key: int, /) -> Cell | None:
        """The cell of this key, or None."""
        mask, keys = self._mask, self._keys
        slot = key & mask
        while (found := keys[slot]) != key or not found:
            if not found:
                return None
            slot = (slot + 1) & mask
        return self._means[slot], self._variances[slot], self._ats[slot]

    def put(self, cells: Iterable[tuple[int, Cell]]) -> None:
        """Set cells."""
        for key, cell in cells:
            self._set(key or _INSTEAD, cell)

    def items(self) -> Iterator[tuple[int, Cell]]:
        """Every cell, in no order that means anything."""
        for slot, key in enumerate(self._keys):
            if key != _EMPTY:
                yield key, (self._means[slot], self._variances[slot], self._ats[slot])

    def _clear(self, slots: int) -> None:
        """`slots` is a power of two."""
        self._mask = slots - 1
        self._keys = array("q", bytes(8 * slots))
        self._means = array("f", bytes(4 * slots))
        self._variances = array("f", bytes(4 * slots))
        self._ats = array("I", bytes(4 * slots))
        self.count = 0

    def _set(self, key: int, cell: Cell) -> None:
        slot = self._slot(key)
        if self._keys[slot] == _EMPTY:
            if 3 * (self.count + 1) > 2 * (self._mask + 1) or self.count >= self._cells_max:
                self._make_room()
                slot = self._slot(key)
            self.count += 1
            self._keys[slot] = key
        self._means[slot], self._variances[slot] = cell[0], cell[1]
        self._ats[slot] = max(int(cell[2]), 0)

    def _slot(self, key: int) -> int:
        """Where the key is, or would be put."""
        mask, keys = self._mask, self._keys
        slot = key & mask
        while keys[slot] not in {key, _EMPTY}:
            slot = (slot + 1) & mask
        return slot

    def _make_room(self) -> None:
        """A larger table; or, where it is as large as it may be, one without the oldest cells."""
        kept = list(self.items())
        slots = self._mask + 1
        if self.count >= self._cells_max:
            kept.sort(key=_learned_at, reverse=True)
            del kept[int(self._cells_max * _KEPT) :]
        else:
            slots *= 2
        self._clear(slots)
        for key, cell in kept:
            self._set(key, cell)


def _learned_at(item: tuple[int, Cell]) -> float:
    return item[1][2]
