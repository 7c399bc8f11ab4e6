"""Bodies and answers of the routes of webhook endpoints, and what each field means."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from recoup.http.routes import ListObject, ListQuery, Metadata
from recoup.webhooks.core.deliveries import REPLAYED_MAX, Status
from recoup.webhooks.core.endpoints import (
    DESCRIPTION_LENGTH_MAX,
    FILTER_LENGTH_MAX,
    FILTERS_MAX,
    URL_LENGTH_MAX,
)
from recoup.webhooks.core.signing import OVERLAP, OVERLAP_MAX
from recoup.webhooks.objects import WebhookDeliveryObject, WebhookEndpointObject

_SEQUENCE_MAX = 2**63 - 1

Url = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=URL_LENGTH_MAX,
        description="Where events are sent by POST. In live mode https, and a public address.",
        examples=["https://shop.example/webhooks"],
    ),
]
Events = Annotated[
    list[Annotated[str, Meta(min_length=1, max_length=FILTER_LENGTH_MAX)]],
    Meta(
        min_length=1,
        max_length=FILTERS_MAX,
        description="Which events are delivered: types, `subject.*`, or `*` for all.",
        examples=[["payment.*", "refund.failed"]],
    ),
]
Description = Annotated[
    str, Meta(max_length=DESCRIPTION_LENGTH_MAX, description="Your own words for the endpoint.")
]


class CreateWebhookEndpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new place to hear of events."""

    url: Url
    events: Events = field(default_factory=lambda: ["*"])
    description: Description = ""
    metadata: Metadata = {}
    enabled: bool = True


class UpdateWebhookEndpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; a field that is left out stays as it is."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    enabled: Annotated[
        bool | UnsetType,
        Meta(
            description="Nothing is lost while it is false: enabled again, the endpoint goes on where it was."
        ),
    ] = UNSET


class RotateSecret(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a secret is changed."""

    overlap_s: Annotated[
        int,
        Meta(
            ge=0,
            le=int(OVERLAP_MAX.total_seconds()),
            description="For how many seconds the old secret signs beside the new one.",
        ),
    ] = int(OVERLAP.total_seconds())


class TestWebhookEndpoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing needs to be said for a test."""


class ReplayDelivery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nothing needs to be said to send one delivery again."""


class ReplayDeliveries(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to send again: `{"failed": true}`, or a range of your events."""

    failed: Annotated[Literal[True] | None, Meta(description="Everything that was given up.")] = None
    after_sequence: Annotated[
        Annotated[int, Meta(ge=0, le=_SEQUENCE_MAX)] | None, Meta(description="The events behind this one,")
    ] = None
    to_sequence: Annotated[
        Annotated[int, Meta(ge=1, le=_SEQUENCE_MAX)] | None,
        Meta(description=f"up to this one: at most {REPLAYED_MAX}."),
    ] = None


class WebhookReplayObject(Struct, frozen=True, kw_only=True):
    """What will be sent again."""

    object: Literal["webhook_replay"] = "webhook_replay"
    webhook_endpoint: str
    replayed: Annotated[int, Meta(description="How many deliveries are pending now that were not.")]
    has_more: Annotated[bool, Meta(description="Whether there is more: then call again.")]


class WebhookEndpointList(ListObject[WebhookEndpointObject], frozen=True):
    """A page of webhook endpoints."""


class WebhookDeliveryList(ListObject[WebhookDeliveryObject], frozen=True):
    """A page of deliveries, by the place of their events."""


class DeliveryQuery(ListQuery, frozen=True):
    """Which deliveries."""

    status: Status | None = None
