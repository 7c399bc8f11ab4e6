"""What can be asked about deliveries, and how they are sent again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from recoup.db import Connection, Database, Queries
from recoup.kit.clock import Clock
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import conflict, invalid, not_found
from recoup.merchants.core import Merchant
from recoup.webhooks.core.deliveries import REPLAYED_MAX, Attempt, Delivery, Status
from recoup.webhooks.core.endpoints import Endpoint, State, not_now
from recoup.webhooks.flow.following import EVENTS_AT_ONCE, Following
from recoup.webhooks.store import endpoints as endpoint_store
from recoup.webhooks.store import queueing
from recoup.webhooks.store import reading as store


class Deliveries:
    """Deliveries of a merchant's endpoints, read and replayed."""

    def __init__(self, database: Database, *, following: Following, clock: Clock) -> None:
        self._database = database
        self._following = following
        self._clock = clock

    async def get(
        self, merchant: Merchant, delivery_id: UUID, *, queries: Queries | None = None
    ) -> tuple[Delivery, Sequence[Attempt]]:
        """One delivery and its attempts; refuses with 404."""
        queries = queries or self._database
        found = await store.delivery(queries, merchant_id=merchant.id, delivery_id=delivery_id)
        if found is None:
            raise _no_delivery(delivery_id)
        return found, await store.attempts(queries, [found.id], merchant_id=merchant.id)

    async def page(
        self,
        merchant: Merchant,
        endpoint_id: UUID,
        *,
        after: UUID | None,
        before: UUID | None,
        status: Status | None,
        limit: int,
    ) -> tuple[Sequence[Delivery], Mapping[UUID, Sequence[Attempt]]]:
        """An endpoint's deliveries, the newest event first (with `before` the oldest), each with its last attempt."""
        if (
            await endpoint_store.read(self._database, merchant_id=merchant.id, endpoint_id=endpoint_id)
            is None
        ):
            raise _no_endpoint(endpoint_id)
        found = await store.page(
            self._database,
            merchant_id=merchant.id,
            endpoint_id=endpoint_id,
            after=after,
            before=before,
            status=status,
            limit=limit,
        )
        last = await store.attempts(
            self._database, [one.id for one in found], merchant_id=merchant.id, limit=1
        )
        by_delivery: dict[UUID, list[Attempt]] = defaultdict(list)
        for one in last:
            by_delivery[one.delivery_id].append(one)
        return found, by_delivery

    async def replay(
        self, connection: Connection, merchant: Merchant, endpoint_id: UUID, delivery_id: UUID
    ) -> tuple[Delivery, Sequence[Attempt]]:
        """Send one delivery again; refuses with 409 where it is pending anyhow."""
        await self._enabled(connection, merchant, endpoint_id)
        found, _ = await self.get(merchant, delivery_id, queries=connection)
        if found.endpoint_id != endpoint_id:
            raise _no_delivery(delivery_id)
        now = self._clock.now()
        if not await queueing.requeue(connection, merchant_id=merchant.id, delivery_id=delivery_id, now=now):
            raise conflict(
                "delivery_pending", "This delivery is pending: it will be tried without your help."
            )
        return await self.get(merchant, delivery_id, queries=connection)

    async def replay_parked(
        self, connection: Connection, merchant: Merchant, endpoint_id: UUID
    ) -> tuple[int, bool]:
        """Send what was given up again, at most `REPLAYED_MAX`; how many, and whether there are more."""
        await self._enabled(connection, merchant, endpoint_id)
        count = await queueing.requeue_parked(
            connection,
            merchant_id=merchant.id,
            endpoint_id=endpoint_id,
            limit=REPLAYED_MAX,
            now=self._clock.now(),
        )
        return count, count == REPLAYED_MAX

    async def replay_range(
        self, connection: Connection, merchant: Merchant, endpoint_id: UUID, *, after: int, upto: int
    ) -> int:
        """Send the events behind `after` up to `upto` that the endpoint wants, also those of before it was there; how
        many are pending that were not."""
        if not 0 < upto - after <= REPLAYED_MAX:
            raise invalid(
                "replay_range",
                f"`to_sequence` must be beyond `after_sequence`, by {REPLAYED_MAX} at most.",
                param="to_sequence",
            )
        endpoint = await self._enabled(connection, merchant, endpoint_id)
        end, queued, reached = min(upto, endpoint.sequence), 0, after
        while reached < end:
            events = await queueing.heard(
                connection, merchant_id=merchant.id, after=reached, upto=end, limit=EVENTS_AT_ONCE
            )
            if not events:
                break
            wanted = self._following.wanted(events, [endpoint])
            queued += await queueing.queue(connection, wanted, merchant_id=merchant.id, now=self._clock.now())
            reached = events[-1].sequence
        return queued

    async def _enabled(self, connection: Connection, merchant: Merchant, endpoint_id: UUID) -> Endpoint:
        """The endpoint, held: its place in the stream stays where it is."""
        stored = await endpoint_store.lock(connection, merchant_id=merchant.id, endpoint_id=endpoint_id)
        if stored is None:
            raise _no_endpoint(endpoint_id)
        if stored.endpoint.state is not State.ENABLED:
            raise not_now(stored.endpoint.state)
        return stored.endpoint


def _no_delivery(delivery_id: UUID) -> Exception:
    return not_found("webhook delivery", render(Kind.WEBHOOK_DELIVERY, delivery_id))


def _no_endpoint(endpoint_id: UUID) -> Exception:
    return not_found("webhook endpoint", render(Kind.WEBHOOK_ENDPOINT, endpoint_id))
