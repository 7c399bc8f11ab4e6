"""Reads what a request tells of a failure elsewhere into what is kept of it; refuses what cannot be."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar
from uuid import UUID
from zoneinfo import available_timezones

from recoup.elsewhere.core.declines import Said, decline_of
from recoup.elsewhere.core.failures import Failure, Told, check_tries
from recoup.elsewhere.flow.bringing import NewFailure
from recoup.elsewhere.wire import CardFacts, CreateRecovery, DeclineData, PayerData, ReportResult, TryData
from recoup.http.fields import parse_id
from recoup.kit.currencies import DECIMALS
from recoup.kit.ids import Kind
from recoup.kit.refusals import Refusal, RefusalType, invalid, not_found
from recoup.merchants.core import Merchant
from recoup.merchants.flow import ProcessorAccounts
from recoup.outcomes.core import Decline, Declined
from recoup.payments.flow.tools import Means, ReadDecline, Wallet
from recoup.recovery.core import Mode
from recoup.recovery.flow.around import Customers
from recoup.vault.core.customers import check_country, check_payday
from recoup.vault.wire import PaymentMethodData

T = TypeVar("T")

DEADLINE_MAX: Final = timedelta(days=90)
"""How far away a deadline may be: later, the next payments of the same customer are long in the way."""

OpenNewMethod = Callable[[Merchant, PaymentMethodData, UUID | None, datetime], Awaitable[Means]]
"""Seals a payment method that came with a request, and opens it for this call."""


class Reader:
    """Reads requests, with what is known of the accounts, customers and payment methods that they name."""

    def __init__(
        self,
        *,
        accounts: ProcessorAccounts,
        customers: Customers,
        wallet: Wallet,
        open_new: OpenNewMethod,
        read_decline: ReadDecline,
    ) -> None:
        self._accounts = accounts
        self._customers = customers
        self._wallet = wallet
        self._open_new = open_new
        self._read_decline = read_decline

    async def failure(self, merchant: Merchant, body: CreateRecovery, *, now: datetime) -> NewFailure:
        """A failure that is brought."""
        _check(body, now=now)
        customer_id = await self._customer(merchant, body)
        means, owner = await self._means(merchant, body, customer_id, now=now)
        card, payer = body.card or CardFacts(), body.customer_details or PayerData()
        brand = card.brand if means is None else means.brand
        failure = Failure(
            amount=body.amount,
            currency=body.currency,
            description=body.description,
            failed_at=body.failed_at,
            tries=await self._tries(merchant, body, brand=brand, now=now),
            customer_id=customer_id or owner,
            customer=payer.reference,
            country=payer.country or card.country,
            time_zone=payer.time_zone,
            payday=payer.payday,
            payment_method_id=None if means is None else means.payment_method_id,
            brand=brand,
            funding=card.funding.value if means is None else means.funding,
            accounts=await self._wanted(merchant, body.processor_accounts),
        )
        return NewFailure(
            external_id=body.external_id,
            mode=Mode(body.mode),
            failure=failure,
            means=means,
            deadline=body.deadline,
            metadata=body.metadata,
        )

    async def result(self, merchant: Merchant, failure: Failure, body: ReportResult) -> Told:
        """What came of a try that was advised."""
        if body.approved and body.decline is not None:
            raise invalid("decline_of_approval", "What was approved has no `decline`.", param="decline")
        return Told(
            at=body.at,
            amount=body.amount or failure.amount,
            approved=body.approved,
            advised=True,
            account=await self._account(merchant, body.processor_account, param="processor_account"),
            decline=await self._decline(
                merchant, body.decline, brand=failure.brand, at=body.at, param="decline"
            ),
        )

    async def _tries(
        self, merchant: Merchant, body: CreateRecovery, *, brand: str, now: datetime
    ) -> tuple[Told, ...]:
        failing = TryData(at=body.failed_at, decline=body.decline, processor_account=body.processor_account)
        before = [
            await self._told(merchant, one, body, brand=brand, param=f"tries[{place}].")
            for place, one in enumerate(body.tries)
        ]
        check_tries(tuple(before), failed_at=body.failed_at, now=now)
        last = await self._told(merchant, failing, body, brand=brand, param="")
        return (*sorted(before, key=lambda one: one.at), last)

    async def _told(
        self, merchant: Merchant, data: TryData, body: CreateRecovery, *, brand: str, param: str
    ) -> Told:
        return Told(
            at=data.at,
            amount=data.amount or body.amount,
            approved=False,
            account=await self._account(merchant, data.processor_account, param=f"{param}processor_account"),
            decline=await self._decline(
                merchant, data.decline, brand=brand, at=data.at, param=f"{param}decline"
            ),
        )

    async def _decline(
        self, merchant: Merchant, data: DeclineData | None, *, brand: str, at: datetime, param: str
    ) -> Decline | None:
        """What a decline means to this merchant, who may read a code in another way."""
        if data is None:
            return None
        if (data.code, data.network_code, data.advice_code, data.text) == (None, None, None, None):
            message = f"Say why it was declined: `{param}.code`, `network_code`, `advice_code` or `text`."
            raise invalid("missing_field", message, param=f"{param}.code")
        said = Said(data.connector, data.code, data.network_code, data.advice_code, data.text)
        found = decline_of(said, brand=brand, on=at.date(), param=param)
        return (await self._read_decline(merchant, Declined(found), data.connector, brand)).decline

    async def _customer(self, merchant: Merchant, body: CreateRecovery) -> UUID | None:
        if body.customer is None:
            return None
        customer_id = parse_id(Kind.CUSTOMER, body.customer, param="customer")
        return (await _named(self._customers.get(merchant.id, customer_id), param="customer")).id

    async def _means(
        self, merchant: Merchant, body: CreateRecovery, customer_id: UUID | None, *, now: datetime
    ) -> tuple[Means | None, UUID | None]:
        """With what it is paid, and whose that is."""
        if body.payment_method_data is not None:
            return await self._open_new(merchant, body.payment_method_data, customer_id, now), customer_id
        if body.payment_method is None:
            return None, None
        method_id = parse_id(
            Kind.PAYMENT_METHOD, body.payment_method, what="payment method", param="payment_method"
        )
        means, owner = await _named(self._wallet.means(merchant, method_id), param="payment_method")
        if customer_id is not None and owner != customer_id:
            raise invalid(
                "payment_method_of_another_customer",
                "This payment method is not attached to that customer; attach it first.",
                param="payment_method",
            )
        return means, owner

    async def _account(self, merchant: Merchant, text: str | None, *, param: str) -> UUID | None:
        if text is None:
            return None
        return next(iter(await self._known(merchant, [text], param=param)))

    async def _wanted(self, merchant: Merchant, texts: list[str] | None) -> tuple[UUID, ...] | None:
        if texts is None:
            return None
        return tuple(dict.fromkeys(await self._known(merchant, texts, param="processor_accounts")))

    async def _known(self, merchant: Merchant, texts: Sequence[str], *, param: str) -> list[UUID]:
        known = {one.id for one in await self._accounts.accounts_of(merchant.id)}
        ids = [
            parse_id(Kind.PROCESSOR_ACCOUNT, text, what="processor account", param=param) for text in texts
        ]
        for text, id_ in zip(texts, ids, strict=True):
            if id_ not in known:
                raise not_found("processor account", text, param=param)
        return ids


async def _named(asked: Awaitable[T], *, param: str) -> T:
    """What is not there was named by this field of the body."""
    try:
        return await asked
    except Refusal as refusal:
        if refusal.type is RefusalType.NOT_FOUND:
            refusal.param = refusal.param or param
        raise


def _check(body: CreateRecovery, *, now: datetime) -> None:
    if body.currency not in DECIMALS:
        raise invalid(
            "currency_unknown", "`currency` must be a code of ISO 4217, in capitals.", param="currency"
        )
    if body.deadline is not None and not now < body.deadline <= now + DEADLINE_MAX:
        message = f"`deadline` must be in the future, at most {DEADLINE_MAX.days} days away."
        raise invalid("invalid_deadline", message, param="deadline")
    _check_payer(body)
    _check_method(body)


def _check_payer(body: CreateRecovery) -> None:
    if body.customer is not None and body.customer_details is not None:
        raise invalid(
            "one_customer", "Send `customer` or `customer_details`, not both.", param="customer_details"
        )
    payer = body.customer_details or PayerData()
    check_country(payer.country, param="customer_details.country")
    if body.card is not None:
        check_country(body.card.country, param="card.country")
    if payer.time_zone is not None and payer.time_zone not in available_timezones():
        raise invalid(
            "invalid_time_zone",
            "`customer_details.time_zone` must be an IANA name such as Europe/Berlin.",
            param="customer_details.time_zone",
        )
    if payer.payday is not None:
        check_payday(payer.payday)


def _check_method(body: CreateRecovery) -> None:
    given = body.payment_method is not None, body.payment_method_data is not None
    if all(given):
        message = "Send `payment_method` or `payment_method_data`, not both."
        raise invalid("one_payment_method", message, param="payment_method")
    if body.mode == "act" and not any(given):
        message = "To try it we need a `payment_method` or `payment_method_data`; or ask for mode `advise`."
        raise invalid("payment_method_required", message, param="payment_method")
    if body.mode == "advise" and given[1]:
        message = "Where we only advise no card is needed: say what you know of it in `card`."
        raise invalid("payment_method_not_needed", message, param="payment_method_data")
    if body.card is not None and any(given):
        message = "`card` is for advice without a payment method here."
        raise invalid("one_payment_method", message, param="card")
