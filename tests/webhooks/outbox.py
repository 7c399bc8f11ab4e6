"""Short words for the tests of the outbox: endpoints, events, and delivering until nothing is due."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from tests.payments.house import House

from recoup.events import store
from recoup.events.core import NewEvent
from recoup.merchants.core import Merchant
from recoup.webhooks.core.deliveries import Attempt, Delivery
from recoup.webhooks.core.endpoints import Endpoint
from recoup.webhooks.core.signing import SigningSecret
from recoup.webhooks.flow.endpoints import NewEndpoint

ROUNDS_MAX = 1000


async def endpoint(
    house: House, merchant: Merchant, url: str, *events: str, enabled: bool = True
) -> tuple[Endpoint, SigningSecret]:
    """A new endpoint."""
    new = NewEndpoint(url, events or ("*",), "", {}, enabled)
    async with house.database.transaction() as connection:
        return await house.webhooks.endpoints.create(connection, merchant, new, now=house.now)


async def change(house: House, merchant: Merchant, endpoint: Endpoint, **changes: Any) -> Endpoint:
    """Change an endpoint."""
    async with house.database.transaction() as connection:
        return await house.webhooks.endpoints.update(
            connection, merchant, endpoint.id, changes=changes, now=house.now
        )


async def happen(
    house: House, merchant: Merchant, object_id: UUID, *numbers: int, type_: str = "payment.captured"
) -> None:
    """Events of an object."""
    events = [
        NewEvent(
            house.new_id(),
            type_,
            object_id,
            number,
            msgspec.json.encode({"of": str(object_id), "number": number}),
            house.now,
        )
        for number in numbers
    ]
    async with house.database.transaction() as connection:
        await store.append(connection, merchant.id, events)


async def deliver(house: House) -> None:
    """Deliver until nothing is due at this time."""
    outbox = house.webhooks.outbox
    for _ in range(ROUNDS_MAX):
        found = await outbox.round()
        await outbox.quiet()
        if not found:
            return
    raise AssertionError("it does not end")


async def wait(house: House, **by: float) -> None:
    """Let time pass, and deliver."""
    house.clock.advance(timedelta(**by))
    await deliver(house)


async def deliveries(house: House, merchant: Merchant, endpoint: Endpoint) -> Sequence[Delivery]:
    """An endpoint's deliveries, the oldest event first."""
    newest, _ = await house.webhooks.deliveries.page(
        merchant, endpoint.id, after=None, before=None, status=None, limit=1000
    )
    return list(reversed(newest))


async def attempts(house: House, merchant: Merchant, delivery: Delivery) -> Sequence[Attempt]:
    """A delivery's attempts."""
    return (await house.webhooks.deliveries.get(merchant, delivery.id))[1]
