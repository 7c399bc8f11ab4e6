"""An account's health as the API and the events show it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import Meta, Struct

from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.routing.core.words import Health


class ProcessorHealthObject(Struct, kw_only=True, frozen=True):
    """How a processor account does, as a whole or for cards of one issuer country."""

    id: Annotated[str, Meta(description="The processor account's.")]
    object: Literal["processor_health"] = "processor_health"
    processor_account: str
    label: str
    scope: Annotated[
        str, Meta(description="`*` for the whole account, or the issuer country whose cards are meant.")
    ]
    health: Annotated[
        Health, Meta(description="`degraded`: others are asked first, and a few payments probe it.")
    ]
    since: Annotated[str | None, Meta(description="Null where it was never degraded.")]
    why: str | None
    evidence: Annotated[dict[str, Any], Meta(description="What was counted when it came to this.")]
    livemode: bool


def health_object(
    account_id: UUID,
    *,
    label: str,
    scope: str,
    health: Health,
    since: datetime | None,
    why: str | None,
    evidence: Mapping[str, Any],
    livemode: bool,
) -> ProcessorHealthObject:
    """One scope's health."""
    return ProcessorHealthObject(
        id=render(Kind.PROCESSOR_ACCOUNT, account_id),
        processor_account=render(Kind.PROCESSOR_ACCOUNT, account_id),
        label=label,
        scope=scope,
        health=health,
        since=None if since is None else rfc3339(since),
        why=why,
        evidence=dict(evidence),
        livemode=livemode,
    )
