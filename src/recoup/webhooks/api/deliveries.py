"""Deliveries over HTTP: what was sent, what came back, and sending it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from recoup.http.routes import Call, Idempotency, Problem, Route
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import invalid
from recoup.webhooks.api.shapes import (
    DeliveryQuery,
    ReplayDeliveries,
    ReplayDelivery,
    WebhookDeliveryList,
    WebhookReplayObject,
)
from recoup.webhooks.flow.deliveries import Deliveries
from recoup.webhooks.objects import WebhookDeliveryObject, delivery_object

_TAG: Final = "webhooks"
_ONE: Final = "/v1/webhook_endpoints/{webhook_endpoint}"
_OFF: Final = ("webhook_endpoint_disabled", "webhook_endpoint_deleted")


class WebhookDeliveriesApi:
    """The routes of deliveries."""

    def __init__(self, deliveries: Deliveries) -> None:
        self._deliveries = deliveries

    def routes(self) -> list[Route]:
        """The routes."""
        return [*self._reading(), *self._replaying()]

    def _reading(self) -> Sequence[Route]:
        return [
            Route(
                "GET",
                f"{_ONE}/deliveries",
                self.list_deliveries,
                query=DeliveryQuery,
                answer=WebhookDeliveryList,
                summary="List an endpoint's deliveries",
                description="By the place of their events, the newest first. Kept for 30 days after they have ended.",
                tag=_TAG,
            ),
            Route(
                "GET",
                "/v1/webhook_deliveries/{webhook_delivery}",
                self.read_delivery,
                answer=WebhookDeliveryObject,
                summary="Read a delivery and its attempts",
                tag=_TAG,
            ),
        ]

    def _replaying(self) -> Sequence[Route]:
        return [
            Route(
                "POST",
                f"{_ONE}/deliveries/{{webhook_delivery}}/replay",
                self.replay_delivery,
                body=ReplayDelivery,
                answer=WebhookDeliveryObject,
                summary="Send a delivery again",
                description="The same event with the same `webhook-id`, behind what its object has pending before it.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=("delivery_pending", *_OFF),
            ),
            Route(
                "POST",
                f"{_ONE}/replay",
                self.replay_many,
                body=ReplayDeliveries,
                answer=WebhookReplayObject,
                summary="Send many deliveries again",
                description="Everything that was given up, or the events of a range that the endpoint's filters take.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(Problem("replay_what", 400), Problem("replay_range", 400), *_OFF),
                examples={
                    "what was given up": {"failed": True},
                    "a range": {"after_sequence": 100, "to_sequence": 200},
                },
            ),
        ]

    async def list_deliveries(self, call: Call[None, DeliveryQuery]) -> WebhookDeliveryList:
        """GET /v1/webhook_endpoints/{webhook_endpoint}/deliveries."""
        id_ = call.path_id("webhook_endpoint", Kind.WEBHOOK_ENDPOINT)
        page = call.query.page(Kind.WEBHOOK_DELIVERY)
        found, attempts = await self._deliveries.page(
            call.merchant,
            id_,
            after=page.after,
            before=page.before,
            status=call.query.status,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        livemode = call.merchant.livemode
        data = [delivery_object(one, attempts.get(one.id, ()), livemode=livemode) for one in shown]
        url = f"/v1/webhook_endpoints/{render(Kind.WEBHOOK_ENDPOINT, id_)}/deliveries"
        return WebhookDeliveryList(data=data, has_more=has_more, url=url)

    async def read_delivery(self, call: Call[None, None]) -> WebhookDeliveryObject:
        """GET /v1/webhook_deliveries/{webhook_delivery}."""
        id_ = call.path_id("webhook_delivery", Kind.WEBHOOK_DELIVERY)
        found, attempts = await self._deliveries.get(call.merchant, id_)
        return delivery_object(found, attempts, livemode=call.merchant.livemode)

    async def replay_delivery(self, call: Call[ReplayDelivery, None]) -> WebhookDeliveryObject:
        """POST /v1/webhook_endpoints/{webhook_endpoint}/deliveries/{webhook_delivery}/replay."""
        endpoint_id = call.path_id("webhook_endpoint", Kind.WEBHOOK_ENDPOINT)
        delivery_id = call.path_id("webhook_delivery", Kind.WEBHOOK_DELIVERY)
        found, attempts = await self._deliveries.replay(
            call.transaction(), call.merchant, endpoint_id, delivery_id
        )
        return delivery_object(found, attempts, livemode=call.merchant.livemode)

    async def replay_many(self, call: Call[ReplayDeliveries, None]) -> WebhookReplayObject:
        """POST /v1/webhook_endpoints/{webhook_endpoint}/replay."""
        id_ = call.path_id("webhook_endpoint", Kind.WEBHOOK_ENDPOINT)
        connection, body = call.transaction(), call.body
        match body.failed, body.after_sequence, body.to_sequence:
            case True, None, None:
                count, has_more = await self._deliveries.replay_parked(connection, call.merchant, id_)
            case None, int(after), int(upto):
                has_more = False
                count = await self._deliveries.replay_range(
                    connection, call.merchant, id_, after=after, upto=upto
                )
            case _:
                raise invalid(
                    "replay_what",
                    'Send `{"failed": true}`, or both `after_sequence` and `to_sequence`.',
                    param="failed",
                )
        shown = render(Kind.WEBHOOK_ENDPOINT, id_)
        return WebhookReplayObject(webhook_endpoint=shown, replayed=count, has_more=has_more)
