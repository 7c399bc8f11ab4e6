"""One change of a message in one transaction, onto the version it was read at, with its events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.db import Connection
from recoup.events.core import NewEvent
from recoup.events.store import append
from recoup.merchants.core import Merchant
from recoup.messages import store
from recoup.messages.core.machine import News, Status, moved
from recoup.messages.core.records import Message
from recoup.messages.links import Links
from recoup.messages.objects import message_object

DUE: Final = "customer_message.due"
UNSUBSCRIBED: Final = "customer_message.unsubscribed"
_TOLD: Final = {
    Status.SENT: "customer_message.sent",
    Status.KEPT: "customer_message.kept",
    Status.UNKNOWN: "customer_message.unknown",
    Status.FAILED: "customer_message.failed",
    Status.BOUNCED: "customer_message.bounced",
}
"""What is told when a message gets there; the other states pass."""


def changed(message: Message, news: News, now: datetime, **more: Any) -> Message:
    """A message after a news, with what else that changes."""
    return replace(
        message,
        status=moved(message.status, news),
        version=message.version + 1,
        updated_at=now,
        **({"next_at": None} | more),
    )


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes messages."""

    new_id: Callable[[], UUID]
    links: Links

    async def begin(self, connection: Connection, merchant: Merchant, new: Message) -> bool:
        """Write a new message; False where somebody else was quicker. Once more writes nothing, and is true."""
        happened = (DUE,) if new.status is Status.DUE else ()
        new = replace(new, events_count=len(happened))
        if not await store.insert(connection, new):
            return await store.read(connection, merchant_id=merchant.id, message_id=new.id) is not None
        await append(connection, merchant.id, self._events(merchant, new, happened))
        return True

    async def write(
        self,
        connection: Connection,
        merchant: Merchant,
        before: Message,
        after: Message,
        *,
        told: str | None = None,
    ) -> bool:
        """Write a change; False where the message has moved on meanwhile."""
        happened = [told] if told is not None else []
        if after.status is not before.status and after.status in _TOLD:
            happened.append(_TOLD[after.status])
        after = replace(after, events_count=before.events_count + len(happened))
        if not await store.save(connection, after, expected=before.version):
            return False
        await append(connection, merchant.id, self._events(merchant, after, happened))
        return True

    def link(self, message: Message) -> str:
        """Where the customer of a message pays."""
        return self.links.pay(message.merchant_id, message.recovery_id, until=message.link_until)

    def _events(self, merchant: Merchant, after: Message, happened: Sequence[str]) -> list[NewEvent]:
        if not happened:
            return []
        shown = msgspec.json.encode(message_object(after, link=self.link(after), livemode=merchant.livemode))
        first = after.events_count - len(happened) + 1
        return [
            NewEvent(self.new_id(), type_, after.id, first + place, shown, after.updated_at)
            for place, type_ in enumerate(happened)
        ]
