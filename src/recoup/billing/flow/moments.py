"""When invoices are charged: as soon as they are due, or on the best day of what the customer agreed to.

What is known of a customer's money is read only for those who agreed to a window, by two statements for a whole batch;
everybody else is charged when it is due, spread over minutes. A first invoice, and whatever a merchant charges by its
own word, is charged at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from recoup.billing.core.ahead import current
from recoup.billing.core.bills import Charge
from recoup.billing.core.chargeday import AT_DUE, Agreed, Charging, charge_moments, in_words, unmoved
from recoup.billing.core.cycles import Open
from recoup.billing.core.machine import Status
from recoup.billing.core.records import Expected, ManagedBy, Subscription
from recoup.billing.core.step import due_of
from recoup.db import Queries
from recoup.kit.money import Money
from recoup.merchants.core import Merchant
from recoup.paydays.core import PayCycle, cycle_of
from recoup.payments.core.past import CustomerTry
from recoup.payments.flow.past import tries_of_customers
from recoup.recovery.core.known import Seen
from recoup.vault.core import Customer

TOGETHER_MAX: Final = 128
"""How many invoices are thought of before others are let on: so many hold up all else for some twenty milliseconds."""

Opening = tuple[Subscription, Open]


class Moments(Protocol):
    """Chooses when invoices that open are charged."""

    async def choose(
        self, queries: Queries, merchant: Merchant, opening: Sequence[Opening], *, now: datetime
    ) -> Mapping[UUID, Charge]:
        """By subscription: when, and why then."""
        ...


class Customers(Protocol):
    """What is asked of customers."""

    async def those(
        self, queries: Queries, merchant_id: UUID, customer_ids: Sequence[UUID]
    ) -> Mapping[UUID, Customer]:
        """Those of these customers who are there."""
        ...


class OnPaydays:
    """Charges on the day, of those agreed to, on which the money is believed to be there."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers

    async def choose(
        self, queries: Queries, merchant: Merchant, opening: Sequence[Opening], *, now: datetime
    ) -> Mapping[UUID, Charge]:
        """By subscription: when, and why then. What is given up as unpaid is not charged."""
        movable = [(one, turn) for one, turn in opening if _may_move(one, turn, now=now)]
        moving = {one.id for one, _ in movable}
        charges = {one.id: _unmoved(one, turn, now=now) for one, turn in opening if one.id not in moving}
        if not movable:
            return charges
        ids = [one.customer_id for one, _ in movable]
        people = await self._customers.those(queries, merchant.id, ids)
        tries = await tries_of_customers(queries, merchant, ids)
        asked = [
            charging_of(
                one,
                turn,
                pay=_pay(people.get(one.customer_id)),
                tries=tries.get(one.customer_id, ()),
                now=now,
            )
            for one, turn in movable
        ]
        for start in range(0, len(asked), TOGETHER_MAX):
            some = slice(start, start + TOGETHER_MAX)
            thought = zip(movable[some], _thought(asked[some]), strict=True)
            charges |= {one.id: charge for (one, _), charge in thought}
            await asyncio.sleep(0)
        return charges


def charging_of(
    subscription: Subscription,
    turn: Open,
    *,
    pay: PayCycle | None = None,
    tries: Sequence[CustomerTry] = (),
    now: datetime,
) -> Charging:
    """What the moment of an invoice depends on, before it is drawn up: its amount is that of a whole period."""
    amount, window = subscription.whole, subscription.window
    ahead = current(subscription)
    return Charging(
        key=subscription.id,
        due=turn.due,
        until=due_of(subscription, turn.period.number + 1),
        agreed=None if window is None else Agreed(window.after_days, window.before_days),
        amount=amount,
        zone=subscription.zone,
        country=subscription.country,
        pay=pay,
        seen=_seen(tries, amount),
        hour=None if ahead is None else ahead.hour,
        not_before=now,
    )


def _unmoved(subscription: Subscription, turn: Open, *, now: datetime) -> Charge:
    """Charged when it is due: at once where that is so by somebody's wish, else within minutes."""
    if subscription.status is Status.UNPAID:
        return Charge(None)
    if not _waits(subscription, turn):
        return Charge(max(turn.due, now))
    at, why = unmoved(charging_of(subscription, turn, now=now))
    return Charge(at, why)


def _waits(subscription: Subscription, turn: Open) -> bool:
    """Whether nobody expects it to be charged this moment. One that is opened after its period ended is charged now."""
    by_itself = subscription.managed_by is ManagedBy.RECOUP
    return by_itself and turn.period.number > 1 and turn.due < due_of(subscription, turn.period.number + 1)


def _may_move(subscription: Subscription, turn: Open, *, now: datetime) -> bool:
    agreed = subscription.window is not None and subscription.status is not Status.UNPAID
    return agreed and _waits(subscription, turn) and now < due_of(subscription, turn.period.number + 1)


def _thought(asked: Sequence[Charging]) -> list[Charge]:
    return [
        Charge(
            chosen.at,
            chosen.why,
            None if chosen.why in AT_DUE else in_words(chosen, one),
            Expected(chosen.chance, chosen.chance_due),
        )
        for chosen, one in zip(charge_moments(asked), asked, strict=True)
    ]


def _pay(customer: Customer | None) -> PayCycle | None:
    payday = None if customer is None else customer.details.payday
    return None if payday is None else cycle_of(payday)


def _seen(tries: Sequence[CustomerTry], amount: Money) -> list[Seen]:
    return [
        Seen(one.at, one.approved, one.category, here=False, minor=one.amount.minor)
        for one in tries
        if one.amount.currency == amount.currency
    ]
