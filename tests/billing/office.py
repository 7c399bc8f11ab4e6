"""Billing put together on a real database, with payments that answer as a test says."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from msgspec.structs import replace
from tests.billing.cases import START, new
from tests.vault.house import House

from recoup.billing.core.bills import Charge
from recoup.billing.core.cycles import Open
from recoup.billing.core.periods import Interval, Unit
from recoup.billing.core.records import Plan, Subscription, Terms
from recoup.billing.flow.charging import Charging
from recoup.billing.flow.cycles import Cycles
from recoup.billing.flow.invoices import Invoices
from recoup.billing.flow.plans import Plans
from recoup.billing.flow.subscriptions import Subscriptions
from recoup.billing.flow.writing import Scribe
from recoup.db import Connection, Database
from recoup.kit.clock import ManualClock
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant
from recoup.payments.core import Reason, Snapshot
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.step import Step
from recoup.payments.flow.tools import Means
from recoup.vault.core import CustomerDetails


class AtOnce:
    """Everything is charged when it is due."""

    async def choose(self, *given: Any, now: datetime) -> Mapping[UUID, Charge]:
        """By subscription: when."""
        opening: Sequence[tuple[Subscription, Open]] = given[-1]
        return {one.id: Charge(max(turn.due, now)) for one, turn in opening}


class Dead(Exception):
    """The process is gone."""


@dataclass
class FakePayments:
    """Payments as billing sees them. Each try takes the next answer, a status; `None` dies before anything is sent."""

    known: dict[UUID, Snapshot] = field(default_factory=dict)
    answers: deque[PaymentStatus | None] = field(default_factory=deque)
    tries: list[tuple[UUID, Reason]] = field(default_factory=list)

    async def find(self, merchant: Merchant, payment_id: UUID) -> Snapshot | None:
        """One payment, or None."""
        return self.known.get(payment_id)

    async def stored_means(self, merchant: Merchant, payment_method_id: UUID) -> tuple[Means, UUID | None]:
        """Nobody looks into these."""
        return cast("Means", payment_method_id), None

    async def retry(
        self,
        merchant: Merchant,
        payment_id: UUID,
        *,
        reason: Reason,
        accounts: Sequence[UUID] | None,
        now: datetime,
    ) -> PaymentStatus:
        """One more try, unless one holds money or may."""
        may_start = {
            PaymentStatus.REQUIRES_PAYMENT_METHOD,
            PaymentStatus.DECLINED,
            PaymentStatus.FAILED,
        }
        payment = self.known[payment_id].payment
        if payment.status not in may_start:
            raise conflict("payment_unexpected_state", "It is under way.")
        answer = self.answers.popleft()
        if answer is None:
            raise Dead
        self.tries.append((payment_id, reason))
        self.stands(payment_id, answer, tries=payment.attempts_count + 1)
        return answer

    async def confirm(
        self,
        merchant: Merchant,
        payment_id: UUID,
        means: Means | None,
        *,
        returned: Mapping[str, str] | None = None,
        claim: None,
        now: datetime,
    ) -> Snapshot:
        """A try by hand."""
        await self.retry(merchant, payment_id, reason=Reason.MANUAL, accounts=None, now=now)
        return self.known[payment_id]

    def under_way(self, snapshot: Snapshot) -> bool:
        """Whether it is being worked on."""
        return snapshot.payment.status is PaymentStatus.PROCESSING

    def stands(self, payment_id: UUID, status: PaymentStatus, *, tries: int | None = None) -> None:
        """Say where a payment stands now."""
        payment = self.known[payment_id].payment
        changed = replace(
            payment,
            status=status,
            version=payment.version + 1,
            attempts_count=payment.attempts_count if tries is None else tries,
        )
        self.known[payment_id] = Snapshot(changed)

    async def open(
        self, connection: Connection, merchant: Merchant, opening: Step, means: Means | None
    ) -> None:
        """Write a payment that nobody has tried."""
        self.known[opening.payment.id] = opening.after

    async def let_go(
        self, connection: Connection, merchant: Merchant, payment_id: UUID, *, now: datetime
    ) -> bool:
        """Cancel a payment that holds no money."""
        if self.known[payment_id].payment.status is not PaymentStatus.DECLINED:
            return False
        self.stands(payment_id, PaymentStatus.CANCELED)
        return True


class Office(House):
    """Billing's flows, one merchant, one customer and one plan."""

    us: Merchant
    customer_id: UUID
    plan: Plan

    def __init__(self, database: Database) -> None:
        super().__init__(database, clock=ManualClock(START))
        self.payments = FakePayments()
        scribe, new_id = Scribe(self.new_id), self.new_id
        self.cycles = Cycles(database, scribe=scribe, moments=AtOnce(), new_id=new_id)
        self.charging = Charging(
            database, payments=self.payments, owing=self.payments, scribe=scribe, new_id=new_id
        )
        self.subscriptions = Subscriptions(database, cycles=self.cycles, scribe=scribe, new_id=new_id)
        self.invoices = Invoices(database, charging=self.charging, scribe=scribe)
        self.plans = Plans(database, new_id=new_id)

    async def settle_in(self) -> None:
        """Found the merchant, its customer and its plan."""
        self.us = (await self.merchant()).test
        self.plan = Plan(
            merchant_id=self.us.id,
            id=self.new_id(),
            version=1,
            events_count=1,
            name="Pro",
            amount=3000,
            currency="USD",
            interval=Interval(Unit.MONTH, 1),
            trial_days=0,
            active=True,
            metadata={},
            created_at=START,
            updated_at=START,
        )
        async with self.database.transaction() as connection:
            await self.plans.create(connection, self.us, self.plan)
            made = await self.customers.create(connection, self.us, CustomerDetails(), now=START)
        self.customer_id = made.id

    async def subscribed(self, **more: Any) -> Subscription:
        """A new subscription of the customer."""
        fields = {
            "merchant_id": self.us.id,
            "id": self.new_id(),
            "customer_id": self.customer_id,
            "terms": Terms(plan_id=self.plan.id, name="Pro", amount=3000, quantity=1, since=START),
        }
        async with self.database.transaction() as connection:
            return await self.subscriptions.create(connection, self.us, new(**fields | more), now=START)
