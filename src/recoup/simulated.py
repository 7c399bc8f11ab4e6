"""Puts the simulated world together: what its processors tell, and the routes of test mode."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final
from uuid import UUID

from recoup.connectors.base import Notice, Subject
from recoup.db import Database
from recoup.http.routes import Route
from recoup.kit.clock import Clock
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.merchants.flow import ProcessorAccounts
from recoup.payments.flow import Payments
from recoup.sandbox.api import SandboxApi, SandboxDisputesApi, SandboxUpdaterApi, SandboxWebhooksApi
from recoup.sandbox.flow.herald import Herald
from recoup.sandbox.store import TELL
from recoup.sandbox.worlds.disputes import Disputes
from recoup.sandbox.worlds.flow import Worlds
from recoup.sandbox.worlds.tellings import Tellings
from recoup.sandbox.worlds.updating import AccountUpdater
from recoup.webhooks.flow.inbox import inbound_path
from recoup.worker import Handler

_NO_EVENT: Final = "which account"


class Simulated:
    """Every part of it, wired. `secret` is what the keys of worlds are made from, `own_url` where this
    server is reached by itself."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        secret: Secret,
        new_id: Callable[[], UUID],
        accounts: ProcessorAccounts,
        payments: Payments,
        own_url: Callable[[], str],
        link_port: Callable[[], int | None],
    ) -> None:
        self._payments = payments
        self.worlds = Worlds(database, clock, secret=secret, new_id=new_id)
        self.herald = Herald(
            database,
            clock=clock,
            accounts=accounts.accounts_of,
            choose=self._account_of,
            address=lambda account_id: own_url() + inbound_path(account_id),
            key=self.worlds.key,
        )
        self._world = SandboxApi(self.worlds, link_port=link_port)
        self._webhooks = SandboxWebhooksApi(Tellings(database))
        self._disputes = SandboxDisputesApi(Disputes(database, clock))
        self.account_updater = AccountUpdater(database, clock)

    async def close(self) -> None:
        """Close connections."""
        await self.herald.close()

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return {TELL: self.herald.tell}

    def routes(self) -> list[Route]:
        """All routes."""
        updater = SandboxUpdaterApi(self.account_updater)
        return [*self._world.routes(), *self._webhooks.routes(), *self._disputes.routes(), *updater.routes()]

    async def _account_of(
        self, merchant: Merchant, accounts: Sequence[ProcessorAccount], charge_key: str
    ) -> UUID:
        """The account that the attempt of this key was made at; the first where nothing here knows it."""
        for account in accounts:
            notice = Notice(_NO_EVENT, Subject.CHARGE, None, key=charge_key)
            if await self._payments.place(merchant, account.id, notice) is not None:
                return account.id
        return accounts[0].id
