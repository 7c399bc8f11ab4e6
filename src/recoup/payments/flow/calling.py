"""One call that charges: for whom, with what, along which route, and how its attempts are counted."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from recoup.budgets.core import Region, region_of
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Outcome
from recoup.payments.core import Attempt, Payment, Reason
from recoup.payments.core.step import Target
from recoup.payments.flow.counting import Counting
from recoup.payments.flow.tools import Means, Tools, facts_of, no_account
from recoup.payments.writes import Along, Claim, Count, Decision
from recoup.routing.core import Facts, Next, Reconcile, Route, Stop
from recoup.routing.core.record import Turn, recorded


@dataclass(frozen=True, slots=True)
class Call:
    """One call that charges: for whom, with what, along which route, and under which key its answer is recorded."""

    merchant: Merchant
    means: Means
    route: Route
    regions: Mapping[UUID, Region | None]
    facts: Facts
    counting: Counting
    claim: Claim | None
    status: int
    began: float
    """By the monotonic clock, in seconds."""
    shown: bool = True
    """Whether whoever called shows the payment, so that it must be read again once later subjects have heard of it."""

    def unseen(self, account_id: UUID) -> Count:
        """How an attempt at this account is counted before anybody looked."""
        return self.counting.unseen(self.regions[account_id])

    async def looked(self, account_id: UUID) -> Count:
        """The same after a look at the card's tries; refuses where networks allow none."""
        return await self.counting.looked(self.regions[account_id])

    @property
    def elapsed_ms(self) -> int:
        """How long the caller has waited."""
        return round((time.monotonic() - self.began) * 1000)


@dataclass(frozen=True, slots=True)
class Heard:
    """What an attempt came back with, how long that took, and what follows."""

    attempt: Attempt
    outcome: Outcome
    latency_ms: int
    turn: Next | Stop | Reconcile


async def routed(
    tools: Tools,
    merchant: Merchant,
    payment: Payment,
    means: Means,
    *,
    requested: Sequence[UUID] | None = None,
    claim: Claim | None,
    status: int,
    shown: bool = True,
) -> Call:
    """A call whose route is chosen; refuses where nobody can do the payment, with everybody's reason."""
    began = time.monotonic()
    accounts = await tools.accounts.accounts_of(merchant.id)
    asked_for = requested if requested is not None else payment.routing
    chosen, facts = await tools.router.route(
        merchant.id,
        facts_of(payment, means, at=tools.now(merchant)),
        [(account, tools.connectors[account.connector].capabilities) for account in accounts],
        requested=asked_for,
        seed=tools.new_id().bytes,
    )
    if not chosen.accounts:
        meant = [one for one in chosen.candidates if asked_for is None or one.account_id in asked_for]
        raise no_account([f"{one.label}: {one.why}" for one in meant])
    return Call(
        merchant,
        means,
        chosen,
        {account.id: region_of(account.country) for account in accounts},
        facts,
        Counting(tools, merchant, means, payment.money),
        claim,
        status,
        began,
        shown,
    )


def target_of(
    tools: Tools, call: Call, account_id: UUID, reason: Reason, why: str
) -> tuple[Target, Decision]:
    """Who is asked next, and the decision that says so."""
    decision_id = tools.new_id()
    target = Target(
        attempt_id=tools.new_id(),
        decision_id=decision_id,
        processor_account_id=account_id,
        payment_method_id=call.means.payment_method_id,
        fingerprint=call.means.fingerprint,
        brand=call.means.brand,
        reason=reason,
    )
    return target, Decision(decision_id, recorded(call.route, call.facts, Turn(account_id, reason, why)))


def brought_along(call: Call, decision: Decision, account_id: UUID) -> Along:
    """What is written with a call's first attempt."""
    means = call.means
    return Along(
        claim=call.claim,
        card=means.new_card,
        card_shown=means.new_card_shown,
        tokens=means.new_tokens,
        decision=decision,
        count=call.unseen(account_id),
    )
