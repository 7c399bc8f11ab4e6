"""Subscriptions: made, changed, paused, resumed, ended, charged now; and what their next invoice would be.

What changes something runs in the caller's transaction, which holds the subscription.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from msgspec.structs import replace

from recoup.billing import store
from recoup.billing.core import changes
from recoup.billing.core.bills import Charge, Making
from recoup.billing.core.changes import Billing, Proration
from recoup.billing.core.cycles import (
    NewSubscription,
    Open,
    Pass,
    Wait,
    began,
    left_over,
    next_turn,
    opened,
    passed,
    turn_of,
)
from recoup.billing.core.machine import Status
from recoup.billing.core.periods import Interval
from recoup.billing.core.records import Failing, Invoice, Item, ManagedBy, Plan, Subscription, Terms
from recoup.billing.core.settling import paid, refused
from recoup.billing.core.step import Step, cycle_row, joined, local_day
from recoup.billing.flow.collecting import Collecting
from recoup.billing.flow.cycles import Cycles, Opened
from recoup.billing.flow.hearing import ruling_of
from recoup.billing.flow.writing import Scribe
from recoup.billing.store import dunning
from recoup.billing.store.unpaid import unpaid
from recoup.db import Connection, Database, Queries
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal, conflict, not_found
from recoup.merchants.core import Merchant

TURNS_MAX: Final = 3
"""A trial, and whatever costs nothing, before a period that is billed."""


class Subscriptions:
    """Everything that can be done with subscriptions."""

    def __init__(
        self,
        database: Database,
        *,
        cycles: Cycles,
        collecting: Collecting,
        scribe: Scribe,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._cycles = cycles
        self._collecting = collecting
        self._scribe = scribe
        self._new_id = new_id

    async def get(self, merchant: Merchant, subscription_id: UUID) -> Subscription:
        """One subscription; refuses with 404."""
        found = await store.subscription(
            self._database, merchant_id=merchant.id, subscription_id=subscription_id
        )
        return _there(found, subscription_id)

    async def page(
        self,
        merchant: Merchant,
        *,
        customer_id: UUID | None,
        plan_id: UUID | None,
        status: Status | None,
        after: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Subscription]:
        """Subscriptions newest first; with `before` oldest first."""
        return await store.subscriptions(
            self._database,
            merchant_id=merchant.id,
            customer_id=customer_id,
            plan_id=plan_id,
            status=status,
            after=after,
            before=before,
            limit=limit,
        )

    async def create(
        self, connection: Connection, merchant: Merchant, new: NewSubscription, *, now: datetime
    ) -> Subscription:
        """A new subscription; one that begins without a trial has its first invoice at once."""
        made = began(new, now=now)
        told = Step(made, dues=(cycle_row(made),), happened=(("subscription.created", made),))
        turn = turn_of(made, now=now)
        if isinstance(turn, Wait):
            return await self._written(connection, merchant, told, now=now)
        done = await self._cycles.take(
            connection, merchant, {made.id: made}, {made.id: turn}, now=now, before={made.id: told}
        )
        return done[made.id].subscription

    async def update(
        self,
        connection: Connection,
        merchant: Merchant,
        subscription_id: UUID,
        fields: dict[str, Any],
        *,
        now: datetime,
    ) -> Subscription:
        """Other fields of the record."""
        held = await self.held(connection, merchant, subscription_id)
        return await self._written(connection, merchant, changes.updated(held, fields, now=now), now=now)

    async def add_item(
        self, connection: Connection, merchant: Merchant, subscription_id: UUID, item: Item, *, now: datetime
    ) -> Subscription:
        """One more item for the next invoice."""
        held = await self.held(connection, merchant, subscription_id)
        return await self._written(connection, merchant, changes.with_item(held, item, now=now), now=now)

    async def change(
        self,
        connection: Connection,
        merchant: Merchant,
        subscription_id: UUID,
        terms: tuple[Plan | None, int | None],
        proration: Proration,
        *,
        now: datetime,
    ) -> Subscription:
        """Another plan or another quantity, from now on."""
        held = await self.held(connection, merchant, subscription_id)
        billing = await self._billing(connection, merchant, held)
        step = _changed(held, terms, proration, billing, now=now)
        return await self._written(connection, merchant, step, now=now)

    async def pause(
        self, connection: Connection, merchant: Merchant, subscription_id: UUID, *, now: datetime
    ) -> Subscription:
        """Bill nothing from today on."""
        held = await self.held(connection, merchant, subscription_id)
        return await self._written(connection, merchant, changes.paused(held, now=now), now=now)

    async def resume(
        self, connection: Connection, merchant: Merchant, subscription_id: UUID, *, now: datetime
    ) -> Subscription:
        """Bill again; the days that are left of a period that was paused are billed soon."""
        held = await self.held(connection, merchant, subscription_id)
        ruling = await dunning.ruling(connection, merchant_id=merchant.id, named=held.dunning_policy_id)
        step = changes.resumed(held, now=now, ruling=ruling)
        return await self._written(connection, merchant, step, now=now)

    async def cancel(
        self,
        connection: Connection,
        merchant: Merchant,
        subscription_id: UUID,
        *,
        at_period_end: bool,
        prorate: bool,
        now: datetime,
    ) -> Subscription:
        """End it: now, or when the current period ends. Then nobody collects what is open any more."""
        held = await self.held(connection, merchant, subscription_id)
        if at_period_end:
            fields = {"cancel_at_period_end": True, "canceled_at": now}
            return await self._written(connection, merchant, changes.updated(held, fields, now=now), now=now)
        changes.refuse_ended(held)
        invoices = await self._collecting.held(connection, merchant, [held.id])
        billing = await self._billing(connection, merchant, held)
        stopped = await self._collecting.stopped(connection, merchant, invoices, now=now)
        billing = dataclasses.replace(billing, unpaid=_after(billing.unpaid, stopped))
        step = joined(stopped, changes.canceled(held, prorate=prorate, billing=billing, now=now))
        return await self._written(connection, merchant, step, now=now)

    async def open_now(
        self, connection: Connection, merchant: Merchant, subscription_id: UUID, *, now: datetime
    ) -> Opened:
        """Open the next period of a subscription whose merchant says when; refuses before it has begun."""
        held = await self.held(connection, merchant, subscription_id)
        if held.managed_by is not ManagedBy.MERCHANT:
            raise conflict(
                "subscription_not_managed_by_merchant",
                f"This subscription is managed by {held.managed_by}: only where `managed_by` is `merchant` do you "
                "say when it is charged.",
            )
        return await self._next(connection, merchant, held, now=now)

    async def report(
        self,
        connection: Connection,
        merchant: Merchant,
        subscription_id: UUID,
        *,
        failing: Failing | None,
        external_id: str | None,
        at: datetime,
        now: datetime,
    ) -> Opened:
        """What came of the next period at an outside biller: paid, or refused."""
        held = await self.held(connection, merchant, subscription_id)
        if held.managed_by is not ManagedBy.OUTSIDE:
            raise conflict(
                "subscription_not_managed_outside",
                f"This subscription is managed by {held.managed_by}: only what somebody else bills is reported.",
            )
        done = await self._next(connection, merchant, held, now=now)
        assert done.invoice is not None, "the next period was opened"
        invoice = replace(done.invoice, external_id=external_id)
        if failing is None:
            step = paid(invoice, done.subscription, at=at, now=now, out_of_band=True)
        else:
            ruling = await ruling_of(connection, done.subscription)
            step = refused(invoice, done.subscription, failing, now=now, ruling=ruling)
        if step is None:  # there was nothing to pay
            return done
        written = await self._scribe.write(connection, merchant, [step], now=now)
        return Opened(step.subscription or done.subscription, written[invoice.id])

    async def upcoming(
        self,
        queries: Queries,
        merchant: Merchant,
        subscription: Subscription,
        change: tuple[Plan | None, int | None],
        proration: Proration,
        *,
        now: datetime,
    ) -> Invoice:
        """The next invoice as it would be, after a change that is only thought of."""
        balances = await store.balances(
            queries, merchant_id=merchant.id, customer_id=subscription.customer_id
        )
        balance = balances.get(subscription.currency, 0)
        if change != (None, None):
            unpaid_ones = await unpaid(queries, merchant_id=merchant.id, subscription_id=subscription.id)
            billing = Billing(new_id=self._new_id, balance=balance, unpaid=unpaid_ones)
            step = _changed(subscription, change, proration, billing, now=now)
            if step.invoices:
                return step.invoices[0]
            assert step.subscription is not None, "a change changes it"
            subscription = step.subscription
        subscription, turn = _next_billed(subscription, now=now)
        if turn is None:
            return self._last(subscription, balance, now=now)
        charge = await self._cycles.moment(queries, merchant, subscription, turn, now=max(turn.due, now))
        making = Making(invoice_id=self._new_id(), due=turn.due, charge=charge, balance=balance, now=now)
        return opened(subscription, turn, making).invoices[0]

    def _last(self, subscription: Subscription, balance: int, *, now: datetime) -> Invoice:
        """What waits for an invoice where no period will be billed any more; refuses where nothing does."""
        due = subscription.next_at
        if due is None:
            raise nothing_upcoming()
        making = Making(invoice_id=self._new_id(), due=due, charge=Charge(due), balance=balance, now=now)
        bill = left_over(subscription, making)
        if bill is None:
            raise nothing_upcoming()
        return bill.invoice

    async def held(self, connection: Connection, merchant: Merchant, subscription_id: UUID) -> Subscription:
        """One subscription, held until the transaction ends; refuses with 404."""
        found = await store.lock_subscriptions(connection, merchant_id=merchant.id, ids=[subscription_id])
        return _there(found.get(subscription_id), subscription_id)

    async def _next(
        self, connection: Connection, merchant: Merchant, held: Subscription, *, now: datetime
    ) -> Opened:
        changes.refuse_ended(held)
        if held.status is Status.PAUSED:
            raise conflict("subscription_paused", "Resume this subscription before it is charged.")
        turn = next_turn(held, now=now)
        if isinstance(turn, Open) and turn.period.start <= local_day(held, now):
            done = await self._cycles.take(connection, merchant, {held.id: held}, {held.id: turn}, now=now)
            return done[held.id]
        if isinstance(turn, Open):
            raise conflict(
                "period_not_begun",
                f"The next period begins on {turn.period.start.isoformat()}; the one before it is billed.",
            )
        raise nothing_upcoming()

    async def _billing(self, connection: Connection, merchant: Merchant, held: Subscription) -> Billing:
        balances = await store.lock_balances(
            connection, merchant_id=merchant.id, customer_ids=[held.customer_id]
        )
        balance = balances.get((held.customer_id, held.currency), 0)
        unpaid_ones = await unpaid(connection, merchant_id=merchant.id, subscription_id=held.id)
        return Billing(new_id=self._new_id, balance=balance, unpaid=unpaid_ones)

    async def _written(
        self, connection: Connection, merchant: Merchant, step: Step, *, now: datetime
    ) -> Subscription:
        await self._scribe.write(connection, merchant, [step], now=now)
        assert step.subscription is not None, "it was changed"
        return step.subscription


def _after(invoices: Sequence[Invoice], step: Step) -> Sequence[Invoice]:
    """Invoices as a step leaves them."""
    changed = {one.id: one for one in step.invoices}
    return [changed.get(one.id, one) for one in invoices]


def nothing_upcoming() -> Refusal:
    """Nothing more is billed, as it stands."""
    return conflict("no_upcoming_invoice", "Nothing more will be billed of this subscription as it stands.")


def _next_billed(subscription: Subscription, *, now: datetime) -> tuple[Subscription, Open | None]:
    """The next period that costs something, and the subscription as it is then; None where it ends before."""
    if subscription.has_ended or subscription.status is Status.PAUSED:
        raise nothing_upcoming()
    if subscription.cancel_at_period_end:
        return subscription, None
    for _ in range(TURNS_MAX):
        turn = next_turn(subscription, now=now)
        match turn:
            case Open():
                return subscription, turn
            case Pass():
                after = passed(subscription, turn, now=now).subscription
                assert after is not None, "a period passes"
                subscription = after
            case _:
                return subscription, None
    raise nothing_upcoming()


def _changed(
    held: Subscription,
    change: tuple[Plan | None, int | None],
    proration: Proration,
    billing: Billing,
    *,
    now: datetime,
) -> Step:
    plan, quantity = change
    now_paid = held.price
    terms = Terms(
        plan_id=now_paid.plan_id if plan is None else plan.id,
        name=now_paid.name if plan is None else plan.name,
        amount=now_paid.amount if plan is None else plan.amount,
        quantity=quantity or now_paid.quantity,
        since=now,
    )
    interval: Interval = held.phases[-1].interval if plan is None else plan.interval
    return changes.changed_terms(held, terms, interval, proration=proration, billing=billing, now=now)


def _there(found: Subscription | None, subscription_id: UUID) -> Subscription:
    if found is None:
        raise not_found("subscription", render(Kind.SUBSCRIPTION, subscription_id))
    return found
