"""Reads with what a call wants to pay: a stored payment method, or one that comes with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from recoup.http.fields import parse_id
from recoup.http.routes import Call
from recoup.kit.ids import Kind
from recoup.kit.refusals import Refusal, invalid
from recoup.merchants.core import Merchant
from recoup.payments.api.authentication import authentication_of
from recoup.payments.api.reading import browser_of, check_one_method, merchant_of, named_by
from recoup.payments.flow import Means, Payments
from recoup.payments.wire import ConfirmPayment, CreatePayment
from recoup.vault.wire import PaymentMethodData

OpenNewCard = Callable[[Merchant, PaymentMethodData, UUID | None, datetime], Awaitable[Means]]
"""Seals a payment method that came with a request, and opens it for this call; at the end its customer and now."""


class MeansReader:
    """Opens the payment method of a call."""

    def __init__(self, flow: Payments, open_new_card: OpenNewCard) -> None:
        self._flow = flow
        self._open_new_card = open_new_card

    async def read(
        self,
        call: Call[Any, Any],
        body: CreatePayment | ConfirmPayment,
        customer: UUID | None,
        *,
        initiator: str,
    ) -> tuple[Means | None, UUID | None]:
        """The payment method with what is known of the customer, and whose it is; None where the call names none."""
        means, owner = await self._opened(call, body, customer)
        browser = browser_of(body.browser)
        if means is None:
            if body.three_d_secure is not None:
                raise _nothing_authenticated()
            return None, owner
        authentication = authentication_of(body.three_d_secure, brand=means.brand, initiator=initiator)
        return replace(means, browser=browser, authentication=authentication), owner

    async def _opened(
        self, call: Call[Any, Any], body: CreatePayment | ConfirmPayment, customer: UUID | None
    ) -> tuple[Means | None, UUID | None]:
        check_one_method(body)
        merchant = merchant_of(call)
        if body.payment_method_data is not None:
            with named_by("customer"):
                return await self._open_new_card(merchant, body.payment_method_data, customer, call.now), None
        if body.payment_method is None:
            return None, None
        id_ = parse_id(
            Kind.PAYMENT_METHOD, body.payment_method, what="payment method", param="payment_method"
        )
        with named_by("payment_method"):
            means, owner = await self._flow.stored_means(merchant, id_)
        if customer is not None and owner != customer:
            raise invalid(
                "payment_method_of_another_customer",
                "This payment method is not attached to that customer; attach it first.",
                param="payment_method",
            )
        return means, owner


def _nothing_authenticated() -> Refusal:
    return invalid(
        "payment_method_missing",
        "A 3-D Secure result belongs to a card: send its `payment_method` or `payment_method_data` in the same "
        "request.",
        param="three_d_secure",
    )
