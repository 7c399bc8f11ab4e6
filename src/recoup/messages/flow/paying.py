"""What a customer does on the page that a link opens: pay the same debt now, or give another card for it.

A look changes nothing: programs follow links in e-mails. What the customer sends is a try of the payment that failed,
made by the customer; payments allows one attempt of it to hold money, whoever makes it, so that page and recovery can
never both be paid. Whatever came meanwhile (paid, given up, disputed, stopped), the page says so and takes nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol, assert_never
from uuid import UUID

from recoup.connectors.base import Browser
from recoup.db import Connection, Database
from recoup.kit.clock import Clock
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.messages import store
from recoup.messages.core.policy import MessagePolicy
from recoup.messages.flow.people import Customers
from recoup.messages.flow.there import Payments as Going
from recoup.messages.flow.there import bank_of, is_hopeless, went_on
from recoup.messages.links import Links, Named, Opens
from recoup.payments.core import Payment, Reason, Snapshot
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.flow.customer_there import CustomerThere
from recoup.payments.flow.tools import Means
from recoup.recovery.core import STANDINGS, Recovery, Standing
from recoup.recovery.core import Status as RecoveryStatus
from recoup.vault.core import PaymentMethod
from recoup.vault.wire import CardMethodData, PaymentMethodData

TRIES_MAX: Final = 6
"""How often a payment is tried by hand: who has a link must not find out by it which of many cards are good."""
_PAYABLE: Final = frozenset({RecoveryStatus.EXHAUSTED})
"""Ends after which the customer may still pay while their link works: no try of ours could help, another card may. Who
stopped a recovery, or let its time pass, waits for nothing any more."""
BACK_LIVES: Final = timedelta(hours=1)
"""How long a customer may take to come back from their bank, should the link end meanwhile."""


class View(StrEnum):
    """What the page shows."""

    PAY = "pay"
    BANK = "bank"
    UNDER_WAY = "under_way"
    SAVED = "saved"
    PAID = "paid"
    TOO_MANY = "too_many"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Visited:
    """What a link opens, as it is now. `same_last4`: of the card on file, where it may be tried once more; `bank`: the
    address where the customer is asked whether it is them."""

    merchant: Merchant
    recovery: Recovery
    snapshot: Snapshot
    policy: MessagePolicy
    language: str
    view: View
    link: str = field(repr=False)
    same_last4: str | None
    bank: str | None = field(repr=False)
    now: datetime

    @property
    def payment(self) -> Payment:
        """What is to be paid."""
        return self.snapshot.payment

    @property
    def may_save(self) -> bool:
        """Whether another card may be kept for later: somebody must be left to try it."""
        return self.view is View.PAY and self.recovery.is_open

    @property
    def was_tried(self) -> bool:
        """Whether the last try of it was made by hand."""
        attempts = self.snapshot.attempts
        return bool(attempts) and attempts[-1].reason is Reason.MANUAL


class Payments(Going, Protocol):
    """What the page asks of payments."""

    async def find(self, merchant: Merchant, payment_id: UUID) -> Snapshot | None:
        """One payment, or None."""
        ...


class News(Protocol):
    """What the page asks of recovery."""

    async def get(self, merchant: Merchant, recovery_id: UUID) -> Recovery:
        """One recovery; refuses with 404."""
        ...

    async def on_payment_news(self, merchant: Merchant, payment_id: UUID, now: datetime) -> datetime | None:
        """Look at the recovery of a payment that has changed."""
        ...


class Methods(Protocol):
    """What the page asks of the vault."""

    async def get(self, merchant_id: UUID, method_id: UUID) -> PaymentMethod:
        """One payment method; refuses with 404."""
        ...

    async def create(
        self,
        connection: Connection,
        merchant: Merchant,
        data: PaymentMethodData,
        *,
        customer_id: UUID | None,
        metadata: Mapping[str, str],
        now: datetime,
    ) -> PaymentMethod:
        """A new payment method."""
        ...


@dataclass(frozen=True, slots=True)
class Around:
    """The other subjects, as far as the page needs them. `page_of`: where an attempt waits for its customer."""

    merchant: Callable[[UUID], Awaitable[Merchant | None]]
    recoveries: News
    payments: Payments
    there: CustomerThere
    customers: Customers
    methods: Methods
    open_new_card: Callable[[Merchant, PaymentMethodData, UUID | None, datetime], Awaitable[Means]]
    page_of: Callable[[UUID, UUID], str]
    clock: Clock


class Paying:
    """Serves the page."""

    def __init__(self, database: Database, links: Links, around: Around) -> None:
        self._database = database
        self._links = links
        self._around = around

    async def visited(self, token: str) -> Visited | None:
        """What a link opens; None where it opens nothing, or nothing any more."""
        named = self._links.named_by(token, Opens.PAY)
        merchant = None if named is None else await self._around.merchant(named.merchant_id)
        if named is None or merchant is None:
            return None
        now = merchant.now(self._around.clock.now())
        if now >= named.until:
            return None
        return await self._seen(merchant, named, now)

    async def _seen(self, merchant: Merchant, named: Named, now: datetime) -> Visited | None:
        try:
            recovery = await self._around.recoveries.get(merchant, named.object_id)
        except Refusal:
            return None
        snapshot = await self._around.payments.find(merchant, recovery.payment_id)
        if snapshot is None:
            return None
        policy = await store.policy(self._database, merchant_id=merchant.id)
        sent = await store.of_recovery(self._database, merchant_id=merchant.id, recovery_id=recovery.id)
        view = view_of(recovery, snapshot)
        return Visited(
            merchant=merchant,
            recovery=recovery,
            snapshot=snapshot,
            policy=policy,
            language=sent[-1].language if sent else policy.language,
            view=view,
            link=self._links.pay(merchant.id, recovery.id, until=named.until),
            same_last4=await self._same(merchant, snapshot) if view is View.PAY else None,
            bank=bank_of(snapshot, self._around.page_of) if view is View.BANK else None,
            now=now,
        )

    async def pay(self, seen: Visited, card: CardMethodData | None, browser: Browser) -> None:
        """Try the payment with a new card, or with the one on file; refuses what the card or the payment forbids."""
        if seen.view is not View.PAY or (card is None and seen.same_last4 is None):
            return
        means, around = None, self._around
        if card is not None:
            customer_id = await self._customer(seen)
            means = await around.open_new_card(seen.merchant, card, customer_id, seen.now)
        back = self._links.pay(seen.merchant.id, seen.recovery.id, until=seen.now + BACK_LIVES)
        await around.there.pay(
            seen.merchant, seen.snapshot, means, back_to=f"{back}/return", browser=browser, now=seen.now
        )

    async def replace(self, seen: Visited, card: CardMethodData) -> None:
        """Keep a new card and let recovery try with it; refuses what the card or the payment forbids."""
        if not seen.may_save:
            return
        around, merchant, customer_id = self._around, seen.merchant, await self._customer(seen)
        async with self._database.transaction() as connection:
            method = await around.methods.create(
                connection, merchant, card, customer_id=customer_id, metadata={}, now=seen.now
            )
        await around.there.replace_method(merchant, seen.payment.id, method.id, now=seen.now)
        await around.recoveries.on_payment_news(merchant, seen.payment.id, seen.now)

    async def come_back(self, seen: Visited, brought: Mapping[str, str]) -> None:
        """Go on with what the customer brought back from their bank; without anything the processor is only asked.

        Nothing is tried by it, whatever has become of the payment since it was seen.
        """
        if seen.view is not View.BANK:
            return
        await went_on(self._around.payments, seen.merchant, seen.snapshot, brought, now=seen.now)

    async def _customer(self, seen: Visited) -> UUID | None:
        """Whose a new card is; nobody's where they were deleted."""
        customer_id = seen.payment.customer_id
        if customer_id is None:
            return None
        try:
            await self._around.customers.get(seen.merchant.id, customer_id)
        except Refusal:
            return None
        return customer_id

    async def _same(self, merchant: Merchant, snapshot: Snapshot) -> str | None:
        """The end of the card on file, where its owner may try it once more."""
        payment = snapshot.payment
        if payment.payment_method_id is None or is_hopeless(payment):
            return None
        try:
            method = await self._around.methods.get(merchant.id, payment.payment_method_id)
        except Refusal:
            return None
        return None if method.detached_at is not None else method.last4


def view_of(recovery: Recovery, snapshot: Snapshot) -> View:
    """What the page shows of a payment and its recovery, as they are now."""
    payment = snapshot.payment
    match STANDINGS[payment.status]:
        case Standing.PAID:
            return View.PAID
        case Standing.GONE:
            return View.OVER
        case Standing.UNDER_WAY | Standing.REFUSED if _needs_no_money(recovery, payment.status):
            return View.OVER
        case Standing.UNDER_WAY:
            asked = payment.status is PaymentStatus.REQUIRES_ACTION
            return View.BANK if asked else View.UNDER_WAY
        case Standing.REFUSED:
            return _of_refused(recovery, snapshot)
        case other:
            assert_never(other)


def _needs_no_money(recovery: Recovery, status: PaymentStatus) -> bool:
    """Whether the debt was paid by another way: then nobody is led on to their bank, nor to try once more."""
    asked = status in (PaymentStatus.PROCESSING, PaymentStatus.UNRESOLVED)
    return recovery.paid_elsewhere_at is not None and not asked


def _of_refused(recovery: Recovery, snapshot: Snapshot) -> View:
    if not (recovery.is_open or recovery.status in _PAYABLE):
        return View.OVER
    last = snapshot.attempts[-1] if snapshot.attempts else None
    if last is not None and last.payment_method_id != snapshot.payment.payment_method_id:
        return View.SAVED
    by_hand = sum(attempt.reason is Reason.MANUAL for attempt in snapshot.attempts)
    return View.TOO_MANY if by_hand >= TRIES_MAX else View.PAY
