"""Watches subscriptions that are behind: ends their grace, and does the final action once nothing brings the money.

Whoever looks reads the truth anew: the subscription, its invoices, their payments and recoveries. A look comes when the
grace ends, when a recovery has ended, and now and then should the news of that be lost. What follows is written onto
the version that was looked at, so that of two who look at once one does it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from recoup.billing import store
from recoup.billing.core import giving_up as core
from recoup.billing.core.changes import Billing
from recoup.billing.core.dunning import EndGrace, GiveUp, Outlook, Rest, next_step
from recoup.billing.core.records import Subscription
from recoup.billing.core.settling import stopped_at
from recoup.billing.core.step import Step
from recoup.billing.flow.around import Payments, Recoveries
from recoup.billing.flow.charging import LOOK_AGAIN, LOOKS_MAX, Charging
from recoup.billing.flow.collecting import Collecting
from recoup.billing.flow.writing import Scribe
from recoup.billing.store import AT_ONCE_MAX, dunning, together
from recoup.db import Connection, Database
from recoup.merchants.core import Merchant


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What watching needs of billing and of the subjects before it."""

    charging: Charging
    collecting: Collecting
    payments: Payments
    recoveries: Recoveries
    scribe: Scribe
    new_id: Callable[[], UUID]


class GivingUp:
    """Everything that happens to a subscription because it owes something for too long."""

    def __init__(self, database: Database, tools: Tools) -> None:
        self._database = database
        self._tools = tools

    async def look(self, merchant: Merchant, subscription_id: UUID, now: datetime) -> datetime | None:
        """The worker's handler of `subscription.dunning`: do what is its turn; when to look again."""
        for _ in range(LOOKS_MAX):
            seen = await store.subscription(
                self._database, merchant_id=merchant.id, subscription_id=subscription_id
            )
            if seen is None:
                return None
            if seen.dunning is None or not core.is_watched(seen):
                if not await self._stopped(merchant, seen, now=now):
                    return None
                continue
            outlooks = await self._outlooks(merchant, seen, now)
            if outlooks is None:
                continue
            step = next_step(seen.dunning, outlooks, now=now)
            if isinstance(step, Rest):
                return step.until
            await self._do(merchant, seen, step, now=now)
        return now + LOOK_AGAIN

    async def over(self, merchant: Merchant, payment_id: UUID, now: datetime) -> datetime | None:
        """The handler of a recovery's end: look at the subscription whose invoice it was about, if it was about one."""
        await self._tools.charging.hear(merchant, payment_id, now)
        invoice = await store.invoice_of_payment(
            self._database, merchant_id=merchant.id, payment_id=payment_id
        )
        if invoice is not None and invoice.subscription_id is not None:
            await self.look(merchant, invoice.subscription_id, now)  # its own row says when to look again
        return None

    async def asks(self, merchant: Merchant, payment_id: UUID) -> bool:
        """Whether the customer of a payment may be asked by messages, as far as dunning has a say in it."""
        ruling = await dunning.ruling_of_payment(
            self._database, merchant_id=merchant.id, payment_id=payment_id
        )
        return ruling is None or ruling.rules.messages

    async def _outlooks(
        self, merchant: Merchant, seen: Subscription, now: datetime
    ) -> Sequence[Outlook] | None:
        """What is to be expected of what it owes; None where something was heard just now: then look again. Of very
        much it is what has been owed the longest, of which hope is gone first."""
        owed = await together.invoices(self._database, merchant_id=merchant.id, ids=seen.owing[:AT_ONCE_MAX])
        invoices = list(owed.values())
        ids = [one.payment_id for one in invoices if one.payment_id is not None]
        recoveries = await self._tools.recoveries.of_payments(merchant, ids)
        found: list[Outlook] = []
        for invoice in invoices:
            snapshot, recovery = None, None
            if invoice.payment_id is not None:
                snapshot = await self._tools.payments.find(merchant, invoice.payment_id)
                recovery = recoveries.get(invoice.payment_id)
            payment = None if snapshot is None else snapshot.payment
            one = core.outlook(invoice, payment, recovery, now=now)
            if one is None:
                assert invoice.payment_id is not None, "only a payment has news"
                await self._tools.charging.hear(merchant, invoice.payment_id, now)
                return None
            found.append(one)
        return found

    async def _do(
        self, merchant: Merchant, seen: Subscription, due: EndGrace | GiveUp, *, now: datetime
    ) -> None:
        """Write what is due onto the version that was looked at; nothing where it has moved on."""

        async def work(connection: Connection) -> None:
            held = await store.lock_subscriptions(connection, merchant_id=merchant.id, ids=[seen.id])
            if held[seen.id].version != seen.version:
                return
            step = (
                core.grace_ended(seen, now=now)
                if isinstance(due, EndGrace)
                else await self._given_up(connection, merchant, seen, now=now)
            )
            await self._tools.scribe.write(connection, merchant, [step], now=now)

        await self._database.retrying(work)

    async def _stopped(self, merchant: Merchant, seen: Subscription, *, now: datetime) -> bool:
        """Where an end or the final action stopped the collecting, stop it of what was too much for its transaction;
        whether there was any. Each time there is less: what was made since then is collected by a later word."""
        since = stopped_at(seen)
        if since is None:
            return False

        async def work(connection: Connection) -> bool:
            held = await store.lock_subscriptions(connection, merchant_id=merchant.id, ids=[seen.id])
            one, tools = held[seen.id], self._tools
            if one.version != seen.version:
                return True
            found = await tools.collecting.held(
                connection, merchant, [one.id], owed=core.forgiven(one), until=since
            )
            invoices = core.touched(one, found)
            if not invoices:
                return False
            freed = await tools.collecting.freed(connection, merchant, invoices, now=now)
            step = core.left_over(one, freed, now=now)
            await tools.scribe.write(connection, merchant, [step], now=now)
            return len(found) == AT_ONCE_MAX

        return await self._database.retrying(work)

    async def _given_up(
        self, connection: Connection, merchant: Merchant, held: Subscription, *, now: datetime
    ) -> Step:
        """The final action on a held subscription, with everything that it changes held in order."""
        tools = self._tools
        found = await tools.collecting.held(connection, merchant, [held.id], owed=core.forgiven(held))
        invoices = core.touched(held, found)
        balances = await store.lock_balances(
            connection, merchant_id=merchant.id, customer_ids=[held.customer_id]
        )
        balance = balances.get((held.customer_id, held.currency), 0)
        freed = await tools.collecting.freed(connection, merchant, invoices, now=now)
        billing = Billing(new_id=tools.new_id, balance=balance)
        return core.given_up(held, freed, billing=billing, now=now)
