"""Failures elsewhere over HTTP: brought to recovery, and what is reported of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from recoup.db import Database
from recoup.elsewhere.flow.bringing import Bringing
from recoup.elsewhere.flow.reading import Reader
from recoup.elsewhere.objects import FailureObject, failure_object
from recoup.elsewhere.wire import CreateRecovery, ReportPaid, ReportResult
from recoup.http.routes import Call, Idempotency, Problem, Reply, Route
from recoup.kit.ids import Kind
from recoup.recovery.objects import RecoveryObject, recovery_object

_PATH: Final = "/v1/recoveries"
_ONE: Final = f"{_PATH}/{{recovery}}"
_TAG: Final = "recovery"
_ENDED: Final = Problem("recovery_ended", 409, "Its end is final.")
_FAILED_IN_STRIPE: Final[Mapping[str, Any]] = {
    "external_id": "in_1N9aWX2eZvKYlo2C",
    "mode": "advise",
    "amount": 4999,
    "currency": "USD",
    "description": "Pro plan, December",
    "failed_at": "2026-11-22T06:00:00Z",
    "decline": {"connector": "stripe", "code": "insufficient_funds", "network_code": "51"},
    "tries": [{"at": "2026-11-19T06:00:00Z", "decline": {"connector": "stripe", "code": "do_not_honor"}}],
    "customer_details": {
        "reference": "user-1001",
        "country": "US",
        "time_zone": "America/New_York",
        "payday": {"cycle": "biweekly", "anchor_date": "2026-11-27"},
    },
    "card": {"brand": "visa", "funding": "debit", "country": "US"},
}
_ACTED_ON: Final[Mapping[str, Any]] = {
    "external_id": "chargebee-inv-1042",
    "mode": "act",
    "amount": 4999,
    "currency": "USD",
    "failed_at": "2026-11-22T06:00:00Z",
    "decline": {"code": "insufficient_funds"},
    "payment_method": "pm_01kaq3v8e7f0t9m2c4x6z8b1d7",
}
_NOT_TAKEN: Final = tuple(
    Problem(code, 400)
    for code in (
        "currency_unknown",
        "decline_of_approval",
        "invalid_country",
        "invalid_deadline",
        "invalid_payday",
        "invalid_time",
        "invalid_time_zone",
        "invalid_tries",
        "missing_field",
        "no_processor_account",
        "one_customer",
        "one_payment_method",
        "payment_method_not_needed",
        "payment_method_of_another_customer",
        "payment_method_required",
        "time_in_future",
        "unknown_value",
    )
)


class ElsewhereApi:
    """The routes of failures elsewhere."""

    def __init__(self, database: Database, bringing: Bringing, reader: Reader) -> None:
        self._database = database
        self._bringing = bringing
        self._reader = reader

    def routes(self) -> list[Route]:
        """All routes."""
        return [self._creating(), self._reading(), self._results(), self._reported()]

    def _creating(self) -> Route:
        return Route(
            "POST",
            _PATH,
            self.create,
            body=CreateRecovery,
            answer=RecoveryObject,
            status=201,
            also=200,
            summary="Bring a payment that failed elsewhere",
            description="For a payment that failed in Stripe Billing, Chargebee, Recurly or your own biller. In mode "
            "`act` a payment here waits for the recovery's tries; in mode `advise` the plan says when, where and how "
            "to try, and you report what came of it. The same failure again is answered with the recovery that it "
            "has (200).",
            tag=_TAG,
            idempotency=Idempotency.TRANSACTION,
            errors=(
                *_NOT_TAKEN,
                Problem("external_id_reused", 409, "Another debt was brought under this name."),
                Problem("payment_method_detached", 409, "The payment method cannot be used any more."),
            ),
            examples={"advice for a subscription": _FAILED_IN_STRIPE, "we try it": _ACTED_ON},
        )

    def _reading(self) -> Route:
        return Route(
            "GET",
            f"{_ONE}/failure",
            self.failure,
            answer=FailureObject,
            summary="Read the failure that a recovery is about",
            description="What you told of it, and the tries known by now; 404 where the payment failed here.",
            tag=_TAG,
        )

    def _results(self) -> Route:
        return Route(
            "POST",
            f"{_ONE}/results",
            self.result,
            body=ReportResult,
            answer=RecoveryObject,
            summary="Report what came of an advised try",
            description="The answer has the next plan, or the end. The very same result again changes nothing.",
            tag=_TAG,
            idempotency=Idempotency.TRANSACTION,
            errors=(
                *_NOT_TAKEN,
                _ENDED,
                Problem("recovery_not_advised", 409, "Its tries are made here."),
                Problem("result_conflict", 409, "Something else was told of a try at that time."),
                Problem("results_exhausted", 409),
            ),
            examples={
                "declined again": {
                    "at": "2026-11-27T14:00:00Z",
                    "approved": False,
                    "decline": {"connector": "stripe", "code": "insufficient_funds"},
                },
                "paid": {"at": "2026-12-11T14:00:00Z", "approved": True},
            },
        )

    def _reported(self) -> Route:
        return Route(
            "POST",
            f"{_ONE}/reported",
            self.paid,
            body=ReportPaid,
            answer=RecoveryObject,
            summary="Report that the debt was paid by another way",
            description="Nothing is tried any more, and a payment here that holds no money is canceled. Where the "
            "answer is still open, a try was under way that cannot be taken back: should it be approved, the debt was "
            "paid twice, and an audit case (`paid_twice`) says so and what to do. A recovery that had ended without "
            "money takes it, too: its customer's link then takes nothing any more.",
            tag=_TAG,
            idempotency=Idempotency.TRANSACTION,
            errors=(*_NOT_TAKEN, _ENDED),
            examples={"paid in Stripe": {"outcome": "paid_elsewhere", "at": "2026-11-25T09:30:00Z"}},
        )

    async def create(self, call: Call[CreateRecovery, None]) -> RecoveryObject | Reply:
        """`POST /v1/recoveries`."""
        new = await self._reader.failure(call.merchant, call.body, now=call.now)
        recovery, is_new = await self._bringing.open(call.transaction(), call.merchant, new, now=call.now)
        shown = recovery_object(recovery, livemode=call.merchant.livemode)
        return shown if is_new else Reply(200, msgspec.json.encode(shown))

    async def failure(self, call: Call[None, None]) -> FailureObject:
        """`GET /v1/recoveries/{id}/failure`."""
        recovery_id = call.path_id("recovery", Kind.RECOVERY)
        found = await self._bringing.failure(self._database, call.merchant, recovery_id)
        return failure_object(found, livemode=call.merchant.livemode)

    async def result(self, call: Call[ReportResult, None]) -> RecoveryObject:
        """`POST /v1/recoveries/{id}/results`."""
        connection, recovery_id = call.transaction(), call.path_id("recovery", Kind.RECOVERY)
        kept = await self._bringing.advised(connection, call.merchant, recovery_id)
        told = await self._reader.result(call.merchant, kept.failure, call.body)
        recovery = await self._bringing.result(connection, call.merchant, kept, told, now=call.now)
        return recovery_object(recovery, livemode=call.merchant.livemode)

    async def paid(self, call: Call[ReportPaid, None]) -> RecoveryObject:
        """`POST /v1/recoveries/{id}/reported`."""
        recovery_id, at = call.path_id("recovery", Kind.RECOVERY), call.body.at or call.now
        recovery = await self._bringing.paid_elsewhere(
            call.transaction(), call.merchant, recovery_id, at=at, now=call.now
        )
        return recovery_object(recovery, livemode=call.merchant.livemode)
