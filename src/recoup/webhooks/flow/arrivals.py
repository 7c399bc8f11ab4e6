"""Figures and bounded log lines of the inbox: what came in, what was refused, what came of the rest."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog
from prometheus_client import CollectorRegistry, Counter

from recoup.kit.ids import Kind, render
from recoup.webhooks.core.inbox import Result

QUIET_S: Final = 60.0
"""One line a minute about one account, however many forgeries are sent to it."""
ACCOUNTS_MAX: Final = 10_000

_log: Final = structlog.get_logger("recoup.inbox")


class Arrivals:
    """The inbox's own figures in a registry."""

    def __init__(
        self, registry: CollectorRegistry, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._taken = Counter(
            "recoup_inbound_taken",
            "Webhooks of processors that were stored.",
            ["connector"],
            registry=registry,
        )
        self._again = Counter(
            "recoup_inbound_doubled",
            "Webhooks of processors that were here already.",
            ["connector"],
            registry=registry,
        )
        self._forged = Counter(
            "recoup_inbound_forged",
            "Webhooks that are not proved to be the processor's.",
            ["connector"],
            registry=registry,
        )
        self._read = Counter(
            "recoup_inbound_read",
            "Webhooks of processors, by what came of them.",
            ["connector", "result"],
            registry=registry,
        )
        self._monotonic = monotonic
        self._said: dict[UUID, float] = {}

    def taken(self, connector: str) -> None:
        """Count one that was stored."""
        self._taken.labels(connector).inc()

    def doubled(self, connector: str) -> None:
        """Count one that was here already."""
        self._again.labels(connector).inc()

    def read(self, connector: str, result: Result) -> None:
        """Count one that was read."""
        self._read.labels(connector, result.value).inc()

    def forged(self, connector: str, account_id: UUID, why: str) -> None:
        """Count a forgery, and say so unless that was said of this account a moment ago."""
        self._forged.labels(connector).inc()
        now = self._monotonic()
        if now - self._said.get(account_id, -QUIET_S) < QUIET_S:
            return
        if len(self._said) >= ACCOUNTS_MAX:
            self._said.clear()
        self._said[account_id] = now
        shown = render(Kind.PROCESSOR_ACCOUNT, account_id)
        _log.warning("inbox.forged", connector=connector, processor_account=shown, why=why)
