"""The meaning of decline codes over HTTP."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from recoup.http.routes import Call, Route
from recoup.kit.refusals import not_found
from recoup.outcomes.core import NETWORKS, PROCESSORS, AdviceAction, Category, Hardness, Signal, meaning

_SHOWN_MAX: Final = 64
OTHER_TABLES: Final = ("standard", "iso8583", *NETWORKS)


class CodeAdviceObject(Struct, kw_only=True, frozen=True):
    """What to do after this code."""

    action: AdviceAction
    wait_hours: Annotated[float | None, Meta(description="The shortest time until another try.")]


class DeclineMeaningObject(Struct, kw_only=True, frozen=True):
    """What one raw code means today."""

    object: Literal["decline_meaning"] = "decline_meaning"
    connector: Annotated[
        str,
        Meta(
            description="A connector; `standard`; a network such as `visa` or `mastercard`; or `iso8583` for whichever "
            "network has the code."
        ),
    ]
    code: str
    standard_code: str
    category: Category
    hardness: Hardness
    message: Annotated[str, Meta(description="For the cardholder.")]
    merchant_message: Annotated[str, Meta(description="For you and your support.")]
    decided_by: Annotated[
        Signal | None, Meta(description="Which part of what was asked about gave the code.")
    ]
    advice: CodeAdviceObject
    network_rule: str | None
    source: Annotated[str, Meta(description="Where this meaning is written.")]
    as_of: Annotated[str, Meta(description="The day on which the source was last so (RFC 3339 full-date).")]
    since: Annotated[
        str | None, Meta(description="Since when it is in force; null: always, as far as known.")
    ]
    rule_source: Annotated[str | None, Meta(description="Where the network rule is written.")]
    rule_since: str | None


Written = Annotated[str, Meta(max_length=300)]
Code = Annotated[str, Meta(max_length=60)]


class Beside(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What came beside the code."""

    raw: Annotated[
        Written | None, Meta(description="What was written beside it, such as `51 : Insufficient funds`.")
    ] = None
    network_code: Annotated[Code | None, Meta(description="The network's response code.")] = None
    advice_code: Annotated[Code | None, Meta(description="The merchant advice code.")] = None
    brand: Annotated[Code | None, Meta(description="Whose card it was, such as `visa`.")] = None


class DeclinesApi:
    """The route of decline codes."""

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                "/v1/declines/{connector}/{code}",
                self.read,
                query=Beside,
                answer=DeclineMeaningObject,
                summary="What a decline code means",
                description="The code's standard meaning, advice, network rule, and where that is written. What came "
                "beside the code may be given too: all is read together, and the answer says what decided.",
                tag="declines",
            )
        ]

    async def read(self, call: Call[None, Beside]) -> DeclineMeaningObject:
        """`GET /v1/declines/{connector}/{code}`."""
        connector, code = call.path["connector"], call.path["code"]
        beside = call.query
        found = meaning(
            connector,
            code,
            call.now.date(),
            network_code=beside.network_code,
            advice_code=beside.advice_code,
            brand=beside.brand,
            text=beside.raw,
        )
        if found is None:
            raise not_found("decline code", f"{connector}/{code}"[:_SHOWN_MAX], hint=_hint(connector))
        wait = found.advice.wait
        return DeclineMeaningObject(
            connector=connector,
            code=code,
            standard_code=found.code,
            category=found.category,
            hardness=found.hardness,
            message=found.message,
            merchant_message=found.merchant_message,
            decided_by=found.decided_by,
            advice=CodeAdviceObject(
                action=found.advice.action,
                wait_hours=None if wait is None else wait / timedelta(hours=1),
            ),
            network_rule=found.rule,
            source=found.source,
            as_of=found.as_of.isoformat(),
            since=_day(found.since),
            rule_source=found.rule_source,
            rule_since=_day(found.rule_since),
        )


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _hint(connector: str) -> str:
    """What can be asked about instead."""
    known = (*sorted(PROCESSORS), *OTHER_TABLES)
    if connector in known:
        return f"No table of {connector!r} has it: a decline with it is `other` and keeps its raw code."
    return f"The first part is one of: {', '.join(known)}."
