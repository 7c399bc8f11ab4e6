"""Payments and customers as recovery asks of them, together with what is known of both from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.db import Database, Queries
from recoup.db.together import Together
from recoup.elsewhere.core.failures import Failure, facts_of
from recoup.elsewhere.store import failures, tries
from recoup.elsewhere.store.failures import Kept
from recoup.elsewhere.store.tries import AskedRecord
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.payments.core import NewPayment, Reason
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.facts import CardTry, PaymentFacts
from recoup.payments.flow.owing import Owing
from recoup.payments.flow.tools import Means, Wallet
from recoup.recovery.core import Mode
from recoup.recovery.flow.around import Customers, Payments
from recoup.vault.core import Customer, CustomerDetails

RECORD_SINCE: Final = timedelta(days=400)
"""How far back a customer's tries tell of their paydays: the year before, and some days."""


class Debts:
    """What recovery asks of payments."""

    def __init__(
        self, database: Database, *, payments: Payments, customers: Customers, owing: Owing, wallet: Wallet
    ) -> None:
        self._database = database
        self._payments = payments
        self._customers = customers
        self._owing = owing
        self._wallet = wallet
        self._failures: Together[UUID, Kept] = Together(
            lambda merchant_id, ids: failures.of_payments(database, ids, merchant_id=merchant_id),
            name="failures elsewhere",
        )
        self._records: Together[AskedRecord, tuple[CardTry, ...]] = Together(
            lambda merchant_id, asked: tries.records(database, asked, merchant_id=merchant_id), name="records"
        )

    async def facts(self, merchant: Merchant, payment_id: UUID) -> PaymentFacts | None:
        """What is known of a payment, and of its debt and its customer from elsewhere; None where there is none."""
        base = await self._payments.facts(merchant, payment_id)
        if base is None:
            kept = await failures.of_recovery(self._database, merchant_id=merchant.id, recovery_id=payment_id)
            return None if kept is None else await self.advised(merchant, kept)
        kept = await self._failures.get(merchant.id, payment_id)
        if kept is None:
            return await self._with_record(merchant, base)
        return await self.of(merchant, kept, base)

    async def advised(
        self, merchant: Merchant, kept: Kept, *, queries: Queries | None = None
    ) -> PaymentFacts:
        """The facts of a failure that we only advise on."""
        new = payment_of(kept, merchant_id=merchant.id)
        method_id = kept.failure.payment_method_id
        opening = self._owing.opening(
            new, payment_method_id=method_id, recovery_id=kept.recovery_id, now=kept.failure.failed_at
        )
        base = await self._owing.facts(merchant, opening, await self._means(merchant, method_id))
        return await self.of(merchant, kept, base, queries=queries)

    async def of(
        self, merchant: Merchant, kept: Kept, base: PaymentFacts, *, queries: Queries | None = None
    ) -> PaymentFacts:
        """The facts of a failure, given those of its payment."""
        mode = Mode.ADVISE if kept.payment_id is None else Mode.ACT
        facts = facts_of(kept.failure, base, recovery_id=kept.recovery_id, mode=mode)
        return await self._with_record(merchant, facts, kept=kept, queries=queries)

    async def retry(
        self,
        merchant: Merchant,
        payment_id: UUID,
        *,
        reason: Reason,
        accounts: Sequence[UUID] | None,
        now: datetime,
    ) -> PaymentStatus:
        """One more try."""
        return await self._payments.retry(merchant, payment_id, reason=reason, accounts=accounts, now=now)

    async def attach_recovery(self, merchant: Merchant, payment_id: UUID, recovery_id: UUID) -> None:
        """Name the recovery that was opened for a payment."""
        await self._payments.attach_recovery(merchant, payment_id, recovery_id)

    async def on_same_card(self, merchant: Merchant, payment_id: UUID, *, since: datetime) -> Sequence[UUID]:
        """The payments that were tried since then on the card of this one."""
        return await self._payments.on_same_card(merchant, payment_id, since=since)

    async def _means(self, merchant: Merchant, method_id: UUID | None) -> Means | None:
        if method_id is None:
            return None
        try:
            return (await self._wallet.means(merchant, method_id))[0]
        except Refusal:  # detached since
            return None

    async def _with_record(
        self,
        merchant: Merchant,
        facts: PaymentFacts,
        *,
        kept: Kept | None = None,
        queries: Queries | None = None,
    ) -> PaymentFacts:
        """The same facts, with the customer's tries elsewhere."""
        names = await self._names(merchant, facts, kept)
        if not names:
            return facts
        last = facts.attempts[-1].at if facts.attempts else facts.created_at
        asked = AskedRecord(
            customers=tuple(names),
            currency=facts.amount.currency,
            without=None if kept is None else kept.recovery_id,
            since=last - RECORD_SINCE,
        )
        if queries is None:
            return replace(facts, record=await self._records.get(merchant.id, asked) or ())
        found = await tries.records(queries, [asked], merchant_id=merchant.id)
        return replace(facts, record=found.get(asked, ()))

    async def _names(self, merchant: Merchant, facts: PaymentFacts, kept: Kept | None) -> list[str]:
        """What the customer may be called in a history."""
        names = [] if kept is None or kept.failure.customer is None else [kept.failure.customer]
        if facts.customer_id is None or (kept is not None and facts.customer_id == kept.recovery_id):
            return names
        names.append(render(Kind.CUSTOMER, facts.customer_id))
        try:
            reference = (await self._customers.get(merchant.id, facts.customer_id)).details.merchant_reference
        except Refusal:  # deleted
            reference = None
        return names if reference is None else [*names, reference]


class Payers:
    """What recovery asks of the vault's customers: one whom only a failure tells of is known by its recovery's id."""

    def __init__(self, database: Database, customers: Customers) -> None:
        self._database = database
        self._customers = customers

    async def get(self, merchant_id: UUID, customer_id: UUID) -> Customer:
        """One customer; refuses with 404."""
        try:
            return await self._customers.get(merchant_id, customer_id)
        except Refusal:
            kept = await failures.of_recovery(
                self._database, merchant_id=merchant_id, recovery_id=customer_id
            )
            if kept is None:
                raise
            at = kept.failure.failed_at
            return Customer(customer_id, details_of(kept.failure), at, at)


def details_of(failure: Failure) -> CustomerDetails:
    """What a failure tells of who pays."""
    return CustomerDetails(
        merchant_reference=failure.customer,
        country=failure.country,
        time_zone=failure.time_zone,
        payday=failure.payday,
    )


def payment_of(kept: Kept, *, merchant_id: UUID, metadata: dict[str, str] | None = None) -> NewPayment:
    """The payment for a debt: made where we act, and only thought of where we advise."""
    failure = kept.failure
    return NewPayment(
        id=kept.payment_id or kept.recovery_id,
        merchant_id=merchant_id,
        money=failure.money,
        capture="automatic",
        initiator="merchant",
        customer_id=failure.customer_id,
        merchant_reference=kept.external_id,
        return_url=None,
        routing=failure.accounts,
        recovery_policy=None,
        metadata=metadata or {},
        divisible=kept.payment_id is not None,
    )
