"""Recovery put together on a real database, with payments that answer as a test says."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from prometheus_client import CollectorRegistry
from tests.recovery.cases import NOW, payment, tried_again
from tests.vault.house import House

from recoup.db import Database
from recoup.disputes.core.records import Dispute
from recoup.events import store as events
from recoup.http.edge import Edge
from recoup.http.wiring import Wiring
from recoup.kit.clock import ManualClock
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import not_found
from recoup.merchants.core import Merchant, MerchantPair
from recoup.outcomes.core import Decline
from recoup.payments.core import Reason
from recoup.payments.core import Status as PaymentStatus
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.api import RecoveriesApi
from recoup.recovery.core import Recovery
from recoup.recovery.flow import Recoveries
from recoup.recovery.flow.writing import ASKABLE, OVER
from recoup.recovery.jobs import handlers
from recoup.vault.core import Customer, CustomerDetails, Payday
from recoup.worker import Worker

PAID_MONTHLY: Final = CustomerDetails(
    country="US", time_zone="America/New_York", payday=Payday(cycle="monthly", day_of_month=1)
)


@dataclass(frozen=True)
class Answer:
    """How a payment answers a try."""

    status: PaymentStatus
    decline: Decline | None = None


@dataclass(frozen=True)
class Dies:
    """The process dies in the try: before the payment heard of it, or after the payment's answer was written."""

    after: Answer | None = None


class Dead(Exception):
    """The process is gone."""


@dataclass
class FakePayments:
    """Payments as recovery sees them: each try takes the next answer. Refusals among the answers are raised."""

    known: dict[UUID, PaymentFacts] = field(default_factory=dict)
    answers: deque[Answer | Dies | Exception] = field(default_factory=deque)
    tries: list[tuple[datetime, UUID, tuple[UUID, ...] | None]] = field(default_factory=list)
    attached: dict[UUID, UUID] = field(default_factory=dict)
    news: Callable[[UUID, datetime], Any] | None = None
    """Told of a try's outcome before `retry` returns, as the API does."""

    async def facts(self, merchant: Merchant, payment_id: UUID) -> PaymentFacts | None:
        del merchant
        return self.known.get(payment_id)

    async def retry(
        self,
        merchant: Merchant,
        payment_id: UUID,
        *,
        reason: Reason,
        accounts: Sequence[UUID] | None,
        now: datetime,
    ) -> PaymentStatus:
        del merchant
        assert reason is Reason.RECOVERY
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Dies) and answer.after is None:
            raise Dead
        self.tries.append((now, payment_id, None if accounts is None else tuple(accounts)))
        given = answer.after if isinstance(answer, Dies) else answer
        assert given is not None
        self.known[payment_id] = tried_again(self.known[payment_id], now, given.decline, status=given.status)
        if isinstance(answer, Dies):
            raise Dead
        if self.news is not None and given.status is not PaymentStatus.UNRESOLVED:
            await self.news(payment_id, now)
        return given.status

    async def on_same_card(self, merchant: Merchant, payment_id: UUID, *, since: datetime) -> Sequence[UUID]:
        del merchant, since
        method = self.known[payment_id].payment_method_id
        return [id_ for id_, one in self.known.items() if one.payment_method_id == method]

    async def attach_recovery(self, merchant: Merchant, payment_id: UUID, recovery_id: UUID) -> None:
        del merchant
        self.attached[payment_id] = recovery_id
        self.known[payment_id] = replace(self.known[payment_id], recovery_id=recovery_id)


@dataclass
class FakeDisputes:
    """Disputes as recovery sees them: `why` says why nothing may be tried, by payment method."""

    why: dict[UUID, str] = field(default_factory=dict)
    known: dict[UUID, Dispute] = field(default_factory=dict)

    async def get(self, merchant: Merchant, dispute_id: UUID) -> Dispute:
        del merchant
        return self.known[dispute_id]

    async def stops(
        self, merchant: Merchant, *, payment_method_id: UUID | None, fingerprint: str | None
    ) -> str | None:
        del merchant, fingerprint
        return None if payment_method_id is None else self.why.get(payment_method_id)


@dataclass
class FakeCustomers:
    """The vault's customers."""

    known: dict[UUID, CustomerDetails] = field(default_factory=dict)

    async def get(self, merchant_id: UUID, customer_id: UUID) -> Customer:
        del merchant_id
        if customer_id not in self.known:
            raise not_found("customer", render(Kind.CUSTOMER, customer_id))
        return Customer(customer_id, self.known[customer_id], NOW, NOW)


class Office(House):
    """One merchant whose payments are declined, and everything that works on them."""

    pair: MerchantPair
    us: Merchant

    def __init__(self, database: Database) -> None:
        super().__init__(database, clock=ManualClock(NOW))
        self.payments = FakePayments()
        self.customers_known = FakeCustomers()
        self.disputes = FakeDisputes()
        self.recoveries = Recoveries(
            database,
            payments=self.payments,
            customers=self.customers_known,
            disputes=self.disputes,
            new_id=self.new_id,
        )
        self.worker = Worker(
            database,
            handlers={**handlers(self.recoveries), ASKABLE: _heard_by_nobody, OVER: _heard_by_nobody},
            merchant=self.merchants.merchant,
            clock=self.clock,
            poll_s=0.01,
        )
        wiring = Wiring(
            authenticate=self.merchants.authenticate,
            clock=self.clock,
            database=database,
            fingerprint=self.vault.fingerprint,
            new_request_id=lambda: "req_test",
            ready=_ready,
            registry=CollectorRegistry(),
        )
        self.edge = Edge(RecoveriesApi(self.recoveries).routes(), wiring)

    async def settle_in(self) -> None:
        """Found the merchant."""
        self.pair = await self.merchant()
        self.us = self.pair.test

    async def refused(self, facts: PaymentFacts | None = None, *, merchant: Merchant | None = None) -> UUID:
        """A payment that was refused just now, of which nobody has heard yet."""
        owner = merchant or self.us
        payment_id: UUID = self.new_id()
        seen = facts or payment(at=self.clock.now())
        self.payments.known[payment_id] = replace(seen, id=payment_id)
        await self.database.execute(
            """
            insert into payments (
                merchant_id, id, status, version, events_count, amount, currency, capture, initiator, metadata,
                created_at, updated_at)
            values (
                %(merchant_id)s, %(id)s, 'declined', 1, 1, 4999, 'USD', 'automatic', 'merchant', '{}', %(now)s,
                %(now)s)
            """,
            {"merchant_id": owner.id, "id": payment_id, "now": self.clock.now()},
        )
        return payment_id

    async def opened(
        self, facts: PaymentFacts | None = None, *, merchant: Merchant | None = None
    ) -> Recovery:
        """The recovery that a refused payment opened."""
        payment_id = await self.refused(facts, merchant=merchant)
        await self.hears(payment_id, merchant=merchant)
        return await self.of(payment_id, merchant=merchant)

    async def hears(self, payment_id: UUID, *, merchant: Merchant | None = None) -> None:
        """Recovery hears of a payment's news."""
        again = await self.recoveries.on_payment_news(merchant or self.us, payment_id, self.clock.now())
        assert again is None

    async def of(self, payment_id: UUID, *, merchant: Merchant | None = None) -> Recovery:
        """The recovery of a payment, as it is now."""
        found = await self.recoveries.page(merchant or self.us, payment_id=payment_id, limit=2)
        assert len(found) == 1, found
        return found[0]

    async def again(self, recovery: Recovery) -> Recovery:
        """A recovery, read again."""
        return await self.recoveries.get(self.us, recovery.id)

    async def runs_until(self, until: datetime) -> list[datetime]:
        """Go through time to `until`, working what is due in order; when that was, but for what later subjects hear."""
        worked: list[datetime] = []
        while True:
            due_at = await self.worker.next_due(self.us.id)
            if due_at is None or due_at > until:
                self.clock.advance(max(until - self.clock.now(), timedelta(0)))
                return worked
            self.clock.advance(max(due_at - self.clock.now(), timedelta(0)))
            row = await self.worker.take_next(self.us, until=until)
            assert row is not None, "it was due"
            await self.worker.work(self.us, row)
            worked += [] if row.kind in (ASKABLE, OVER) else [due_at]
            assert len(worked) < 1000, "time does not go on"

    async def told(self, recovery: Recovery) -> list[str]:
        """The types of a recovery's events; their numbers have no gap."""
        found = await events.of_objects(
            self.database, merchant_id=recovery.merchant_id, object_ids=[recovery.id], limit=100
        )
        assert [event.object_sequence for event in found] == list(range(1, len(found) + 1))
        return [event.type for event in found]

    async def decisions(self, recovery: Recovery) -> list[dict[str, Any]]:
        """What was decided about a recovery, in order."""
        rows = await self.database.fetch_all(
            """
            select data from decisions
            where merchant_id = %(merchant_id)s and object_id = %(id)s and kind = 'recovery' order by created_at, id
            """,
            {"merchant_id": recovery.merchant_id, "id": recovery.id},
        )
        return [row["data"] for row in rows]

    async def due_at(self, recovery: Recovery) -> datetime | None:
        """When the recovery is to be looked at."""
        row = await self.database.fetch_one(
            """
            select due_at from due
            where merchant_id = %(merchant_id)s and object_id = %(id)s and kind = 'recovery.retry'
            """,
            {"merchant_id": recovery.merchant_id, "id": recovery.id},
        )
        return None if row is None else row["due_at"]


async def _heard_by_nobody(*_: object) -> None:
    return None


async def _ready() -> bool:
    return True


class NoModels:
    """Nothing was learned of anybody."""

    async def of(self, merchant_id: UUID) -> None:
        del merchant_id
