"""Billing put together on a real database, with payments that answer as a test says."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from msgspec.structs import replace
from tests.billing.cases import LINKS, START, new
from tests.vault.house import House

from recoup.billing.core.bills import Charge
from recoup.billing.core.cycles import Open
from recoup.billing.core.dunning import DunningPolicy, Rules
from recoup.billing.core.periods import Interval, Unit
from recoup.billing.core.records import Plan, Subscription, Terms
from recoup.billing.flow.charging import Charging
from recoup.billing.flow.collecting import Collecting
from recoup.billing.flow.cycles import Cycles
from recoup.billing.flow.dunning import DunningPolicies
from recoup.billing.flow.giving_up import GivingUp, Tools
from recoup.billing.flow.invoices import Invoices
from recoup.billing.flow.plans import Plans
from recoup.billing.flow.subscriptions import Subscriptions
from recoup.billing.flow.writing import Scribe
from recoup.db import Connection, Database
from recoup.kit.clock import ManualClock
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant
from recoup.payments.core import Reason, Snapshot
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.step import Step
from recoup.payments.flow.tools import Means
from recoup.recovery.core import EndReason, Recovery
from recoup.recovery.core import Status as RecoveryStatus
from recoup.vault.core import CustomerDetails


class AtOnce:
    """Everything is charged when it is due."""

    async def choose(self, *given: Any, now: datetime) -> Mapping[UUID, Charge]:
        """By subscription: when."""
        opening: Sequence[tuple[Subscription, Open]] = given[-1]
        return {one.id: Charge(max(turn.due, now)) for one, turn in opening}


class FakeRecoveries:
    """Recoveries as billing sees them: none, unless a test says otherwise."""

    def __init__(self) -> None:
        self.known: dict[UUID, Recovery] = {}

    async def of_payments(self, merchant: Merchant, payment_ids: Sequence[UUID]) -> Mapping[UUID, Recovery]:
        """The recoveries of those of these payments that have one."""
        return {one: self.known[one] for one in payment_ids if one in self.known}

    async def is_known(self, merchant: Merchant, name: str) -> bool:
        """Whether payments may name a policy so."""
        return name in {"default", "patient"}

    def stands(
        self,
        payment_id: UUID,
        status: RecoveryStatus,
        *,
        deadline: datetime,
        elsewhere: datetime | None = None,
    ) -> None:
        """Say where the recovery of a payment stands."""
        is_open = status is RecoveryStatus.SCHEDULED
        self.known[payment_id] = Recovery(
            merchant_id=payment_id,
            id=payment_id,
            payment_id=payment_id,
            status=status,
            version=1,
            events_count=1,
            policy="default",
            opened_at=START,
            deadline=deadline,
            tries_made=0,
            tries_max=4,
            next_at=deadline if is_open else None,
            plan=None,
            decision_id=None,
            end_reason=None if is_open else EndReason.TRIES_EXHAUSTED,
            ended_at=None if is_open else START,
            updated_at=START,
            paid_elsewhere_at=elsewhere,
        )


class Dead(Exception):
    """The process is gone."""


@dataclass
class FakePayments:
    """Payments as billing sees them. Each try takes the next answer, a status; `None` dies before anything is sent."""

    known: dict[UUID, Snapshot] = field(default_factory=dict)
    answers: deque[PaymentStatus | None] = field(default_factory=deque)
    tries: list[tuple[UUID, Reason]] = field(default_factory=list)
    held: list[list[UUID]] = field(default_factory=list)
    together: list[int] = field(default_factory=list)
    """How many were opened at once, where it was more than one."""
    refuses: UUID | None = None
    """The invoice of which no payment can be written."""
    told: Callable[[Merchant, UUID, datetime], Awaitable[datetime | None]] | None = None
    """Who hears what came of a try."""

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
        seen: Snapshot | None = None,
    ) -> PaymentStatus:
        """One more try, unless one holds money or may; what came of it is told before it returns."""
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
        if self.told is not None:
            await self.told(merchant, payment_id, now)
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
        if self.refuses is not None and opening.payment.merchant_reference == render(
            Kind.INVOICE, self.refuses
        ):
            raise Dead
        self.known[opening.payment.id] = opening.after

    async def open_all(self, connection: Connection, merchant: Merchant, openings: Sequence[Step]) -> None:
        """Write several."""
        self.together.append(len(openings))
        for opening in openings:
            await self.open(connection, merchant, opening, None)

    async def let_go(
        self, connection: Connection, merchant: Merchant, payment_id: UUID, *, now: datetime
    ) -> bool:
        """Cancel a payment that holds no money."""
        free = (PaymentStatus.DECLINED, PaymentStatus.FAILED, PaymentStatus.REQUIRES_PAYMENT_METHOD)
        if self.known[payment_id].payment.status in free:
            self.stands(payment_id, PaymentStatus.CANCELED)
        return self.known[payment_id].payment.status is PaymentStatus.CANCELED

    async def hold(self, connection: Connection, merchant: Merchant, payment_ids: Sequence[UUID]) -> None:
        """Hold payments until the transaction ends; nothing is let go of before."""
        for one in payment_ids:
            assert self.known[one].payment.status is not PaymentStatus.CANCELED, (
                "held before any is let go of"
            )
        self.held.append(list(payment_ids))


class Office(House):
    """Billing's flows, one merchant, one customer and one plan."""

    us: Merchant
    customer_id: UUID
    plan: Plan

    def __init__(self, database: Database) -> None:
        super().__init__(database, clock=ManualClock(START))
        self.payments = FakePayments()
        scribe, new_id = Scribe(self.new_id, LINKS), self.new_id
        self.recoveries = FakeRecoveries()
        self.charging = Charging(
            database,
            payments=self.payments,
            recoveries=self.recoveries,
            owing=self.payments,
            scribe=scribe,
            new_id=new_id,
        )
        self.payments.told = self.charging.hear
        collecting = Collecting(self.charging)
        self.cycles = Cycles(database, collecting=collecting, scribe=scribe, moments=AtOnce(), new_id=new_id)
        self.subscriptions = Subscriptions(
            database, cycles=self.cycles, collecting=collecting, scribe=scribe, new_id=new_id
        )
        tools = Tools(
            charging=self.charging,
            collecting=collecting,
            payments=self.payments,
            recoveries=self.recoveries,
            scribe=scribe,
            new_id=new_id,
        )
        self.giving_up = GivingUp(database, tools)
        self.policies = DunningPolicies(database, recovering=self.recoveries, new_id=new_id)
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

    async def policy(self, name: str, *, default: bool = False, **rules: Any) -> DunningPolicy:
        """A new dunning policy."""
        new = DunningPolicy(
            merchant_id=self.us.id,
            id=self.new_id(),
            version=1,
            events_count=1,
            name=name,
            rules=Rules(**rules),
            is_default=default,
            metadata={},
            created_at=START,
            updated_at=START,
        )
        async with self.database.transaction() as connection:
            return await self.policies.create(connection, self.us, new)
