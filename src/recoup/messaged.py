"""Puts messages together: who is asked when, what leaves by mail, and the pages that customers open."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol
from uuid import UUID

from recoup.brought import Brought
from recoup.http.routes import Route
from recoup.http.visits import PublicPage
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.merchants.flow import Merchants
from recoup.messages.api import MessagesApi
from recoup.messages.api.pages import CustomerPages
from recoup.messages.flow import Means, Messages
from recoup.messages.flow.asking import ASK, Asking, Post
from recoup.messages.flow.paying import BACK_LIVES, Around, Paying
from recoup.messages.flow.people import People
from recoup.messages.flow.writing import Writer
from recoup.messages.links import Links
from recoup.messages.mail import Mailer, Server
from recoup.messages.rendering import Renderer
from recoup.messages.store import by_arm
from recoup.payments.core import Payment
from recoup.payments.flow import Payments
from recoup.payments.flow.customer_there import CustomerThere
from recoup.payments.flow.hosting import Addresses
from recoup.payments.flow.tools import Tools
from recoup.payments.wallet import VaultWallet
from recoup.recovery.flow import Recoveries
from recoup.recovery.flow.writing import ASKABLE
from recoup.settings import Settings
from recoup.vault.flow import Customers, PaymentMethods, Vault
from recoup.worker import Handler

FACTS: Final = {
    "customer_message.due": "A customer is to be asked, and you send the message, with its `link`.",
    "customer_message.sent": "A message to a customer was taken by the mail server.",
    "customer_message.kept": "A message to a customer was not sent, because this is test mode.",
    "customer_message.unknown": "Nobody knows whether a message to a customer left; it is not sent again.",
    "customer_message.failed": "A message to a customer could not be sent.",
    "customer_message.bounced": "A message to a customer came back, or was complained of.",
    "customer_message.unsubscribed": "A customer wants no more messages.",
}
"""The events of messages."""


class Parts(Protocol):
    """The parts of the service that messages are put together from."""

    settings: Settings
    merchants: Merchants
    customers: Customers
    methods: PaymentMethods
    payments: Payments
    recoveries: Recoveries
    wallet: VaultWallet
    vault: Vault
    addresses: Addresses
    brought: Brought


class Messaged:
    """Every part of messages, wired."""

    def __init__(self, parts: Parts, tools: Tools, *, secret: Secret, public_url: Callable[[], str]) -> None:
        database, settings, renderer = tools.database, parts.settings, Renderer()
        self.links = links = Links(secret, public_url)
        self.mailer = mailer = Mailer(_server(settings))
        writer = Writer(tools.new_id, links)
        self._tools = tools
        self.asking = Asking(
            database,
            recoveries=parts.recoveries,
            payments=parts.payments,
            people=People(parts.customers, parts.methods, fingerprint=parts.vault.fingerprint),
            post=Post(mailer, renderer, self._deliver_to),
            writer=writer,
            new_id=tools.new_id,
        )
        self.messages = Messages(
            database,
            writer=writer,
            links=links,
            renderer=renderer,
            means=Means(mailer.sender, settings.public_url),
        )
        self._test_to, self._merchant = settings.smtp_test_to, parts.merchants.merchant
        self.paying = Paying(
            database,
            links,
            Around(
                merchant=self._merchant,
                recoveries=parts.recoveries,
                payments=parts.payments,
                there=CustomerThere(tools),
                customers=parts.customers,
                methods=parts.methods,
                open_new_card=parts.wallet.open_new_card,
                page_of=parts.addresses.page,
                clock=tools.clock,
            ),
        )

        async def counted(
            merchant: Merchant, experiment_id: UUID, most: int
        ) -> Mapping[tuple[str, str], int]:
            return await by_arm(database, merchant_id=merchant.id, experiment_id=experiment_id, most=most)

        parts.brought.compared.experiments.count_messages(counted)

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return {ASKABLE: self.asking.hear, ASK: self.asking.ask}

    def routes(self) -> list[Route]:
        """All routes."""
        return MessagesApi(self.messages).routes()

    def pages(self, *, entropy: Callable[[int], bytes]) -> list[PublicPage]:
        """All pages."""
        pages = CustomerPages(
            self.paying, self.messages, merchant=self._merchant, clock=self._tools.clock, entropy=entropy
        )
        return pages.pages()

    async def way_back(self, payment: Payment) -> str | None:
        """Where a customer goes on to from their bank whom a link of ours had brought there; else None."""
        merchant = await self._merchant(payment.merchant_id)
        if merchant is None or payment.initiator != "merchant" or payment.recovery_id is None:
            return None
        until = merchant.now(self._tools.clock.now()) + BACK_LIVES
        return f"{self.links.pay(payment.merchant_id, payment.recovery_id, until=until)}/return"

    def _deliver_to(self, merchant: Merchant, address: str) -> str | None:
        return address if merchant.livemode else self._test_to


def _server(settings: Settings) -> Server | None:
    if settings.smtp_host is None or settings.smtp_from is None:
        return None
    return Server(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        sender=settings.smtp_from,
        user=settings.smtp_user,
        password=settings.smtp_password,
        timeout_s=settings.smtp_timeout_s,
    )
