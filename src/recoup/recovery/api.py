"""Recoveries over HTTP: why not now, and pause, resume, stop, or try sooner."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Final

from msgspec import Meta

from recoup.http.fields import IdText, ListObject, ListQuery, parse_id
from recoup.http.routes import Call, Idempotency, Problem, Route
from recoup.kit.ids import Kind
from recoup.recovery.core import Recovery, Status
from recoup.recovery.flow import Recoveries
from recoup.recovery.objects import RecoveryObject, recovery_object

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
    status: Annotated[Status | None, Meta(description="Only those that stand there.")] = None


_EXAMPLE: Final[Mapping[str, Any]] = {
    "id": "rec_01kaq3v8e7f0t9m2c4x6z8b1d5",
    "object": "recovery",
    "payment": "pay_01kaq3v8e7f0t9m2c4x6z8b1d4",
    "status": "scheduled",
    "policy": "default",
    "deadline": "2026-12-20T15:00:00.000Z",
    "tries_made": 0,
    "tries_max": 4,
    "next_retry_at": "2026-12-01T11:00:00.000Z",
    "plan": {
        "action": "retry",
        "at": "2026-12-01T11:00:00.000Z",
        "not_before": "2026-11-22T15:00:00.000Z",
        "processor_accounts": ["pa_01kaq3v8e7f0t9m2c4x6z8b1d3"],
        "why": "there was not enough money; tried again on the customer's payday, 2026-12-01",
        "facts": {"payday": {"cycle": "monthly", "day_of_month": 1}, "time_zone": "America/New_York"},
    },
    "decision": "dec_01kaq3v8e7f0t9m2c4x6z8b1d2",
    "end_reason": None,
    "opened_at": "2026-11-22T15:00:00.000Z",
    "ended_at": None,
    "livemode": False,
}


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
            self._act(
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
            self._act(
                "pause",
                self.pause,
                summary="Pause a recovery",
                description="Nothing is tried until it is resumed. The deadline stays.",
            ),
            self._act(
                "resume",
                self.resume,
                summary="Resume a recovery",
                description="Goes on under the plan there was; a try that came due meanwhile is made soon.",
            ),
            self._act(
                "stop",
                self.stop,
                summary="Stop a recovery",
                description="For good: nothing tries this payment again by itself.",
            ),
        ]

    def _act(
        self,
        verb: str,
        handler: Callable[[Call[None, None]], Awaitable[RecoveryObject]],
        *,
        summary: str,
        description: str,
        errors: tuple[Problem, ...] = (),
    ) -> Route:
        return Route(
            "POST",
            f"{_ONE}/{verb}",
            handler,
            answer=RecoveryObject,
            summary=summary,
            description=description,
            tag=_TAG,
            idempotency=Idempotency.TRANSACTION,
            errors=(_ENDED, _STATE, *errors),
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
