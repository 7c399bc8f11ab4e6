"""Opens cycles: those of many subscriptions that are due in one transaction, each once.

The subscriptions are locked, their turn is looked at again, and everything that follows from it is one statement: the
invoices with their numbers, the subscriptions moved on, what is due next, the events. Whoever comes second finds the
subscription moved on, and whoever would come all the same meets the unique rule of its periods. Where a group fails,
each is opened by itself, so that what is wrong with one keeps nobody else's from being opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.billing import store
from recoup.billing.core.bills import Charge, Making
from recoup.billing.core.cycles import End, Open, Pass, Wait, ended, left_over, opened, passed, turn_of
from recoup.billing.core.cycles import Turn as Turn
from recoup.billing.core.machine import News
from recoup.billing.core.records import Invoice, Subscription
from recoup.billing.core.settling import stopped
from recoup.billing.core.step import Step, joined
from recoup.billing.flow.collecting import Collecting
from recoup.billing.flow.moments import Moments
from recoup.billing.flow.writing import Scribe
from recoup.db import Connection, Database, Queries
from recoup.merchants.core import Merchant

PAUSE_AFTER: Final = 64
"""After how many steps others are let on: so many hold up all else for some five milliseconds."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What came of a subscription's turn: as it is now, and the invoice that was opened."""

    subscription: Subscription
    invoice: Invoice | None = None


class Cycles:
    """Opens what is due."""

    def __init__(
        self,
        database: Database,
        *,
        collecting: Collecting,
        scribe: Scribe,
        moments: Moments,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._collecting = collecting
        self._scribe = scribe
        self._moments = moments
        self._new_id = new_id

    async def cycle(self, merchant: Merchant, subscription_id: UUID, now: datetime) -> datetime | None:
        """The worker's handler of one `subscription.cycle`.

        None where something was done, too: when to look again was written with it, and need not be written twice.
        """
        return (await self.open_due(merchant, [subscription_id], now)).get(subscription_id)

    async def open_due(
        self, merchant: Merchant, ids: Sequence[UUID], now: datetime
    ) -> Mapping[UUID, datetime | None]:
        """Open what is due of these subscriptions, in one transaction; when to look again at those that are not due.

        Of the others that is written with what is done: their next due rows take the place of those being worked.
        """

        async def work(connection: Connection) -> Mapping[UUID, datetime | None]:
            found = await store.lock_subscriptions(connection, merchant_id=merchant.id, ids=ids)
            turns = {one.id: turn_of(one, now=now) for one in found.values()}
            await self.take(connection, merchant, found, turns, now=now)
            waiting = {id_: turn.until for id_, turn in turns.items() if isinstance(turn, Wait)}
            return waiting | dict.fromkeys(id_ for id_ in ids if id_ not in found)

        return await self._database.retrying(work)

    async def moment(
        self, queries: Queries, merchant: Merchant, subscription: Subscription, turn: Open, *, now: datetime
    ) -> Charge:
        """When an invoice is charged that opens then, and why."""
        return (await self._moments.choose(queries, merchant, [(subscription, turn)], now=now))[
            subscription.id
        ]

    async def take(
        self,
        connection: Connection,
        merchant: Merchant,
        found: Mapping[UUID, Subscription],
        turns: Mapping[UUID, Turn],
        *,
        now: datetime,
        before: Mapping[UUID, Step] | None = None,
    ) -> dict[UUID, Opened]:
        """Do what is these subscriptions' turn, in the caller's transaction, which holds them.

        `before`: what was done to a subscription in this transaction and is not written yet.
        """
        opens = {id_: turn for id_, turn in turns.items() if isinstance(turn, Open)}
        charges = await self._moments.choose(
            connection, merchant, [(found[id_], opens[id_]) for id_ in opens], now=now
        )
        ends = [id_ for id_, turn in turns.items() if turn == End(News.CANCELED)]
        left_open = await self._collecting.held(connection, merchant, ends)
        balances = await store.lock_balances(
            connection,
            merchant_id=merchant.id,
            customer_ids=[
                found[id_].customer_id for id_, turn in turns.items() if isinstance(turn, Open | End)
            ],
        )
        left_open = await self._collecting.freed(connection, merchant, left_open, now=now)
        steps: dict[UUID, Step] = {}
        for place, (id_, turn) in enumerate(turns.items()):
            if place % PAUSE_AFTER == PAUSE_AFTER - 1:
                await asyncio.sleep(0)
            step = self._step(found[id_], turn, charges.get(id_), balances, now=now)
            if id_ in ends and step is not None:
                mine = [one for one in left_open if one.subscription_id == id_]
                step = joined(stopped(mine, now=now), step)
            if before is not None and id_ in before:
                step = _after(before[id_], step)
            if step is not None:
                steps[id_] = step
        if not steps:
            return {id_: Opened(one) for id_, one in found.items()}
        written = await self._scribe.write(connection, merchant, list(steps.values()), now=now)
        return {id_: _opened(one, steps.get(id_), written, turns.get(id_)) for id_, one in found.items()}

    def _step(
        self,
        subscription: Subscription,
        turn: Turn,
        charge: Charge | None,
        balances: dict[tuple[UUID, str], int],
        *,
        now: datetime,
    ) -> Step | None:
        match turn:
            case Wait():
                return None
            case Pass():
                return passed(subscription, turn, now=now)
            case End() | Open():
                assert charge is not None or isinstance(turn, End), "a moment was chosen for all that open"
                account = (subscription.customer_id, subscription.currency)
                making = Making(
                    invoice_id=self._new_id(),
                    due=turn.due if isinstance(turn, Open) else now,
                    charge=charge or Charge(now),
                    balance=balances.get(account, 0),
                    now=now,
                )
                step = _billed(subscription, turn, making)
                for credit in step.credits:  # of one customer several cycles may open at once
                    balances[account] = balances.get(account, 0) + credit.amount
                return step


def _billed(subscription: Subscription, turn: Open | End, making: Making) -> Step:
    if isinstance(turn, Open):
        return opened(subscription, turn, making)
    return ended(subscription, turn.news, now=making.now, extra=left_over(subscription, making))


def _after(before: Step, step: Step | None) -> Step:
    """Two steps of one subscription as one."""
    if step is None:
        return before
    return Step(
        step.subscription,
        (*before.invoices, *step.invoices),
        (*before.credits, *step.credits),
        (*before.dues, *step.dues) if step.subscription is None else step.dues,
        (*before.happened, *step.happened),
    )


def _opened(
    found: Subscription, step: Step | None, written: Mapping[UUID, Invoice], turn: Turn | None
) -> Opened:
    if step is None or step.subscription is None:
        return Opened(found)
    invoice = written[step.invoices[-1].id] if isinstance(turn, Open) else None
    return Opened(step.subscription, invoice)
