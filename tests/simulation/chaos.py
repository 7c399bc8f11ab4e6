"""What befalls the processes while orders come in: `kill -9`, database restarts, dead consumers, as one seed has it."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from tests.simulation.consumer import Consumer
from tests.simulation.processes import House


class Blow(StrEnum):
    """What befalls."""

    KILL_API = "API killed"
    KILL_WORKER = "worker killed"
    KILL_ALL = "all killed at once"
    RESTART_DATABASE = "database restarted"
    CRASH_DATABASE = "database crashed"
    DEAD_CONSUMER = "consumer dead"


WEIGHTS: Final[Mapping[Blow, int]] = {
    Blow.KILL_API: 4,
    Blow.KILL_WORKER: 3,
    Blow.KILL_ALL: 1,
    Blow.RESTART_DATABASE: 2,
    Blow.CRASH_DATABASE: 2,
    Blow.DEAD_CONSUMER: 2,
}
DOWN_S: Final = (0.0, 1.0)
"""How long what was killed stays down."""


@dataclass(slots=True)
class Chaos:
    """Strikes again and again. `apart_s` is the least and the most between two blows."""

    house: House
    consumer: Consumer
    chance: random.Random
    seen: Counter[str]
    apart_s: tuple[float, float]
    dead_s: tuple[float, float]

    async def run(self, stop: asyncio.Event) -> None:
        """Strike as chance draws until `stop` is set, and get up from the last blow."""
        while not stop.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self.chance.uniform(*self.apart_s))
                return
            await self.strike(self.chance.choices(list(WEIGHTS), list(WEIGHTS.values()))[0])

    async def in_turn(self, blows: Sequence[Blow]) -> None:
        """Strike these blows, one after the other."""
        for blow in blows:
            await asyncio.sleep(self.chance.uniform(*self.apart_s))
            await self.strike(blow)

    async def strike(self, blow: Blow) -> None:
        """One blow, and the getting up after it."""
        self.seen[blow.value] += 1
        match blow:
            case Blow.KILL_API:
                await self._kill(self.chance.randrange(len(self.house.apis)))
            case Blow.KILL_WORKER:
                await self._kill(len(self.house.apis))
            case Blow.KILL_ALL:
                for process in self.house.processes:
                    process.kill()
                await self._rest()
                await self.house.all_up()
            case Blow.RESTART_DATABASE:
                await self._without_database(self.house.postgres.stop)
            case Blow.CRASH_DATABASE:
                await self._without_database(self.house.postgres.crash)
            case Blow.DEAD_CONSUMER:
                self.consumer.dies_for(self.chance.uniform(*self.dead_s))

    async def _kill(self, number: int) -> None:
        process = self.house.processes[number]
        process.kill()
        await self._rest()
        await process.ready()

    async def _without_database(self, end: Callable[[], None]) -> None:
        await asyncio.to_thread(end)
        await asyncio.to_thread(self.house.postgres.start)
        await self.house.all_up()

    async def _rest(self) -> None:
        await asyncio.sleep(self.chance.uniform(*DOWN_S))
