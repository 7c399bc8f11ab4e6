"""Reads the cells of a row, each into what it means; what cannot be is refused with its column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from recoup.elsewhere.core.importing.lines import BadField
from recoup.kit.ids import Kind, parse

TEXT_MAX: Final = 8_000
_NUMBER: Final = re.compile(r"[0-9]{1,15}")
_PERCENT: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,2})?")
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YES: Final = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_YEARS: Final = (2000, 2200)
_HOUR: Final = timedelta(hours=1)
_LAST_HOUR: Final = 23

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Moment:
    """A day that was told, or an instant: with its local day, and the whole hour of that day that is not before it, or
    the last one."""

    day: date
    hour: int | None = None
    instant: datetime | None = None


class Cells:
    """The cells of one row."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self._cells = cells

    def text(self, column: str) -> str | None:
        """What stands there; None where nothing does."""
        found = self._cells.get(column)
        if found is None:
            return None
        if len(found) > TEXT_MAX or "\x00" in found:
            raise BadField(column, f"is longer than {TEXT_MAX} characters, or no text")
        return found

    def needed(self, column: str, *, longest: int) -> str:
        """What stands there; refuses nothing, and too much."""
        found = self.text(column)
        if found is None:
            raise BadField(column, "is empty")
        if len(found) > longest:
            raise BadField(column, f"is longer than {longest} characters")
        return found

    def whole(self, column: str, *, least: int, most: int) -> int | None:
        """A whole number."""
        found = self.text(column)
        if found is None:
            return None
        if _NUMBER.fullmatch(found) is None or not least <= int(found) <= most:
            raise BadField(column, f"is no whole number from {least} to {most}")
        return int(found)

    def yes(self, column: str) -> bool:
        """Whether it says yes; nothing means no."""
        found = (self.text(column) or "no").lower()
        if found not in _YES:
            raise BadField(column, "is neither yes nor no")
        return _YES[found]

    def percent(self, column: str) -> int | None:
        """A share, in hundredths of a percent."""
        found = self.text(column)
        if found is None:
            return None
        if _PERCENT.fullmatch(found) is None or not 0 < Decimal(found) <= 100:
            raise BadField(column, "is no percentage above 0 and up to 100, with two decimals at most")
        return int(Decimal(found) * 100)

    def one_of(self, column: str, words: type[Choice]) -> Choice | None:
        """One of some words, in capitals or not."""
        found = self.text(column)
        if found is None:
            return None
        try:
            return words(found.lower())
        except ValueError:
            raise BadField(column, f"is none of: {', '.join(words)}") from None

    def id(self, column: str, kind: Kind) -> UUID | None:
        """An id of ours. What is none is not repeated: it may be a token in the wrong place."""
        found = self.text(column)
        if found is None:
            return None
        id_ = parse(kind, found)
        if id_ is None:
            raise BadField(column, f"is no id of ours: it begins with {kind.value}_")
        return id_

    def day(self, column: str, zone: str) -> date | None:
        """A local day; of an instant, that on which it is there."""
        found = self.moment(column, zone)
        return None if found is None else found.day

    def moment(self, column: str, zone: str) -> Moment | None:
        """A local day or an instant. A time without an offset is one by the local clock."""
        found = self.text(column)
        if found is None:
            return None
        try:
            if _DAY.fullmatch(found):
                return Moment(_sane(date.fromisoformat(found), column))
            at = datetime.fromisoformat(found)
            _sane(at.date(), column)
            local = ZoneInfo(zone)
            at = (at if at.tzinfo else at.replace(tzinfo=local)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise BadField(column, "is no day such as 2027-01-31, and no time of ISO 8601") from None
        wall = at.astimezone(local)
        hour = wall.hour if wall.replace(minute=0, second=0, microsecond=0) == wall else wall.hour + 1
        return Moment(wall.date(), min(hour, _LAST_HOUR), at)

    def metadata(self, prefix: str) -> dict[str, str]:
        """Pairs of text: those of the column of JSON, and those that have a column each."""
        pairs: dict[str, str] = {}
        told = self.text("metadata")
        if told is not None:
            try:
                pairs = msgspec.json.decode(told, type=dict[str, str])
            except (msgspec.DecodeError, msgspec.ValidationError):
                raise BadField("metadata", 'is no JSON object of texts, such as {"team": "north"}') from None
        named = [column for column in self._cells if column.startswith(prefix)]
        return pairs | {column.removeprefix(prefix): self.text(column) or "" for column in named}


def _sane(day: date, column: str) -> date:
    if not _YEARS[0] <= day.year < _YEARS[1]:
        raise BadField(column, "is long ago, or far ahead")
    return day
