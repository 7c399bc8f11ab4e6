"""The how-to page about settlements says what the code does, and its tables are whole."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from recoup.settlements.core.formats import FORMATS, GENERIC
from recoup.settlements.core.reasons import MEANINGS
from recoup.settlements.core.tolerance import TOLERANCES

PAGE: Final = (Path(__file__).parents[2] / "docs" / "how-to" / "reconcile-settlements.md").read_text("utf-8")
ROWS: Final = [
    [cell.strip(" `") for cell in found.split("|")]
    for found in re.findall(r"^\| (.*) \|$", PAGE, re.MULTILINE)
]


def test_every_reason_is_told() -> None:
    told = {row[0]: row[1] for row in ROWS if row[0] in MEANINGS}
    assert told == {reason: meaning.summary for reason, meaning in MEANINGS.items()}


def test_every_format_is_told() -> None:
    assert {*FORMATS, GENERIC} <= {row[0] for row in ROWS}


def test_every_tolerance_is_told() -> None:
    told = {row[0]: row[1:] for row in ROWS if row[0] in TOLERANCES}
    assert set(told) == set(TOLERANCES)
    for name, one in TOLERANCES.items():
        amount, fee, days = told[name]
        share = f", or {one.fee_basis_points // 100} %" if one.fee_basis_points else ""
        assert (amount, fee, days) == (str(one.amount), f"{one.fee}{share}", f"{one.missing_after_days} days")
