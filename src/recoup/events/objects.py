"""An event as the API shows it, and as it is delivered: the same bytes."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from recoup.events.core import Event
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render


class EventData(Struct, kw_only=True, frozen=True):
    """What the event is about."""

    object: Annotated[dict[str, Any], Meta(description="The object as it was when the event happened.")]


class EventObject(Struct, kw_only=True, frozen=True):
    """A fact that happened, with its place in the merchant's stream and in its object's."""

    id: str
    object: Literal["event"] = "event"
    type: Annotated[str, Meta(description="`subject.fact`, such as `payment.captured`.")]
    sequence: Annotated[int, Meta(description="Its place in the stream of all your events, without gaps.")]
    object_sequence: Annotated[
        int, Meta(description="Its place among the events of the same object, without gaps.")
    ]
    data: EventData
    created_at: str
    livemode: bool


def event_object(event: Event, *, livemode: bool) -> EventObject:
    """An event as the API shows it."""
    held = event.data if isinstance(event.data, dict) else {}
    return EventObject(
        id=render(Kind.EVENT, event.id),
        type=event.type,
        sequence=event.sequence,
        object_sequence=event.object_sequence,
        data=EventData(object=held),
        created_at=rfc3339(event.created_at),
        livemode=livemode,
    )


_encode: Final = msgspec.json.Encoder().encode


def event_body(event: Event, *, livemode: bool) -> bytes:
    """The same as JSON: an event never changes, so these bytes do not either."""
    return _encode(event_object(event, livemode=livemode))
