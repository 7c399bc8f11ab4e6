"""Events over HTTP: a page of them, or everything behind a place in the stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from recoup.db import Database
from recoup.events import store
from recoup.events.core import Event
from recoup.http.fields import ListObject, ListQuery
from recoup.http.routes import Call, Route
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import invalid, not_found


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


class EventList(ListObject[EventObject], frozen=True):
    """A page of events: newest first, or in order behind `after_sequence`."""


class EventQuery(ListQuery, frozen=True):
    """Which events."""

    after_sequence: (
        Annotated[int, Meta(ge=0, le=2**63 - 1, description="Only what came after, oldest first.")] | None
    ) = None
    type: Annotated[str, Meta(max_length=100)] | None = None


class EventsApi:
    """The routes of events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                "/v1/events",
                self.page,
                query=EventQuery,
                answer=EventList,
                summary="List events",
                description="With `after_sequence`, everything behind that place in order: prove that you missed none.",
                tag="events",
            ),
            Route(
                "GET",
                "/v1/events/{event}",
                self.read,
                answer=EventObject,
                summary="Read an event",
                tag="events",
            ),
        ]

    async def read(self, call: Call[None, None]) -> EventObject:
        """`GET /v1/events/{id}`."""
        id_ = call.path_id("event", Kind.EVENT)
        event = await store.read(self._database, merchant_id=call.merchant.id, event_id=id_)
        if event is None:
            raise not_found("event", render(Kind.EVENT, id_))
        return event_object(event, livemode=call.merchant.livemode)

    async def page(self, call: Call[None, EventQuery]) -> EventList:
        """`GET /v1/events`."""
        query = call.query
        page = query.page(Kind.EVENT)
        found: Sequence[Event]
        if query.after_sequence is not None:
            if page.after is not None or page.before is not None:
                raise invalid(
                    "one_cursor", "Send `after_sequence` or an id, not both.", param="after_sequence"
                )
            found = await store.after(
                self._database,
                merchant_id=call.merchant.id,
                sequence=query.after_sequence,
                type_=query.type,
                limit=page.fetch,
            )
            shown, more = list(found[: page.limit]), len(found) > page.limit
        else:
            found = await store.newest(
                self._database,
                merchant_id=call.merchant.id,
                before=page.after,
                since=page.before,
                type_=query.type,
                limit=page.fetch,
            )
            shown, more = page.cut(found)
        data = [event_object(one, livemode=call.merchant.livemode) for one in shown]
        return EventList(data=data, has_more=more, url="/v1/events")


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
