"""What card networks leave of a payment method's budget, and the proof of why each of its tries was allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.budgets.core import (
    Budget,
    Fee,
    PastTry,
    Region,
    budgets_by_rule,
    excess_fee,
    region_of,
    still_counts,
)
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.kit.refusals import not_found
from recoup.merchants.core import Merchant
from recoup.payments import store
from recoup.payments.flow.counting import card_of, is_everybodys
from recoup.payments.flow.tools import Means, Tools
from recoup.payments.store.tries import ToldTry, told_tries

PROOF_HISTORY_MAX: Final = 1000
"""The most tries of a card that one page of proof is reckoned from."""


@dataclass(frozen=True, slots=True)
class Ruled:
    """What one rule leaves, and what a try beyond it costs."""

    budget: Budget
    fee: Fee | None


@dataclass(frozen=True, slots=True)
class CardBudget:
    """What is left of a card's budget for an amount. `region` None: every region's rules were asked."""

    payment_method_id: UUID
    brand: str
    region: Region | None
    amount: Money | None
    tightest: Ruled
    rules: tuple[Ruled, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """A try, and what each rule had left when it was made."""

    tried: ToldTry
    brand: str
    region: Region | None
    rules: tuple[Budget, ...]

    @property
    def allowed(self) -> bool:
        """Whether every rule allowed it."""
        return all(one.allowed for one in self.rules)


class Budgeting:
    """Reads them; writes nothing."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def left(
        self,
        merchant: Merchant,
        payment_method_id: UUID,
        *,
        amount: Money | None,
        account_id: UUID | None,
    ) -> CardBudget:
        """What is left now; without an amount, for the one of which least is left. Refuses with 404."""
        means, _ = await self._tools.wallet.means(merchant, payment_method_id)
        region = await self._region(merchant, account_id)
        card = card_of(
            self._tools, merchant, means, fingerprint=means.fingerprint, payment_method_id=payment_method_id
        )
        record = await store.on_record(self._tools.database, merchant_id=merchant.id, card=card)
        now = self._tools.now(merchant)
        history = [] if record is None else [one.past for one in record.tries if still_counts(one.past, now)]
        amounts = [amount] if amount is not None else _amounts(history)
        found = [(one, self._rules(means, one, history, region=region, now=now)) for one in amounts]
        of, rules = min(found, key=lambda each: _order(each[1][0].budget))
        return CardBudget(
            payment_method_id, means.brand, region, of if history or amount else None, rules[0], rules
        )

    def _rules(
        self,
        means: Means,
        amount: Money,
        history: Sequence[PastTry],
        *,
        region: Region | None,
        now: datetime,
    ) -> tuple[Ruled, ...]:
        """The tightest first."""
        budgets = budgets_by_rule(
            history, brand=means.brand, amount=amount, region=region, now=now, limits=self._tools.limits
        )
        return tuple(
            Ruled(one, excess_fee(one.limit_rule, region=region, on=now.date()))
            for one in sorted(budgets, key=_order)
        )

    async def _region(self, merchant: Merchant, account_id: UUID | None) -> Region | None:
        """Where the account is that is asked about; without one, where all are, if that is one region."""
        accounts = await self._tools.accounts.accounts_of(merchant.id)
        if account_id is None:
            regions = {region_of(one.country) for one in accounts if one.enabled}
            return regions.pop() if len(regions) == 1 else None
        for one in accounts:
            if one.id == account_id:
                return region_of(one.country)
        raise not_found(
            "processor account", render(Kind.PROCESSOR_ACCOUNT, account_id), param="processor_account"
        )

    async def proofs(
        self, merchant: Merchant, payment_method_id: UUID, *, before: datetime | None, limit: int
    ) -> tuple[Sequence[Proof], bool]:
        """Why each try on the card until then was allowed, newest first; and whether there are more."""
        means, _ = await self._tools.wallet.means(merchant, payment_method_id)
        shared = is_everybodys(self._tools, merchant, means)
        found = await told_tries(
            self._tools.database,
            merchant_id=merchant.id,
            fingerprint=means.fingerprint,
            payment_method_id=payment_method_id if shared else None,
            before=before or self._tools.now(merchant),
            limit=PROOF_HISTORY_MAX,
        )
        accounts = await self._tools.accounts.accounts_of(merchant.id)
        regions = {one.id: region_of(one.country) for one in accounts}
        proofs = [
            self._proof(means, one, found[place + 1 :], region=regions.get(one.account_id))
            for place, one in enumerate(found[:limit])
        ]
        return proofs, len(found) > limit

    def _proof(
        self, means: Means, tried: ToldTry, earlier: Sequence[ToldTry], *, region: Region | None
    ) -> Proof:
        at = tried.started_at
        history = [past for one in earlier if still_counts(past := one.known_at(at), at)]
        rules = budgets_by_rule(
            history, brand=means.brand, amount=tried.amount, region=region, now=at, limits=self._tools.limits
        )
        return Proof(tried, means.brand, region, rules)


def _amounts(history: Sequence[PastTry]) -> Sequence[Money]:
    """The amounts that were tried; any other has more left than these."""
    return list(dict.fromkeys(one.amount for one in history)) or [Money(0, "USD")]


def _order(budget: Budget) -> tuple[bool, bool, int]:
    """For ever first, then what must wait, then the least left."""
    return (not budget.is_for_ever, budget.allowed, budget.left)
