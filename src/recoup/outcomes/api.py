"""The meaning of decline codes over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from recoup.http.routes import Call, Route
from recoup.kit.refusals import not_found
from recoup.outcomes.core import AdviceAction, Category, Hardness, meaning

_SHOWN_MAX = 64


class CodeAdviceObject(Struct, kw_only=True, frozen=True):
    """What to do after this code."""

    action: AdviceAction
    wait_hours: Annotated[float | None, Meta(description="The shortest time until another try.")]


class DeclineMeaningObject(Struct, kw_only=True, frozen=True):
    """What one raw code means today."""

    object: Literal["decline_meaning"] = "decline_meaning"
    connector: Annotated[
        str, Meta(description="A connector, or `iso8583`, `visa`, `mastercard`, `standard`.")
    ]
    code: str
    standard_code: str
    category: Category
    hardness: Hardness
    message: str
    advice: CodeAdviceObject
    network_rule: str | None
    source: str
    since: str | None


class DeclinesApi:
    """The route of decline codes."""

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                "/v1/declines/{connector}/{code}",
                self.read,
                answer=DeclineMeaningObject,
                summary="What a decline code means",
                description="The code's standard meaning, advice, network rule, and where that is written.",
                tag="declines",
            )
        ]

    async def read(self, call: Call[None, None]) -> DeclineMeaningObject:
        """`GET /v1/declines/{connector}/{code}`."""
        connector, code = call.path["connector"], call.path["code"]
        found = meaning(connector, code, call.now.date())
        if found is None:
            raise not_found("decline code", f"{connector}/{code}"[:_SHOWN_MAX])
        wait = found.advice.wait
        return DeclineMeaningObject(
            connector=connector,
            code=code,
            standard_code=found.code,
            category=found.category,
            hardness=found.hardness,
            message=found.message,
            advice=CodeAdviceObject(
                action=found.advice.action,
                wait_hours=None if wait is None else wait / timedelta(hours=1),
            ),
            network_rule=found.rule,
            source=found.source,
            since=None if found.since is None else found.since.isoformat(),
        )
