"""Payment methods over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final
from uuid import UUID

import msgspec
from msgspec import Meta, Struct

from recoup.http.fields import IdText, parse_id
from recoup.http.routes import Call, Idempotency, ListObject, ListQuery, Metadata, Problem, Route
from recoup.kit.ids import Kind
from recoup.vault.core import BillingDetails
from recoup.vault.flow import PaymentMethods
from recoup.vault.objects import PaymentMethodObject, payment_method_object
from recoup.vault.wire import CardMethodData, TokenData, TokenMethodData

_METHODS: Final = "payment methods"


Owner = Annotated[IdText | None, Meta(description="Attach it to this customer.")]


class CreateCardMethod(CardMethodData, frozen=True, kw_only=True, tag="card"):
    """A card to keep in the vault. Its security code is checked for its form and not kept."""

    customer: Owner = None
    metadata: Metadata = msgspec.field(default_factory=dict)


class CreateTokenMethod(TokenMethodData, frozen=True, kw_only=True, tag="processor_token"):
    """A payment method that a processor keeps, so that Recoup never sees a card number."""

    customer: Owner = None
    metadata: Metadata = msgspec.field(default_factory=dict)


CreatePaymentMethod = CreateTokenMethod | CreateCardMethod


class PutProcessorToken(TokenData, frozen=True, kw_only=True):
    """A token of one more account, or in the place of the one at that account."""


class CardUpdate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a renewed card of the same number changes. What processors remembered of the old one is forgotten."""

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


_CARD_EXAMPLE: Final = {
    "type": "card",
    "card": {"number": "4242424242424242", "exp_month": 12, "exp_year": 2030, "cvc": "123"},
    "billing_details": {"name": "Jane Doe", "address": {"country": "US", "postal_code": "94103"}},
}
_TOKEN_EXAMPLE: Final = {
    "type": "processor_token",
    "processor_account": "pa_01kaq3v8e7f0t9m2c4x6z8b1d5",
    "token": "pm_1N9aWX2eZvKYlo2C",
    "processor_customer": "cus_9s6XKzkNRiz8i3",
    "card": {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2030},
}
_NO_ACCOUNT: Final = Problem("resource_missing", 404, "There is no such processor account or payment method.")
TOKEN_PROBLEMS: Final = tuple(
    Problem(code, 400) for code in ("invalid_token", "processor_tokens_unsupported", "token_is_card_number")
)
"""What every route that takes a processor's token may answer."""
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
        "network_transaction_id_is_card_number",
    )
)
"""What every route that takes a new card may answer."""
_MERGE_PROBLEM: Final = Problem("metadata_limit", 400)
_NO_MASTER_KEY: Final = Problem("live_mode_needs_master_key", 403)


class PaymentMethodsApi:
    """The routes of payment methods."""

    def __init__(self, methods: PaymentMethods) -> None:
        self._methods = methods

    def routes(self) -> list[Route]:
        """The routes."""
        path = "/v1/payment_methods"
        one = f"{path}/{{payment_method}}"
        return [*self._routes_of_all(path), *self._routes_of_one(one), *self._routes_of_tokens(one)]

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
                errors=("payment_method_limit", *CARD_PROBLEMS, *TOKEN_PROBLEMS, _NO_ACCOUNT, _NO_MASTER_KEY),
                examples={"what a processor keeps": _TOKEN_EXAMPLE, "a card": _CARD_EXAMPLE},
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

    def _routes_of_tokens(self, one: str) -> Sequence[Route]:
        path = f"{one}/processor_tokens"
        return [
            Route(
                "POST",
                path,
                self.put_token,
                body=PutProcessorToken,
                answer=PaymentMethodObject,
                summary="Add a processor's token",
                description="In the place of the one at the same account. A card in the vault may have tokens too.",
                tag=_METHODS,
                idempotency=Idempotency.TRANSACTION,
                errors=("payment_method_detached", "processor_token_limit", *TOKEN_PROBLEMS, _NO_ACCOUNT),
                examples={
                    "at one more account": {
                        name: _TOKEN_EXAMPLE[name]
                        for name in ("processor_account", "token", "processor_customer")
                    }
                },
            ),
            Route(
                "DELETE",
                f"{path}/{{processor_account}}",
                self.remove_token,
                answer=PaymentMethodObject,
                summary="Forget a processor's token",
                description="The processor keeps what it has.",
                tag=_METHODS,
                errors=("last_processor_token",),
            ),
        ]

    async def put_token(self, call: Call[PutProcessorToken, None]) -> PaymentMethodObject:
        """POST /v1/payment_methods/{payment_method}/processor_tokens."""
        method = await self._methods.put_token(
            call.transaction(),
            call.merchant,
            call.path_id("payment_method", Kind.PAYMENT_METHOD),
            call.body,
            now=call.now,
        )
        return payment_method_object(method, livemode=call.merchant.livemode)

    async def remove_token(self, call: Call[None, None]) -> PaymentMethodObject:
        """DELETE /v1/payment_methods/{payment_method}/processor_tokens/{processor_account}."""
        method = await self._methods.remove_token(
            call.merchant,
            call.path_id("payment_method", Kind.PAYMENT_METHOD),
            call.path_id("processor_account", Kind.PROCESSOR_ACCOUNT),
            now=call.now,
        )
        return payment_method_object(method, livemode=call.merchant.livemode)

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


def _customer_id(text: str | None) -> UUID | None:
    return None if text is None else parse_id(Kind.CUSTOMER, text, param="customer")
