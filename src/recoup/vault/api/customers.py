"""Customers over HTTP."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, Struct, UnsetType

from recoup.http.routes import Call, Idempotency, ListObject, ListQuery, Metadata, Problem, Route
from recoup.kit.ids import Kind, render
from recoup.vault.core import CustomerDetails, Payday
from recoup.vault.core.records import Country, Description, Email, Line, Phone, Reference, TimeZone
from recoup.vault.flow import Customers
from recoup.vault.objects import CustomerObject, customer_object

_CUSTOMERS: Final = "customers"


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


_CUSTOMER_EXAMPLE: Final = {
    "name": "Jane Doe",
    "email": "jane@example.com",
    "country": "US",
    "time_zone": "America/New_York",
    "payday": {"cycle": "biweekly", "anchor_date": "2026-11-06"},
    "merchant_reference": "user-1001",
}
_CUSTOMER_PROBLEMS: Final = tuple(
    Problem(code, 400) for code in ("invalid_country", "invalid_email", "invalid_payday", "invalid_time_zone")
)
_MERGE_PROBLEM: Final = Problem("metadata_limit", 400)


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


def _given(body: UpdateCustomer) -> dict[str, Any]:
    """The fields that were sent."""
    return {name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET}
