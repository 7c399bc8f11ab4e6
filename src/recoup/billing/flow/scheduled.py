"""Executes scheduled payments once, and hears what becomes of them.

At its time a scheduled payment remembers its payment, which nobody has tried, in one transaction; only then is that
tried. Whoever comes next, or comes at the same time, finds the payment and its version, so that it is tried once; after
a crash it goes on where the payment stands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, assert_never
from uuid import UUID

import msgspec

from recoup.billing.core import scheduled
from recoup.billing.core.records import Failing
from recoup.billing.core.scheduled import EXECUTE, FACTS, ScheduledPayment, Status
from recoup.billing.flow.around import Owing, Payments
from recoup.billing.flow.hearing import failing_of
from recoup.billing.scheduled_objects import scheduled_object
from recoup.billing.store import scheduled as store
from recoup.db import Connection, Database, due
from recoup.events.core import NewEvent
from recoup.events.store import append
from recoup.kit.ids import Kind, render
from recoup.kit.metadata import merged
from recoup.kit.refusals import Refusal, not_found
from recoup.merchants.core import Merchant
from recoup.payments.core import Reason, Snapshot, steps
from recoup.payments.core import Status as PaymentStatus
from recoup.recovery.core import STANDINGS, Standing

LOOKS_MAX: Final = 5
"""How often one call looks again because something changed meanwhile."""
LOOK_AGAIN: Final = timedelta(minutes=1)
CREATED: Final = "scheduled_payment.created"
UPDATED: Final = "scheduled_payment.updated"


class ScheduledPayments:
    """Everything that is done with scheduled payments. What a request changes runs in the caller's transaction."""

    def __init__(
        self, database: Database, *, payments: Payments, owing: Owing, new_id: Callable[[], UUID]
    ) -> None:
        self._database = database
        self._payments = payments
        self._owing = owing
        self._new_id = new_id

    async def create(
        self, connection: Connection, merchant: Merchant, new: ScheduledPayment
    ) -> ScheduledPayment:
        """A new one, which is due at its time."""
        await store.insert(connection, new)
        await self._due(connection, new)
        await self._tell(connection, merchant, new, CREATED)
        return new

    async def get(self, merchant: Merchant, scheduled_id: UUID) -> ScheduledPayment:
        """One of them; refuses with 404."""
        found = await store.read(self._database, merchant_id=merchant.id, scheduled_id=scheduled_id)
        return _there(found, scheduled_id)

    async def page(
        self,
        merchant: Merchant,
        *,
        customer_id: UUID | None,
        status: Status | None,
        after: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[ScheduledPayment]:
        """Scheduled payments newest first; with `before` oldest first."""
        return await store.page(
            self._database,
            merchant_id=merchant.id,
            customer_id=customer_id,
            status=status,
            after=after,
            before=before,
            limit=limit,
        )

    async def update(
        self,
        connection: Connection,
        merchant: Merchant,
        scheduled_id: UUID,
        fields: Mapping[str, Any],
        *,
        now: datetime,
    ) -> ScheduledPayment:
        """Other fields (metadata is merged), another time among them; refuses once it was begun."""
        held = await self._held(connection, merchant, scheduled_id)
        if "metadata" in fields:
            fields = {**fields, "metadata": merged(held.metadata, fields["metadata"])}
        after = scheduled.changed(held, fields, now=now)
        await self._save(connection, merchant, after, UPDATED)
        return after

    async def cancel(
        self, connection: Connection, merchant: Merchant, scheduled_id: UUID, *, now: datetime
    ) -> ScheduledPayment:
        """Never execute it; refuses once it was begun."""
        held = await self._held(connection, merchant, scheduled_id)
        after = scheduled.canceled(held, now=now)
        await self._save(connection, merchant, after, FACTS[after.status])
        return after

    async def execute(self, merchant: Merchant, scheduled_id: UUID, now: datetime) -> datetime | None:
        """The worker's handler of its due row: begin it at its time, and try its payment if nobody has."""
        for _ in range(LOOKS_MAX):
            one = await store.read(self._database, merchant_id=merchant.id, scheduled_id=scheduled_id)
            if one is None or one.status not in (Status.SCHEDULED, Status.PROCESSING):
                return None
            if one.status is Status.SCHEDULED and now < one.at:
                return one.at
            if one.payment_id is None:
                await self._begin(merchant, scheduled_id, now=now)
                continue
            payment = await self._payments.find(merchant, one.payment_id)
            assert payment is not None, "it was written with what remembers it"
            if payment.payment.status is not PaymentStatus.REQUIRES_PAYMENT_METHOD:
                return await self.hear(merchant, one.payment_id, now)
            return await self._try(merchant, payment, now=now)
        return now + LOOK_AGAIN

    async def hear(
        self, merchant: Merchant, payment_id: UUID, now: datetime, *, seen: Snapshot | None = None
    ) -> datetime | None:
        """What follows from where its payment stands, however late or often that is told."""
        snapshot = seen or await self._payments.find(merchant, payment_id)
        if snapshot is not None:
            version = snapshot.payment.version
            await self._settle(
                merchant, payment_id, lambda one: _settled(one, snapshot, now=now), version=version
            )
        return None

    async def _begin(self, merchant: Merchant, scheduled_id: UUID, *, now: datetime) -> None:
        payment_id = self._new_id()
        reference = render(Kind.SCHEDULED_PAYMENT, scheduled_id)

        async def work(connection: Connection) -> None:
            held = await self._held(connection, merchant, scheduled_id)
            if held.status is not Status.SCHEDULED or now < held.at:
                return
            new = scheduled.payment_of(held, payment_id, reference=reference)
            opening = steps.opened(new, payment_method_id=held.payment_method_id, now=now)
            await self._owing.open(connection, merchant, opening, None)
            after = scheduled.started(held, payment_id, now=now)
            await store.save(connection, after)
            await self._tell(connection, merchant, after, FACTS[after.status])

        await self._database.retrying(work)

    async def _try(self, merchant: Merchant, payment: Snapshot, *, now: datetime) -> datetime | None:
        """The first try of its payment; when to look again, where none could be made for the moment."""
        payment_id = payment.payment.id
        try:
            await self._payments.retry(
                merchant, payment_id, reason=Reason.RENEWAL, accounts=None, now=now, seen=payment
            )
        except Refusal as refusal:
            fresh = await self._payments.find(merchant, payment_id)
            version = payment.payment.version
            if fresh is None or fresh.payment.version != version or refusal.retry_after_s is not None:
                return now + LOOK_AGAIN
            failing = Failing(refusal.code, refusal.message, 0, now)
            await self._settle(
                merchant,
                payment_id,
                lambda one: scheduled.refused(one, failing, version=version, now=now),
                version=version,
            )
        return None

    async def _settle(
        self,
        merchant: Merchant,
        payment_id: UUID,
        step: Callable[[ScheduledPayment], ScheduledPayment | None],
        *,
        version: int,
    ) -> None:
        """Take a step that a version of its payment asks for, unless a later one was heard."""

        async def work(connection: Connection) -> None:
            held = await store.lock_by_payment(connection, merchant_id=merchant.id, payment_id=payment_id)
            if held is None or version <= held.payment_version:
                return
            after = step(held)
            if after is not None:
                await store.save(connection, after)
                await self._tell(connection, merchant, after, FACTS[after.status])

        await self._database.retrying(work)

    async def _held(self, connection: Connection, merchant: Merchant, scheduled_id: UUID) -> ScheduledPayment:
        found = await store.lock(connection, merchant_id=merchant.id, scheduled_id=scheduled_id)
        return _there(found, scheduled_id)

    async def _save(
        self, connection: Connection, merchant: Merchant, after: ScheduledPayment, fact: str
    ) -> None:
        await store.save(connection, after)
        await self._due(connection, after)
        await self._tell(connection, merchant, after, fact)

    @staticmethod
    async def _due(connection: Connection, one: ScheduledPayment) -> None:
        if one.status is Status.SCHEDULED:
            await due.put(
                connection, merchant_id=one.merchant_id, kind=EXECUTE, object_id=one.id, due_at=one.at
            )
        else:
            await due.drop(connection, merchant_id=one.merchant_id, kind=EXECUTE, object_id=one.id)

    async def _tell(
        self, connection: Connection, merchant: Merchant, one: ScheduledPayment, fact: str
    ) -> None:
        shown = msgspec.json.encode(scheduled_object(one, livemode=merchant.livemode))
        event = NewEvent(self._new_id(), fact, one.id, one.events_count, shown, one.updated_at)
        await append(connection, merchant.id, [event])


def _settled(one: ScheduledPayment, snapshot: Snapshot, *, now: datetime) -> ScheduledPayment | None:
    """What follows from where its payment stands; None where nothing does."""
    payment = snapshot.payment
    match STANDINGS[payment.status]:
        case Standing.PAID:
            return scheduled.paid(one, version=payment.version, at=payment.updated_at, now=now)
        case Standing.REFUSED:
            return scheduled.refused(one, failing_of(snapshot), version=payment.version, now=now)
        case Standing.GONE:
            return scheduled.let_go(one, version=payment.version, now=now)
        case Standing.UNDER_WAY:
            return None
        case other:
            assert_never(other)


def _there(found: ScheduledPayment | None, scheduled_id: UUID) -> ScheduledPayment:
    if found is None:
        raise not_found("scheduled payment", render(Kind.SCHEDULED_PAYMENT, scheduled_id))
    return found
