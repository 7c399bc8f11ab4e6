"""Counts and durations of requests, by route template: never by the path itself, which names people's objects."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS_S: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The edge's own figures in a registry. Children are kept, because finding one costs more than counting."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "recoup_http_requests",
            "Requests answered, by route and status.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "recoup_http_request_seconds",
            "Time from a request's headers to its answer, by route.",
            ["method", "route"],
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self.in_flight = Gauge(
            "recoup_http_requests_in_flight", "Requests being worked on now.", registry=registry
        )
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._histograms: dict[tuple[str, str], Histogram] = {}

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer. `method` and `route` must come from our own table, so that their number is bounded."""
        counter = self._counters.get((method, route, status))
        if counter is None:
            counter = self._counters[method, route, status] = self._requests.labels(
                method, route, str(status)
            )
        counter.inc()
        histogram = self._histograms.get((method, route))
        if histogram is None:
            histogram = self._histograms[method, route] = self._seconds.labels(method, route)
        histogram.observe(seconds)
