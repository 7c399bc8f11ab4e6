"""Reads what a recovery's plan is made from, beside the facts of its payment."""

from __future__ import annotations

from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.payments.core.facts import PaymentFacts
from recoup.recovery.core import Case, Person, Recovery, case_of
from recoup.recovery.core.learned import Taught
from recoup.recovery.core.people import person_of
from recoup.recovery.flow.around import BuiltIn, Customers, Disputes, Models, Policies


class Cases:
    """Puts cases together."""

    models: Models | None = None
    policies: Policies = BuiltIn()

    def __init__(self, customers: Customers, disputes: Disputes) -> None:
        self._customers = customers
        self._disputes = disputes

    async def of(self, merchant: Merchant, recovery: Recovery, facts: PaymentFacts) -> Case:
        """A recovery with fresh facts."""
        person, disputed = await self.person(merchant, facts), await self.disputed(merchant, facts)
        policy = await self.policies.of(merchant.id, recovery.policy, recovery.policy_version)
        taught = await self.taught(merchant)
        return case_of(recovery, facts, person, policy=policy, disputed=disputed, taught=taught)

    async def taught(self, merchant: Merchant) -> Taught | None:
        """What was learned of the merchant's own tries."""
        return None if self.models is None else await self.models.of(merchant.id)

    async def disputed(self, merchant: Merchant, facts: PaymentFacts) -> str | None:
        """Why nothing may be tried on the card, where it is in a dispute."""
        return await self._disputes.stops(
            merchant, payment_method_id=facts.payment_method_id, fingerprint=facts.fingerprint
        )

    async def person(self, merchant: Merchant, facts: PaymentFacts) -> Person:
        """Where the customer lives and when they are paid, as far as anybody said."""
        customer = None
        if facts.customer_id is not None:
            try:
                customer = (await self._customers.get(merchant.id, facts.customer_id)).details
            except Refusal:  # deleted: what is left is the card
                customer = None
        return person_of(customer, issuer_country=facts.issuer_country)
