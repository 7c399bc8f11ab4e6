"""What the edge is given by those who put the parts together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from recoup.db import Database
from recoup.http.idempotency import Resume
from recoup.http.routes import Caller
from recoup.kit.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The edge's neighbours."""

    authenticate: Callable[[str], Awaitable[Caller | None]]
    """Whose API key this is; None where it opens nothing."""
    clock: Clock
    database: Database
    fingerprint: Callable[[bytes], bytes]
    """A keyed hash: requests hold card numbers, which a plain hash of them would give away."""
    new_request_id: Callable[[], str]
    ready: Callable[[], Awaitable[bool]]
    registry: CollectorRegistry
    resume: Mapping[str, Resume] = field(default_factory=dict)
    """By resource name: how a subject answers for an object whose first request died."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An event type, for the documentation. `payload` is the type of what is delivered."""

    type: str
    summary: str
    payload: Any
    example: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the documents say of the whole API."""

    title: str = "Recoup"
    summary: str = "The self-hosted payment API that gets declined payments paid."
    docs_url: str = "/docs"
    base_url: str = "http://127.0.0.1:8080"
    """Where the examples of the reference send their requests."""
    tags: Mapping[str, str] = field(default_factory=dict)
    """What each tag is about, in the order in which the reference shows them; tags left out follow."""
    webhooks: Sequence[Webhook] = ()
