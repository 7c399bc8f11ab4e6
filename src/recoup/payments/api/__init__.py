"""Payments and refunds over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final
from uuid import UUID

from msgspec import Struct
from psycopg.errors import ForeignKeyViolation

from recoup.http.fields import parse_id
from recoup.http.idempotency import Resume
from recoup.http.routes import Call, Idempotency, Problem, Reply, Route
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.kit.refusals import not_found
from recoup.payments.api.authentication import PROBLEMS as AUTHENTICATION_PROBLEMS
from recoup.payments.api.means import MeansReader, OpenNewCard
from recoup.payments.api.reading import (
    accounts_of,
    check_currency,
    check_method,
    claim_of,
    merchant_of,
    named_by,
    optional_id,
    return_url_of,
    returned_of,
    unless_done_before,
)
from recoup.payments.core import NewPayment, OperationKind, OperationState, Snapshot
from recoup.payments.core.operations import NewOperation
from recoup.payments.flow import Payments
from recoup.payments.objects import (
    PageOf,
    PaymentList,
    PaymentObject,
    RefundList,
    RefundObject,
    payment_object,
    refund_object,
)
from recoup.payments.timeline import Timeline, TimelineReader
from recoup.payments.wire import (
    EXAMPLE,
    CapturePayment,
    ConfirmPayment,
    CreatePayment,
    CreateRefund,
    Nothing,
    PaymentQuery,
    RefundQuery,
)
from recoup.payments.writes import Renderer

CREATED: Final = 201
PAYMENT: Final = "payment"
CHANGE: Final = "payment_change"
REFUND: Final = "refund"


class PaymentsApi:
    """The routes of payments and refunds."""

    def __init__(
        self,
        flow: Payments,
        *,
        new_id: Callable[[], UUID],
        open_new_card: OpenNewCard,
        timeline: TimelineReader,
        key_is_known: Callable[[UUID, str], Awaitable[bool]],
        render: Renderer,
        page_of: PageOf,
    ) -> None:
        self._flow = flow
        self._new_id = new_id
        self._means = MeansReader(flow, open_new_card)
        self._timeline = timeline
        self._key_is_known = key_is_known
        self._render = render
        self._page_of = page_of

    def routes(self) -> list[Route]:
        """All routes."""
        return [*self._payment_routes(), *self._change_routes(), *self._refund_routes()]

    def resume(self) -> dict[str, Resume]:
        """How an interrupted request is answered when it comes again, by what it made."""

        async def payment(merchant: Any, payment_id: UUID) -> Reply | None:
            return await self._resumed(merchant, payment_id, CREATED)

        async def change(merchant: Any, payment_id: UUID) -> Reply | None:
            return await self._resumed(merchant, payment_id, 200)

        async def refund(merchant: Any, refund_id: UUID) -> Reply | None:
            return await self._resumed_refund(merchant, refund_id)

        return {PAYMENT: payment, CHANGE: change, REFUND: refund}

    def _payment_routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                "/v1/payments",
                self.create,
                body=CreatePayment,
                answer=PaymentObject,
                status=CREATED,
                summary="Create a payment",
                description="Charges at once where a payment method is given. A decline is an answer, not an error.",
                tag="payments",
                idempotency=Idempotency.FLOW,
                errors=(
                    Problem("no_processor_account", 400, "No account can take this payment."),
                    Problem("resource_missing", 404, "The customer or payment method does not exist."),
                    *AUTHENTICATION_PROBLEMS,
                ),
                examples={"with a new card": EXAMPLE},
            ),
            Route(
                "GET",
                "/v1/payments",
                self.page,
                query=PaymentQuery,
                answer=PaymentList,
                summary="List payments",
                tag="payments",
            ),
            Route(
                "GET",
                "/v1/payments/{payment}",
                self.read,
                answer=PaymentObject,
                summary="Read a payment",
                tag="payments",
            ),
            Route(
                "GET",
                "/v1/payments/{payment}/timeline",
                self.timeline,
                answer=Timeline,
                summary="The whole story of a payment, in order",
                tag="payments",
            ),
        ]

    def _change_routes(self) -> list[Route]:
        state = Problem("payment_unexpected_state", 409, "The payment's state does not allow it.")
        changes: list[tuple[str, Any, type[Struct], str, str]] = [
            (
                "confirm",
                self.confirm,
                ConfirmPayment,
                "Confirm a payment",
                "After the customer acted, with what they brought back in `return_parameters`; or with another method.",
            ),
            (
                "capture",
                self.capture,
                CapturePayment,
                "Capture a payment",
                "Takes held money: all, or a part of it.",
            ),
            ("cancel", self.cancel, Nothing, "Cancel a payment", "Lets go of held money."),
            ("sync", self.sync, Nothing, "Ask the processor now", "Settles what is still open, by evidence."),
        ]
        return [
            Route(
                "POST",
                f"/v1/payments/{{payment}}/{verb}",
                handler,
                body=body,
                answer=PaymentObject,
                summary=summary,
                description=description,
                tag="payments",
                idempotency=Idempotency.FLOW,
                errors=(
                    state,
                    Problem("resource_missing", 404, "There is no such payment or payment method."),
                    *(AUTHENTICATION_PROBLEMS if body is ConfirmPayment else ()),
                ),
            )
            for verb, handler, body, summary, description in changes
        ]

    def _refund_routes(self) -> list[Route]:
        return [
            Route(
                "POST",
                "/v1/refunds",
                self.refund,
                body=CreateRefund,
                answer=RefundObject,
                status=CREATED,
                summary="Refund a payment",
                tag="refunds",
                idempotency=Idempotency.FLOW,
                errors=(
                    Problem("payment_unexpected_state", 409, "Nothing of this payment can be refunded now."),
                    Problem("resource_missing", 404, "There is no such payment."),
                ),
            ),
            Route(
                "GET",
                "/v1/refunds",
                self.refund_page,
                query=RefundQuery,
                answer=RefundList,
                summary="List refunds",
                tag="refunds",
            ),
            Route(
                "GET",
                "/v1/refunds/{refund}",
                self.read_refund,
                answer=RefundObject,
                summary="Read a refund",
                tag="refunds",
            ),
        ]

    async def create(self, call: Call[CreatePayment, None]) -> Reply:
        """`POST /v1/payments`."""
        return await self._once(call, self._create(call), CREATED)

    async def _create(self, call: Call[CreatePayment, None]) -> Snapshot:
        body, merchant = call.body, merchant_of(call)
        check_currency(body.currency)
        customer = optional_id(Kind.CUSTOMER, body.customer, "customer")
        check_method(body)
        means, owner = await self._means.read(call, body, customer, initiator=body.initiator)
        new = NewPayment(
            id=self._new_id(),
            merchant_id=merchant.id,
            money=Money(body.amount, body.currency),
            capture=body.capture,
            initiator=body.initiator,
            customer_id=customer or owner,
            merchant_reference=body.merchant_reference,
            return_url=return_url_of(body.return_url),
            routing=accounts_of(body.routing),
            recovery_policy=None if body.recovery is None else body.recovery.policy,
            metadata=body.metadata,
            agreement=body.agreement,
            merchant_category=body.merchant_category,
            divisible=body.initiator == "merchant" and body.capture == "automatic",
        )
        try:
            return await self._flow.create(
                merchant, new, means, claim=claim_of(call, PAYMENT, new.id), now=call.now
            )
        except ForeignKeyViolation:
            assert customer is not None, "everything else was read before"
            raise not_found("customer", render(Kind.CUSTOMER, customer), param="customer") from None

    async def read(self, call: Call[None, None]) -> PaymentObject:
        """`GET /v1/payments/{id}`."""
        merchant = merchant_of(call)
        snapshot = await self._flow.get(merchant, call.path_id("payment", Kind.PAYMENT))
        return payment_object(snapshot, livemode=merchant.livemode, page_of=self._page_of)

    async def page(self, call: Call[None, PaymentQuery]) -> PaymentList:
        """`GET /v1/payments`."""
        merchant = merchant_of(call)
        page = call.query.page(Kind.PAYMENT)
        found = await self._flow.page(
            merchant,
            customer_id=optional_id(Kind.CUSTOMER, call.query.customer, "customer"),
            starting_after=page.after,
            ending_before=page.before,
            limit=page.fetch,
        )
        shown, more = page.cut(found)
        data = [payment_object(one, livemode=merchant.livemode, page_of=self._page_of) for one in shown]
        return PaymentList(data=data, has_more=more, url="/v1/payments")

    async def timeline(self, call: Call[None, None]) -> Timeline:
        """`GET /v1/payments/{id}/timeline`."""
        merchant = merchant_of(call)
        snapshot = await self._flow.get(merchant, call.path_id("payment", Kind.PAYMENT))
        return await self._timeline.read(merchant, snapshot)

    async def confirm(self, call: Call[ConfirmPayment, None]) -> Reply:
        """`POST /v1/payments/{id}/confirm`."""
        return await self._once(call, self._confirm(call))

    async def _confirm(self, call: Call[ConfirmPayment, None]) -> Snapshot:
        merchant, payment_id = merchant_of(call), call.path_id("payment", Kind.PAYMENT)
        known = await self._flow.get(merchant, payment_id)
        means, _ = await self._means.read(
            call, call.body, known.payment.customer_id, initiator=known.payment.initiator
        )
        returned = returned_of(call.body.return_parameters)
        claim = claim_of(call, CHANGE, payment_id)
        return await self._flow.confirm(
            merchant, payment_id, means, returned=returned, claim=claim, now=call.now
        )

    async def capture(self, call: Call[CapturePayment, None]) -> Reply:
        """`POST /v1/payments/{id}/capture`."""
        merchant, payment_id = merchant_of(call), call.path_id("payment", Kind.PAYMENT)
        new = NewOperation(self._new_id(), OperationKind.CAPTURE, call.body.amount, call.body.final)
        claim = claim_of(call, CHANGE, payment_id)
        return await self._once(
            call, self._flow.capture(merchant, payment_id, new, claim=claim, now=call.now)
        )

    async def cancel(self, call: Call[Nothing, None]) -> Reply:
        """`POST /v1/payments/{id}/cancel`."""
        merchant, payment_id = merchant_of(call), call.path_id("payment", Kind.PAYMENT)
        claim, operation_id = claim_of(call, CHANGE, payment_id), self._new_id()
        work = self._flow.cancel(merchant, payment_id, operation_id=operation_id, claim=claim, now=call.now)
        return await self._once(call, work)

    async def sync(self, call: Call[Nothing, None]) -> Reply:
        """`POST /v1/payments/{id}/sync`."""
        merchant, payment_id = merchant_of(call), call.path_id("payment", Kind.PAYMENT)
        claim = claim_of(call, CHANGE, payment_id)
        return await self._once(call, self._flow.sync(merchant, payment_id, claim=claim))

    async def refund(self, call: Call[CreateRefund, None]) -> Reply:
        """`POST /v1/refunds`."""
        merchant, body = merchant_of(call), call.body
        payment_id = parse_id(Kind.PAYMENT, body.payment, what="payment", param="payment")
        new = NewOperation(
            self._new_id(), OperationKind.REFUND, body.amount, reason=body.reason, metadata=body.metadata
        )
        claim = claim_of(call, REFUND, new.id)
        work = self._flow.refund(merchant, payment_id, new, claim=claim, now=call.now)
        with named_by("payment"):
            refund = await unless_done_before(call, work, key_is_known=self._key_is_known)
        return Reply(CREATED, self._render.refund(refund, livemode=merchant.livemode))

    async def _once(self, call: Call[Any, Any], work: Awaitable[Snapshot], status: int = 200) -> Reply:
        snapshot = await unless_done_before(call, work, key_is_known=self._key_is_known)
        return Reply(status, self._render.payment(snapshot, livemode=call.merchant.livemode))

    async def _resumed(self, merchant: Any, payment_id: UUID, status: int) -> Reply | None:
        snapshot = await self._flow.find(merchant, payment_id)
        if snapshot is None or self._flow.under_way(snapshot):
            return None
        return Reply(status, self._render.payment(snapshot, livemode=merchant.livemode))

    async def _resumed_refund(self, merchant: Any, refund_id: UUID) -> Reply | None:
        refund = await self._flow.find_refund(merchant, refund_id)
        if refund is None or refund.state is OperationState.STARTED:
            return None
        return Reply(CREATED, self._render.refund(refund, livemode=merchant.livemode))

    async def read_refund(self, call: Call[None, None]) -> RefundObject:
        """`GET /v1/refunds/{id}`."""
        merchant = merchant_of(call)
        refund = await self._flow.read_refund(merchant, call.path_id("refund", Kind.REFUND))
        return refund_object(refund, livemode=merchant.livemode)

    async def refund_page(self, call: Call[None, RefundQuery]) -> RefundList:
        """`GET /v1/refunds`."""
        merchant = merchant_of(call)
        page = call.query.page(Kind.REFUND)
        found = await self._flow.refunds(
            merchant,
            payment_id=optional_id(Kind.PAYMENT, call.query.payment, "payment"),
            starting_after=page.after,
            ending_before=page.before,
            limit=page.fetch,
        )
        shown, more = page.cut(found)
        data = [refund_object(one, livemode=merchant.livemode) for one in shown]
        return RefundList(data=data, has_more=more, url="/v1/refunds")
