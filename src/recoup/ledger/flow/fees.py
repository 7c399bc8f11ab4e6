"""What a capture is expected to cost, by the fees that the merchant stated for the account.

What was known of the card when the payment was sent there decides between prices. Where no fees are stated none are
expected: a settlement will tell them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol
from uuid import UUID

from recoup.ledger.core import FeeOf
from recoup.merchants.core import ProcessorAccount
from recoup.routing.core.cost import price_of
from recoup.routing.core.facts import Facts
from recoup.routing.core.words import THOUSANDTHS
from recoup.routing.flow.learning import Seen

_HALF: Final = THOUSANDTHS // 2

AccountsOf = Callable[[UUID], Awaitable[Sequence[ProcessorAccount]]]
"""All accounts of a merchant."""


class Attempts(Protocol):
    """What is known of attempts that have ended."""

    async def observations(self, merchant_id: UUID, payment_ids: Sequence[UUID]) -> Sequence[Seen]:
        """The ended attempts of these payments, each with the facts of its decision."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """A payment whose fee is wanted: where its money is, and by which attempt it came there."""

    payment_id: UUID
    attempt_id: UUID
    processor_account_id: UUID


class ExpectedFees:
    """Tells the fees of payments."""

    def __init__(self, accounts_of: AccountsOf, attempts: Attempts) -> None:
        self._accounts_of = accounts_of
        self._attempts = attempts

    async def of(self, merchant_id: UUID, payments: Sequence[Wanted]) -> Mapping[UUID, FeeOf]:
        """The fee of each of these payments, where a contract tells one; by payment."""
        if not payments:
            return {}
        stated = {one.id: one for one in await self._accounts_of(merchant_id) if one.fees is not None}
        told = {one.payment_id: one for one in payments if one.processor_account_id in stated}
        if not told:
            return {}
        seen = await self._attempts.observations(merchant_id, sorted(told))
        facts = {one.attempt_id: one.observation.facts for one in seen}
        return {
            one.payment_id: _fee_of(stated[one.processor_account_id], facts[one.attempt_id])
            for one in told.values()
            if one.attempt_id in facts
        }


def _fee_of(account: ProcessorAccount, facts: Facts) -> FeeOf:
    def fee(captured: int) -> int | None:
        if not captured:
            return 0
        price = price_of(account, replace(facts, amount=captured))
        return None if price is None else (price.approved + _HALF) // THOUSANDTHS

    return fee
