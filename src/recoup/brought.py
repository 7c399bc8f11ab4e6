"""Puts together what comes from elsewhere: failures brought to recovery, and history that was imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol
from uuid import UUID

from recoup.disputes.flow import Disputes
from recoup.elsewhere.api import ElsewhereApi
from recoup.elsewhere.flow.bringing import Bringing
from recoup.elsewhere.flow.debts import Debts, Payers
from recoup.elsewhere.flow.importing import Importing
from recoup.elsewhere.flow.reading import Reader
from recoup.http.routes import Route
from recoup.merchants.flow import ProcessorAccounts
from recoup.payments.flow import Payments, Tools
from recoup.payments.flow.owing import Owing
from recoup.payments.wallet import VaultWallet
from recoup.recovery.flow import Recoveries
from recoup.recovery.flow.others import OthersFailures
from recoup.vault.flow import Customers
from recoup.worker import Handler

FACTS: Final = {
    "history.imported": "Tries that were made without us were taken into the record.",
}
"""The events of history."""


class Parts(Protocol):
    """The parts of the service that this is put together from."""

    payments: Payments
    accounts: ProcessorAccounts
    customers: Customers
    wallet: VaultWallet

    @property
    def new_id(self) -> Callable[[], UUID]:
        """Makes a new id."""
        ...


class Brought:
    """Every part of what comes from elsewhere, wired; and recoveries, which hear of it in what they ask of payments."""

    def __init__(self, parts: Parts, tools: Tools, disputes: Disputes) -> None:
        database, owing = tools.database, Owing(tools)
        debts = Debts(
            database, payments=parts.payments, customers=parts.customers, owing=owing, wallet=parts.wallet
        )
        self.importing = Importing(database, accounts=parts.accounts, new_id=parts.new_id)
        self.recoveries = Recoveries(
            database,
            payments=debts,
            customers=Payers(database, parts.customers),
            disputes=disputes,
            new_id=parts.new_id,
        )
        self._bringing = Bringing(
            recoveries=OthersFailures(disputes=disputes, new_id=parts.new_id),
            debts=debts,
            owing=owing,
            customers=parts.customers,
            new_id=parts.new_id,
        )
        self._reader = Reader(
            accounts=parts.accounts,
            customers=parts.customers,
            wallet=parts.wallet,
            open_new=parts.wallet.open_new_card,
            read_decline=tools.read_decline,
        )
        self._database = database

    def handlers(self) -> Mapping[str, Handler]:
        """Nothing is due of it: recoveries have their own due rows."""
        return {}

    def routes(self) -> list[Route]:
        """All routes."""
        return ElsewhereApi(self._database, self._bringing, self._reader).routes()
