"""Events over HTTP: a page of them, or everything behind a place in the stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from recoup.db import Database
from recoup.events import store
from recoup.events.core import Event
from recoup.events.objects import EventObject as EventObject
from recoup.events.objects import event_object as event_object
from recoup.http.fields import ListObject, ListQuery
from recoup.http.routes import Call, Route
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import invalid, not_found


class EventList(ListObject[EventObject], kw_only=True, frozen=True):
    """A page of events: newest first, or in order behind `after_sequence`."""

    latest_sequence: Annotated[
        int,
        Meta(
            description="The place of your newest event: whoever has one for every number up to it has them all."
        ),
    ]


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
        latest = await store.last_sequence(self._database, merchant_id=call.merchant.id)
        return EventList(data=data, has_more=more, url="/v1/events", latest_sequence=latest)
