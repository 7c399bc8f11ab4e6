"""Counts every attempt with its card, and says where card networks allow none.

The statement that starts an attempt counts it (`payments.store.writing`). While fewer tries are on record with the card
than the tightest limit that holds, there is nothing to ask: none can be used up, whatever became of them. Beyond that,
and after a decline that stops the card, the statement writes nothing until somebody has looked: at what became of the
tries on record, by the rules of `budgets`. What is under way counts as declined, for it may be; so that of two payments
that look at one try left, one is written, and the other one looks again.

Networks count for one card at one merchant, over all processors, accounts, payments and whoever asked for them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from recoup.budgets.core import Budget, PastTry, Region, next_try, room, still_counts, stops
from recoup.kit.money import Money
from recoup.kit.refusals import Refusal, conflict
from recoup.merchants.core import Merchant
from recoup.payments import store
from recoup.payments.flow.tools import Means, Tools
from recoup.payments.store.tries import Record
from recoup.payments.writes import Count, cards_of

_SECONDS_SAID_MAX = 3600
"""Who is to wait longer is told when, not to come back by themselves."""


def is_everybodys(tools: Tools, merchant: Merchant, means: Means | None) -> bool:
    """Whether this may be a published test card, or a processor's test token, that everybody uses for every customer:
    networks count by person, so of such a card only its own payment method's tries count."""
    if merchant.livemode:
        return False
    return means is None or means.card is None or tools.is_published(means.card.number.reveal())


def card_of(
    tools: Tools, merchant: Merchant, means: Means | None, *, fingerprint: str, payment_method_id: UUID
) -> str:
    """What the tries of a card are kept under."""
    card, method = cards_of(fingerprint, payment_method_id)
    return method if is_everybodys(tools, merchant, means) else card


class Counting:
    """Counts one attempt after the other of one call: with these means, for this amount."""

    def __init__(self, tools: Tools, merchant: Merchant, means: Means, amount: Money) -> None:
        self._tools = tools
        self._merchant = merchant
        self._means = means
        self._amount = amount
        self._card = card_of(
            tools,
            merchant,
            means,
            fingerprint=means.fingerprint,
            payment_method_id=means.payment_method_id,
        )

    def unseen(self, region: Region | None) -> Count:
        """For an attempt of which nobody has looked yet whether the card may be tried."""
        on, limits = self._tools.now(self._merchant).date(), self._tools.limits
        return Count(self._card, room(limits, brand=self._means.brand, region=region, on=on))

    async def looked(self, region: Region | None) -> Count:
        """For an attempt that may be made by what is on record now; refuses one that may not."""
        record = await store.on_record(self._tools.database, merchant_id=self._merchant.id, card=self._card)
        unseen = self.unseen(region)
        if record is None:
            return unseen
        now = self._tools.now(self._merchant)
        kept = [one for one in record.tries if still_counts(one.past, now)]
        budget = self._budget([one.past for one in kept], region, now)
        if not budget.allowed:
            raise self._refused(budget, record, region, now)
        return Count(
            self._card,
            unseen.room,
            record.version,
            tuple(one.id for one in kept),
            stopped=any(stops(one.past.rule) for one in kept),
        )

    def _budget(self, history: Sequence[PastTry], region: Region | None, now: datetime) -> Budget:
        return next_try(
            history,
            brand=self._means.brand,
            amount=self._amount,
            region=region,
            now=now,
            limits=self._tools.limits,
        )

    def _refused(self, budget: Budget, record: Record, region: Region | None, now: datetime) -> Refusal:
        ended = [one.past for one in record.tries if not one.under_way]
        if self._budget(ended, region, now).allowed:
            return conflict(
                "card_tries_under_way",
                f"Other payments with this card are under way, and may use up what its network allows: {budget.why}. "
                "Try again when they have ended.",
                param="payment_method",
                retry_after_s=1,
            )
        return refused(budget, now)


def refused(budget: Budget, now: datetime) -> Refusal:
    """Why networks allow no try now, by which rule, and who says so."""
    if budget.earliest is None:
        return conflict(
            "card_stopped_by_network",
            f"The card's network allows no further try with it ({budget.why}; {said_by(budget)}). "
            "Ask the customer for another payment method.",
            param="payment_method",
        )
    wait_s = math.ceil((budget.earliest - now).total_seconds())
    return conflict(
        "card_tries_exhausted",
        f"The card's network allows no further try now ({budget.why}; {said_by(budget)}). "
        "Wait until then, or use another payment method.",
        param="payment_method",
        retry_after_s=wait_s if wait_s <= _SECONDS_SAID_MAX else None,
    )


def said_by(budget: Budget) -> str:
    """Who says so, and when that was read."""
    return f"{budget.source}, as of {budget.as_of.isoformat()}"
