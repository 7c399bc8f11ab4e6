"""What is remembered is bounded in number and age, read once for all who wait, and forgotten when told."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from recoup.db.remembered import Remembered


@dataclass
class Source:
    """A slow place to read from: each reading waits for the gate."""

    value: int = 1
    readings: int = 0
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    async def read(self) -> int:
        self.readings += 1
        value = self.value
        self.begun.set()
        await self.gate.wait()
        return value


@dataclass
class Ticks:
    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def memory(ticks: Ticks | None = None, *, entries_max: int = 3) -> Remembered[str, int]:
    return Remembered(entries_max=entries_max, ttl_s=5, monotonic=ticks or Ticks())


def test_an_answer_is_kept_for_its_time_and_no_longer() -> None:
    ticks = Ticks()
    kept = memory(ticks)
    kept.put("a", 1)
    ticks.seconds = 4.999
    assert kept.peek("a") == 1
    ticks.seconds = 5
    assert kept.peek("a") is None


def test_the_oldest_answers_make_room() -> None:
    kept = memory()
    for number, key in enumerate("abcd"):
        kept.put(key, number)
    assert len(kept) == 3
    assert [kept.peek(key) for key in "abcd"] == [None, 1, 2, 3]


async def test_those_who_ask_together_share_one_reading() -> None:
    kept, source = memory(), Source()
    asked = [asyncio.ensure_future(kept.get("a", source.read)) for _ in range(10)]
    await source.begun.wait()
    source.gate.set()
    assert await asyncio.gather(*asked) == [1] * 10
    assert await kept.get("a", source.read) == 1
    assert source.readings == 1


async def test_whoever_gives_up_does_not_take_the_answer_from_the_others() -> None:
    kept, source = memory(), Source()
    first = asyncio.ensure_future(kept.get("a", source.read))
    second = asyncio.ensure_future(kept.get("a", source.read))
    await source.begun.wait()
    first.cancel()
    await asyncio.wait([first])
    source.gate.set()
    assert await second == 1


async def test_what_is_forgotten_while_it_is_read_is_not_kept() -> None:
    """A reading that began before a write may hold what the write replaced."""
    kept, source = memory(), Source()
    early = asyncio.ensure_future(kept.get("a", source.read))
    await source.begun.wait()
    source.value = 2
    kept.forget("a")
    source.gate.set()
    assert await early == 1
    assert await kept.get("a", source.read) == 2


async def test_until_a_write_has_settled_everybody_reads_for_themselves() -> None:
    """The writer's transaction is still open: what is read now may be overtaken by its commit."""
    ticks, source = Ticks(), Source()
    source.gate.set()
    kept = memory(ticks)
    kept.forget("a", unsettled_s=10)
    assert await kept.get("a", source.read) == 1
    source.value = 2
    assert await kept.get("a", source.read) == 2
    ticks.seconds = 10
    assert await kept.get("a", source.read) == 2
    source.value = 3
    assert await kept.get("a", source.read) == 2


async def test_a_reading_that_fails_is_not_kept() -> None:
    kept, source = memory(), Source()

    async def fail() -> int:
        raise OSError

    with pytest.raises(OSError):
        await kept.get("a", fail)
    source.gate.set()
    assert await kept.get("a", source.read) == 1


async def test_answers_are_forgotten_by_what_they_say() -> None:
    kept = memory()
    kept.put("a", 1)
    kept.put("b", 2)
    kept.forget_where(lambda value: value == 1)
    assert kept.peek("a") is None
    assert kept.peek("b") == 2
