"""What a subscription bills, over HTTP: the next invoice looked at, charged now, or reported by whoever else bills."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.billing.core.records import Failing, Invoice
from recoup.billing.flow.charging import Charging
from recoup.billing.flow.reading import Reader
from recoup.billing.flow.subscriptions import Subscriptions
from recoup.billing.links import InvoiceLinks
from recoup.billing.objects import InvoiceObject, invoice_object
from recoup.billing.wire import ReportPeriod, UpcomingQuery
from recoup.db import Database
from recoup.http import idempotency
from recoup.http.idempotency import Resume
from recoup.http.routes import Call, Idempotency, Problem, Reply, Route
from recoup.kit.ids import Kind
from recoup.kit.refusals import Refusal, invalid
from recoup.merchants.core import Merchant

CHARGED: Final = "subscription_charge"
_ONE: Final = "/v1/subscriptions/{subscription}"
_TAG: Final = "subscriptions"
_ENDED: Final = Problem("subscription_ended", 409, "Its end is final.")
_PAUSED: Final = Problem("subscription_paused", 409, "Resume it first.")
_PLAN: Final = (Problem("plan_inactive", 409), Problem("currency_mismatch", 409))


class PeriodsApi:
    """The routes of what subscriptions bill."""

    def __init__(
        self,
        database: Database,
        subscriptions: Subscriptions,
        charging: Charging,
        reader: Reader,
        *,
        links: InvoiceLinks,
    ) -> None:
        self._database = database
        self._subscriptions = subscriptions
        self._charging = charging
        self._reader = reader
        self._links = links

    def routes(self) -> list[Route]:
        """All routes."""
        not_begun = Problem("period_not_begun", 409, "The next period has not begun.")
        nothing = Problem("no_upcoming_invoice", 409, "Nothing more will be billed.")
        return [
            Route(
                "GET",
                f"{_ONE}/upcoming",
                self.upcoming,
                query=UpcomingQuery,
                answer=InvoiceObject,
                summary="Preview the next invoice",
                description="As it would be opened next, or after a change of plan or quantity. Nothing is stored, "
                "and its id names nothing. The customer's credit balance is taken off as it is now.",
                tag=_TAG,
                errors=(Problem("amount_too_large", 400), nothing, _ENDED, _PAUSED, *_PLAN),
            ),
            Route(
                "POST",
                f"{_ONE}/charge",
                self.charge,
                answer=InvoiceObject,
                summary="Charge the next period now",
                description="For a subscription that is managed by `merchant`: opens its next period, which must have "
                "begun, and charges it. A period is billed once, however often this is asked for.",
                tag=_TAG,
                idempotency=Idempotency.FLOW,
                errors=(
                    _ENDED,
                    _PAUSED,
                    not_begun,
                    nothing,
                    Problem("subscription_not_managed_by_merchant", 409),
                ),
            ),
            Route(
                "POST",
                f"{_ONE}/report",
                self.report,
                body=ReportPeriod,
                answer=InvoiceObject,
                summary="Report what came of a period elsewhere",
                description="For a subscription that is managed `outside`: its next period was paid there, or refused. "
                "We charge nothing; bring a failure to `POST /v1/recoveries` to have it won back.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    Problem("time_in_future", 400),
                    _ENDED,
                    _PAUSED,
                    not_begun,
                    nothing,
                    Problem("subscription_not_managed_outside", 409),
                ),
                examples={"paid": {"outcome": "paid", "external_id": "in_1001"}},
            ),
        ]

    def resume(self) -> dict[str, Resume]:
        """How an interrupted request is answered when it comes again."""

        async def charged(merchant: Any, subscription_id: UUID) -> Reply | None:
            found = await self._subscriptions.get(merchant, subscription_id)
            if found.latest_invoice_id is None:
                return None
            invoice = await self._charging.resumed(merchant, found.latest_invoice_id)
            if invoice is None:
                return None
            return Reply(200, msgspec.json.encode(self._bill(invoice, merchant, now=invoice.updated_at)))

        return {CHARGED: charged}

    async def upcoming(self, call: Call[None, UpcomingQuery]) -> InvoiceObject:
        """`GET /v1/subscriptions/{id}/upcoming`."""
        query, merchant = call.query, call.merchant
        found = await self._subscriptions.get(merchant, _id(call))
        change = await self._reader.change(merchant, query.plan, query.quantity, currency=found.currency)
        invoice = await self._subscriptions.upcoming(
            self._database, merchant, found, change, query.proration_behavior, now=call.now
        )
        return invoice_object(invoice, livemode=merchant.livemode, hosted=None)

    async def charge(self, call: Call[None, None]) -> Reply:
        """`POST /v1/subscriptions/{id}/charge`: the claim goes with the transaction that opens the period."""
        merchant, now, claim = call.merchant, call.now, call.claim
        async with self._database.place(), self._database.transaction() as connection:
            if claim is not None:
                await idempotency.claim(
                    connection,
                    merchant_id=merchant.id,
                    claim=claim,
                    resource=CHARGED,
                    resource_id=_id(call),
                )
            opened = await self._subscriptions.open_now(connection, merchant, _id(call), now=now)
        assert opened.invoice is not None, "a period was opened"
        invoice = await self._charged(merchant, opened.invoice, call)
        reply = Reply(200, msgspec.json.encode(self._bill(invoice, merchant, now=now)))
        if claim is not None:
            await idempotency.record(
                self._database, merchant_id=merchant.id, key=claim.key, status=reply.status, body=reply.body
            )
        return reply

    async def report(self, call: Call[ReportPeriod, None]) -> InvoiceObject:
        """`POST /v1/subscriptions/{id}/report`."""
        body, at = call.body, call.body.at or call.now
        if at > call.now:
            raise invalid("time_in_future", "`at` is in the future: report what has happened.", param="at")
        failing = None
        if body.outcome == "payment_failed":
            code = body.code or "payment_failed"
            failing = Failing(code, body.message or "Whoever bills it could not charge it.", 1, at)
        done = await self._subscriptions.report(
            call.transaction(),
            call.merchant,
            _id(call),
            failing=failing,
            external_id=body.external_id,
            at=at,
            now=call.now,
        )
        assert done.invoice is not None, "a period was opened"
        return self._bill(done.invoice, call.merchant, now=call.now)

    async def _charged(self, merchant: Merchant, opened: Invoice, call: Call[Any, Any]) -> Invoice:
        """The invoice after its charge. What is refused now is left to the worker, which has it due."""
        with suppress(Refusal):
            await self._charging.charge(merchant, opened.id, call.now)
        return await self._charging.get(merchant, opened.id)

    def _bill(self, invoice: Invoice, merchant: Merchant, *, now: datetime) -> InvoiceObject:
        hosted = self._links.of(invoice, now=now)
        return invoice_object(invoice, livemode=merchant.livemode, hosted=hosted)


def _id(call: Call[Any, Any]) -> UUID:
    return call.path_id("subscription", Kind.SUBSCRIPTION)
