"""Follows merchants' events and makes them deliveries: in one transaction with the place reached, so each once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database
from recoup.kit.clock import Clock
from recoup.webhooks.core.endpoints import Endpoint
from recoup.webhooks.store import endpoints as store
from recoup.webhooks.store import queueing
from recoup.webhooks.store.queueing import Heard, NewDelivery

EVENTS_AT_ONCE: Final = 500
LANES_MAX: Final = 10_000
"""Objects that may wait at one endpoint. One that is not reached takes up no more events until some have arrived: they
stay where they are, in the stream."""


class Following:
    """Makes events deliveries of the endpoints that want them."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        new_id: Callable[[], UUID],
        events_at_once: int = EVENTS_AT_ONCE,
        lanes_max: int = LANES_MAX,
    ) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._events_at_once = events_at_once
        self._lanes_max = lanes_max

    async def follow(self, merchant_id: UUID, *, without: Collection[UUID] = ()) -> int:
        """Take up a batch of the merchant's events for each place that its endpoints have reached; how many
        events those were. Endpoints in `without` stay where they are."""

        async def work(connection: Connection) -> int:
            by_place: dict[int, list[Endpoint]] = defaultdict(list)
            for endpoint in await store.behind(connection, merchant_id=merchant_id):
                if endpoint.id not in without and await self._has_room(connection, merchant_id, endpoint):
                    by_place[endpoint.sequence].append(endpoint)
            taken = 0
            for place, endpoints in sorted(by_place.items()):
                taken += await self._take_up(connection, merchant_id, endpoints, after=place)
            return taken

        return await self._database.retrying(work)

    async def _has_room(self, connection: Connection, merchant_id: UUID, endpoint: Endpoint) -> bool:
        whose = {"merchant_id": merchant_id, "endpoint_id": endpoint.id}
        return await queueing.lanes_open(connection, **whose, limit=self._lanes_max) < self._lanes_max

    async def _take_up(
        self, connection: Connection, merchant_id: UUID, endpoints: Sequence[Endpoint], *, after: int
    ) -> int:
        events = await queueing.heard(
            connection, merchant_id=merchant_id, after=after, limit=self._events_at_once
        )
        if not events:
            return 0
        wanted = self.wanted(events, endpoints)
        if wanted:
            await queueing.queue(connection, wanted, merchant_id=merchant_id, now=self._clock.now())
        ids = [endpoint.id for endpoint in endpoints]
        await store.advance(connection, ids, merchant_id=merchant_id, upto=events[-1].sequence)
        return len(events)

    def wanted(self, events: Sequence[Heard], endpoints: Sequence[Endpoint]) -> list[NewDelivery]:
        """The deliveries that these events are for these endpoints."""
        return [
            NewDelivery(endpoint.id, self._new_id(), event)
            for endpoint in endpoints
            for event in events
            if endpoint.wants(event.type, object_id=event.object_id)
        ]
