"""Grouped reads: everybody gets what is theirs, read after they asked; one that cannot be read fails alone."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest

from recoup.db.together import Together

A, B = UUID(int=1), UUID(int=2)


class Shelf:
    """Reads words of one merchant at a time, as slowly as a seed says; a number below zero cannot be read."""

    def __init__(self, seed: int = 0) -> None:
        self.groups: list[tuple[UUID, tuple[int, ...]]] = []
        self.version = 0
        self.under_way = self.most = 0
        self._chance = random.Random(seed)

    async def read(self, merchant_id: UUID, keys: Sequence[int]) -> Mapping[int, tuple[UUID, int, int]]:
        self.groups.append((merchant_id, tuple(keys)))
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        seen = self.version
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)
        self.under_way -= 1
        if min(keys) < 0:
            raise ValueError(f"cannot read {min(keys)}")
        return {key: (merchant_id, key, seen) for key in keys if key % 7}


async def test_what_is_asked_at_once_is_read_at_once_and_a_lone_key_alone() -> None:
    shelf = Shelf()
    together = Together(shelf.read, name="words", keys_max=8)
    found = await asyncio.gather(*(together.get(A, key) for key in (1, 2, 7, 2)))
    assert found == [(A, 1, 0), (A, 2, 0), None, (A, 2, 0)]
    assert shelf.groups == [(A, (1, 2, 7))]
    assert await together.get(B, 3) == (B, 3, 0) and shelf.groups[1:] == [(B, (3,))]


async def test_a_key_that_cannot_be_read_fails_alone() -> None:
    shelf = Shelf()
    together = Together(shelf.read, name="words")
    found = await asyncio.gather(*(together.get(A, key) for key in (1, -2, 3)), return_exceptions=True)
    assert found[0] == (A, 1, 0) and found[2] == (A, 3, 0)
    assert isinstance(found[1], ValueError) and str(found[1]) == "cannot read -2"


async def test_who_gives_up_takes_nothing_from_the_others() -> None:
    together = Together(Shelf().read, name="words")
    asking = [asyncio.ensure_future(together.get(A, key)) for key in (1, 2, 3)]
    await asyncio.sleep(0)
    asking[1].cancel()
    found = await asyncio.gather(*asking, return_exceptions=True)
    assert found[0] == (A, 1, 0) and found[2] == (A, 3, 0) and isinstance(found[1], asyncio.CancelledError)


@pytest.mark.parametrize("seed", range(5))
async def test_everybody_gets_what_is_theirs_and_nothing_older_than_their_asking(seed: int) -> None:
    shelf, chance = Shelf(seed), random.Random(seed)
    together = Together(shelf.read, name="words", keys_max=5)

    async def ask(number: int) -> None:
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(0)
        merchant, key = chance.choice((A, B)), chance.randrange(20)
        shelf.version = asked = shelf.version + 1
        found = await together.get(merchant, key)
        assert found is None if key % 7 == 0 else found is not None and found[:2] == (merchant, key), number
        assert found is None or found[2] >= asked

    async with asyncio.timeout(20):
        await asyncio.gather(*(ask(number) for number in range(200)))
    assert shelf.most <= 2 and max(len(keys) for _, keys in shelf.groups) <= 5 and len(shelf.groups) < 150
