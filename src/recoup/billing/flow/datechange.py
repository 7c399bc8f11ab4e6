"""Changes of a subscription's billing date: proposed, agreed to and applied at once, put back, and measured.

Who agrees holds the subscription, and what they were shown is thought through once more: it is applied where it is
still the same, to the cent, and refused where it is not. The subscription with its new dates and the change that says
so are written in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec.structs import replace

from recoup.billing import store as subscriptions
from recoup.billing.core.datechange import (
    EXPIRE,
    FACTS,
    PROPOSED,
    Act,
    DateChange,
    Effective,
    How,
    News,
    Offer,
    Status,
    Target,
    moved,
    outdated,
    refuse_unless,
)
from recoup.billing.core.dateoffer import (
    applied,
    changes_nothing,
    offered,
    refuse_day,
    refuse_far,
    undoing,
    unsettled,
)
from recoup.billing.core.givenback import brings_nothing
from recoup.billing.core.records import Subscription
from recoup.billing.flow.datebeliefs import Beliefs
from recoup.billing.flow.writing import Scribe
from recoup.billing.store import datechange as store
from recoup.db import Connection, Database, Queries, due
from recoup.events.core import NewEvent
from recoup.events.store import append
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import conflict, not_found
from recoup.merchants.core import Merchant

LIVES: Final = timedelta(days=14)
"""How long a proposal can be agreed to, where nobody says."""

Shown = Callable[[DateChange, Merchant], bytes]
"""A change as its events show it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is to be proposed: a day of the month, a date, or the payday, where both are None. `by`: who proposes it."""

    subscription_id: UUID
    target: Target
    effective: Effective
    lives: timedelta
    by: str
    metadata: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What somebody said of a change: who, by which way, when, and the evidence that they did."""

    by: str
    how: How
    at: datetime
    evidence: str | None = None

    def act(self, did: str, *, now: datetime, shown: Offer | None = None) -> Act:
        """The same, to be kept."""
        return Act(
            did=did,
            by=self.by,
            how=self.how,
            at=self.at,
            recorded_at=now,
            evidence=self.evidence,
            shown=shown,
        )


class DateChanges:
    """Everything that is done with changes of billing dates. What changes one runs in the caller's transaction."""

    def __init__(
        self,
        database: Database,
        *,
        scribe: Scribe,
        beliefs: Beliefs,
        shown: Shown,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._scribe = scribe
        self._beliefs = beliefs
        self._shown = shown
        self._new_id = new_id

    async def create(
        self, connection: Connection, merchant: Merchant, wish: Wish, *, now: datetime
    ) -> DateChange:
        """A new proposal; refuses a second one of a subscription, and a date that changes nothing."""
        held = await self._held(connection, merchant, wish.subscription_id)
        open_one = await store.proposed(connection, merchant_id=merchant.id, subscription_id=held.id)
        if open_one is not None:
            raise conflict(
                "billing_date_change_pending",
                f"{render(Kind.BILLING_DATE_CHANGE, open_one.id)} is proposed already: cancel it, or propose it anew.",
            )
        if wish.target.day is not None:
            refuse_day(held)
        target = wish.target
        if target.day is None and target.on is None:
            target = await self._beliefs.payday(connection, merchant, held, wish.effective, now=now)
        offer = await _offered(connection, held, target, wish.effective, now=now)
        refuse_far(target, offer)
        said = Said(by=wish.by, how=How.API, at=now)
        new = DateChange(
            merchant_id=merchant.id,
            id=self._new_id(),
            subscription_id=held.id,
            customer_id=held.customer_id,
            currency=held.currency,
            status=Status.PROPOSED,
            version=1,
            events_count=1,
            target=target,
            offer=offer,
            believed=await self._beliefs.of(connection, merchant, held, target, offer, now=now),
            expires_at=now + wish.lives,
            trail=(said.act(Status.PROPOSED, now=now, shown=offer),),
            metadata=wish.metadata,
            created_at=now,
            updated_at=now,
        )
        await store.insert(connection, new)
        await self._due(connection, new)
        await self._tell(connection, merchant, [(PROPOSED, new)])
        return new

    async def get(self, merchant: Merchant, change_id: UUID) -> DateChange:
        """One of them; refuses with 404."""
        found = await store.read(self._database, merchant_id=merchant.id, change_id=change_id)
        return _there(found, change_id)

    async def page(
        self,
        merchant: Merchant,
        *,
        subscription_id: UUID | None,
        status: Status | None,
        after: UUID | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[DateChange]:
        """Changes newest first; with `before` oldest first."""
        return await store.page(
            self._database,
            merchant_id=merchant.id,
            subscription_id=subscription_id,
            status=status,
            after=after,
            before=before,
            limit=limit,
        )

    async def offer(self, merchant: Merchant, change: DateChange, *, now: datetime) -> tuple[str, Offer]:
        """What a proposal comes to as its subscription is now, and what that is called; refuses what cannot be."""
        found = await subscriptions.subscription(
            self._database, merchant_id=merchant.id, subscription_id=change.subscription_id
        )
        assert found is not None, "subscriptions are never deleted"
        effective = change.offer.effective
        return found.price.name, await _offered(self._database, found, change.target, effective, now=now)

    async def accept(
        self,
        connection: Connection,
        merchant: Merchant,
        change_id: UUID,
        said: Said,
        *,
        seen: str | None = None,
        now: datetime,
    ) -> DateChange:
        """The customer agrees, and it is applied. `seen`: the digest of what they were shown; else what is proposed.

        Refuses where the subscription has changed, so that it would be something else than that.
        """
        held, change = await self._both(connection, merchant, change_id)
        refuse_unless(change, News.ACCEPTED, now=now)
        offer = await _offered(connection, held, change.target, change.offer.effective, now=now)
        if offer.digest != (change.offer.digest if seen is None else seen):
            raise outdated()
        step = applied(held, offer, new_id=self._new_id, now=now)
        agreed = moved(
            change, News.ACCEPTED, said.act(News.ACCEPTED, now=now, shown=offer), now=now, offer=offer
        )
        done = moved(
            agreed,
            News.APPLIED,
            Said(by=said.by, how=said.how, at=now).act(News.APPLIED, now=now),
            now=now,
            applied_at=now,
        )
        await store.save(connection, done)
        await self._due(connection, done)
        await self._scribe.write(connection, merchant, [step], now=now)
        await self._tell(connection, merchant, [(FACTS[News.ACCEPTED], agreed), (FACTS[News.APPLIED], done)])
        return done

    async def answer(
        self,
        connection: Connection,
        merchant: Merchant,
        change_id: UUID,
        news: News,
        said: Said,
        *,
        now: datetime,
    ) -> DateChange:
        """The customer does not agree, or the merchant takes the proposal back."""
        assert news in (News.DECLINED, News.CANCELED), "anything else changes more"
        held = _there(await store.lock(connection, merchant_id=merchant.id, change_id=change_id), change_id)
        refuse_unless(held, news, now=now)
        return await self._written(connection, merchant, held, news, said.act(news, now=now), now=now)

    async def renew(
        self,
        connection: Connection,
        merchant: Merchant,
        change_id: UUID,
        said: Said,
        *,
        lives: timedelta,
        now: datetime,
    ) -> DateChange:
        """Propose the same date anew, on the subscription as it is now."""
        held, change = await self._both(connection, merchant, change_id)
        refuse_unless(change, News.RENEWED, now=now)
        offer = await _offered(connection, held, change.target, change.offer.effective, now=now)
        believed = await self._beliefs.of(connection, merchant, held, change.target, offer, now=now)
        fresh = replace(change, offer=offer, believed=believed, expires_at=now + lives)
        act = said.act(News.RENEWED, now=now, shown=offer)
        return await self._written(connection, merchant, fresh, News.RENEWED, act, now=now)

    async def undo(
        self, connection: Connection, merchant: Merchant, change_id: UUID, said: Said, *, now: datetime
    ) -> DateChange:
        """The old dates again, from the next period on; what is billed stays billed."""
        held, change = await self._both(connection, merchant, change_id)
        refuse_unless(change, News.UNDONE, now=now)
        held, back = undoing(held, change.offer, now=now)
        step = applied(held, back, new_id=self._new_id, now=now)
        after = moved(change, News.UNDONE, said.act(News.UNDONE, now=now, shown=back), now=now)
        await store.save(connection, after)
        await self._scribe.write(connection, merchant, [step], now=now)
        await self._tell(connection, merchant, [(FACTS[News.UNDONE], after)])
        return after

    async def expire(self, merchant: Merchant, change_id: UUID, now: datetime) -> datetime | None:
        """The worker's handler of its due row: nobody agreed in time."""

        async def work(connection: Connection) -> datetime | None:
            held = await store.lock(connection, merchant_id=merchant.id, change_id=change_id)
            if held is None or held.status is not Status.PROPOSED:
                return None
            if now < held.expires_at:
                return held.expires_at
            said = Said(by="recoup", how=How.CLOCK, at=held.expires_at)
            act = said.act(News.EXPIRED, now=now)
            await self._written(connection, merchant, held, News.EXPIRED, act, now=now)
            return None

        return await self._database.retrying(work)

    async def _held(self, connection: Connection, merchant: Merchant, subscription_id: UUID) -> Subscription:
        found = await subscriptions.lock_subscriptions(
            connection, merchant_id=merchant.id, ids=[subscription_id]
        )
        if subscription_id not in found:
            shown = render(Kind.SUBSCRIPTION, subscription_id)
            raise not_found("subscription", shown, param="subscription")
        return found[subscription_id]

    async def _both(
        self, connection: Connection, merchant: Merchant, change_id: UUID
    ) -> tuple[Subscription, DateChange]:
        """A change and its subscription, held until the transaction ends: the subscription first, as everywhere."""
        found = await store.read(connection, merchant_id=merchant.id, change_id=change_id)
        subscription = await self._held(connection, merchant, _there(found, change_id).subscription_id)
        change = await store.lock(connection, merchant_id=merchant.id, change_id=change_id)
        return subscription, _there(change, change_id)

    async def _written(
        self,
        connection: Connection,
        merchant: Merchant,
        change: DateChange,
        news: News,
        act: Act,
        *,
        now: datetime,
    ) -> DateChange:
        after = moved(change, news, act, now=now)
        await store.save(connection, after)
        await self._due(connection, after)
        await self._tell(connection, merchant, [(FACTS[news], after)])
        return after

    @staticmethod
    async def _due(connection: Connection, one: DateChange) -> None:
        if one.status is Status.PROPOSED:
            await due.put(
                connection, merchant_id=one.merchant_id, kind=EXPIRE, object_id=one.id, due_at=one.expires_at
            )
        else:
            await due.drop(connection, merchant_id=one.merchant_id, kind=EXPIRE, object_id=one.id)

    async def _tell(
        self, connection: Connection, merchant: Merchant, told: Sequence[tuple[str, DateChange]]
    ) -> None:
        events = [
            NewEvent(
                self._new_id(), fact, one.id, one.events_count, self._shown(one, merchant), one.updated_at
            )
            for fact, one in told
        ]
        await append(connection, merchant.id, events)


async def _offered(
    queries: Queries, held: Subscription, target: Target, effective: Effective, *, now: datetime
) -> Offer:
    offer = offered(held, target, effective, now=now)
    if offer.credit:
        await _refuse_unpaid(queries, held)
    if changes_nothing(offer):
        raise conflict(
            "billing_date_unchanged", "The next invoices of this subscription are due on that date already."
        )
    return offer


async def _refuse_unpaid(queries: Queries, held: Subscription) -> None:
    """Refuses to give back what nobody paid, nor owes."""
    current = await store.invoices_of_periods(
        queries,
        merchant_id=held.merchant_id,
        subscription_id=held.id,
        least=held.number,
        most=held.number,
        limit=1,
    )
    if any(brings_nothing(one) for one in current):
        raise unsettled("The invoice of its current period was not paid: its date can change `after_paid`.")


def _there(found: DateChange | None, change_id: UUID) -> DateChange:
    if found is None:
        raise not_found("billing date change", render(Kind.BILLING_DATE_CHANGE, change_id))
    return found
