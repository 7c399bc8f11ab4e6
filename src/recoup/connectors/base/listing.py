"""What a processor knows of disputes when it is asked, so that news that never came are missed by nobody.

What comes back are notices as they would have been told. They say where a dispute stands now, and when that came to be
where the processor tells it; else they are of the moment of asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from recoup.connectors.base.webhooks import Notice

CURSOR_LENGTH_MAX: Final = 1000
PAGE_SIZE: Final = 50
"""How many disputes a page has, where the processor lets us choose and shows all of each."""


@dataclass(frozen=True, slots=True)
class ListDisputes:
    """Which disputes are new, or moved, since a moment; a processor that knows no such moment lists more.

    `cursor` is that of the page before. `now` is when it is asked: what is seen holds then.
    """

    since: datetime
    now: datetime
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class ReadDispute:
    """Where one dispute stands."""

    reference: str
    now: datetime


@dataclass(frozen=True, slots=True)
class DisputePage:
    """Some disputes; `cursor` leads to more, None where these were the last.

    A page that cannot be read whole is no page: what was left out of it would never be looked for again.
    """

    notices: tuple[Notice, ...]
    cursor: str | None = None


def event_id(reference: str, state: str) -> str:
    """A name for what was found by asking."""
    return f"asked:{reference}:{state}"
