"""The events of customers and payment methods: written last in the transaction that changed the object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from recoup.db import Connection, due
from recoup.events.core import NewEvent
from recoup.events.store import append, next_object_sequence

METHODS_CHANGED: Final = "event:customer.payment_methods_changed"
"""The kind of due row that says: what this customer pays with is other than it was, or gone."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What happened to an object, and how the API shows the object since."""

    type: str
    object_id: UUID
    shown: msgspec.Struct


async def tell(
    connection: Connection,
    merchant_id: UUID,
    facts: Sequence[Fact],
    *,
    now: datetime,
    new_id: Callable[[], UUID],
) -> None:
    """Append facts to the merchant's stream. Each object's own row must be held, or new."""
    events = []
    numbers: dict[UUID, int] = {}
    for fact in facts:
        number = numbers.get(fact.object_id) or await next_object_sequence(
            connection, merchant_id, fact.object_id
        )
        numbers[fact.object_id] = number + 1
        events.append(
            NewEvent(
                id=new_id(),
                type=fact.type,
                object_id=fact.object_id,
                object_sequence=number,
                data=msgspec.json.encode(fact.shown),
                created_at=now,
            )
        )
    await append(connection, merchant_id, events)


async def methods_changed(
    connection: Connection, merchant_id: UUID, customer_id: UUID | None, *, now: datetime
) -> None:
    """Have those hear of it who charge the customer; of a payment method that nobody has nobody hears."""
    if customer_id is not None:
        await due.put(
            connection, merchant_id=merchant_id, kind=METHODS_CHANGED, object_id=customer_id, due_at=now
        )
