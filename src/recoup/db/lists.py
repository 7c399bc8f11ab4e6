"""Writes lists of ids, numbers, times and words as PostgreSQL reads arrays, several times faster than value by value.

Followers and importers hand over columns of hundreds of values in one statement. The driver looks at each value by
itself; lists of one plain type need no such look.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.abc import Buffer
from psycopg.types.array import ListDumper


class QuickListDumper(ListDumper):
    """The driver's own, but for lists of one plain type."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        """The text of an array."""
        kinds = set(map(type, obj))
        if kinds == {UUID}:
            return _braced([f"{one.int:032x}" for one in obj])
        if kinds == {int}:
            return _braced(map(str, obj))
        if kinds == {datetime}:
            return _braced([f'"{one}"' for one in obj])
        if kinds == {str} and "\0" not in "".join(words := set(obj)):
            quoted = {one: _quoted(one) for one in words}
            return _braced([quoted[one] for one in obj])
        return super().dump(obj)


def _braced(texts: Iterable[str]) -> bytes:
    return f"{{{','.join(texts)}}}".encode()


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
