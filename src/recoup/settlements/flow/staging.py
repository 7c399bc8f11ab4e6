"""Reads the file of a report: looks it over whole, and gives its lines as the database takes them.

Reading a line costs most of what a report costs outside the database, so whoever looks a file over and works it in one
go leaves the lines in a spool in between: a file without a name, gone with the process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO
from uuid import UUID

from recoup.settlements.core.formats import Format, read
from recoup.settlements.core.reports import Sums
from recoup.settlements.store import matching

Source = Callable[[], Iterable[bytes]]
"""Opens a file from its beginning, part by part; called again to read it again."""


@dataclass(frozen=True, slots=True)
class LookedOver:
    """What a whole file comes to, its SHA-256 and its bytes."""

    sums: Sums
    digest: bytes
    size: int


def look_over(source: Source, format_: Format, *, account_id: UUID, spool: IO[str] | None) -> LookedOver:
    """Read a whole file once, keeping nothing but what goes into the spool; raises `BadReport`."""
    digest, sums_, size = hashlib.sha256(), Sums(), 0
    add, account = sums_.add, account_id.hex
    if spool is not None:
        spool.seek(0)
        spool.truncate()

    def passing() -> Iterator[bytes]:
        nonlocal size
        for part in source():
            digest.update(part)
            size += len(part)
            yield part

    for line in read(passing(), format_):
        add(line)
        if spool is not None:
            spool.write(matching.copied(line, account))
    return LookedOver(sums_, digest.digest(), size)


def staged(source: Source, format_: Format, *, account_id: UUID, spool: IO[str] | None) -> Iterator[str]:
    """The lines of a report as the database takes them."""
    if spool is not None:
        spool.seek(0)
        return iter(spool)
    return (matching.copied(line, account_id.hex) for line in read(source(), format_))


def skip(lines: Iterator[str], count: int) -> None:
    """Pass over so many lines."""
    for _ in islice(lines, count):
        pass
