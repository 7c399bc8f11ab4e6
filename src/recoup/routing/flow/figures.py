"""What an operator sees of routing and of what it learns, at `/metrics`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from recoup.routing.flow.learning import Learned

_SECONDS: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.1, 1.0)
"""Around the millisecond that a decision may take; one that reads its policy takes longer."""


def decision_seconds(registry: CollectorRegistry) -> Callable[[float], None]:
    """Counts how long decisions take."""
    histogram = Histogram(
        "recoup_routing_decision_seconds",
        "How long choosing a route took.",
        buckets=_SECONDS,
        registry=registry,
    )
    return histogram.observe


def attempts_learned(registry: CollectorRegistry) -> Callable[[int], None]:
    """Counts attempts that were learned."""
    counter = Counter(
        "recoup_routing_attempts_learned",
        "Attempts that this process has learned from.",
        registry=registry,
    )
    return counter.inc


def show_learned(registry: CollectorRegistry, learned: Learned) -> None:
    """Shows what of that is at hand."""
    for name, said, figure in (
        ("merchants", "Merchants of whom this process has at hand what was learned.", learned.merchants),
        ("cells", "Learned cells that this process has at hand.", learned.cells),
        ("bytes", "About how much memory they take.", learned.bytes_used),
        ("events_waiting", "Events of these merchants that nobody has learned yet.", learned.events_waiting),
    ):
        Gauge(f"recoup_routing_learned_{name}", said, registry=registry).set_function(figure)
