"""The sandbox processors' decline codes: they speak our standard codes, and real network codes beside them."""

from __future__ import annotations

from typing import Final

from recoup.outcomes.codes.standard import OTHER, READ
from recoup.outcomes.codes.standard import ROWS as STANDARD_ROWS
from recoup.outcomes.codes.words import CodeRow

SOURCE: Final = "Recoup: sandbox processors"
CONNECTORS: Final = ("alpha", "bravo", "charlie")

ROWS: Final = tuple(
    CodeRow(row.code, row.code, generic=row.code == "generic_decline", source=SOURCE, as_of=READ)
    for row in STANDARD_ROWS
    if row is not OTHER
)
