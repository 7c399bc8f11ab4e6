"""What later subjects decide by when they decide about a payment."""

from __future__ import annotations

from uuid import UUID

from recoup.budgets.core import HISTORY_NEEDED
from recoup.kit.money import Money
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.payments import store
from recoup.payments.core import Attempt, Payment
from recoup.payments.core.facts import CardTry, PastAttempt, PaymentFacts
from recoup.payments.flow.once_more import is_everybodys
from recoup.payments.flow.tools import Means, Tools, facts_of
from recoup.routing.core import Facts, route


class FactsReader:
    """Reads them."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def read(self, merchant: Merchant, payment_id: UUID) -> PaymentFacts | None:
        """What later subjects decide by; None where there is no such payment."""
        tools = self._tools
        snapshot = await store.load(tools.database, merchant_id=merchant.id, payment_id=payment_id)
        if snapshot is None:
            return None
        payment = snapshot.payment
        last = snapshot.attempts[-1] if snapshot.attempts else None
        means = await self._present_means(merchant, payment)
        country = None if means is None else means.issuer_country
        tries = await self._tries(merchant, last, means)
        return PaymentFacts(
            id=payment.id,
            status=payment.status,
            amount=payment.money,
            initiator=payment.initiator,
            customer_id=payment.customer_id,
            payment_method_id=payment.payment_method_id,
            fingerprint=None if last is None else last.fingerprint,
            brand=None if last is None else last.brand,
            issuer_country=country,
            created_at=payment.created_at,
            decline=payment.decline,
            failure=payment.failure,
            attempts=tuple(_past(one, payment) for one in snapshot.attempts),
            card_tries=tries,
            accounts=await self._able(merchant, payment, last, means),
            recovery_policy=payment.recovery_policy,
            recovery_id=payment.recovery_id,
        )

    async def _present_means(self, merchant: Merchant, payment: Payment) -> Means | None:
        if payment.payment_method_id is None:
            return None
        try:
            return (await self._tools.wallet.means(merchant, payment.payment_method_id))[0]
        except Refusal:
            return None

    async def _tries(
        self, merchant: Merchant, last: Attempt | None, means: Means | None
    ) -> tuple[CardTry, ...]:
        """The tries on the card of the last attempt; on a published test card only those of its own payment method,
        since everybody uses that number for every customer, and networks count by person."""
        if last is None:
            return ()
        # A card that was taken back cannot be read any more, and will not be charged either.
        is_published = is_everybodys(self._tools, merchant, means)
        return await store.card_tries(
            self._tools.database,
            merchant_id=merchant.id,
            fingerprint=last.fingerprint,
            payment_method_id=last.payment_method_id if is_published else None,
            since=self._tools.now(merchant) - HISTORY_NEEDED,
        )

    async def _able(
        self, merchant: Merchant, payment: Payment, last: Attempt | None, means: Means | None
    ) -> tuple[UUID, ...]:
        if last is None:
            return ()
        accounts = await self._tools.accounts.accounts_of(merchant.id)
        if means is None:
            facts = Facts(payment.currency, last.brand, None, payment.capture, payment.initiator)
        else:
            facts = facts_of(payment, means, at=self._tools.now(merchant))
        pairs = [(account, self._tools.connectors[account.connector].capabilities) for account in accounts]
        return route(facts, pairs, requested=payment.routing).accounts


def _past(attempt: Attempt, payment: Payment) -> PastAttempt:
    return PastAttempt(
        at=attempt.started_at,
        account=attempt.processor_account_id,
        state=attempt.state,
        reason=attempt.reason,
        amount=Money(attempt.amount, payment.currency),
        rule=attempt.rule,
        decline_code=None if attempt.decline is None else attempt.decline.code,
    )
