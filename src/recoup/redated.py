"""Puts changes of billing dates together: the routes, the page where customers agree, and what expires by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

import msgspec

from recoup.billing.api.datechange import DateChangesApi
from recoup.billing.api.datechange_pages import ConsentPages
from recoup.billing.core.datechange import EXPIRE, DateChange
from recoup.billing.datechange_objects import date_change_object
from recoup.billing.flow.consenting import Consenting
from recoup.billing.flow.datebeliefs import Beliefs
from recoup.billing.flow.datechange import DateChanges
from recoup.billing.flow.writing import Scribe
from recoup.http.routes import Route
from recoup.http.visits import PublicPage
from recoup.merchants.core import Merchant
from recoup.merchants.flow import Merchants
from recoup.messaged import Messaged
from recoup.payments.flow.tools import Tools
from recoup.vault.flow import Customers
from recoup.worker import Handler

FACTS: Final = {
    "billing_date_change.proposed": "Another billing date was proposed, or proposed anew.",
    "billing_date_change.accepted": "The customer agreed to another billing date.",
    "billing_date_change.applied": "The subscription has its new billing date.",
    "billing_date_change.declined": "The customer did not agree to another billing date.",
    "billing_date_change.expired": "Nobody agreed to another billing date in time.",
    "billing_date_change.canceled": "The proposal of another billing date was taken back.",
    "billing_date_change.undone": "The billing date before a change holds again, from the next period on.",
}
"""The events of billing dates that move."""


class Parts(Protocol):
    """The parts of the service that these are put together from."""

    customers: Customers
    merchants: Merchants
    messaged: Messaged


class Redated:
    """Changes of billing dates, wired."""

    def __init__(self, parts: Parts, tools: Tools, scribe: Scribe) -> None:
        self._parts = parts
        self._tools = tools
        self._links = parts.messaged.links
        self.changes = DateChanges(
            tools.database,
            scribe=scribe,
            beliefs=Beliefs(parts.customers),
            shown=self._shown,
            new_id=tools.new_id,
        )

    def handlers(self) -> Mapping[str, Handler]:
        """What is done for each kind of due row."""
        return {EXPIRE: self.changes.expire}

    def routes(self) -> list[Route]:
        """All routes."""
        return DateChangesApi(self._tools.database, self.changes, consent_url=self._consent_url).routes()

    def pages(self, *, entropy: Callable[[int], bytes]) -> list[PublicPage]:
        """All pages."""
        consenting = Consenting(
            self._tools.database,
            self.changes,
            self._links,
            merchant=self._parts.merchants.merchant,
            clock=self._tools.clock,
        )
        return ConsentPages(consenting, sender_name=self._sender_name, entropy=entropy).pages()

    async def _sender_name(self, merchant: Merchant) -> str:
        return (await self._parts.messaged.messages.policy(merchant)).sender_name

    def _consent_url(self, change: DateChange) -> str:
        return self._links.billing_date(change.merchant_id, change.id, until=change.expires_at)

    def _shown(self, change: DateChange, merchant: Merchant) -> bytes:
        url = self._consent_url(change)
        return msgspec.json.encode(date_change_object(change, livemode=merchant.livemode, consent_url=url))
