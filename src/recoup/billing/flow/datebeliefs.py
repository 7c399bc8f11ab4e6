"""What is believed of a customer's money on other billing dates, and what was measured since one was changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.billing import store as subscriptions
from recoup.billing.core.chargeday import Charging, percent
from recoup.billing.core.cycles import Open
from recoup.billing.core.datechange import Belief, DateChange, Effective, Offer, Target
from recoup.billing.core.datechoice import believed, best_of, chances
from recoup.billing.core.dateoffer import begins, next_turns, on_dates, targets
from recoup.billing.core.measured import Measured, compared, share_of
from recoup.billing.core.records import Invoice, Subscription
from recoup.billing.flow.moments import Customers, charging_of
from recoup.billing.store import datechange as store
from recoup.db import Queries
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant
from recoup.paydays.core import PayCycle, cycle_of
from recoup.payments.core.past import CustomerTry
from recoup.payments.flow.past import first_tries, tries_of_customers

MEASURED_MAX: Final = 24
"""How many invoices are looked at before a change, and as many after it: two years of monthly ones."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a customer's money."""

    pay: PayCycle | None
    tries: Sequence[CustomerTry]

    def charges(self, subscription: Subscription, turns: Sequence[Open], *, now: datetime) -> list[Charging]:
        """What is to be thought of for these periods."""
        return [charging_of(subscription, turn, pay=self.pay, tries=self.tries, now=now) for turn in turns]


class Beliefs:
    """Thinks of customers' money by what is stored of it."""

    def __init__(self, customers: Customers) -> None:
        self._customers = customers

    async def payday(
        self,
        queries: Queries,
        merchant: Merchant,
        held: Subscription,
        effective: Effective,
        *,
        now: datetime,
    ) -> Target:
        """The date on which their money is most likely there; refuses where none is better than the present one."""
        known = await self._known(queries, merchant, held)
        number = held.number + 1
        begins(held, effective, now=now)  # refuses what cannot move, before it is thought of
        wished = targets(held, effective, now=now)
        moved = [on_dates(held, target, effective, now=now) for target in wished]
        dates = [known.charges(one, turns, now=now) for one, turns in moved]
        present, *found = chances([known.charges(held, next_turns(held, number), now=now), *dates])
        place = best_of(present, found)
        if place is None:
            raise conflict(
                "no_better_date",
                f"No date is believed to be better than the present one, on which the money is there with a chance of "
                f"{percent(present)}. To move it all the same, send `anchor_day` or `date`.",
                param="to",
            )
        return wished[place]

    async def of(
        self,
        queries: Queries,
        merchant: Merchant,
        held: Subscription,
        target: Target,
        offer: Offer,
        *,
        now: datetime,
    ) -> Belief:
        """How likely their money is there on the old dates, and on the new ones."""
        known = await self._known(queries, merchant, held)
        moved, turns = on_dates(held, target, offer.effective, now=now)
        old = known.charges(held, next_turns(held, offer.last + 1), now=now)
        return believed(old, known.charges(moved, turns, now=now))

    async def _known(self, queries: Queries, merchant: Merchant, held: Subscription) -> _Known:
        ids = [held.customer_id]
        customer = (await self._customers.those(queries, merchant.id, ids)).get(held.customer_id)
        payday = None if customer is None else customer.details.payday
        tries = await tries_of_customers(queries, merchant, ids)
        return _Known(None if payday is None else cycle_of(payday), tries.get(held.customer_id, ()))


async def measured(queries: Queries, merchant: Merchant, change: DateChange) -> Measured | None:
    """How many invoices were refused at the first try, on the dates before a change and on those after it.

    None where it was never applied. The days between are on neither side: they fell due on an old date.
    """
    if change.applied_at is None:
        return None
    held = await subscriptions.subscription(
        queries, merchant_id=merchant.id, subscription_id=change.subscription_id
    )
    assert held is not None, "subscriptions are never deleted"
    before, after = _numbers(held, change.offer)
    shares = []
    for least, most in (before, after):
        invoices = await store.invoices_of_periods(
            queries,
            merchant_id=merchant.id,
            subscription_id=held.id,
            least=least,
            most=most,
            limit=MEASURED_MAX,
        )
        first = [one for one in map(_first_payment, invoices) if one is not None]
        refused = await first_tries(queries, merchant, first)
        shares.append(share_of(refused.values()))
    return compared(shares[0], shares[1])


_FOREVER: Final = 2**31 - 1


def _numbers(held: Subscription, offer: Offer) -> tuple[tuple[int, int], tuple[int, int]]:
    """The numbers of the periods on the dates before, and on those that an offer made, until others were made."""
    phases = held.phases
    places = [n for n, one in enumerate(phases) if (one.anchor, one.starts_on) == (offer.anchor, offer.on)]
    old = [one.first_number for one in phases if one.first_number <= offer.last]
    before = (old[-1] if old else 1, offer.last)
    if not places:  # it was put back before anything was billed
        return before, (1, 0)
    later = phases[places[0] + 1].first_number - 1 if places[0] + 1 < len(phases) else _FOREVER
    return before, (offer.first, later)


def _first_payment(invoice: Invoice) -> UUID | None:
    return invoice.payments[0] if invoice.payments else invoice.payment_id
