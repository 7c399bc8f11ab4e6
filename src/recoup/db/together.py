"""Grouped reads: concurrent reads of one kind share a statement, and flows do not know of it.

A statement costs much the same for one row as for thirty. So keys that are asked for while no reader is free go
together in the next statement, and nobody waits on purpose: there is no timer, and a lone key is read at once. What is
read is never older than the asking: a statement answers only those who asked before it began. The counterpart of
`recoup.db.grouped`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar
from uuid import UUID

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

KEYS_MAX: Final = 64
READERS_MAX: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[K, V]):
    key: K
    answer: asyncio.Future[V | None]


class Together(Generic[K, V]):
    """Groups concurrent reads, each of one merchant. Belongs to one event loop.

    `read` is given a merchant and different keys, and answers with what it found of them. Where it fails, each key is
    read by itself, so that one that cannot be read fails alone.
    """

    def __init__(
        self,
        read: Callable[[UUID, Sequence[K]], Awaitable[Mapping[K, V]]],
        *,
        name: str,
        keys_max: int = KEYS_MAX,
        readers_max: int = READERS_MAX,
    ) -> None:
        assert keys_max > 0 and readers_max > 0, "limits are positive"
        self._read = read
        self._name = name
        self._keys_max, self._readers_max = keys_max, readers_max
        self._queues: dict[UUID, deque[_Waiting[K, V]]] = {}
        self._readers: set[asyncio.Task[None]] = set()

    async def get(self, merchant_id: UUID, key: K) -> V | None:
        """What is there under a key; None where nothing is. Raises what `read` raises for it."""
        waiting: _Waiting[K, V] = _Waiting(key, asyncio.get_running_loop().create_future())
        self._queues.setdefault(merchant_id, deque()).append(waiting)
        self._wake()
        return await waiting.answer

    def _wake(self) -> None:
        """Start a reader where one is free. A reader ends only when it finds the queues empty, without a pause between
        that look and the end of its claim, so that no key is left behind."""
        if self._queues and len(self._readers) < self._readers_max:
            self._readers.add(asyncio.create_task(self._read_all(), name=f"together {self._name}"))

    async def _read_all(self) -> None:
        try:
            while taken := self._take():
                await self._answer(*taken)
        finally:
            reader = asyncio.current_task()
            assert reader is not None, "a reader is a task"
            self._readers.discard(reader)
            self._wake()

    def _take(self) -> tuple[UUID, list[_Waiting[K, V]]] | None:
        """Those to be answered next: of the merchant whose turn it is, as many as wait and one statement may read."""
        while self._queues:
            merchant_id = next(iter(self._queues))
            queue = self._queues.pop(merchant_id)
            group = [queue.popleft() for _ in range(min(len(queue), self._keys_max))]
            if queue:
                self._queues[merchant_id] = queue  # at the end: other merchants come first
            if group := [one for one in group if not one.answer.done()]:
                return merchant_id, group
        return None

    async def _answer(self, merchant_id: UUID, group: Sequence[_Waiting[K, V]]) -> None:
        keys = list(dict.fromkeys(one.key for one in group))
        try:
            found = await self._read(merchant_id, keys)
        except Exception as error:  # noqa: BLE001 - whatever it was, those who wait must hear of it
            await self._answer_alone(merchant_id, group, keys, error)
        except BaseException:
            for one in group:
                one.answer.cancel()
            raise
        else:
            for one in group:
                if not one.answer.done():
                    one.answer.set_result(found.get(one.key))

    async def _answer_alone(
        self, merchant_id: UUID, group: Sequence[_Waiting[K, V]], keys: Sequence[K], error: Exception
    ) -> None:
        """After a failure: each key by itself, or the failure, where there was only one."""
        if len(keys) > 1:
            for key in keys:
                await self._answer(merchant_id, [one for one in group if one.key == key])
            return
        for one in group:
            if not one.answer.done():
                one.answer.set_exception(error)
