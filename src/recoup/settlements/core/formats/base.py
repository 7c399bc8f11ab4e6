"""What a report's format says of itself, and what their readers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from recoup.settlements.core.lines import TEXT_MAX, BadReport, Line
from recoup.settlements.core.rows import Columns

Reader = Callable[[int, int, Sequence[str]], tuple[Line, int]]
"""Reads one row, given its number, its line in the file and its fields: the line, and the millionths of a minor unit by
which its net is more than what it says. Raises `NoAmount` and `BadReport`."""


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of report. `fees_apart`: fees have lines of their own, so a charge's line is no word on its fee.
    `whole_authorization`: a charge's line tells what was authorised, and what was not captured comes back in another.
    `tells_payouts`: the payout itself is a line; else it is the sum of its lines."""

    name: str
    title: str
    source: str
    begin: Callable[[Columns], Reader]
    delimiter: str = ","
    fees_apart: bool = False
    whole_authorization: bool = False
    tells_payouts: bool = False


LATIN_DIGITS: Final = frozenset("0123456789")


def text(fields: Sequence[str], place: int | None, *, row: int) -> str | None:
    """A field as a name or reference; None where it is empty or not there. Raises `BadReport` where it is no name."""
    if place is None:
        return None
    found = fields[place].strip()
    if len(found) > TEXT_MAX:
        raise BadReport(row, f"A name or reference has more than {TEXT_MAX} characters.")
    return found or None


def last_four(fields: Sequence[str], place: int | None) -> str | None:
    """The last four digits of a card, where a field ends in them; never more of it."""
    if place is None:
        return None
    found = fields[place].strip()[-4:]
    return found if len(found) == 4 and LATIN_DIGITS.issuperset(found) else None
