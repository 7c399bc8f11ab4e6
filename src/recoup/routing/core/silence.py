"""Whether an account has fallen silent: requests wait, and none that left after the first of them was answered.

The breaker hears of a request that hangs when it is overdue, which is late by design: it must not cry wolf. Until then
requests go on leaving. So what waits is looked at before: a request of which no answer came yet, though three in four
of this account's answers would have come by now, says `log(4)` for silence, and what several say adds up. An answer to
any request ends the silence of all that left before it; what stays slow among them is the breaker's. At `SILENT_AT` the
account is passed over until an answer comes, or until what waits is overdue and the breaker has it: seconds at most.
Nothing is written or told of it, and where nobody else can be asked, the silent account is.

How long answers take is learned from the account's own, as a histogram. Were they independent of each other, a healthy
account that is asked all the time would be taken for silent once in a thousand such looks at most; it then loses a few
payments to the next best account. Times are in seconds of any one clock that only goes forward.
"""

from __future__ import annotations

from array import array
from collections import deque
from math import log, log2
from typing import Final

from recoup.routing.core.words import Health, Standing

SILENT_AT: Final = log(1000)
LATENCIES_MIN: Final = 200
"""How many latencies must be known before silence says anything."""
REMEMBERED: Final = 2000.0
"""How many latencies the histogram is made of, at most: then all of them count half."""
WAITING_MAX: Final = 1024
"""How many requests are looked at; more say nothing more."""
TOLD_MAX: Final = log(100)
"""What a single request says at most: a lost packet is no silence."""
_TOLD_MIN: Final = 0.1
"""What says less is passed over, with all that left after it: nine answers in ten take longer."""
_BINS_AN_OCTAVE: Final = 3
_BINS: Final = 17 * _BINS_AN_OCTAVE
"""From a millisecond to two minutes."""
_FRESH_EVERY: Final = 50
SILENT: Final = Standing(
    Health.DEGRADED, why="its requests under way are not answered, though most would be by now"
)
"""What routing is told of a silent account. There are no probes: what is under way is one."""


class Silence:
    """The requests of one account that wait, and how long its answers usually take."""

    __slots__ = ("_asked", "_counts", "_known", "_told", "_waiting")

    def __init__(self) -> None:
        self._counts = array("f", bytes(4 * _BINS))
        self._known = 0
        self._told: array[float] | None = None
        self._asked = 0
        self._waiting: deque[tuple[int, float]] = deque(maxlen=WAITING_MAX)

    def asked(self, now_s: float) -> int:
        """A request leaves. Give the number to `answered`."""
        self._asked += 1
        self._waiting.append((self._asked, now_s))
        return self._asked

    def answered(self, number: int) -> None:
        """That request was answered, however: it is not silent, and was not since it left."""
        waiting = self._waiting
        while waiting and waiting[0][0] <= number:
            waiting.popleft()

    def took(self, latency_ms: int) -> None:
        """Learn how long an answer took."""
        self._counts[int(_bin(latency_ms))] += 1.0
        self._known += 1
        if self._known >= LATENCIES_MIN and (self._told is None or self._known % _FRESH_EVERY == 0):
            self._refresh()

    def weight(self, now_s: float, *, overdue_s: float) -> float:
        """How much speaks for silence now. Requests that have waited for `overdue_s` are not counted any more."""
        if self._told is None:
            return 0.0
        waiting, total = self._waiting, 0.0
        while waiting and now_s - waiting[0][1] >= overdue_s:
            waiting.popleft()
        for _, since_s in waiting:
            told = self._says(now_s - since_s)
            total += told
            if told < _TOLD_MIN or total >= SILENT_AT:
                break
        return total

    def is_silent(self, now_s: float, *, overdue_s: float) -> bool:
        """Whether the account is better passed over now."""
        return self.weight(now_s, overdue_s=overdue_s) >= SILENT_AT

    def _says(self, waited_s: float) -> float:
        """What it says that there is no answer yet, between the edges of the histogram's bins."""
        assert self._told is not None, "is asked after it was learned"
        place = _bin(waited_s * 1000)
        lower = int(place)
        told = self._told[lower]
        return told + (self._told[min(lower + 1, _BINS - 1)] - told) * (place - lower)

    def _refresh(self) -> None:
        total = sum(self._counts)
        told, tail = array("f", bytes(4 * _BINS)), 0.0
        for number in range(_BINS - 1, -1, -1):
            tail += self._counts[number]  # answers that took longer than this bin's lower edge
            told[number] = min(log((total + 1.0) / (tail + 1.0)), TOLD_MAX)
        self._told = told
        if total >= REMEMBERED:
            self._counts = array("f", [count / 2 for count in self._counts])


def _bin(latency_ms: float) -> float:
    """The bin, and how far into it."""
    return min(max(log2(max(latency_ms, 1.0)) * _BINS_AN_OCTAVE, 0.0), _BINS - 1.0)
