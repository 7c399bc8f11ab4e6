"""The bench of settlements runs, matches what it made, and tells it in words."""

from __future__ import annotations

from pathlib import Path

from bench import settlements


async def test_a_small_run_finds_all_that_is_wrong_and_nothing_else(
    tmp_path: Path, empty_database_url: str
) -> None:
    result = await settlements.run(tmp_path, empty_database_url, lines=2000)
    assert (result.lines, result.exceptions, result.matched) == (2000, 20, 1980)
    assert result.exceptions == result.expected
    assert result.ratio > 1 and "2000 lines" in result.told()
