"""Disputes in the simulated world over Recoup's own API: to open them, and to read what the processors have."""

from __future__ import annotations

from typing import Final

from recoup.http.routes import Call, Idempotency, Problem, Route
from recoup.sandbox.dispute_objects import (
    OpenDispute,
    SandboxDisputeList,
    SandboxDisputeObject,
    SandboxDisputeQuery,
    dispute_object,
)
from recoup.sandbox.worlds.disputes import Disputes

_PATH: Final = "/v1/test/disputes"
_NO_WORLD: Final = Problem("no_sandbox_world", 409, "This merchant has no simulated world.")


class SandboxDisputesApi:
    """The routes of disputes in the simulated world."""

    def __init__(self, disputes: Disputes) -> None:
        self._disputes = disputes

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "POST",
                _PATH,
                self.open_dispute,
                body=OpenDispute,
                answer=SandboxDisputeObject,
                status=201,
                summary="Have a payment disputed",
                description=(
                    "Its simulated processor tells by webhook, as the dispute goes. Evidence that says "
                    "`winning_evidence` wins it, `losing_evidence` loses it."
                ),
                tag="test mode",
                test_mode_only=True,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    _NO_WORLD,
                    Problem("nothing_captured", 409, "No money was taken for this payment."),
                    Problem("dispute_limit", 409, "The charge was disputed too often."),
                    Problem("amount_too_large", 400, "More than was captured."),
                    Problem("warning_has_no_end", 400, "A warning is neither won nor lost."),
                    Problem("no_such_end", 400, "What is of that kind never ends so."),
                ),
                examples={
                    "a chargeback that is lost after a week": {
                        "payment": "pay_01kaq3v8e7f0t9m2c4x6z8b1d5",
                        "reason": "product_not_received",
                        "then": "lost",
                    },
                    "an early warning of fraud": {
                        "payment": "pay_01kaq3v8e7f0t9m2c4x6z8b1d5",
                        "kind": "warning",
                    },
                    "an alert that the network settles after an hour": {
                        "payment": "pay_01kaq3v8e7f0t9m2c4x6z8b1d5",
                        "kind": "rapid_resolution",
                        "then": "resolved",
                        "then_after_s": 3600,
                    },
                },
            ),
            Route(
                "GET",
                _PATH,
                self.list_disputes,
                query=SandboxDisputeQuery,
                answer=SandboxDisputeList,
                summary="List disputes as the simulated processors have them",
                description="`order` is the payment, `key` the attempt: compare with what Recoup says.",
                tag="test mode",
                test_mode_only=True,
                errors=(_NO_WORLD,),
            ),
        ]

    async def open_dispute(self, call: Call[OpenDispute, None]) -> SandboxDisputeObject:
        """`POST /v1/test/disputes`."""
        seen = await self._disputes.open(call.transaction(), call.merchant.id, call.body.wanted())
        return dispute_object(seen)

    async def list_disputes(self, call: Call[None, SandboxDisputeQuery]) -> SandboxDisputeList:
        """`GET /v1/test/disputes`."""
        query = call.query
        found = await self._disputes.page(
            call.merchant.id, order=query.order, after=query.starting_after, limit=query.limit + 1
        )
        shown = [dispute_object(seen) for seen in found[: query.limit]]
        return SandboxDisputeList(data=shown, has_more=len(found) > query.limit, url=_PATH)
