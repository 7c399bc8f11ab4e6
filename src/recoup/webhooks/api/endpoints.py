"""Webhook endpoints over HTTP. A signing secret is shown in one answer, and is in none that is kept to be replayed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec
from msgspec import UNSET

from recoup.db import Connection, Database
from recoup.events.objects import EventObject, event_object
from recoup.events.store import read as read_event
from recoup.http import idempotency
from recoup.http.routes import Call, Idempotency, ListQuery, Problem, Reply, Route
from recoup.kit.ids import Kind, render
from recoup.webhooks.api.shapes import (
    CreateWebhookEndpoint,
    RotateSecret,
    TestWebhookEndpoint,
    UpdateWebhookEndpoint,
    WebhookEndpointList,
)
from recoup.webhooks.flow.endpoints import NewEndpoint, WebhookEndpoints
from recoup.webhooks.objects import WebhookEndpointObject, endpoint_object

_TAG: Final = "webhooks"
_PATH: Final = "/v1/webhook_endpoints"
_ONE: Final = f"{_PATH}/{{webhook_endpoint}}"
_BAD_URL: Final = tuple(
    Problem(code, 400) for code in ("invalid_url", "url_not_secure", "url_forbidden", "event_type_unknown")
)
_DELETED: Final = "webhook_endpoint_deleted"


class WebhookEndpointsApi:
    """The routes of webhook endpoints."""

    def __init__(self, database: Database, endpoints: WebhookEndpoints) -> None:
        self._database = database
        self._endpoints = endpoints

    def routes(self) -> list[Route]:
        """The routes."""
        return [*self._routes_of_all(), *self._routes_of_one(), *self._acts()]

    def _routes_of_all(self) -> Sequence[Route]:
        return [
            Route(
                "POST",
                _PATH,
                self.create,
                body=CreateWebhookEndpoint,
                answer=WebhookEndpointObject,
                status=201,
                summary="Add a webhook endpoint",
                description="The answer has the signing secret, this once: a request that is repeated with its "
                "`Idempotency-Key` is answered without it.",
                tag=_TAG,
                idempotency=Idempotency.FLOW,
                errors=("webhook_endpoint_limit", *_BAD_URL, Problem("metadata_limit", 400)),
                examples={
                    "hear of payments": {"url": "https://shop.example/webhooks", "events": ["payment.*"]}
                },
            ),
            Route(
                "GET",
                _PATH,
                self.list,
                query=ListQuery,
                answer=WebhookEndpointList,
                summary="List webhook endpoints",
                tag=_TAG,
            ),
        ]

    def _routes_of_one(self) -> Sequence[Route]:
        return [
            Route(
                "GET",
                _ONE,
                self.read,
                answer=WebhookEndpointObject,
                summary="Read a webhook endpoint",
                tag=_TAG,
            ),
            Route(
                "POST",
                _ONE,
                self.update,
                body=UpdateWebhookEndpoint,
                answer=WebhookEndpointObject,
                summary="Update a webhook endpoint",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(_DELETED, *_BAD_URL, Problem("metadata_limit", 400)),
                examples={"enable it again": {"enabled": True}},
            ),
            Route(
                "DELETE",
                _ONE,
                self.delete,
                answer=WebhookEndpointObject,
                summary="Delete a webhook endpoint",
                description="It is disabled for good, and what was pending is parked. It can still be read.",
                tag=_TAG,
            ),
        ]

    def _acts(self) -> Sequence[Route]:
        return [
            Route(
                "POST",
                f"{_ONE}/rotate_secret",
                self.rotate,
                body=RotateSecret,
                answer=WebhookEndpointObject,
                summary="Change the signing secret",
                description="The answer has the new secret, this once. Until the overlap ends every request is signed "
                "with both.",
                tag=_TAG,
                idempotency=Idempotency.FLOW,
                errors=(_DELETED,),
            ),
            Route(
                "POST",
                f"{_ONE}/test",
                self.test,
                body=TestWebhookEndpoint,
                answer=EventObject,
                status=201,
                summary="Send a test event",
                description="A `webhook_endpoint.ping` event, delivered to this endpoint only, whatever its filters.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(_DELETED, "webhook_endpoint_disabled"),
            ),
        ]

    async def create(self, call: Call[CreateWebhookEndpoint, None]) -> Reply:
        """POST /v1/webhook_endpoints."""
        body = call.body
        new = NewEndpoint(body.url, body.events, body.description, body.metadata, body.enabled)
        livemode = call.merchant.livemode

        async def work(connection: Connection) -> tuple[WebhookEndpointObject, WebhookEndpointObject]:
            made, secret = await self._endpoints.create(connection, call.merchant, new, now=call.now)
            return (
                endpoint_object(made, livemode=livemode, secrets=[secret], shown=secret),
                endpoint_object(made, livemode=livemode, secrets=[secret]),
            )

        return await self._once(call, 201, work)

    async def rotate(self, call: Call[RotateSecret, None]) -> Reply:
        """POST /v1/webhook_endpoints/{webhook_endpoint}/rotate_secret."""
        id_ = call.path_id("webhook_endpoint", Kind.WEBHOOK_ENDPOINT)
        overlap, livemode = timedelta(seconds=call.body.overlap_s), call.merchant.livemode

        async def work(connection: Connection) -> tuple[WebhookEndpointObject, WebhookEndpointObject]:
            changed, secrets = await self._endpoints.rotate(
                connection, call.merchant, id_, overlap=overlap, now=call.now
            )
            return (
                endpoint_object(changed, livemode=livemode, secrets=secrets, shown=secrets[0]),
                endpoint_object(changed, livemode=livemode, secrets=secrets),
            )

        return await self._once(call, 200, work)

    async def _once(self, call: Call[Any, None], status: int, work: Any) -> Reply:
        """Claim the key, do the work and record its answer without the secret, in one transaction."""
        async with self._database.transaction() as connection:
            if call.claim is not None:
                await idempotency.claim(connection, merchant_id=call.merchant.id, claim=call.claim)
            shown, kept = await work(connection)
            if call.claim is not None:
                body = msgspec.json.encode(kept)
                await idempotency.record(
                    connection, merchant_id=call.merchant.id, key=call.claim.key, status=status, body=body
                )
        return Reply(status, msgspec.json.encode(shown))

    async def read(self, call: Call[None, None]) -> WebhookEndpointObject:
        """GET /v1/webhook_endpoints/{webhook_endpoint}."""
        id_ = call.path_id("webhook_endpoint", Kind.WEBHOOK_ENDPOINT)
        endpoint, secrets = await self._endpoints.get(call.merchant, id_)
        return endpoint_object(endpoint, livemode=call.merchant.livemode, secrets=secrets)

    async def list(self, call: Call[None, ListQuery]) -> WebhookEndpointList:
        """GET /v1/webhook_endpoints."""
        page = call.query.page(Kind.WEBHOOK_ENDPOINT)
        found = await self._endpoints.page(
            call.merchant, after=page.after, before=page.before, limit=page.fetch
        )
        shown, has_more = page.cut(found)
        data = [endpoint_object(one, livemode=call.merchant.livemode) for one in shown]
        return WebhookEndpointList(data=data, has_more=has_more, url=_PATH)

    async def update(self, call: Call[UpdateWebhookEndpoint, None]) -> WebhookEndpointObject:
        """POST /v1/webhook_endpoints/{webhook_endpoint}."""
        id_ = call.path_id("webhook_endpoint", Kind.WEBHOOK_ENDPOINT)
        said = msgspec.structs.asdict(call.body)
        changes = {name: value for name, value in said.items() if value is not UNSET}
        changed = await self._endpoints.update(
            call.transaction(), call.merchant, id_, changes=changes, now=call.now
        )
        return endpoint_object(changed, livemode=call.merchant.livemode)

    async def delete(self, call: Call[None, None]) -> WebhookEndpointObject:
        """DELETE /v1/webhook_endpoints/{webhook_endpoint}."""
        id_ = call.path_id("webhook_endpoint", Kind.WEBHOOK_ENDPOINT)
        deleted = await self._endpoints.delete(call.merchant, id_, now=call.now)
        return endpoint_object(deleted, livemode=call.merchant.livemode)

    async def test(self, call: Call[TestWebhookEndpoint, None]) -> EventObject:
        """POST /v1/webhook_endpoints/{webhook_endpoint}/test."""
        id_ = call.path_id("webhook_endpoint", Kind.WEBHOOK_ENDPOINT)
        connection = call.transaction()
        event = await self._endpoints.ping(connection, call.merchant, id_, now=call.now)
        stored = await read_event(connection, merchant_id=call.merchant.id, event_id=event.id)
        assert stored is not None, f"{render(Kind.EVENT, event.id)} was written in this transaction"
        return event_object(stored, livemode=call.merchant.livemode)
