"""The whole service with a bank of ours, whose declined renewals are recovered, and a mailbox to ask customers by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from tests.messages.mailbox import Mailbox
from tests.payments.bank import decline, no_funds
from tests.payments.house import House

from recoup.app import Service
from recoup.db import Database
from recoup.merchants.core import Merchant
from recoup.messages import store
from recoup.messages.core.policy import MessagePolicy
from recoup.messages.core.records import Message
from recoup.messages.mail import Security
from recoup.outcomes.core import AdviceAction, Category, Outcome
from recoup.payments.core import Payment
from recoup.settings import Settings
from recoup.vault.core import CustomerDetails

ANN = CustomerDetails(email="ann@home.example", country="DE", time_zone="Europe/Berlin")
EXPIRED = decline("expired_card", Category.LIFECYCLE, action=AdviceAction.UPDATE_CARD)
"""A decline that only another card mends."""
ALWAYS = MessagePolicy(
    enabled=True,
    sender_name="Lamp Shop",
    days=[0, 3, 7],
    days_while_retrying=[0, 3, 7],
    quiet_from="00:00",
    quiet_until="00:00",
)
"""Asks at once, and by day and night."""


class Shop(House):
    """One process; recovery and messages hear of its payments."""

    def __init__(self, database: Database, box: Mailbox | None, **more: Any) -> None:
        mail: dict[str, Any] = {} if box is None else {"smtp_host": "127.0.0.1", "smtp_port": box.port}
        settings = Settings(
            **mail,
            smtp_security=Security.NONE,
            smtp_from="billing@shop.example",
            smtp_test_to="test@shop.example",
            smtp_timeout_s=5.0,
        )
        super().__init__(database, settings=settings, **more)
        self.box = box

    def _listened(self, fact: str, payment: Payment) -> bool:
        return Service._listened(self, fact, payment)

    def handlers(self) -> Mapping[str, Any]:
        """The service's own."""
        return Service.handlers(self)

    async def asks(self, policy: MessagePolicy = ALWAYS) -> Merchant:
        """A merchant who wants its customers asked so."""
        merchant = await self.merchant()
        async with self.database.transaction() as connection:
            await store.put_policy(connection, policy, merchant_id=merchant.id, now=self.now)
        return merchant

    async def customer(self, merchant: Merchant, details: CustomerDetails = ANN) -> UUID:
        """A customer."""
        async with self.database.transaction() as connection:
            return (await self.customers.create(connection, merchant, details, now=self.now)).id

    async def declined(
        self, merchant: Merchant, *answers: Outcome, customer: UUID | None = None, **changes: Any
    ) -> tuple[UUID, UUID]:
        """A renewal that was declined: the payment and its recovery."""
        self.bank.will("charge", *(answers or (no_funds(),)))
        owner = customer or await self.customer(merchant)
        made = await self.pay(merchant, initiator="merchant", customer_id=owner, **changes)
        recovery_id = made.payment.recovery_id
        assert recovery_id is not None, made.payment
        return made.payment.id, recovery_id

    async def sent(self, merchant: Merchant, recovery_id: UUID | None = None) -> Sequence[Message]:
        """The messages of a merchant, oldest first."""
        found = await store.page(
            self.database,
            merchant_id=merchant.id,
            recovery_id=recovery_id,
            customer_id=None,
            after=None,
            before=None,
            limit=100,
        )
        return sorted(found, key=lambda one: (one.created_at, one.number))

    def link(self, message: Message) -> str:
        """Where its customer pays."""
        return self.messaged.messages.link(message)

    async def says(self, merchant: Merchant, **changes: Any) -> None:
        """Change what the merchant said."""
        said = MessagePolicy(**({name: getattr(ALWAYS, name) for name in ALWAYS.__struct_fields__} | changes))
        async with self.database.transaction() as connection:
            await store.put_policy(connection, said, merchant_id=merchant.id, now=self.now)
