"""A back-test in the world, in shards: each is a function of its own seed and cases, and returns sums to be added.

Whoever runs the shards, in whatever order, on however many machines, gets the same sums: in this process, in a pool of
processes, or on Ray (`recoup[ray]`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from importlib import import_module
from multiprocessing import get_context
from types import ModuleType
from typing import Final

import numpy as np

from recoup.backtests.matches import Ground
from recoup.backtests.measures import RESAMPLES, Layout, Sums, counted, summed
from recoup.backtests.players import Player, played

SHARD_CASES: Final = 500
"""How many declined renewals a shard has: always the same, or results would depend on how many run at once."""


@dataclass(frozen=True, slots=True)
class Shard:
    """One world's part of a back-test."""

    seed: int
    number: int
    cases: int
    players: tuple[Player, ...]
    resamples: int = RESAMPLES

    @property
    def layout(self) -> Layout:
        """Wide enough for everybody who plays."""
        return layout_of(self.players)


class RayMissing(Exception):
    """Ray is wanted, and is not there."""

    def __str__(self) -> str:
        return "Ray is not installed here: install `recoup[ray]`, or leave out --ray."


Runner = Callable[[Sequence[Shard]], Iterator[Sums]]
"""Runs shards, and yields the sums of each as it is done, in any order."""


def layout_of(players: Sequence[Player]) -> Layout:
    """Wide enough for everybody who plays."""
    return Layout(max(one.days for one in players), max(one.tries for one in players))


def shards(seed: int, cases: int, players: Sequence[Player]) -> list[Shard]:
    """A back-test of so many declined renewals; each shard has a world, with issuers and cardholders, of its own."""
    return [
        Shard(seed, number, min(SHARD_CASES, cases - start), tuple(players))
        for number, start in enumerate(range(0, cases, SHARD_CASES))
    ]


def sums_of(shard: Shard) -> Sums:
    """Play and count one shard."""
    ground = Ground(world_seed(shard), shard.cases, days_max=shard.layout.days)
    counts = np.stack([counted(ground, played(ground, one), shard.layout) for one in shard.players])
    return summed(counts, seed=(shard.seed, shard.number), resamples=shard.resamples)


def world_seed(shard: Shard) -> int:
    """The seed of a shard's world: its own for every shard of every seed."""
    return int(np.random.SeedSequence((shard.seed, shard.number)).generate_state(1)[0])


def run(wanted: Sequence[Shard], runner: Runner, *, done: Callable[[int], None] = lambda _: None) -> Sums:
    """The sums of all shards; `done` is told how many cases were played, shard by shard."""
    assert wanted, "there is something to play"
    total: Sums | None = None
    for found in runner(wanted):
        total = found if total is None else total + found
        done(int(found.seen[0, 0]))
    assert total is not None, "every shard has sums"
    return total


def here(wanted: Sequence[Shard]) -> Iterator[Sums]:
    """One after the other, in this process."""
    return map(sums_of, wanted)


def in_processes(count: int) -> Runner:
    """So many at once, each in a process of its own."""

    def runner(wanted: Sequence[Shard]) -> Iterator[Sums]:
        if count <= 1 or len(wanted) == 1:
            yield from here(wanted)
            return
        # Started anew: a process that was copied would also have copied threads that hold locks.
        with ProcessPoolExecutor(min(count, len(wanted)), mp_context=get_context("spawn")) as pool:
            for future in as_completed([pool.submit(sums_of, one) for one in wanted]):
                yield future.result()

    return runner


def on_ray(address: str | None) -> Runner:
    """On a Ray cluster: the one at `address`, or the one that the environment names, or one started here."""

    def runner(wanted: Sequence[Shard]) -> Iterator[Sums]:
        ray = _ray()
        started = not ray.is_initialized()
        if started:
            ray.init(address=address, include_dashboard=False, log_to_driver=False)
        try:
            remote = ray.remote(sums_of)
            waiting = [remote.remote(one) for one in wanted]
            while waiting:
                ready, waiting = ray.wait(waiting)
                yield from ray.get(ready)
        finally:
            if started:
                ray.shutdown()

    return runner


def _ray() -> ModuleType:
    try:
        return import_module("ray")
    except ImportError:
        raise RayMissing from None
