"""Deliveries: one event for one endpoint, with every request that was made for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.events.core import Event
from recoup.webhooks.core.schedule import Answered, Next

REPLY_BYTES_KEPT: Final = 4096
REPLAYED_MAX: Final = 10_000
"""Deliveries that one call queues again."""
KEPT_FOR: Final = timedelta(days=30)
"""Deliveries that have ended are forgotten after this; their events are not."""


class Status(StrEnum):
    """Where a delivery is."""

    PENDING = "pending"
    """Waiting for its turn, under way, or waiting to be tried again."""
    DELIVERED = "delivered"
    PARKED = "parked"
    """Given up after three days, or because its endpoint was deleted. It can be replayed."""


MOVES: Final[Mapping[Status, frozenset[Status]]] = {
    Status.PENDING: frozenset({Status.DELIVERED, Status.PARKED}),
    Status.DELIVERED: frozenset({Status.PENDING}),
    Status.PARKED: frozenset({Status.PENDING}),
}
"""What a delivery may become; back to pending only by a replay."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery; `next_at` is when it is next looked at, None where it has ended or its endpoint is not enabled."""

    id: UUID
    endpoint_id: UUID
    event_id: UUID
    event_type: str
    sequence: int
    object_id: UUID
    status: Status
    attempts: int
    created_at: datetime
    finished_at: datetime | None
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and what came back."""

    delivery_id: UUID
    number: int
    at: datetime
    latency_ms: int
    http_status: int | None
    reply: str | None = field(repr=False)
    error: str | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """The first pending delivery of a lane, ours until `lease`."""

    endpoint_id: UUID
    object_id: UUID
    lease: datetime
    tries: int
    trying_since: datetime | None
    delivery_id: UUID
    attempts: int
    event: Event


@dataclass(frozen=True, slots=True)
class Tried:
    """A claimed delivery after its request, and what follows."""

    claimed: Claimed
    at: datetime
    latency_ms: int
    answered: Answered
    next: Next
