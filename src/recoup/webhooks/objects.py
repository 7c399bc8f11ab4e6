"""Endpoints and deliveries as the API shows them, and as events keep them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.webhooks.core.deliveries import Attempt, Delivery, Status
from recoup.webhooks.core.endpoints import Endpoint, Reason, State
from recoup.webhooks.core.signing import SigningSecret


class WebhookSecretObject(Struct, frozen=True, kw_only=True):
    """A secret that signs, without the secret."""

    expires_at: Annotated[str | None, Meta(description="When it stops signing; null: when it is rotated.")]


class WebhookEndpointObject(Struct, frozen=True, kw_only=True):
    """Where you hear of events."""

    id: str
    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    url: str
    description: str
    events: Annotated[
        list[str], Meta(description="Which events are delivered: types, `subject.*`, or `*` for all.")
    ]
    metadata: dict[str, str]
    status: State
    disabled_reason: Annotated[
        Reason | None,
        Meta(description="`failing`: nothing but failures for three days. `gone`: it answered 410."),
    ]
    disabled_at: str | None
    failing_since: Annotated[
        str | None, Meta(description="Since when it has given nothing but failures; null: it does well.")
    ]
    secrets: Annotated[
        list[WebhookSecretObject] | None,
        Meta(
            description="The secrets that sign, the newest first. null where many are listed, and in events."
        ),
    ]
    secret: Annotated[
        str | None,
        Meta(
            description="The new secret: given once, in the first answer to its creation or rotation, and null ever "
            "after, also where that request is repeated with its Idempotency-Key."
        ),
    ]
    created_at: str
    updated_at: str
    livemode: bool


def endpoint_object(
    endpoint: Endpoint,
    *,
    livemode: bool,
    secrets: Sequence[SigningSecret] | None = None,
    shown: SigningSecret | None = None,
) -> WebhookEndpointObject:
    """An endpoint; `shown` is the secret that may be seen this once."""
    return WebhookEndpointObject(
        id=render(Kind.WEBHOOK_ENDPOINT, endpoint.id),
        url=endpoint.url,
        description=endpoint.description,
        events=list(endpoint.filters),
        metadata=dict(endpoint.metadata),
        status=endpoint.state,
        disabled_reason=endpoint.disabled_reason,
        disabled_at=None if endpoint.disabled_at is None else rfc3339(endpoint.disabled_at),
        failing_since=None if endpoint.failing_since is None else rfc3339(endpoint.failing_since),
        secrets=None if secrets is None else [_secret(one) for one in secrets],
        secret=None if shown is None else shown.secret.reveal(),
        created_at=rfc3339(endpoint.created_at),
        updated_at=rfc3339(endpoint.updated_at),
        livemode=livemode,
    )


def _secret(one: SigningSecret) -> WebhookSecretObject:
    return WebhookSecretObject(expires_at=None if one.until is None else rfc3339(one.until))


class WebhookAttemptObject(Struct, frozen=True, kw_only=True):
    """One request to an endpoint."""

    number: int
    at: str
    latency_ms: int
    http_status: Annotated[int | None, Meta(description="null: no answer came.")]
    reply: Annotated[str | None, Meta(description="The first 4096 bytes of the answer's body, as text.")]
    error: Annotated[str | None, Meta(description="Why there was no answer, or why it was no success.")]


class WebhookDeliveryObject(Struct, frozen=True, kw_only=True):
    """One event for one endpoint."""

    id: str
    object: Literal["webhook_delivery"] = "webhook_delivery"
    webhook_endpoint: str
    event: str
    event_type: str
    sequence: Annotated[int, Meta(description="The event's place in the stream of your events.")]
    status: Annotated[
        Status,
        Meta(description="`pending`, `delivered`, or `parked`: given up after three days, and replayable."),
    ]
    attempts_made: int
    attempts: Annotated[
        list[WebhookAttemptObject],
        Meta(description="The last of them, oldest first; in lists only the last one."),
    ]
    next_attempt_at: Annotated[
        str | None,
        Meta(
            description="When its object's first pending delivery is tried next; null where it has ended, or while the "
            "endpoint is not enabled."
        ),
    ]
    created_at: str
    finished_at: str | None
    livemode: bool


def delivery_object(
    delivery: Delivery, attempts: Sequence[Attempt], *, livemode: bool
) -> WebhookDeliveryObject:
    """A delivery with attempts of its own."""
    return WebhookDeliveryObject(
        id=render(Kind.WEBHOOK_DELIVERY, delivery.id),
        webhook_endpoint=render(Kind.WEBHOOK_ENDPOINT, delivery.endpoint_id),
        event=render(Kind.EVENT, delivery.event_id),
        event_type=delivery.event_type,
        sequence=delivery.sequence,
        status=delivery.status,
        attempts_made=delivery.attempts,
        attempts=[_attempt(one) for one in attempts],
        next_attempt_at=None if delivery.next_at is None else rfc3339(delivery.next_at),
        created_at=rfc3339(delivery.created_at),
        finished_at=None if delivery.finished_at is None else rfc3339(delivery.finished_at),
        livemode=livemode,
    )


def _attempt(one: Attempt) -> WebhookAttemptObject:
    return WebhookAttemptObject(
        number=one.number,
        at=rfc3339(one.at),
        latency_ms=one.latency_ms,
        http_status=one.http_status,
        reply=one.reply,
        error=one.error,
    )
