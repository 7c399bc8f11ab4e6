"""Figures for `/metrics` that belong to no single part."""

from __future__ import annotations

from collections.abc import Callable, Iterable
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
