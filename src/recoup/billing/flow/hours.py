"""Learns at which hours issuers approve renewals, and says of many cards which hour is best for them.

It is learned after the fact, some hundred renewals by a few statements, each counted once: how far it was learned moves
in the transaction that writes the sums. Looks ahead of charges have it done once a day, so nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

from recoup.billing.core.hours import EVERYBODY, IssuerHours, Renewed, best_hour, issuer_of, learned
from recoup.billing.store import hours as store
from recoup.db import Connection, Database, Queries
from recoup.kit.ids import made_at
from recoup.merchants.core import Merchant
from recoup.payments.core import Reason
from recoup.payments.core.first import FirstTry
from recoup.payments.flow.first import tried_first
from recoup.vault.core import PaymentMethod

LEARN: Final = "issuer_hours.learn"
"""The kind of due row that says: learn what renewals came to. Its object is the merchant."""
EVERY: Final = timedelta(days=1)
"""How long after a look ahead asked for it it is learned: many looks ask once, and what counts half after half a year
is known soon enough."""
AT_ONCE: Final = 500
AGAIN: Final = timedelta(seconds=1)
SETTLED_FOR: Final = timedelta(minutes=10)
"""Younger answers wait: a payment whose id is a little older may still be written."""
WAITED_FOR: Final = timedelta(days=1)
"""For how long after it began a charge without an answer keeps what came after it from being learned. An answer that
comes later is left out."""


class Methods(Protocol):
    """What is asked of payment methods."""

    async def those(
        self, queries: Queries, merchant_id: UUID, method_ids: Sequence[UUID]
    ) -> Mapping[UUID, PaymentMethod]:
        """Those of these payment methods that are there."""
        ...


class Hours:
    """The hours of a merchant's issuers."""

    def __init__(self, database: Database, methods: Methods) -> None:
        self._database = database
        self._methods = methods

    async def best(
        self,
        connection: Connection,
        merchant: Merchant,
        asked: Sequence[tuple[PaymentMethod, int]],
        *,
        now: datetime,
    ) -> list[int | None]:
        """For each payment method, and the hour at which it is due, the hour that is surely better; None: none is.
        Who asks has more learned."""
        if not asked:
            return []
        issuers = [issuer_of(method.brand, method.bin) for method, _ in asked]
        known = await store.hours_for_looks(
            connection, [*issuers, EVERYBODY], merchant_id=merchant.id, kind=LEARN, learn_at=now + EVERY
        )
        return [
            best_hour(known.get(issuer), known.get(EVERYBODY), due_hour=due_hour)
            for issuer, (_, due_hour) in zip(issuers, asked, strict=True)
        ]

    async def learn(self, merchant: Merchant, _: UUID, now: datetime) -> datetime | None:
        """The handler of `LEARN`: learn what is new; when to go on, where there is more."""

        async def work(connection: Connection) -> bool:
            return await self._learn_some(connection, merchant, now=now)

        return now + AGAIN if await self._database.retrying(work) else None

    async def _learn_some(self, connection: Connection, merchant: Merchant, *, now: datetime) -> bool:
        """Learn the next renewals; whether there are more."""
        upto = await store.hold(connection, merchant_id=merchant.id, now=now)
        charged = await store.charged_after(connection, upto, merchant_id=merchant.id, limit=AT_ONCE)
        tries = await tried_first(connection, merchant, [one.payment_id for one in charged])
        ready = settled(charged, tries, now=now)
        if not ready:
            return False
        seen = await self._renewed(connection, merchant, ready, tries)
        by_issuer = {EVERYBODY: seen} if seen else {}
        for one in seen:
            by_issuer.setdefault(one.issuer, []).append(one)
        known = await store.hours_of(connection, list(by_issuer), merchant_id=merchant.id)
        fresh: dict[str, IssuerHours] = {
            issuer: learned(known.get(issuer), some) for issuer, some in by_issuer.items()
        }
        await store.keep(connection, fresh, merchant_id=merchant.id, upto=ready[-1].payment_id, now=now)
        return len(ready) == AT_ONCE

    async def _renewed(
        self,
        connection: Connection,
        merchant: Merchant,
        charged: Sequence[store.Charged],
        tries: Mapping[UUID, FirstTry],
    ) -> list[Renewed]:
        """Those of them that are renewals which an issuer answered."""
        answered = [
            (tries[one.payment_id], one.zone)
            for one in charged
            if one.zone is not None and one.payment_id in tries
        ]
        methods = await self._methods.those(
            connection, merchant.id, list({found.payment_method_id for found, _ in answered})
        )
        return [
            Renewed(
                issuer=issuer_of(found.brand, method.bin),
                hour=found.at.astimezone(ZoneInfo(zone)).hour,
                approved=found.approved,
                at=found.at,
            )
            for found, zone in answered
            if found.reason is Reason.RENEWAL
            and found.approved is not None
            and (method := methods.get(found.payment_method_id)) is not None
        ]


def settled(
    charged: Sequence[store.Charged], tries: Mapping[UUID, FirstTry], *, now: datetime
) -> Sequence[store.Charged]:
    """Those at the front that nothing more is to come of, nor before them."""
    for place, one in enumerate(charged):
        found = tries.get(one.payment_id)
        if found is not None and found.finished_at is not None:
            waits = now - SETTLED_FOR < found.finished_at
        else:
            began = made_at(one.payment_id) if found is None else found.at
            waits = now - WAITED_FOR < began
        if waits:
            return charged[:place]
    return charged
