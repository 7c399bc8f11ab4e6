"""The meaning of decline codes over HTTP, and a merchant's own reading of them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from recoup.http.routes import Call, Idempotency, ListObject, Problem, Route
from recoup.kit.clock import rfc3339
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import not_found
from recoup.outcomes.core import (
    NETWORKS,
    PROCESSORS,
    AdviceAction,
    Category,
    Hardness,
    Meaning,
    Signal,
    meaning,
)
from recoup.outcomes.core.override import NOTE_LENGTH_MAX, WAIT_HOURS_MAX, Override, Reading
from recoup.outcomes.flow import DeclineReadings

_TAG: Final = "declines"
_ONE: Final = "/v1/declines/{connector}/{code}"
_SHOWN_MAX: Final = 64
OTHER_TABLES: Final = ("standard", "iso8583", *NETWORKS)


class CodeAdviceObject(Struct, kw_only=True, frozen=True):
    """What to do after this code."""

    action: AdviceAction
    wait_hours: Annotated[float | None, Meta(description="The shortest time until another try.")]


class OverrideObject(Struct, kw_only=True, frozen=True):
    """One version of your own reading of a code. What is null is left as the tables say."""

    object: Literal["decline_override"] = "decline_override"
    connector: str
    code: str
    version: int
    in_force: Annotated[bool, Meta(description="false: from this version on, the tables hold again.")]
    standard_code: str | None
    category: Category | None
    hardness: Hardness | None
    advice: CodeAdviceObject | None
    note: str | None
    set_by: Annotated[str | None, Meta(description="The id of the API key that set it.")]
    set_at: str


class OverrideList(ListObject[OverrideObject], frozen=True):
    """The versions of an override, newest first."""


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
    advice_decided_by: Annotated[Signal | None, Meta(description="Which part gave the advice.")]
    advice: CodeAdviceObject
    network_rule: str | None
    source: Annotated[str, Meta(description="Where this meaning is written.")]
    as_of: Annotated[str, Meta(description="The day on which the source was last so (RFC 3339 full-date).")]
    since: Annotated[
        str | None, Meta(description="Since when it is in force; null: always, as far as known.")
    ]
    rule_source: Annotated[str | None, Meta(description="Where the network rule is written.")]
    rule_since: str | None
    override: Annotated[
        OverrideObject | None,
        Meta(description="Your own reading of the code, which your declines get in place of the above."),
    ]


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


class AdviceOverride(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What to do after this code, in your reading."""

    action: AdviceAction
    wait_hours: Annotated[
        Annotated[int, Meta(ge=1, le=WAIT_HOURS_MAX)] | None,
        Meta(description="With `retry_later`: the shortest time until another try."),
    ] = None


class OverrideDecline(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Your reading of a code; what is left out stays as the tables say. It replaces the override there was."""

    standard_code: Annotated[Code | None, Meta(description="One of our standard codes.")] = None
    category: Category | None = None
    hardness: Hardness | None = None
    advice: AdviceOverride | None = None
    note: Annotated[
        Annotated[str, Meta(max_length=NOTE_LENGTH_MAX)] | None,
        Meta(description="Why, for whoever reads it later."),
    ] = None


_STOP: Final = Problem(
    "override_loosens_a_stop", 409, "The code says stop, and an override cannot allow tries."
)


class DeclinesApi:
    """The routes of decline codes."""

    def __init__(self, readings: DeclineReadings) -> None:
        self._readings = readings

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _ONE,
                self.read,
                query=Beside,
                answer=DeclineMeaningObject,
                summary="What a decline code means",
                description="The code's standard meaning, advice, network rule, and where that is written. What came "
                "beside the code may be given too: all is read together, and the answer says what decided.",
                tag=_TAG,
            ),
            Route(
                "POST",
                f"{_ONE}/override",
                self.override,
                body=OverrideDecline,
                answer=OverrideObject,
                summary="Read a code in your own way",
                description="From now on, your declines with this code of this processor or network get what you say. "
                "Every version is kept, with the key that set it. A stop cannot be loosened.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=("unknown_value", "override_empty", "override_limit", _STOP),
                examples={
                    "a soft one": {"hardness": "soft", "advice": {"action": "retry_later", "wait_hours": 24}}
                },
            ),
            Route(
                "POST",
                f"{_ONE}/override/remove",
                self.remove,
                answer=OverrideObject,
                summary="Let the tables hold again",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
            ),
            Route(
                "GET",
                f"{_ONE}/override/history",
                self.history,
                answer=OverrideList,
                summary="Every version of your reading of a code",
                tag=_TAG,
            ),
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
        override = await self._readings.current(call.merchant, connector, code)
        return _meaning(connector, code, found, override)

    async def override(self, call: Call[OverrideDecline, None]) -> OverrideObject:
        """`POST /v1/declines/{connector}/{code}/override`."""
        body = call.body
        advice = body.advice
        override = await self._readings.override(
            call.transaction(),
            call.merchant,
            call.path["connector"],
            call.path["code"],
            reading=Reading(
                body.standard_code,
                body.category,
                body.hardness,
                None if advice is None else advice.action,
                None if advice is None else advice.wait_hours,
            ),
            note=body.note,
            set_by=_who(call),
            now=call.now,
        )
        return _override(override)

    async def remove(self, call: Call[None, None]) -> OverrideObject:
        """`POST /v1/declines/{connector}/{code}/override/remove`."""
        removed = await self._readings.remove(
            call.transaction(),
            call.merchant,
            call.path["connector"],
            call.path["code"],
            set_by=_who(call),
            now=call.now,
        )
        return _override(removed)

    async def history(self, call: Call[None, None]) -> OverrideList:
        """`GET /v1/declines/{connector}/{code}/override/history`."""
        connector, code = call.path["connector"], call.path["code"]
        versions = await self._readings.history(call.merchant, connector, code)
        return OverrideList(
            data=[_override(one) for one in versions],
            has_more=False,
            url=f"/v1/declines/{connector}/{code}/override/history",
        )


def _who(call: Call[Any, Any]) -> str:
    return render(Kind.API_KEY, call.caller.key_id)


def _meaning(connector: str, code: str, found: Meaning, override: Override | None) -> DeclineMeaningObject:
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
        advice_decided_by=found.advice_by,
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
        override=None if override is None else _override(override),
    )


def _override(override: Override) -> OverrideObject:
    reading = override.reading or Reading()
    return OverrideObject(
        connector=override.connector,
        code=override.code,
        version=override.version,
        in_force=override.reading is not None,
        standard_code=reading.standard_code,
        category=reading.category,
        hardness=reading.hardness,
        advice=None
        if reading.action is None
        else CodeAdviceObject(action=reading.action, wait_hours=reading.wait_hours),
        note=override.note,
        set_by=override.set_by,
        set_at=rfc3339(override.set_at),
    )


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _hint(connector: str) -> str:
    """What can be asked about instead."""
    known = tuple(dict.fromkeys((*sorted(PROCESSORS), *OTHER_TABLES)))
    if connector in known:
        return f"No table of {connector!r} has it: a decline with it is `other` and keeps its raw code."
    return f"The first part is one of: {', '.join(known)}."
