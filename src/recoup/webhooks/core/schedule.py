"""When a delivery that failed is tried again, and when no more."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

WAITS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1800, 3600, 2 * 3600, 4 * 3600, 8 * 3600)
)
"""Before each retry; the last one repeats."""
TRIED_FOR: Final = timedelta(days=3)
"""From the first failure to the last try; then a delivery is parked."""
JITTER: Final = 0.2
"""A wait is shorter or longer by up to this part of it, so that what failed together does not come back together."""
RETRY_AFTER_MAX: Final = timedelta(hours=12)
"""The longest wait that an endpoint may ask for."""
GONE: Final = 410
_AWAY: Final = frozenset({429, 502, 503, 504})

IN_FLIGHT_MAX: Final = 256
"""Requests at once."""
IN_FLIGHT_OF_ONE_MAX: Final = 32
"""Requests at once to one endpoint that does well."""
IN_FLIGHT_AT_FIRST: Final = 4
PAUSE_AFTER: Final = 3
"""Requests in a row to which nobody was there, after which an endpoint is asked only one at a time, with pauses."""
PAUSE: Final = timedelta(seconds=1)
PAUSE_MAX: Final = timedelta(seconds=60)
_PAUSE_DOUBLINGS_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of one request. `status` None: no answer came, and `error` says why."""

    status: int | None
    reply: str | None = None
    error: str | None = None
    retry_after: timedelta | None = None

    @property
    def is_success(self) -> bool:
        """Only 2xx is; a redirect is a failure."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the endpoint asks not to be sent anything any more."""
        return self.status == GONE

    @property
    def is_away(self) -> bool:
        """Whether nobody is there, or too much is asked of them: then another request would end no better."""
        return self.status is None or self.status in _AWAY


@dataclass(frozen=True, slots=True)
class Delivered:
    """It arrived."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again at `at`."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Parked:
    """It was tried for long enough; a person may replay it."""


Next = Delivered | Again | Parked


def after(
    answered: Answered, *, tries: int, trying_since: datetime | None, now: datetime, chance: float
) -> Next:
    """What follows from an answer to a delivery that has failed `tries` times before, first at `trying_since`.

    `chance` is between 0 and 1.
    """
    if answered.is_success:
        return Delivered()
    end = (trying_since or now) + TRIED_FOR
    if now >= end:
        return Parked()
    return Again(min(now + _wait(answered, tries=tries, chance=chance), end))


def _wait(answered: Answered, *, tries: int, chance: float) -> timedelta:
    wait = WAITS[min(tries, len(WAITS) - 1)] * (1 + JITTER * (2 * chance - 1))
    return max(wait, min(answered.retry_after or timedelta(0), RETRY_AFTER_MAX))


@dataclass(frozen=True, slots=True)
class Pace:
    """How an endpoint is spoken to: how many requests at once, and not before when. It is learned anew by each process.

    It opens by one with every answer, and halves when nobody is there; pauses grow until somebody is.
    """

    at_once: int = IN_FLIGHT_AT_FIRST
    away: int = 0
    not_before: datetime | None = None

    def after(self, answered: Answered, *, now: datetime) -> Pace:
        """The pace after one more answer."""
        if not answered.is_away:
            return Pace(min(self.at_once + 1, IN_FLIGHT_OF_ONE_MAX))
        away = self.away + 1
        wait = _pause(away)
        return Pace(max(self.at_once // 2, 1), away, None if wait is None else now + wait)

    @property
    def is_away(self) -> bool:
        """Whether nobody was there, several times in a row."""
        return self.away >= PAUSE_AFTER

    def is_paused(self, *, now: datetime) -> bool:
        """Whether the endpoint is left alone for the moment."""
        return self.not_before is not None and now < self.not_before

    def room(self, *, in_flight: int, now: datetime) -> int:
        """How many requests may begin now."""
        if self.is_paused(now=now):
            return 0
        return max((1 if self.is_away else self.at_once) - in_flight, 0)


def _pause(away: int) -> timedelta | None:
    beyond = away - PAUSE_AFTER
    return min(PAUSE * 2 ** min(beyond, _PAUSE_DOUBLINGS_MAX), PAUSE_MAX) if beyond >= 0 else None


def retry_after(header: str | None, *, now: datetime) -> timedelta | None:
    """What a `Retry-After` header asks for (RFC 9110, 10.2.3): seconds, or a date; None where it says neither."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), RETRY_AFTER_MAX)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return max(until - now, timedelta(0)) if until.tzinfo is not None else None
