"""What a customer does on the page that a proposal's link opens: agree to another billing date, or not.

A look is no consent: programs follow links too. What the page shows is thought through as it is opened, and the form
names it; whoever agrees to something that has changed since is shown it again, and nothing is applied.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from recoup.billing.core.datechange import DateChange, How, News, Offer, Status
from recoup.billing.flow.datechange import DateChanges, Said
from recoup.db import Connection, Database
from recoup.kit.clock import Clock
from recoup.kit.refusals import Refusal, RefusalType
from recoup.merchants.core import Merchant
from recoup.messages.links import Links, Opens

WHO: Final = "customer"


class View(StrEnum):
    """What the page shows."""

    ASK = "ask"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    OVER = "over"
    LATER = "later"


_VIEWS: Final = {
    Status.ACCEPTED: View.ACCEPTED,
    Status.APPLIED: View.ACCEPTED,
    Status.DECLINED: View.DECLINED,
}


@dataclass(frozen=True, slots=True)
class Visited:
    """What a link opens, as it is now. `offer`: what is asked for, or was agreed to; `name`: what is subscribed to."""

    merchant: Merchant
    change: DateChange
    view: View
    offer: Offer
    name: str
    link: str = field(repr=False)
    until: datetime
    now: datetime


class Consenting:
    """The door for customers' own answers."""

    def __init__(
        self,
        database: Database,
        changes: DateChanges,
        links: Links,
        *,
        merchant: Callable[[UUID], Awaitable[Merchant | None]],
        clock: Clock,
    ) -> None:
        self._database = database
        self._changes = changes
        self._links = links
        self._merchant = merchant
        self._clock = clock

    async def visited(self, token: str) -> Visited | None:
        """What a token opens; None where we did not make it, or its time is over."""
        named = self._links.named_by(token, Opens.BILLING_DATE)
        merchant = None if named is None else await self._merchant(named.merchant_id)
        if named is None or merchant is None:
            return None
        now = merchant.now(self._clock.now())
        if now >= named.until:
            return None
        try:
            change = await self._changes.get(merchant, named.object_id)
        except Refusal:
            return None
        link = self._links.billing_date(merchant.id, change.id, until=named.until)
        if change.status is not Status.PROPOSED:
            view = _VIEWS.get(change.status, View.OVER)
            return Visited(merchant, change, view, change.offer, "", link, named.until, now)
        try:
            name, offer = await self._changes.offer(merchant, change, now=now)
        except Refusal:
            return Visited(merchant, change, View.LATER, change.offer, "", link, named.until, now)
        return Visited(merchant, change, View.ASK, offer, name, link, named.until, now)

    async def accept(self, seen: Visited, digest: str, *, evidence: str) -> bool:
        """The customer agrees to what they were shown; False where that is something else by now."""

        async def work(connection: Connection) -> None:
            said = Said(by=WHO, how=How.PAGE, at=seen.now, evidence=evidence)
            await self._changes.accept(
                connection, seen.merchant, seen.change.id, said, seen=digest, now=seen.now
            )

        return await self._answered(work)

    async def decline(self, seen: Visited, *, evidence: str) -> None:
        """The customer does not agree."""

        async def work(connection: Connection) -> None:
            said = Said(by=WHO, how=How.PAGE, at=seen.now, evidence=evidence)
            await self._changes.answer(
                connection, seen.merchant, seen.change.id, News.DECLINED, said, now=seen.now
            )

        await self._answered(work)

    async def _answered(self, work: Callable[[Connection], Awaitable[None]]) -> bool:
        """Whether it was done. What its state forbids (it was answered before) the page itself explains."""
        try:
            await self._database.retrying(work)
        except Refusal as refusal:
            if refusal.type is not RefusalType.CONFLICT:
                raise
            return False
        return True
