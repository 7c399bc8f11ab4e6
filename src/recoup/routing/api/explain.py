"""Explains a route without a payment: who would be asked for it, in which order, and why; no money moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from recoup.connectors.base import Connector
from recoup.http.fields import IdText, Metadata, Moment, parse_id
from recoup.http.routes import Call, Route
from recoup.kit.currencies import DECIMALS
from recoup.kit.ids import Kind
from recoup.kit.refusals import invalid, not_found
from recoup.merchants.flow import ProcessorAccounts
from recoup.routing.core import Facts
from recoup.routing.core.facts import UNKNOWN_BRAND
from recoup.routing.core.record import Turn, recorded
from recoup.routing.flow.routing import Router
from recoup.vault.core.ranges import brand_of

Name = Annotated[str, Meta(min_length=1, max_length=40)]
Country = Annotated[str, Meta(min_length=2, max_length=2, pattern="^[A-Z]{2}\\Z")]


class ExplainRoute(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A payment that might be. What is left out is not known."""

    amount: Annotated[int, Meta(ge=1, le=10**12, description="In the currency's smallest unit.")]
    currency: Annotated[str, Meta(min_length=3, max_length=3, description="ISO 4217 code.")]
    brand: Annotated[
        Name | None,
        Meta(
            description="The card's network. Left out, it is read from `bin`; without either, only accounts that take "
            "every network can do it.",
            examples=["visa"],
        ),
    ] = None
    funding: Literal["credit", "debit", "prepaid", "unknown"] = "unknown"
    bin: Annotated[str, Meta(pattern="^[0-9]{6,8}\\Z")] | None = None
    issuer_country: Country | None = None
    capture: Literal["automatic", "manual"] = "automatic"
    initiator: Literal["customer", "merchant"] = "customer"
    agreement: Literal["unscheduled", "recurring"] | None = None
    merchant_category: Annotated[str, Meta(pattern="^[0-9]{4}\\Z", examples=["5411"])] | None = None
    network_transaction_id: Annotated[
        bool, Meta(description="Whether the network's name of the customer's first payment is known.")
    ] = False
    authenticated: Annotated[
        bool, Meta(description="Whether the payment brings a 3-D Secure result (`three_d_secure`).")
    ] = False
    needs_challenge: Annotated[
        bool, Meta(description="Whether the issuer has already asked for the customer to authenticate.")
    ] = False
    customer: IdText | None = None
    metadata: Metadata = {}
    attempt_number: Annotated[int, Meta(ge=1, le=50)] = 1
    at: Annotated[Moment, Meta(description="The time of the payment; left out: now.")] | UnsetType = UNSET
    processor_accounts: Annotated[
        Annotated[list[IdText], Meta(min_length=1, max_length=100)] | None,
        Meta(description="As `routing.processor_accounts` of a payment would be."),
    ] = None


class RouteExplanation(Struct, kw_only=True, frozen=True):
    """What would be decided: the same record that a payment's decision has."""

    object: Literal["routing_explanation"] = "routing_explanation"
    chosen: Annotated[str | None, Meta(description="Who would be asked first; null: nobody can do it.")]
    data: Annotated[dict[str, Any], Meta(description="Facts, candidates with their reasons, rule and seed.")]
    livemode: bool


_EXAMPLE: Final[Mapping[str, Any]] = {
    "amount": 4999,
    "currency": "USD",
    "brand": "visa",
    "funding": "debit",
    "issuer_country": "US",
}


class ExplainApi:
    """The route of explanations."""

    def __init__(
        self,
        router: Router,
        *,
        accounts: ProcessorAccounts,
        connectors: Mapping[str, Connector],
        new_id: Callable[[], UUID],
    ) -> None:
        self._router = router
        self._accounts = accounts
        self._connectors = connectors
        self._new_id = new_id

    def routes(self) -> list[Route]:
        """All routes."""
        return [
            Route(
                "POST",
                "/v1/routing/explain",
                self.explain,
                body=ExplainRoute,
                answer=RouteExplanation,
                summary="Explain a route",
                description="What would be decided for such a payment now. Nothing is stored and no money "
                "moves. Chance is drawn anew for each call, as it is for each payment.",
                tag="routing",
                errors=("currency_unknown",),
                examples={"a debit card": _EXAMPLE},
            )
        ]

    async def explain(self, call: Call[ExplainRoute, None]) -> RouteExplanation:
        """`POST /v1/routing/explain`."""
        accounts = await self._accounts.accounts_of(call.merchant.id)
        requested = _requested(call.body.processor_accounts, {one.id for one in accounts})
        facts = _facts(call)
        found, kept = await self._router.route(
            call.merchant.id,
            facts,
            [(account, self._connectors[account.connector].capabilities) for account in accounts],
            requested=requested,
            seed=self._new_id().bytes,
        )
        first = found.first if found.accounts else None
        turn = None if first is None else Turn(first.account_id, "explained", first.why)
        data = recorded(found, kept, turn)
        return RouteExplanation(chosen=data["chosen"], data=data, livemode=call.merchant.livemode)


def _requested(given: Sequence[str] | None, known: set[UUID]) -> list[UUID] | None:
    if given is None:
        return None
    asked = [parse_id(Kind.PROCESSOR_ACCOUNT, text, param="processor_accounts") for text in given]
    for text, account_id in zip(given, asked, strict=True):
        if account_id not in known:
            raise not_found("processor account", text, param="processor_accounts")
    return asked


def _facts(call: Call[ExplainRoute, None]) -> Facts:
    body = call.body
    if body.currency not in DECIMALS:
        raise invalid("currency_unknown", "`currency` must be a currency code of ISO 4217.", param="currency")
    return Facts(
        currency=body.currency,
        brand=body.brand or (UNKNOWN_BRAND if body.bin is None else brand_of(body.bin)),
        issuer_country=body.issuer_country,
        capture=body.capture,
        initiator=body.initiator,
        amount=body.amount,
        funding=body.funding,
        bin=body.bin,
        attempt_number=body.attempt_number,
        at=call.now if body.at is UNSET else body.at,
        customer_id=None
        if body.customer is None
        else parse_id(Kind.CUSTOMER, body.customer, param="customer"),
        metadata=body.metadata,
        agreement=body.agreement,
        merchant_category=body.merchant_category,
        network_transaction_id=body.network_transaction_id,
        authenticated=body.authenticated,
        needs_challenge=body.needs_challenge,
    )
