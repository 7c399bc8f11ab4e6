"""Customers' credit balances over HTTP."""

from __future__ import annotations

from typing import Final

from recoup.billing.core.step import Credit
from recoup.billing.credit_objects import CreditBalanceObject, credit_object
from recoup.billing.flow.invoices import Invoices
from recoup.billing.flow.reading import Reader, check_currency
from recoup.billing.wire import ChangeCredit
from recoup.db import Database, Queries
from recoup.http.routes import Call, Idempotency, Problem, Route
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import invalid
from recoup.merchants.core import Merchant
from recoup.vault.core import Customer

_PATH: Final = "/v1/customers/{customer}/credit_balance"
_TAG: Final = "credit balances"


class CreditApi:
    """The routes of credit balances."""

    def __init__(self, database: Database, invoices: Invoices, reader: Reader) -> None:
        self._database = database
        self._invoices = invoices
        self._reader = reader

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "GET",
                _PATH,
                self.read,
                answer=CreditBalanceObject,
                summary="Read a customer's credit balance",
                description="It is taken off the next invoices; what a credit leaves over comes into it.",
                tag=_TAG,
            ),
            Route(
                "POST",
                _PATH,
                self.change,
                body=ChangeCredit,
                answer=CreditBalanceObject,
                summary="Change a customer's credit balance",
                tag=_TAG,
                idempotency=Idempotency.TRANSACTION,
                errors=(
                    Problem("amount_zero", 400),
                    Problem("currency_unknown", 400),
                    Problem("credit_balance_too_low", 409, "There is less than that to take."),
                ),
                examples={"goodwill": {"amount": 1000, "currency": "USD", "reason": "Late delivery"}},
            ),
        ]

    async def read(self, call: Call[None, None]) -> CreditBalanceObject:
        """`GET /v1/customers/{id}/credit_balance`."""
        customer = await self._reader.customer(call.merchant, call.path["customer"])
        return await self._shown(self._database, call.merchant, customer)

    async def change(self, call: Call[ChangeCredit, None]) -> CreditBalanceObject:
        """`POST /v1/customers/{id}/credit_balance`."""
        body, connection = call.body, call.transaction()
        customer = await self._reader.customer(call.merchant, call.path["customer"])
        check_currency(body.currency)
        if body.amount == 0:
            raise invalid("amount_zero", "Send what to add, or, negative, to take.", param="amount")
        credit = Credit(customer.id, body.currency, body.amount, body.reason)
        await self._invoices.give_credit(connection, call.merchant, credit, now=call.now)
        return await self._shown(connection, call.merchant, customer)

    async def _shown(self, queries: Queries, merchant: Merchant, customer: Customer) -> CreditBalanceObject:
        balances, changes = await self._invoices.credit(queries, merchant, customer.id)
        name = render(Kind.CUSTOMER, customer.id)
        return credit_object(name, balances, changes, livemode=merchant.livemode)
