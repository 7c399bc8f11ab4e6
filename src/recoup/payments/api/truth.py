"""Over HTTP: asking about a refund again, and a person's decision about an attempt that nobody can tell of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import Meta, Struct

from recoup.http.fields import parse_id
from recoup.http.idempotency import Resume
from recoup.http.routes import Call, Idempotency, Problem, Reply, Route
from recoup.kit.ids import Kind, render
from recoup.payments.api.reading import claim_of, merchant_of, unless_done_before
from recoup.payments.core import OperationState
from recoup.payments.core.by_hand import EVIDENCE_MAX, EVIDENCE_MIN, Resolution
from recoup.payments.flow import Payments
from recoup.payments.objects import PaymentObject, RefundObject
from recoup.payments.wire import Nothing
from recoup.payments.writes import Renderer

REFUND_CHANGE: Final = "refund_change"
RESOLUTION: Final = "payment_resolution"


class ResolvePayment(Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """What a person found out about an attempt, and how."""

    attempt: str
    outcome: Literal["approved", "not_processed"]
    evidence: Annotated[
        str,
        Meta(
            min_length=EVIDENCE_MIN,
            max_length=EVIDENCE_MAX,
            pattern=r"\S",
            description="How you know: who at the processor said so, where you looked, and when.",
        ),
    ]
    reference: (
        Annotated[
            str, Meta(min_length=1, max_length=200, description="The processor's name for the payment.")
        ]
        | None
    ) = None


_EXAMPLE: Final = {
    "attempt": "att_01kaq3v8e7f0t9m2c4x6z8b1d5",
    "outcome": "not_processed",
    "evidence": "Support ticket 4711 of 22 November: no transaction under this reference.",
}


class TruthApi:
    """The routes."""

    def __init__(
        self, flow: Payments, *, key_is_known: Callable[[UUID, str], Awaitable[bool]], render: Renderer
    ) -> None:
        self._flow = flow
        self._key_is_known = key_is_known
        self._render = render

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "POST",
                "/v1/refunds/{refund}/sync",
                self.sync_refund,
                body=Nothing,
                answer=RefundObject,
                summary="Ask the processor about a refund now",
                description="Of one that has ended too: refunds bounce.",
                tag="refunds",
                idempotency=Idempotency.FLOW,
                errors=(
                    Problem("payment_under_way", 409),
                    Problem("resource_missing", 404, "There is no such refund."),
                ),
            ),
            Route(
                "POST",
                "/v1/payments/{payment}/resolve",
                self.resolve,
                body=ResolvePayment,
                answer=PaymentObject,
                summary="Say what became of an unresolved attempt",
                description="Only where the processor can neither tell nor forget it, and a day after it was sent. "
                "`approved` takes the payment for paid, `not_processed` lets it be tried again: be sure.",
                tag="payments",
                idempotency=Idempotency.FLOW,
                errors=(
                    Problem("attempt_not_unknown", 409),
                    Problem("too_early_to_resolve", 409),
                    Problem("processor_can_tell", 409),
                    Problem("resource_missing", 404, "There is no such payment."),
                ),
                examples={"what support said": _EXAMPLE},
            ),
        ]

    def resume(self) -> dict[str, Resume]:
        """How an interrupted request is answered when it comes again."""

        async def refund(merchant: Any, refund_id: UUID) -> Reply | None:
            found = await self._flow.find_refund(merchant, refund_id)
            if found is None or found.state is OperationState.STARTED:
                return None
            return Reply(200, self._render.refund(found, livemode=merchant.livemode))

        async def resolution(merchant: Any, payment_id: UUID) -> Reply | None:
            found = await self._flow.find(merchant, payment_id)
            return (
                None if found is None else Reply(200, self._render.payment(found, livemode=merchant.livemode))
            )

        return {REFUND_CHANGE: refund, RESOLUTION: resolution}

    async def sync_refund(self, call: Call[Nothing, None]) -> Reply:
        """`POST /v1/refunds/{id}/sync`."""
        merchant, refund_id = merchant_of(call), call.path_id("refund", Kind.REFUND)
        claim = claim_of(call, REFUND_CHANGE, refund_id)
        work = self._flow.sync_refund(merchant, refund_id, claim=claim)
        done = await unless_done_before(call, work, key_is_known=self._key_is_known)
        return Reply(200, self._render.refund(done, livemode=merchant.livemode))

    async def resolve(self, call: Call[ResolvePayment, None]) -> Reply:
        """`POST /v1/payments/{id}/resolve`."""
        merchant, payment_id, body = merchant_of(call), call.path_id("payment", Kind.PAYMENT), call.body
        resolution = Resolution(
            attempt_id=parse_id(Kind.ATTEMPT, body.attempt, what="attempt", param="attempt"),
            approved=body.outcome == "approved",
            reference=body.reference,
            evidence=body.evidence,
            who=render(Kind.API_KEY, call.caller.key_id),
        )
        claim = claim_of(call, RESOLUTION, payment_id)
        work = self._flow.resolve(merchant, payment_id, resolution, claim=claim, now=call.now)
        done = await unless_done_before(call, work, key_is_known=self._key_is_known)
        return Reply(200, self._render.payment(done, livemode=merchant.livemode))
