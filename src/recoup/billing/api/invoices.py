"""Invoices over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from recoup.billing.core.machine import InvoiceNews, InvoiceStatus
from recoup.billing.core.records import Invoice, ManagedBy
from recoup.billing.flow.charging import Charging
from recoup.billing.flow.invoices import Invoices
from recoup.billing.flow.reading import Reader, check_currency
from recoup.billing.links import InvoiceLinks
from recoup.billing.objects import InvoiceObject, invoice_object
from recoup.billing.wire import CreateInvoice, InvoiceQuery, ItemData, PayInvoice
from recoup.db import Database
from recoup.http import idempotency
from recoup.http.idempotency import Resume
from recoup.http.routes import Acts, Call, Idempotency, ListObject, Problem, Reply, Route, parse_id
from recoup.kit.ids import Kind
from recoup.merchants.core import Merchant

PAYMENT: Final = "invoice_payment"
"""What the key of a request that charges names: the invoice, of which it is answered when it comes again."""
_PATH: Final = "/v1/invoices"
_ONE: Final = f"{_PATH}/{{invoice}}"
_TAG: Final = "invoices"
_STATE: Final = Problem("invoice_unexpected_state", 409, "Its present state forbids it.")
_UNDER_WAY: Final = Problem(
    "invoice_payment_under_way",
    409,
    "A payment of it may hold money: nothing else may be charged or changed.",
)
_METHOD: Final = (
    Problem("payment_method_of_another_customer", 409),
    Problem("payment_method_detached", 409),
    Problem("payment_method_closed", 409),
)


class InvoiceList(ListObject[InvoiceObject], frozen=True):
    """A page of invoices."""


_ACTS: Final = Acts(_ONE, answer=InvoiceObject, tag=_TAG, errors=(_STATE,))


class InvoicesApi:
    """The routes of invoices."""

    def __init__(
        self,
        database: Database,
        invoices: Invoices,
        charging: Charging,
        reader: Reader,
        *,
        links: InvoiceLinks,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._invoices = invoices
        self._charging = charging
        self._reader = reader
        self._links = links
        self._new_id = new_id

    def routes(self) -> list[Route]:
        """All routes."""
        return [*self._records(), self._paying(), *self._changes()]

    def _records(self) -> list[Route]:
        return [
            Route(
                "POST",
                _PATH,
                self.create,
                body=CreateInvoice,
                answer=InvoiceObject,
                status=201,
                summary="Draw up an invoice",
                description="A draft, beside any subscription: add items, then finalize it.",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(Problem("amount_zero", 400), Problem("currency_unknown", 400), *_METHOD),
                examples={
                    "one item": {
                        "customer": "cus_01kaq3v8e7f0t9m2c4x6z8b1d5",
                        "currency": "USD",
                        "items": [{"description": "Setup", "amount": 15000}],
                    }
                },
            ),
            Route(
                "GET",
                _PATH,
                self.page,
                query=InvoiceQuery,
                answer=InvoiceList,
                summary="List invoices",
                tag=_TAG,
            ),
            Route("GET", _ONE, self.read, answer=InvoiceObject, summary="Read an invoice", tag=_TAG),
        ]

    def _changes(self) -> list[Route]:
        return [
            _ACTS.route(
                "items",
                self.add_item,
                "Add an item to a draft",
                body=ItemData,
                errors=(Problem("amount_zero", 400), Problem("too_many_items", 409)),
            ),
            _ACTS.route(
                "finalize",
                self.finalize,
                "Open a draft",
                "It gets its number, and is charged soon where it has a payment method.",
                errors=(Problem("invoice_empty", 409, "There is nothing on it."),),
            ),
            _ACTS.route(
                "void",
                self.void,
                "Void an invoice",
                "As if it had never been, but for its number. Its period is not billed again; what the credit "
                "balance paid of it goes back. A payment of it that holds no money is canceled.",
                errors=(_UNDER_WAY,),
            ),
            _ACTS.route(
                "mark_uncollectible",
                self.give_up,
                "Give an invoice up",
                "Nothing charges it by itself any more; it may still be paid by hand.",
                errors=(_UNDER_WAY,),
            ),
        ]

    def resume(self) -> dict[str, Resume]:
        """How an interrupted request is answered when it comes again."""

        async def payment(merchant: Any, invoice_id: UUID) -> Reply | None:
            found = await self._charging.resumed(merchant, invoice_id)
            if found is None:
                return None
            return Reply(200, msgspec.json.encode(self._shown(found, merchant, now=found.updated_at)))

        return {PAYMENT: payment}

    def _paying(self) -> Route:
        return Route(
            "POST",
            f"{_ONE}/pay",
            self.pay,
            body=PayInvoice,
            answer=InvoiceObject,
            summary="Pay an invoice now",
            description="Charges it at once, with its own payment method or another. A decline is an answer: the "
            "invoice is then still open, and `payment_failure` says why. It is the same payment that recovery may be "
            "trying, so it can never be paid twice.",
            tag=_TAG,
            idempotency=Idempotency.FLOW,
            errors=(
                _STATE,
                _UNDER_WAY,
                Problem("payment_method_missing", 409, "It has no payment method: send one."),
                Problem("too_many_payments", 409, "So many of its payments were canceled: bill it anew."),
                *_METHOD,
            ),
            examples={"paid by bank transfer": {"paid_out_of_band": True}},
        )

    async def create(self, call: Call[CreateInvoice, None]) -> InvoiceObject:
        """`POST /v1/invoices`."""
        body, merchant = call.body, call.merchant
        customer = await self._reader.customer(merchant, body.customer)
        check_currency(body.currency)
        new = Invoice(
            merchant_id=merchant.id,
            id=self._new_id(),
            number=None,
            customer_id=customer.id,
            subscription_id=None,
            payment_method_id=await self._reader.method(merchant, body.payment_method, customer.id),
            period=None,
            status=InvoiceStatus.DRAFT,
            version=0,
            events_count=0,
            managed_by=ManagedBy.RECOUP,
            currency=body.currency,
            lines=(),
            subtotal=0,
            discount=0,
            total=0,
            credit=0,
            amount_due=0,
            due_at=body.due_at,
            charge_at=None,
            description=body.description,
            metadata=body.metadata,
            created_at=call.now,
            updated_at=call.now,
        )
        items = [
            self._reader.item(one, param=f"items[{place}].amount") for place, one in enumerate(body.items)
        ]
        drafted = await self._invoices.draft(call.transaction(), merchant, new, items)
        return self._shown(drafted, merchant, now=call.now)

    async def read(self, call: Call[None, None]) -> InvoiceObject:
        """`GET /v1/invoices/{id}`."""
        found = await self._invoices.get(call.merchant, _id(call))
        return self._shown(found, call.merchant, now=call.now)

    async def page(self, call: Call[None, InvoiceQuery]) -> InvoiceList:
        """`GET /v1/invoices`."""
        query, page = call.query, call.query.page(Kind.INVOICE)
        customer, subscription = query.customer, query.subscription
        found = await self._invoices.page(
            call.merchant,
            customer_id=None if customer is None else parse_id(Kind.CUSTOMER, customer, param="customer"),
            subscription_id=None
            if subscription is None
            else parse_id(Kind.SUBSCRIPTION, subscription, param="subscription"),
            status=query.status,
            after=page.after,
            before=page.before,
            limit=page.fetch,
        )
        shown, has_more = page.cut(found)
        data = [self._shown(one, call.merchant, now=call.now) for one in shown]
        return InvoiceList(data=data, has_more=has_more, url=_PATH)

    async def add_item(self, call: Call[ItemData, None]) -> InvoiceObject:
        """`POST /v1/invoices/{id}/items`."""
        item = self._reader.item(call.body)
        changed = await self._invoices.add_item(
            call.transaction(), call.merchant, _id(call), item, now=call.now
        )
        return self._shown(changed, call.merchant, now=call.now)

    async def finalize(self, call: Call[None, None]) -> InvoiceObject:
        """`POST /v1/invoices/{id}/finalize`."""
        opened = await self._invoices.open(call.transaction(), call.merchant, _id(call), now=call.now)
        return self._shown(opened, call.merchant, now=call.now)

    async def void(self, call: Call[None, None]) -> InvoiceObject:
        """`POST /v1/invoices/{id}/void`."""
        return await self._end(call, InvoiceNews.VOIDED)

    async def give_up(self, call: Call[None, None]) -> InvoiceObject:
        """`POST /v1/invoices/{id}/mark_uncollectible`."""
        return await self._end(call, InvoiceNews.GIVEN_UP)

    async def pay(self, call: Call[PayInvoice, None]) -> Reply:
        """`POST /v1/invoices/{id}/pay`."""
        invoice_id, merchant, now = _id(call), call.merchant, call.now
        known = await self._invoices.get(merchant, invoice_id)
        method_id = await self._reader.method(merchant, call.body.payment_method, known.customer_id)

        async def work() -> Reply:
            if call.body.paid_out_of_band:
                async with self._database.place(), self._database.transaction() as connection:
                    paid = await self._invoices.paid_elsewhere(connection, merchant, invoice_id, now=now)
            else:
                paid = await self._charging.pay(merchant, invoice_id, method_id=method_id, now=now)
            return Reply(200, msgspec.json.encode(self._shown(paid, merchant, now=now)))

        return await idempotency.once(self._database, call, work, resource=PAYMENT, resource_id=invoice_id)

    async def _end(self, call: Call[None, None], news: InvoiceNews) -> InvoiceObject:
        ended = await self._invoices.end(call.transaction(), call.merchant, _id(call), news, now=call.now)
        return self._shown(ended, call.merchant, now=call.now)

    def _shown(self, invoice: Invoice, merchant: Merchant, *, now: datetime) -> InvoiceObject:
        hosted = self._links.of(invoice, now=now)
        return invoice_object(invoice, livemode=merchant.livemode, hosted=hosted)


def _id(call: Call[Any, Any]) -> UUID:
    return call.path_id("invoice", Kind.INVOICE)
