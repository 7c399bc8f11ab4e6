"""The only place that reads the time; everything else is given `now`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, Protocol

_WITHOUT_OFFSET: Final = len("2026-11-22T05:00:00.000")


class Clock(Protocol):
    """Tells the time in UTC."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)


class ManualClock:
    """A clock that stands still until it is moved: for tests and simulations."""

    def __init__(self, start: datetime) -> None:
        assert start.tzinfo is not None, "a clock needs an aware time"
        self._now = start

    def now(self) -> datetime:
        """The moment it was last moved to."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move on; a clock never goes back."""
        assert by >= timedelta(0), "a clock never goes back"
        self._now += by
        return self._now


@lru_cache(maxsize=1024)
def rfc3339(moment: datetime) -> str:
    """A moment as the API writes it: UTC, milliseconds, `Z`. Remembered, because one is written again and again."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return f"{moment.isoformat(timespec='milliseconds')[:_WITHOUT_OFFSET]}Z"
