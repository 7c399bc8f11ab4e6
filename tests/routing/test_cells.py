"""The table of cells is a dict that forgets digits and, when it is full, what is oldest."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.routing.core.cells import SEGMENTS, CellTable
from recoup.routing.core.learning import Cell

NOW: Final = 1_790_000_000.0
KEYS: Final = st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20)
CELLS: Final = st.tuples(st.floats(-8, 8, width=32), st.floats(0, 2, width=32), st.floats(NOW, NOW + 1e8))


@given(st.lists(st.tuples(KEYS.filter(bool), CELLS), max_size=300), st.lists(KEYS))
def test_what_was_put_is_found_and_nothing_else(put: list[tuple[int, Cell]], others: list[int]) -> None:
    table, known = CellTable(), dict(put)
    table.put(put)
    assert table.count == len(known)
    for key, (mean, variance, at) in known.items():
        found = table.get(key)
        assert found is not None and found[:2] == (mean, variance)
        assert found[2] == pytest.approx(at, abs=30.0)
    assert [key for key in others if table.get(key) is not None] == [key for key in others if key in known]


def test_an_empty_table_knows_nothing() -> None:
    assert CellTable().get(7) is None and CellTable().get(0) is None


def test_a_key_of_zero_stops_nothing() -> None:
    """One hash in 2^64 is the sign of an empty slot."""
    table = CellTable()
    table.put([(0, (1.0, 1.0, NOW)), (2, (2.0, 1.0, NOW))])
    assert table.get(0) is None and table.get(2) is not None


def test_a_full_table_drops_the_oldest() -> None:
    """Memory has a bound, and what is used lately stays."""
    random, table = Random(1), CellTable(slots_max=SEGMENTS * 64)
    keys = [random.getrandbits(64) - 2**63 for _ in range(40_000)]
    table.put((key, (0.5, 0.5, NOW + 3600.0 * age)) for age, key in enumerate(keys))
    limit = SEGMENTS * 64
    assert table.count <= limit * 2 / 3
    assert table.bytes_used < limit * 25
    assert all(table.get(key) is not None for key in keys[-4_000:])
    assert not any(table.get(key) for key in keys[:4_000])
    assert table.count == sum(table.get(key) is not None for key in keys)


def test_memory_is_as_stated() -> None:
    """A hundred thousand cells take less than 60 bytes each, whatever Python's own objects would take."""
    random, table = Random(2), CellTable()
    table.put((random.getrandbits(64) - 2**63, (0.5, 0.5, NOW)) for _ in range(100_000))
    assert table.count == 100_000 and table.bytes_used < 6_000_000
