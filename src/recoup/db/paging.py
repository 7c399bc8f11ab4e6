"""The ends of a page of rows that sort by their id: always there, so that the index serves them whatever the plan."""

from __future__ import annotations

from typing import Final
from uuid import UUID

_FIRST: Final = UUID(int=0)
_LAST: Final = UUID(int=(1 << 128) - 1)


def bounds(after: UUID | None, before: UUID | None) -> dict[str, object]:
    """The parameters `after` and `before` of a page; without one, it begins or ends with the first or last id."""
    return {"after": after or _LAST, "before": before or _FIRST}
