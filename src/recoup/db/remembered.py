"""A bounded memory of rows that may be a little old: what every request needs is read from the database sometimes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Keeps at most `entries_max` answers for `ttl_s` seconds each; the oldest go first. One event loop's own.

    Those who ask for a key while it is being read share the reading. `forget` is obeyed at once, also by a reading
    that is under way: its answer goes to those who waited for it, and is not kept.
    """

    def __init__(
        self, *, entries_max: int, ttl_s: float, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        assert entries_max > 0 and ttl_s > 0, "limits are positive"
        self._entries_max = entries_max
        self._ttl_s = ttl_s
        self._monotonic = monotonic
        self._entries: dict[K, tuple[V, float]] = {}
        self._readings: dict[K, asyncio.Task[V]] = {}
        self._unsettled: dict[K, float] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def peek(self, key: K) -> V | None:
        """What is kept for `key`, unless it is too old."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry[1] <= self._monotonic():
            del self._entries[key]
            return None
        return entry[0]

    def put(self, key: K, value: V) -> None:
        """Keep `value` for `key`, from now on."""
        self._entries.pop(key, None)
        if len(self._entries) >= self._entries_max:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = (value, self._monotonic() + self._ttl_s)

    def forget(self, key: K, *, unsettled_s: float = 0.0) -> None:
        """Read anew when `key` is asked for next.

        A writer whose transaction is still open says for how long at most that may last: until then, every request
        reads for itself, because what a reading finds may be overtaken by the commit.
        """
        self._entries.pop(key, None)
        self._readings.pop(key, None)
        if unsettled_s > 0:
            now = self._monotonic()
            self._unsettled = {key: until for key, until in self._unsettled.items() if until > now}
            self._unsettled[key] = now + unsettled_s

    def forget_where(self, matches: Callable[[V], bool]) -> None:
        """Forget every kept answer that `matches`, and every reading under way, because nobody knows its answer yet."""
        self._readings.clear()
        for key in [key for key, (value, _) in self._entries.items() if matches(value)]:
            del self._entries[key]

    async def get(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        """What is kept for `key`; else what `read` says, which is then kept."""
        kept = self.peek(key)
        if kept is not None:
            return kept
        if self._is_unsettled(key):
            return await read()
        reading = self._readings.get(key)
        if reading is None:
            reading = asyncio.ensure_future(self._read(key, read))
            self._readings[key] = reading
        # Shielded: whoever gives up waiting does not take the answer from the others.
        return await asyncio.shield(reading)

    def _is_unsettled(self, key: K) -> bool:
        until = self._unsettled.get(key)
        if until is None or until > self._monotonic():
            return until is not None
        del self._unsettled[key]
        return False

    async def _read(self, key: K, read: Callable[[], Awaitable[V]]) -> V:
        this = asyncio.current_task()
        try:
            value = await read()
            if self._readings.get(key) is this:
                self.put(key, value)
            return value
        finally:
            if self._readings.get(key) is this:
                del self._readings[key]
