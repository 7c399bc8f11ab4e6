"""Puts together what comes from elsewhere: failures brought to recovery, and history that was imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

from recoup.compared import FACTS as COMPARED_FACTS
from recoup.compared import Compared
from recoup.disputes.flow import Disputes
from recoup.elsewhere.api import ElsewhereApi
from recoup.elsewhere.flow.bringing import Bringing
from recoup.elsewhere.flow.debts import Debts, Payers
from recoup.elsewhere.flow.importing import Importing
from recoup.elsewhere.flow.reading import Reader
from recoup.http.routes import Route
from recoup.kit.clock import Clock
from recoup.merchants.flow import Merchants, ProcessorAccounts
from recoup.payments.flow import Payments, Tools
from recoup.payments.flow.owing import Owing
from recoup.payments.flow.parts import SETTLE as PART
from recoup.payments.flow.parts import Parts as PartsOfPayments
from recoup.payments.wallet import VaultWallet
from recoup.recovery.flow import Recoveries
from recoup.recovery.flow.others import OthersFailures
from recoup.recovery.flow.training import BEGIN_EVERY_S, TRAIN, Models, Training
from recoup.vault.flow import Customers
from recoup.worker import Chore, Handler

FACTS: Final = {
    "history.imported": "Tries that were made without us were taken into the record.",
    **COMPARED_FACTS,
}
"""The events of history, and of the policies that recoveries go by."""


class Around(Protocol):
    """Where the time comes from."""

    @property
    def clock(self) -> Clock:
        """Tells the time."""
        ...


class Parts(Protocol):
    """The parts of the service that this is put together from."""

    merchants: Merchants
    payments: Payments
    accounts: ProcessorAccounts
    customers: Customers
    wallet: VaultWallet

    @property
    def around(self) -> Around:
        """What differs between a server and a test."""
        ...

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
        models = Models(database)
        self.training = Training(database, models=models)
        self.recoveries.go_by(models)
        self.compared = Compared(parts, database)
        policies = self.compared.policies
        self.recoveries.choose_by(policies)
        self._divided = PartsOfPayments(tools, retry=parts.payments.retry)
        self.recoveries.divide_by(self._divided)
        self._bringing = Bringing(
            recoveries=OthersFailures(
                disputes=disputes, models=models, new_id=parts.new_id, policies=policies
            ),
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
        self._parts = parts

    def handlers(self) -> Mapping[str, Handler]:
        """Learning anew from what came of tries, and parts of payments; recoveries have their own due rows."""
        return {TRAIN: self.training.on_due, PART: self._divided.settle}

    def chores(self) -> Sequence[Chore]:
        """What a server does beside its work."""
        return (("training", BEGIN_EVERY_S, self._begin_training),)

    async def _begin_training(self) -> None:
        """Have those live merchants learned from who have come to have enough tries. What a test merchant's plans go by
        changes only when a person trains, so that what is tested stays as it is."""
        last, now = None, self._parts.around.clock.now()
        while pairs := await self._parts.merchants.pairs(after=last):
            for pair in pairs:
                await self.training.begin(pair.live, pair.live.now(now))
            last = pairs[-1].test.id

    def routes(self) -> list[Route]:
        """All routes."""
        elsewhere = ElsewhereApi(self._database, self._bringing, self._reader)
        return [*elsewhere.routes(), *self.compared.routes()]
