"""Puts together what keeps cards new: hearing processors, asking account updaters, and telling recoveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from recoup.db import Database
from recoup.http.routes import Route
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.merchants.flow import Merchants
from recoup.payments.flow import Payments
from recoup.recovery.flow import Recoveries
from recoup.recovery.flow.renewed import RenewedCards
from recoup.settings import Settings
from recoup.simulated import Simulated
from recoup.updater.api import UpdaterApi
from recoup.updater.core.files import Format
from recoup.updater.flow import ASK, Asking, Batches, Hearing, Recipient
from recoup.vault.flow import PaymentMethods, ProcessorTokens, Renewing, Vault
from recoup.vault.flow.renewing import CHANGED
from recoup.worker import Chore, Handler

OLDER_EVERY_S: Final = 600.0
FACTS: Final = {
    "payment_method.closed": "The account behind a payment method is closed; ask the customer for another card.",
}
"""The events of cards that change, beside `payment_method.updated`."""


class Parts(Protocol):
    """The parts of the service that this is put together from."""

    settings: Settings
    database: Database
    vault: Vault
    tokens: ProcessorTokens
    methods: PaymentMethods
    merchants: Merchants
    payments: Payments
    recoveries: Recoveries
    simulated: Simulated

    def new_id(self) -> UUID:
        """A new id, made now."""
        ...


class Updated:
    """Every part of it, wired."""

    def __init__(self, parts: Parts) -> None:
        database = parts.database
        self._parts = parts
        self.renewing = Renewing(database, parts.vault, parts.tokens, new_id=parts.new_id)
        self.hearing = Hearing(self.renewing)
        self.renewed = RenewedCards(database, parts.recoveries, payments=parts.payments, cards=self.renewing)
        self.batches = Batches(
            database,
            methods=parts.methods,
            renewing=self.renewing,
            in_trouble=self.renewed.methods,
            new_id=parts.new_id,
        )
        self.asking = Asking(
            database,
            methods=parts.methods,
            batches=self.batches,
            exchange=self._exchange,
            wanted=self.renewed.waits,
        )
        file = parts.settings.updater_key_file
        self.recipient = None if file is None else Recipient(Path(file))

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return {ASK: self.asking.on_ask, CHANGED: self.renewed.on_changed}

    def chores(self) -> Sequence[Chore]:
        """What a server does beside its work."""
        return (("older tokens", OLDER_EVERY_S, self._recognise_older),)

    def routes(self) -> list[Route]:
        """All routes."""
        api = UpdaterApi(self.renewing, self.asking, self.batches, recipient=lambda: self.recipient)
        return api.routes()

    async def _exchange(self, merchant: Merchant, format_: Format, questions: Secret) -> Secret | None:
        """In test mode the simulated world has an account updater."""
        if merchant.livemode:
            return None
        return await self._parts.simulated.account_updater.exchange(merchant.id, format_, questions)

    async def _recognise_older(self) -> None:
        """Have the tokens that an older version kept found by their names."""
        for merchant_id in await self._parts.tokens.merchants_with_older():
            merchant = await self._parts.merchants.merchant(merchant_id)
            if merchant is not None:
                await self._parts.tokens.recognise_older(merchant)
