"""Puts the inbox together: taking what processors send, reading it, showing it, and the cases that it opens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from prometheus_client import CollectorRegistry

from recoup.audit.flow import Audit
from recoup.audit.inbound import InboundCases
from recoup.http.routes import Route
from recoup.http.visits import PublicPage
from recoup.merchants.core import Merchant
from recoup.merchants.flow import Sealer
from recoup.payments.flow.tools import Tools
from recoup.settings import Settings
from recoup.webhooks.api.inbound import InboundApi
from recoup.webhooks.flow.arrivals import Arrivals
from recoup.webhooks.flow.inbox import READ, Inbox, inbound_path
from recoup.webhooks.flow.journal import Journal
from recoup.webhooks.flow.reading import NEWS, Hearers, Reader
from recoup.worker import Chore

TIDY_S: Final = 3600.0
Handler = Callable[[Merchant, UUID, datetime], Awaitable[datetime | None]]


class Inbounds:
    """Every part of the inbox, wired."""

    def __init__(
        self,
        tools: Tools,
        settings: Settings,
        *,
        hearers: Hearers,
        audit: Audit,
        sealer: Sealer,
        merchant: Callable[[UUID], Awaitable[Merchant | None]],
        public_url: Callable[[], str],
        registry: CollectorRegistry,
    ) -> None:
        database, arrivals = tools.database, Arrivals(registry)

        async def owner(account_id: UUID) -> Merchant | None:
            found = await tools.accounts.owner_of(account_id)
            return None if found is None else await merchant(found)

        self.inbox = Inbox(
            database,
            owner=owner,
            seen=tools.account,
            sealer=sealer,
            address=lambda account_id: public_url() + inbound_path(account_id),
            clock=tools.clock,
            new_id=tools.new_id,
            arrivals=arrivals,
        )
        self.reader = Reader(
            database,
            hearers=hearers,
            gateway=tools.gateway,
            sealer=sealer,
            seen=tools.account,
            arrivals=arrivals,
        )
        kept = timedelta(days=settings.inbound_kept_days)
        self.journal = Journal(database, clock=tools.clock, kept=kept)
        self._cases = InboundCases(database, audit=audit, journal=self.journal, new_id=tools.new_id)
        self._api = InboundApi(self.inbox, self.journal)

    async def close(self) -> None:
        """Write down what was taken."""
        await self.inbox.close()

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return {READ: self.reader.read, NEWS: self._cases.on_inbound}

    def routes(self) -> list[Route]:
        """What merchants call."""
        return self._api.routes()

    def pages(self) -> list[PublicPage]:
        """What processors call."""
        return self._api.pages()

    def chores(self) -> Sequence[Chore]:
        """What is done again and again."""
        return (("old inbound webhooks", TIDY_S, self.journal.forget_old),)
