"""Figures for `/metrics` that belong to no single part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from recoup.events.following import Rounds


class Follows(Protocol):
    """What follows merchants' events."""

    @property
    def rounds(self) -> Rounds:
        """How it goes round."""
        ...


def unrecognised(registry: CollectorRegistry) -> Callable[[str], None]:
    """Counts declines that no table knows, by connector."""
    counter = Counter(
        "recoup_unrecognised_decline_codes",
        "Declines whose code no table knows.",
        ["connector"],
        registry=registry,
    )
    return lambda connector: counter.labels(connector).inc()


def broken(registry: CollectorRegistry, names: Iterable[str]) -> Callable[[Mapping[str, int]], None]:
    """Shows how many cases of each law are open."""
    gauge = Gauge(
        "recoup_invariant_broken",
        "Open audit cases about a law of what is kept that does not hold; there must be none.",
        ["invariant"],
        registry=registry,
    )
    shown = {name: gauge.labels(name) for name in names}

    def show(counts: Mapping[str, int]) -> None:
        for name, one in shown.items():
            one.set(counts.get(name, 0))

    return show


def not_listed(registry: CollectorRegistry) -> Callable[[str], None]:
    """Counts answers about disputes that could not be used, by connector."""
    counter = Counter(
        "recoup_disputes_not_listed",
        "Answers of processors to what disputes there are that could not be used; the log says why.",
        ["connector"],
        registry=registry,
    )
    return lambda connector: counter.labels(connector).inc()


def walks_failing(registry: CollectorRegistry) -> Callable[[int], None]:
    """Shows how many accounts cannot be asked about disputes."""
    return Gauge(
        "recoup_dispute_walks_failing",
        "Processor accounts that for a while could not be asked which disputes there are.",
        registry=registry,
    ).set


def count_stopped(registry: CollectorRegistry, followers: Iterable[Follows]) -> None:
    """Shows how many merchants' events each follower cannot follow."""
    gauge = Gauge(
        "recoup_followers_stopped",
        "Merchants whose events could not be followed; the log says why.",
        ["by"],
        registry=registry,
    )
    for one in followers:
        gauge.labels(one.rounds.name).set_function(partial(getattr, one.rounds, "stopped"))
