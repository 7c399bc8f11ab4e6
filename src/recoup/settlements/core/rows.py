"""Splits the bytes of a CSV file into rows, a part at a time, and refuses what is no such file by naming the line."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from recoup.settlements.core.lines import BadReport

LINE_MAX: Final = 64 * 1024
"""The most characters of one line."""
COLUMNS_MAX: Final = 300
_BOM: Final = "\ufeff"


def text_lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines of a file in UTF-8, with or without a byte order mark; raises `BadReport`."""
    decode = codecs.getincrementaldecoder("utf-8")().decode
    rest, line = "", 0
    for first, chunk in enumerate(chunks):
        try:
            text = rest + decode(chunk)
        except UnicodeDecodeError as error:
            raise BadReport(line + 1 + error.object[: error.start].count(b"\n"), _ENCODING) from None
        if not first:
            text = text.removeprefix(_BOM)
        *whole, rest = text.split("\n")
        if "\0" in text:
            raise BadReport(line + 1 + text[: text.index("\0")].count("\n"), _ENCODING)
        for one in whole:
            line += 1
            if len(one) > LINE_MAX:
                raise BadReport(line, _LONG)
            yield one + "\n"
        if len(rest) > LINE_MAX:
            raise BadReport(line + 1, _LONG)
    try:
        rest += decode(b"", final=True)
    except UnicodeDecodeError:
        raise BadReport(line + 1, _ENCODING) from None
    if rest:
        yield rest


_ENCODING: Final = "This is not text in UTF-8: save the report as CSV in UTF-8."
_LONG: Final = f"The line is longer than {LINE_MAX} characters: this is not a report."


def rows(chunks: Iterable[bytes], *, delimiter: str = ",") -> Iterator[tuple[int, list[str]]]:
    """Each row with the line where it begins; the first is the header. Blank lines are passed over.

    A row must have as many fields as the header: one with fewer was cut off.
    """
    reader = csv.reader(text_lines(chunks), delimiter=delimiter, strict=True)
    width, begins = 0, 1
    try:
        for row in reader:
            if len(row) != width and row:
                width = _width(row, begins=begins, header=width)
            if row:
                yield begins, row[:width] if len(row) > width else row
            begins = reader.line_num + 1
    except csv.Error as error:
        raise BadReport(
            reader.line_num or 1, f"This cannot be read as CSV ({error}): is the file whole?"
        ) from None


def _width(row: Sequence[str], *, begins: int, header: int) -> int:
    if not header:
        if len(row) > COLUMNS_MAX:
            raise BadReport(begins, f"There are more than {COLUMNS_MAX} columns: this is not a report.")
        return len(row)
    if len(row) < header:
        raise BadReport(
            begins, f"The line has {len(row)} fields and the header {header}: was the file cut off?"
        )
    if any(row[header:]):
        raise BadReport(begins, f"The line has {len(row)} fields and the header only {header}.")
    return header


class Columns:
    """Where each column of a report stands, by its name; capitals and blanks around it do not matter."""

    def __init__(self, header: Sequence[str], *, row: int) -> None:
        self._row = row
        self._names = [name.strip().lower() for name in header]

    def need(self, name: str) -> int:
        """The place of a column that must be there; raises `BadReport`."""
        place = self.find(name)
        if place is None:
            raise BadReport(self._row, f"There is no column {name!r}: is this a report of that format?")
        return place

    def find(self, *names: str) -> int | None:
        """The place of the first of these columns that is there."""
        for name in names:
            wanted = name.lower()
            if self._names.count(wanted) > 1:
                raise BadReport(self._row, f"There are two columns {name!r}.")
            if wanted in self._names:
                return self._names.index(wanted)
        return None
