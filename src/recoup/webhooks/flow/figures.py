"""Figures of the outbox: what was sent with which result, what waits, and for how long."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from recoup.webhooks.core.schedule import Answered
from recoup.webhooks.store.reading import Backlog

_BUCKETS_S: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0)


class Figures:
    """The outbox's own figures in a registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        requests = Counter(
            "recoup_webhook_requests",
            "Requests to webhook endpoints, by result.",
            ["result"],
            registry=registry,
        )
        self._by_result = {
            result: requests.labels(result) for result in ("delivered", "refused", "unanswered")
        }
        self._parked = Counter(
            "recoup_webhook_parked", "Deliveries given up after three days.", registry=registry
        )
        self._disabled = Counter(
            "recoup_webhook_endpoints_disabled", "Endpoints disabled after failing.", registry=registry
        )
        self._seconds = Histogram(
            "recoup_webhook_request_seconds", "Time of a request.", buckets=_BUCKETS_S, registry=registry
        )
        self._pending = Gauge(
            "recoup_webhook_backlog", "Deliveries pending at endpoints that are enabled.", registry=registry
        )
        self._behind = Gauge(
            "recoup_webhook_behind", "Events that such endpoints have not taken up yet.", registry=registry
        )
        self._oldest = Gauge(
            "recoup_webhook_oldest_seconds", "Age of what has waited longest there.", registry=registry
        )

    def answered(self, answered: Answered, *, seconds: float) -> None:
        """Count a request."""
        result = "unanswered" if answered.status is None else "refused"
        self._by_result["delivered" if answered.is_success else result].inc()
        self._seconds.observe(seconds)

    def parked(self) -> None:
        """Count a delivery that was given up."""
        self._parked.inc()

    def disabled(self) -> None:
        """Count an endpoint that was disabled."""
        self._disabled.inc()

    def waiting(self, backlog: Backlog, *, now: datetime) -> None:
        """Show what waits."""
        self._pending.set(backlog.pending)
        self._behind.set(backlog.behind)
        age = 0.0 if backlog.oldest_at is None else (now - backlog.oldest_at).total_seconds()
        self._oldest.set(max(age, 0.0))
