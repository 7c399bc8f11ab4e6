"""Recoveries over HTTP: why not now, and pause, resume, stop, or try sooner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

from msgspec import Meta, Struct

from recoup.http.fields import IdText, ListObject, ListQuery, Moment, parse_id
from recoup.http.routes import Acts, Call, Problem, Route
from recoup.kit.currencies import DECIMALS
from recoup.kit.ids import Kind
from recoup.kit.money import MINOR_MAX, Money
from recoup.kit.refusals import invalid
from recoup.outcomes.core.classify import meaning
from recoup.paydays.core import cycle_of
from recoup.recovery.core import DEFAULT, Policy, Recovery, Status
from recoup.recovery.core.explaining import ROUTES_MAX, Hypothetical, explained
from recoup.recovery.core.policy_file import NAME_LENGTH_MAX, TRIES_MAX
from recoup.recovery.flow import Recoveries
from recoup.recovery.objects import (
    RecoveryExplanationObject,
    RecoveryObject,
    explanation_object,
    recovery_object,
)
from recoup.vault.core.customers import check_country, check_payday
from recoup.vault.core.records import Payday

Code = Annotated[str, Meta(min_length=1, max_length=60)]
_PATH: Final = "/v1/recoveries"
_ONE: Final = f"{_PATH}/{{recovery}}"
_TAG: Final = "recovery"
_ENDED: Final = Problem("recovery_ended", 409, "Its end is final.")
_STATE: Final = Problem("recovery_unexpected_state", 409, "Its present state forbids it.")


class RecoveryList(ListObject[RecoveryObject], frozen=True):
    """A page of recoveries."""


class RecoveryQuery(ListQuery, frozen=True):
    """Which recoveries."""

    payment: Annotated[IdText | None, Meta(description="Only the recovery of this payment.")] = None
    external_id: Annotated[
        Annotated[str, Meta(min_length=1, max_length=255)] | None,
        Meta(description="Only that of this failure elsewhere."),
    ] = None
    status: Annotated[Status | None, Meta(description="Only those that stand there.")] = None


class ExplainQuery(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A decline that never happened, and what would be known of the customer."""

    code: Annotated[Code, Meta(description="A decline code, such as `insufficient_funds` or `51`.")]
    connector: Annotated[
        Code, Meta(description="Whose code it is: `standard`, a processor, a network, or `iso8583`.")
    ] = "standard"
    advice_code: Annotated[Code | None, Meta(description="The merchant advice code beside it.")] = None
    at: Annotated[Moment | None, Meta(description="When it came; now, where left out.")] = None
    amount: Annotated[int, Meta(ge=1, le=MINOR_MAX, description="In the smallest unit.")] = 5_000
    currency: Annotated[str, Meta(min_length=3, max_length=3)] = "USD"
    brand: Annotated[Code, Meta(description="The card's brand, for the network's rules.")] = "visa"
    country: Annotated[str | None, Meta(description="Where the customer lives (ISO 3166-1 alpha-2).")] = None
    time_zone: Annotated[str | None, Meta(description="Their IANA time zone.")] = None
    payday_cycle: Annotated[
        Literal["weekly", "biweekly", "semi_monthly", "monthly"] | None,
        Meta(description="How often they are paid, should they have told; the fields after it say when."),
    ] = None
    weekday: Annotated[int, Meta(ge=0, le=6)] | None = None
    anchor_date: date | None = None
    day_of_month: Annotated[int, Meta(ge=1, le=31)] | None = None
    second_day_of_month: Annotated[int, Meta(ge=1, le=31)] | None = None
    tries_left: Annotated[
        Annotated[int, Meta(ge=1, le=TRIES_MAX)] | None,
        Meta(description="Left out: as many as the policy has."),
    ] = None
    policy: Annotated[
        Annotated[str, Meta(min_length=1, max_length=NAME_LENGTH_MAX)],
        Meta(description="By which of your recovery policies."),
    ] = DEFAULT.name
    routes: Annotated[
        int, Meta(ge=1, le=ROUTES_MAX, description="How many routes could be tried; the first one refused.")
    ] = 2


_EXAMPLE: Final[Mapping[str, Any]] = {
    "id": "rec_01kaq3v8e7f0t9m2c4x6z8b1d5",
    "object": "recovery",
    "payment": "pay_01kaq3v8e7f0t9m2c4x6z8b1d4",
    "mode": "own",
    "external_id": None,
    "paid_elsewhere_at": None,
    "status": "scheduled",
    "amount": 4999,
    "amount_received": 0,
    "amount_remaining": 4999,
    "currency": "USD",
    "policy": "default",
    "policy_version": None,
    "experiment": None,
    "deadline": "2026-12-20T15:00:00.000Z",
    "tries_made": 0,
    "tries_max": 4,
    "next_retry_at": "2026-12-01T11:00:00.000Z",
    "plan": {
        "action": "retry",
        "at": "2026-12-01T11:00:00.000Z",
        "not_before": "2026-11-22T15:00:00.000Z",
        "processor_accounts": ["pa_01kaq3v8e7f0t9m2c4x6z8b1d3"],
        "part": None,
        "why": "there was not enough money; tried again on the customer's payday, 2026-12-01",
        "facts": {"payday": {"cycle": "monthly", "day_of_month": 1}, "time_zone": "America/New_York"},
    },
    "decision": "dec_01kaq3v8e7f0t9m2c4x6z8b1d2",
    "end_reason": None,
    "opened_at": "2026-11-22T15:00:00.000Z",
    "ended_at": None,
    "livemode": False,
}


_ACTS: Final = Acts(_ONE, answer=RecoveryObject, tag=_TAG, errors=(_ENDED, _STATE))


class RecoveriesApi:
    """The routes of recoveries."""

    def __init__(self, recoveries: Recoveries) -> None:
        self._recoveries = recoveries

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _PATH,
                self.page,
                query=RecoveryQuery,
                answer=RecoveryList,
                summary="List recoveries",
                tag=_TAG,
            ),
            Route(
                "GET",
                _ONE,
                self.read,
                answer=RecoveryObject,
                summary="Read a recovery",
                description="Its plan says when the next try is, why then, and what it was decided by.",
                tag=_TAG,
                answer_examples={"it waits for payday": _EXAMPLE},
            ),
            self._explaining(),
            _ACTS.route(
                "retry",
                self.retry,
                summary="Try sooner",
                description="Makes the planned try due now. It is made within moments, if advice, network limits and "
                "the payment still allow it.",
                errors=(
                    Problem("retry_too_early", 409, "Advice or network limits allow no try yet."),
                    Problem("recovery_running", 409, "A try is under way."),
                ),
            ),
            _ACTS.route(
                "pause",
                self.pause,
                summary="Pause a recovery",
                description="Nothing is tried until it is resumed. The deadline stays.",
            ),
            _ACTS.route(
                "resume",
                self.resume,
                summary="Resume a recovery",
                description="Goes on under the plan there was; a try that came due meanwhile is made soon.",
            ),
            _ACTS.route(
                "stop",
                self.stop,
                summary="Stop a recovery",
                description="For good: nothing tries this payment again by itself.",
            ),
        ]

    def _explaining(self) -> Route:
        return Route(
            "GET",
            "/v1/recovery/explain",
            self.explain,
            query=ExplainQuery,
            answer=RecoveryExplanationObject,
            summary="What recovery would do after a decline",
            description="For a decline that never happened: the plan, what else was weighed, the causes and "
            "paydays believed in, and why not now. Nothing is stored.",
            tag=_TAG,
        )

    async def page(self, call: Call[None, RecoveryQuery]) -> RecoveryList:
        """`GET /v1/recoveries`."""
        query, page = call.query, call.query.page(Kind.RECOVERY)
        payment_id = (
            None
            if query.payment is None
            else parse_id(Kind.PAYMENT, query.payment, what="payment", param="payment")
        )
        found = await self._recoveries.page(
            call.merchant,
            payment_id=payment_id,
            external_id=query.external_id,
            status=query.status,
            after=page.after,
            before=page.before,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        return RecoveryList(data=[_object(one, call) for one in shown], has_more=has_more, url=_PATH)

    async def read(self, call: Call[None, None]) -> RecoveryObject:
        """`GET /v1/recoveries/{id}`."""
        found = await self._recoveries.get(call.merchant, call.path_id("recovery", Kind.RECOVERY))
        return _object(found, call)

    async def explain(self, call: Call[None, ExplainQuery]) -> RecoveryExplanationObject:
        """`GET /v1/recovery/explain`."""
        policy = await self._recoveries.policy(call.merchant, call.query.policy)
        asked = _hypothetical(call.query, policy, call.now)
        return explanation_object(asked, explained(asked, call.now))

    async def retry(self, call: Call[None, None]) -> RecoveryObject:
        """`POST /v1/recoveries/{id}/retry`."""
        return await self._done(call, self._recoveries.retry_now)

    async def pause(self, call: Call[None, None]) -> RecoveryObject:
        """`POST /v1/recoveries/{id}/pause`."""
        return await self._done(call, self._recoveries.pause)

    async def resume(self, call: Call[None, None]) -> RecoveryObject:
        """`POST /v1/recoveries/{id}/resume`."""
        return await self._done(call, self._recoveries.resume)

    async def stop(self, call: Call[None, None]) -> RecoveryObject:
        """`POST /v1/recoveries/{id}/stop`."""
        return await self._done(call, self._recoveries.stop)

    async def _done(self, call: Call[None, None], act: Callable[..., Awaitable[Recovery]]) -> RecoveryObject:
        recovery_id = call.path_id("recovery", Kind.RECOVERY)
        return _object(await act(call.transaction(), call.merchant, recovery_id, now=call.now), call)


def _object(recovery: Recovery, call: Call[Any, Any]) -> RecoveryObject:
    return recovery_object(recovery, livemode=call.merchant.livemode)


def _hypothetical(query: ExplainQuery, policy: Policy, now: datetime) -> Hypothetical:
    at = query.at or now
    _check(query)
    found = meaning(query.connector, query.code, at.date(), advice_code=query.advice_code, brand=query.brand)
    if found is None:
        raise invalid("unknown_value", "No table has this code; see GET /v1/declines.", param="code")
    payday = _payday(query)
    return Hypothetical(
        meaning=found,
        at=at,
        amount=Money(query.amount, query.currency),
        brand=query.brand,
        country=query.country,
        time_zone=query.time_zone,
        pay=None if payday is None else cycle_of(payday),
        tries_left=min(query.tries_left or policy.tries_max, policy.tries_max),
        policy=policy,
        routes=query.routes,
    )


def _check(query: ExplainQuery) -> None:
    if query.currency not in DECIMALS:
        raise invalid("invalid_currency", "`currency` must be a code of ISO 4217.", param="currency")
    check_country(query.country, param="country")
    if query.time_zone is not None and query.time_zone not in available_timezones():
        raise invalid(
            "invalid_time_zone", "`time_zone` must be an IANA name such as Europe/Berlin.", param="time_zone"
        )


def _payday(query: ExplainQuery) -> Payday | None:
    if query.payday_cycle is None:
        return None
    payday = Payday(
        cycle=query.payday_cycle,
        weekday=query.weekday,
        anchor_date=query.anchor_date,
        day_of_month=query.day_of_month,
        second_day_of_month=query.second_day_of_month,
    )
    check_payday(payday)
    return payday
