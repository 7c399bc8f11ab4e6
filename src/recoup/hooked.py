"""Puts the outbox together: endpoints, the following of events, the sending, the figures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final
from uuid import UUID

from prometheus_client import CollectorRegistry

from recoup.db import Database
from recoup.http.routes import Route
from recoup.kit.clock import Clock
from recoup.kit.ids import Entropy
from recoup.merchants.core import Merchant
from recoup.merchants.flow import Sealer
from recoup.settings import Settings
from recoup.webhooks.api.deliveries import WebhookDeliveriesApi
from recoup.webhooks.api.endpoints import WebhookEndpointsApi
from recoup.webhooks.core.addresses import read_networks
from recoup.webhooks.flow.deliveries import Deliveries
from recoup.webhooks.flow.endpoints import WebhookEndpoints
from recoup.webhooks.flow.figures import Figures
from recoup.webhooks.flow.following import Following
from recoup.webhooks.flow.outbox import Outbox
from recoup.webhooks.flow.sending import Sender

TIDY_S: Final = 3600.0
MEASURE_S: Final = 15.0

FACTS: Final = {
    "webhook_endpoint.created": "A webhook endpoint was added.",
    "webhook_endpoint.updated": "A webhook endpoint was changed.",
    "webhook_endpoint.enabled": "A webhook endpoint was enabled again, and goes on where it was.",
    "webhook_endpoint.disabled": "A webhook endpoint was disabled: by you, or because it failed for days or is gone.",
    "webhook_endpoint.deleted": "A webhook endpoint was deleted.",
    "webhook_endpoint.secret_rotated": "The signing secret of a webhook endpoint was changed.",
    "webhook_endpoint.ping": "You asked for a test of a webhook endpoint; no other endpoint is sent this.",
}
"""The events of webhook endpoints."""


class Webhooks:
    """Every part of the outbox, wired. `types` are all event types that there are."""

    def __init__(  # noqa: PLR0913 - what a whole subject is made of
        self,
        database: Database,
        settings: Settings,
        *,
        sealer: Sealer,
        merchant: Callable[[UUID], Awaitable[Merchant | None]],
        clock: Clock,
        new_id: Callable[[], UUID],
        entropy: Entropy,
        registry: CollectorRegistry,
        types: Collection[str],
    ) -> None:
        networks = read_networks(settings.webhook_networks)
        self._database = database
        self._poll_s = settings.worker_poll_s
        self.endpoints = WebhookEndpoints(
            database,
            sealer=sealer,
            clock=clock,
            new_id=new_id,
            entropy=entropy,
            types=types,
            allowed=networks,
        )
        self.following = Following(database, clock=clock, new_id=new_id)
        self.deliveries = Deliveries(database, following=self.following, clock=clock)
        self.sender = Sender(clock=clock, allowed=networks)
        self.outbox = Outbox(
            database,
            endpoints=self.endpoints,
            following=self.following,
            sender=self.sender,
            merchant=merchant,
            clock=clock,
            chance=lambda: int.from_bytes(entropy(4), "big") / 2**32,
            figures=Figures(registry),
        )

    async def open(self) -> None:
        """Make ready to send."""
        await self.sender.open()

    async def close(self) -> None:
        """Close connections to endpoints."""
        await self.sender.close()

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until `stop` is set."""
        await self.outbox.run(stop, poll_s=self._poll_s)

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            *WebhookEndpointsApi(self._database, self.endpoints).routes(),
            *WebhookDeliveriesApi(self.deliveries).routes(),
        ]

    def chores(self) -> list[tuple[str, float, Callable[[], Awaitable[object]]]]:
        """What is done again and again: its name, how many seconds apart, and what."""
        return [
            ("old deliveries", TIDY_S, self.outbox.forget_old),
            ("webhook backlog", MEASURE_S, self.outbox.measure),
        ]
