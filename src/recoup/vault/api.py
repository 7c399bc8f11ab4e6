"""Customers and payment methods over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from recoup.http.fields import IdText, parse_id
from recoup.http.routes import Call, Idempotency, ListObject, ListQuery, Metadata, Problem, Route
from recoup.kit.ids import Kind, render
from recoup.vault.core import BillingDetails, CustomerDetails, Payday
from recoup.vault.core.records import Country, Description, Email, Line, Phone, Reference, TimeZone
from recoup.vault.flow import Customers, PaymentMethods
from recoup.vault.objects import (
    CustomerObject,
    PaymentMethodObject,
    customer_object,
    payment_method_object,
)
from recoup.vault.wire import CardMethodData

_CUSTOMERS: Final = "customers"
_METHODS: Final = "payment methods"


class CreateCustomer(CustomerDetails, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new customer. Country, time zone and payday let Recoup try again at the right moment."""

    metadata: Metadata = msgspec.field(default_factory=dict)


class UpdateCustomer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; a field that is left out stays as it is, null empties it. Metadata is merged."""

    name: Line | UnsetType | None = UNSET
    email: Email | UnsetType | None = UNSET
    phone: Phone | UnsetType | None = UNSET
    description: Description | UnsetType | None = UNSET
    merchant_reference: Reference | UnsetType | None = UNSET
    country: Country | UnsetType | None = UNSET
    time_zone: TimeZone | UnsetType | None = UNSET
    payday: Payday | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class CustomerList(ListObject[CustomerObject], frozen=True):
    """A page of customers."""


class DeletedCustomer(Struct, frozen=True, kw_only=True):
    """A customer that is gone."""

    id: str
    object: Literal["customer"] = "customer"
    deleted: Literal[True] = True


class CreatePaymentMethod(CardMethodData, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new payment method. Its security code is checked for its form and not kept."""

    customer: Annotated[IdText | None, Meta(description="Attach it to this customer.")] = None
    metadata: Metadata = msgspec.field(default_factory=dict)


class CardUpdate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a renewed card of the same number changes."""

    exp_month: Annotated[int, Meta(ge=1, le=12)] | None = None
    exp_year: Annotated[int, Meta(ge=0, le=2999)] | None = None


class UpdatePaymentMethod(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to change; a field that is left out stays as it is. Billing details are replaced, metadata is merged."""

    card: CardUpdate = CardUpdate()
    billing_details: BillingDetails | None = None
    metadata: Metadata = msgspec.field(default_factory=dict)


class AttachPaymentMethod(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose payment method it becomes."""

    customer: IdText


class PaymentMethodQuery(ListQuery, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which payment methods to list."""

    customer: Annotated[IdText | None, Meta(description="Those of this customer only.")] = None


class PaymentMethodList(ListObject[PaymentMethodObject], frozen=True):
    """A page of payment methods."""


_CUSTOMER_EXAMPLE: Final = {
    "name": "Jane Doe",
    "email": "jane@example.com",
    "country": "US",
    "time_zone": "America/New_York",
    "payday": {"cycle": "biweekly", "anchor_date": "2026-11-06"},
    "merchant_reference": "user-1001",
}
_CARD_EXAMPLE: Final = {
    "type": "card",
    "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"},
    "billing_details": {"name": "Jane Doe", "address": {"country": "US", "postal_code": "94103"}},
}
_CUSTOMER_PROBLEMS: Final = tuple(
    Problem(code, 400) for code in ("invalid_country", "invalid_email", "invalid_payday", "invalid_time_zone")
)
CARD_PROBLEMS: Final = tuple(
    Problem(code, 400)
    for code in (
        "incorrect_number",
        "invalid_country",
        "invalid_cvc",
        "invalid_email",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "invalid_number",
    )
)
"""What every route that takes a new card may answer."""
_MERGE_PROBLEM: Final = Problem("metadata_limit", 400)
_NO_MASTER_KEY: Final = Problem("live_mode_needs_master_key", 403)


class CustomersApi:
    """The routes of customers."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers

    def routes(self) -> list[Route]:
        """The routes."""
        path = "/v1/customers"
        one = f"{path}/{{customer}}"
        return [
            Route(
                "POST",
                path,
                self.create,
                body=CreateCustomer,
                answer=CustomerObject,
                status=201,
                summary="Create a customer",
                tag=_CUSTOMERS,
                idempotency=Idempotency.TRANSACTION,
                errors=_CUSTOMER_PROBLEMS,
                examples={"paid every other Friday": _CUSTOMER_EXAMPLE},
            ),
            Route(
                "GET",
                path,
                self.list,
                query=ListQuery,
                answer=CustomerList,
                summary="List customers",
                tag=_CUSTOMERS,
            ),
            Route("GET", one, self.read, answer=CustomerObject, summary="Read a customer", tag=_CUSTOMERS),
            Route(
                "POST",
                one,
                self.update,
                body=UpdateCustomer,
                answer=CustomerObject,
                summary="Update a customer",
                tag=_CUSTOMERS,
                idempotency=Idempotency.TRANSACTION,
                errors=(*_CUSTOMER_PROBLEMS, _MERGE_PROBLEM),
                examples={
                    "paid on the last of the month": {"payday": {"cycle": "monthly", "day_of_month": 31}}
                },
            ),
            Route(
                "DELETE",
                one,
                self.delete,
                answer=DeletedCustomer,
                summary="Delete a customer",
                description="Their payment methods are detached with them. Payments keep the customer's id.",
                tag=_CUSTOMERS,
            ),
        ]

    async def create(self, call: Call[CreateCustomer, None]) -> CustomerObject:
        """POST /v1/customers."""
        details = CustomerDetails(**msgspec.structs.asdict(call.body))
        customer = await self._customers.create(call.transaction(), call.merchant, details, now=call.now)
        return customer_object(customer, livemode=call.merchant.livemode)

    async def read(self, call: Call[None, None]) -> CustomerObject:
        """GET /v1/customers/{customer}."""
        customer = await self._customers.get(call.merchant.id, call.path_id("customer", Kind.CUSTOMER))
        return customer_object(customer, livemode=call.merchant.livemode)

    async def list(self, call: Call[None, ListQuery]) -> CustomerList:
        """GET /v1/customers."""
        page = call.query.page(Kind.CUSTOMER)
        rows = await self._customers.list(
            call.merchant.id, after=page.after, before=page.before, limit=page.fetch
        )
        shown, has_more = page.cut(rows)
        return CustomerList(
            data=[customer_object(customer, livemode=call.merchant.livemode) for customer in shown],
            has_more=has_more,
            url="/v1/customers",
        )

    async def update(self, call: Call[UpdateCustomer, None]) -> CustomerObject:
        """POST /v1/customers/{customer}."""
        customer = await self._customers.update(
            call.transaction(),
            call.merchant,
            call.path_id("customer", Kind.CUSTOMER),
            changes=_given(call.body),
            now=call.now,
        )
        return customer_object(customer, livemode=call.merchant.livemode)

    async def delete(self, call: Call[None, None]) -> DeletedCustomer:
        """DELETE /v1/customers/{customer}."""
        customer_id = call.path_id("customer", Kind.CUSTOMER)
        await self._customers.delete(call.merchant, customer_id, now=call.now)
        return DeletedCustomer(id=render(Kind.CUSTOMER, customer_id))


class PaymentMethodsApi:
    """The routes of payment methods."""

    def __init__(self, methods: PaymentMethods) -> None:
        self._methods = methods

    def routes(self) -> list[Route]:
        """The routes."""
        path = "/v1/payment_methods"
        return [*self._routes_of_all(path), *self._routes_of_one(f"{path}/{{payment_method}}")]

    def _routes_of_all(self, path: str) -> Sequence[Route]:
        return [
            Route(
                "POST",
                path,
                self.create,
                body=CreatePaymentMethod,
                answer=PaymentMethodObject,
                status=201,
                summary="Create a payment method",
                tag=_METHODS,
                idempotency=Idempotency.TRANSACTION,
                errors=("payment_method_limit", *CARD_PROBLEMS, _NO_MASTER_KEY),
                examples={"a card": _CARD_EXAMPLE},
            ),
            Route(
                "GET",
                path,
                self.list,
                query=PaymentMethodQuery,
                answer=PaymentMethodList,
                summary="List payment methods",
                tag=_METHODS,
            ),
        ]

    def _routes_of_one(self, one: str) -> Sequence[Route]:
        return [
            Route(
                "GET",
                one,
                self.read,
                answer=PaymentMethodObject,
                summary="Read a payment method",
                tag=_METHODS,
            ),
            Route(
                "POST",
                one,
                self.update,
                body=UpdatePaymentMethod,
                answer=PaymentMethodObject,
                summary="Update a payment method",
                tag=_METHODS,
                idempotency=Idempotency.TRANSACTION,
                errors=("payment_method_detached", *CARD_PROBLEMS, _MERGE_PROBLEM),
                examples={"a renewed card": {"card": {"exp_month": 12, "exp_year": 2034}}},
            ),
            Route(
                "POST",
                f"{one}/attach",
                self.attach,
                body=AttachPaymentMethod,
                answer=PaymentMethodObject,
                summary="Attach a payment method to a customer",
                tag=_METHODS,
                idempotency=Idempotency.TRANSACTION,
                errors=("payment_method_attached", "payment_method_detached", "payment_method_limit"),
            ),
            Route(
                "POST",
                f"{one}/detach",
                self.detach,
                answer=PaymentMethodObject,
                summary="Take a payment method out of use",
                description="For good: the customer has to give the card again.",
                tag=_METHODS,
                idempotency=Idempotency.TRANSACTION,
            ),
        ]

    async def create(self, call: Call[CreatePaymentMethod, None]) -> PaymentMethodObject:
        """POST /v1/payment_methods."""
        method = await self._methods.create(
            call.transaction(),
            call.merchant,
            call.body,
            customer_id=_customer_id(call.body.customer),
            metadata=call.body.metadata,
            now=call.now,
        )
        return payment_method_object(method, livemode=call.merchant.livemode)

    async def read(self, call: Call[None, None]) -> PaymentMethodObject:
        """GET /v1/payment_methods/{payment_method}."""
        method = await self._methods.get(
            call.merchant.id, call.path_id("payment_method", Kind.PAYMENT_METHOD)
        )
        return payment_method_object(method, livemode=call.merchant.livemode)

    async def list(self, call: Call[None, PaymentMethodQuery]) -> PaymentMethodList:
        """GET /v1/payment_methods."""
        page = call.query.page(Kind.PAYMENT_METHOD)
        rows = await self._methods.list(
            call.merchant.id,
            customer_id=_customer_id(call.query.customer),
            after=page.after,
            before=page.before,
            limit=page.fetch,
        )
        shown, has_more = page.cut(rows)
        return PaymentMethodList(
            data=[payment_method_object(method, livemode=call.merchant.livemode) for method in shown],
            has_more=has_more,
            url="/v1/payment_methods",
        )

    async def update(self, call: Call[UpdatePaymentMethod, None]) -> PaymentMethodObject:
        """POST /v1/payment_methods/{payment_method}."""
        method = await self._methods.update(
            call.transaction(),
            call.merchant,
            call.path_id("payment_method", Kind.PAYMENT_METHOD),
            exp_month=call.body.card.exp_month,
            exp_year=call.body.card.exp_year,
            billing=call.body.billing_details,
            metadata=call.body.metadata,
            now=call.now,
        )
        return payment_method_object(method, livemode=call.merchant.livemode)

    async def attach(self, call: Call[AttachPaymentMethod, None]) -> PaymentMethodObject:
        """POST /v1/payment_methods/{payment_method}/attach."""
        method = await self._methods.attach(
            call.transaction(),
            call.merchant,
            call.path_id("payment_method", Kind.PAYMENT_METHOD),
            customer_id=parse_id(Kind.CUSTOMER, call.body.customer, param="customer"),
            now=call.now,
        )
        return payment_method_object(method, livemode=call.merchant.livemode)

    async def detach(self, call: Call[None, None]) -> PaymentMethodObject:
        """POST /v1/payment_methods/{payment_method}/detach."""
        method = await self._methods.detach(
            call.transaction(),
            call.merchant,
            call.path_id("payment_method", Kind.PAYMENT_METHOD),
            now=call.now,
        )
        return payment_method_object(method, livemode=call.merchant.livemode)


def _given(body: UpdateCustomer) -> dict[str, Any]:
    """The fields that were sent."""
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}


def _customer_id(text: str | None) -> UUID | None:
    return None if text is None else parse_id(Kind.CUSTOMER, text, param="customer")
