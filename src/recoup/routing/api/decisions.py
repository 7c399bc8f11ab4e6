"""Stored decisions over HTTP: why this account was asked, why that moment was chosen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, Literal, Protocol
from uuid import UUID

from msgspec import Meta, Struct

from recoup.http.routes import Call, Merchant, Route
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render


class DecisionObject(Struct, kw_only=True, frozen=True):
    """A stored choice: enough to make it again."""

    id: str
    object: Literal["decision"] = "decision"
    kind: Annotated[
        str, Meta(description="`route`: which account. `recovery`: when, where and whether to try again.")
    ]
    subject: Annotated[str, Meta(description="The payment that was decided about.")]
    data: Annotated[dict[str, Any], Meta(description="Facts, candidates, choice and reason.")]
    created_at: str
    livemode: bool


class StoredDecision(Protocol):
    """A decision's row."""

    @property
    def kind(self) -> str:
        """`route` or `recovery`."""
        ...

    @property
    def object_id(self) -> UUID:
        """The payment or the recovery that it is about."""
        ...

    @property
    def data(self) -> dict[str, Any]:
        """Facts, candidates, choice and reason."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it was made."""
        ...


ReadDecision = Callable[[Any, UUID], Awaitable[StoredDecision]]
"""A stored decision of a merchant; refuses with 404."""


class DecisionsApi:
    """The route of decisions."""

    def __init__(self, read: ReadDecision) -> None:
        self._read = read

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                "/v1/decisions/{decision}",
                self.read,
                answer=DecisionObject,
                summary="Read a decision",
                description="What was known, who was considered, what was chosen, and why.",
                tag="routing",
            )
        ]

    async def read(self, call: Call[None, None]) -> DecisionObject:
        """`GET /v1/decisions/{id}`."""
        id_ = call.path_id("decision", Kind.DECISION)
        found = await self._read(call.merchant, id_)
        return _object(found, id_, call.merchant)


def _object(found: StoredDecision, id_: UUID, merchant: Merchant) -> DecisionObject:
    about = Kind.PAYMENT if found.kind == "route" else Kind.RECOVERY
    return DecisionObject(
        id=render(Kind.DECISION, id_),
        kind=found.kind,
        subject=render(about, found.object_id),
        data=found.data,
        created_at=rfc3339(found.created_at),
        livemode=merchant.livemode,
    )
