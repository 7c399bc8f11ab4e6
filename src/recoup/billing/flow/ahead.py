"""Looks ahead at what subscriptions will be charged with: those that come up together in one transaction.

What is read is of those subscriptions alone: their payment methods, what is known of the methods' issuers, and what the
charge day is chosen from. What is new is kept and told; account updaters are asked about cards that will have expired.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple, Protocol
from uuid import UUID

from msgspec.structs import replace

from recoup.billing.core import ahead as core
from recoup.billing.core.ahead import Coming
from recoup.billing.core.bills import Charge
from recoup.billing.core.notices import Notice
from recoup.billing.core.records import Subscription
from recoup.billing.core.risks import Ahead, Risk
from recoup.billing.core.step import Step
from recoup.billing.flow.hours import Hours, Methods
from recoup.billing.flow.moments import Moments
from recoup.billing.flow.writing import Scribe
from recoup.billing.store import AT_ONCE_MAX
from recoup.billing.store import ahead as store
from recoup.db import Connection, Database
from recoup.db.together import Together
from recoup.merchants.core import Merchant
from recoup.vault.core import PaymentMethod

NONE_YET: Final = UUID(int=0)
UNSEEN_EVERY: Final = timedelta(seconds=5)
"""How soon after some hundred of them the next are seen for the first time: charges that are due wait for nobody."""


class Updater(Protocol):
    """What is asked of account updaters."""

    async def before_renewals(
        self, connection: Connection, merchant: Merchant, methods: Sequence[PaymentMethod], *, now: datetime
    ) -> None:
        """Have cards asked about that expire before they are charged next."""
        ...


class _Asked(NamedTuple):
    """What is looked at, and when that is."""

    subscription_id: UUID
    merchant: Merchant
    now: datetime


class _Found(NamedTuple):
    """What was found of one that is charged soon."""

    coming: Coming
    method: PaymentMethod | None
    ahead: Ahead
    notices: Sequence[Notice]


class LookingAhead:
    """Looks ahead of charges. `updater`: account updaters, once they are put together."""

    def __init__(
        self,
        database: Database,
        *,
        scribe: Scribe,
        moments: Moments,
        methods: Methods,
        hours: Hours,
        updater: Callable[[], Updater],
    ) -> None:
        self._database = database
        self._scribe = scribe
        self._moments = moments
        self._methods = methods
        self._hours = hours
        self._updater = updater
        self._together: Together[_Asked, datetime] = Together(self._look_asked, name="billing.ahead")

    async def look(self, merchant: Merchant, subscription_id: UUID, now: datetime) -> datetime | None:
        """The worker's handler of `subscription.ahead`. Those that come at once are looked at together."""
        return await self._together.get(merchant.id, _Asked(subscription_id, merchant, now))

    async def methods_changed(self, merchant: Merchant, customer_id: UUID, now: datetime) -> datetime | None:
        """The handler of `METHODS_CHANGED`: what the customer's next charges meet is looked at again, where that was
        looked at already."""

        async def work(connection: Connection, after: UUID) -> UUID | None:
            page = await store.lock_of_customer(
                connection, merchant_id=merchant.id, customer_id=customer_id, after=after
            )
            looks = {one.id: now for one in page if core.is_near(one, now=now)}
            await store.look_at(connection, looks, merchant_id=merchant.id, kind=core.AHEAD)
            return page[-1].id if len(page) == AT_ONCE_MAX else None

        after: UUID | None = NONE_YET
        while after is not None:
            after = await self._database.retrying(partial(work, after=after))
        return None

    async def unseen(self, merchant: Merchant, after: UUID, now: datetime) -> datetime | None:
        """The handler of `UNSEEN`: subscriptions older than looks get the time of their first, some hundred at once."""

        async def work(connection: Connection) -> None:
            page = await store.lock_next(connection, merchant_id=merchant.id, after=after)
            firsts = {one.id: core.first_look(one, now=now) for one in page if core.current(one) is None}
            looks = {id_: at for id_, at in firsts.items() if at is not None}
            await store.look_at(connection, looks, merchant_id=merchant.id, kind=core.AHEAD)
            if len(page) == AT_ONCE_MAX:
                more = {page[-1].id: now + UNSEEN_EVERY}
                await store.look_at(connection, more, merchant_id=merchant.id, kind=core.UNSEEN)

        await self._database.retrying(work)
        return None

    async def _look_asked(self, _: UUID, asked: Sequence[_Asked]) -> Mapping[_Asked, datetime]:
        ids = list(dict.fromkeys(one.subscription_id for one in asked))
        again = await self.look_at(asked[0].merchant, ids, max(one.now for one in asked))
        return {one: at for one in asked if (at := again.get(one.subscription_id)) is not None}

    async def look_at(
        self, merchant: Merchant, ids: Sequence[UUID], now: datetime
    ) -> Mapping[UUID, datetime | None]:
        """Look at the next charge of these subscriptions, in one transaction; when to look at each again."""

        async def work(connection: Connection) -> Mapping[UUID, datetime | None]:
            held = await store.lock_for_looks(connection, merchant_id=merchant.id, ids=ids)
            again, ready = _ready([one.subscription for one in held], now=now)
            if not ready:
                return again
            found = await self._found(connection, merchant, ready, now=now)
            balances = {one.subscription.id: one.balance for one in held}
            await self._keep(connection, merchant, found, balances, now=now)
            return again | {
                one.coming.subscription.id: core.next_look(one.coming, one.ahead, now=now) for one in found
            }

        return await self._database.retrying(work)

    async def _found(
        self, connection: Connection, merchant: Merchant, ready: Sequence[Coming], *, now: datetime
    ) -> Sequence[_Found]:
        ids = {id_ for one in ready if (id_ := one.subscription.payment_method_id) is not None}
        methods = await self._methods.those(connection, merchant.id, sorted(ids))
        with_method = [
            (one, method) for one in ready if (method := _method(one.subscription, methods)) is not None
        ]
        asked = [(method, one.subscription.hour) for one, method in with_method]
        best = await self._hours.best(connection, merchant, asked, now=now)
        hours = {one.subscription.id: hour for (one, _), hour in zip(with_method, best, strict=True)}
        found = []
        for one in ready:
            method, hour = _method(one.subscription, methods), hours.get(one.subscription.id)
            found.append(_Found(one, method, *core.found_ahead(one, method, hour=hour, now=now)))
        return found

    async def _keep(
        self,
        connection: Connection,
        merchant: Merchant,
        found: Sequence[_Found],
        balances: Mapping[UUID, int],
        *,
        now: datetime,
    ) -> None:
        """Keep and tell what is new, and have asked what can be."""
        steps = await self._steps(connection, merchant, found, balances, now=now)
        expiring = {
            one.method.id: one.method for one in found if one.method and Risk.EXPIRES in one.ahead.risks
        }
        if expiring:
            await self._updater().before_renewals(connection, merchant, list(expiring.values()), now=now)
        if steps:
            await self._scribe.write(connection, merchant, steps, now=now)

    async def _steps(
        self,
        connection: Connection,
        merchant: Merchant,
        found: Sequence[_Found],
        balances: Mapping[UUID, int],
        *,
        now: datetime,
    ) -> list[Step]:
        charges = await self._moments.choose(
            connection,
            merchant,
            [(replace(one.coming.subscription, ahead=one.ahead), one.coming.turn) for one in found],
            now=now,
        )
        steps = [_step(one, charges, balances, now=now) for one in found]
        return [one for one in steps if one is not None]


def _ready(
    held: Sequence[Subscription], *, now: datetime
) -> tuple[dict[UUID, datetime | None], list[Coming]]:
    """When to look at those that are not to be looked at yet, or never; and those that are."""
    again: dict[UUID, datetime | None] = {}
    ready = []
    for one in held:
        first = core.first_look(one, now=now)
        found = core.coming(one, now=now)
        if first is None or found is None:
            continue
        if first > now:
            again[one.id] = first
        else:
            ready.append(found)
    return again, ready


def _method(subscription: Subscription, methods: Mapping[UUID, PaymentMethod]) -> PaymentMethod | None:
    method_id = subscription.payment_method_id
    return None if method_id is None else methods.get(method_id)


def _step(
    one: _Found, charges: Mapping[UUID, Charge], balances: Mapping[UUID, int], *, now: datetime
) -> Step | None:
    id_ = one.coming.subscription.id
    making = core.making_of(one.coming, charges[id_], balance=balances[id_], now=now)
    return core.looked(one.coming, one.ahead, core.preview(one.coming, making), one.notices, now=now)
