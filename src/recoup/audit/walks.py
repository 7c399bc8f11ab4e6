"""The walks through a merchant's rows: each looks at a page of them for broken laws, and says where it has come to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from recoup.audit.core.invariants import PAID_MAX, STARTED_MAX, Hit, Invariant
from recoup.audit.store import drift
from recoup.audit.store import invariants as store
from recoup.db import Queries
from recoup.events.store import last_sequence, pointers
from recoup.kit.ids import Kind, render
from recoup.ledger.flow import Unbalanced, WrongBalance, WrongPayment
from recoup.merchants.core import Merchant

PAGE: Final = 500
"""Rows in a page: some ten milliseconds of the database's time."""
QUIET: Final = timedelta(minutes=1)
"""What happened since is looked at the next time, so that the books know of it."""
_FIRST: Final = UUID(int=0)


class Ledger(Protocol):
    """What audit asks of the books."""

    async def unbalanced(self, queries: Queries, *, merchant_id: UUID) -> Sequence[Unbalanced]:
        """Currencies out of balance."""
        ...

    async def wrong_balances(
        self, queries: Queries, *, merchant_id: UUID, after: int, limit: int
    ) -> Sequence[WrongBalance]:
        """Those of the next accounts whose sums are not those of their entries."""
        ...

    async def wrong_payments(
        self, queries: Queries, payment_ids: Sequence[UUID], *, merchant_id: UUID
    ) -> Sequence[WrongPayment]:
        """Those of these payments that the books know otherwise than they are."""
        ...

    async def accounts(self, queries: Queries, *, merchant_id: UUID) -> int:
        """How many accounts there are."""
        ...


@dataclass(frozen=True, slots=True)
class Page:
    """What a look found, up to where it has come, and whether there is more behind that. An end begins anew at ""."""

    hits: Sequence[Hit]
    place: str
    more: bool


Look = Callable[[Queries, Merchant, str, datetime], Awaitable[Page]]
"""Given where the walk is and the merchant's now, the next page."""


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk, and how many pages of it one merchant gets in one round."""

    name: str
    look: Look
    pages_max: int


CHANGED: Final = "changed"
"""The walk along the events, which never begins anew."""


class Walks:
    """All of them."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.all = (
            Walk(CHANGED, self._changed, 1000),
            Walk("waiting", self._waiting, 10),
            Walk("payments", self._payments, 2),
            Walk("recoveries", self._recoveries, 10),
            Walk("accounts", self._accounts, 1),
            Walk("lanes", self._lanes, 10),
            Walk("deliveries", self._deliveries, 10),
        )

    async def _changed(self, queries: Queries, merchant: Merchant, place: str, now: datetime) -> Page:
        """Payments that something has happened to since the last round."""
        if not place:  # what was before is for the walk through all payments
            return Page((), str(await last_sequence(queries, merchant_id=merchant.id)), more=False)
        events = await pointers(queries, merchant_id=merchant.id, after=int(place), limit=PAGE)
        old = [one for one in events if one.created_at <= now - QUIET]
        if not old:
            return Page((), place, more=False)
        found = {one.object_id for one in old if one.type.startswith("payment.")}
        refunds = {one.object_id for one in old if one.type.startswith("refund.")}
        if refunds:
            whose = await drift.payments_of_refunds(queries, sorted(refunds), merchant_id=merchant.id)
            found.update(whose)
        hits = await self._of_payments(queries, merchant, sorted(found), now)
        return Page(hits, str(old[-1].sequence), more=len(old) == PAGE)

    async def _waiting(self, queries: Queries, merchant: Merchant, place: str, now: datetime) -> Page:
        found = await store.payments_waiting(queries, merchant_id=merchant.id, after=_id(place), limit=PAGE)
        return _page(await self._of_payments(queries, merchant, found, now), found)

    async def _payments(self, queries: Queries, merchant: Merchant, place: str, now: datetime) -> Page:
        found = await store.payments_after(queries, merchant_id=merchant.id, after=_id(place), limit=PAGE)
        return _page(await self._of_payments(queries, merchant, found, now), found)

    async def _of_payments(
        self, queries: Queries, merchant: Merchant, payment_ids: Sequence[UUID], now: datetime
    ) -> list[Hit]:
        if not payment_ids:
            return []
        wrong = await store.wrong_payments(
            queries, payment_ids, merchant_id=merchant.id, started_before=now - STARTED_MAX
        )
        hits = [
            Hit(Invariant(law), render(Kind.PAYMENT, one.payment_id), one.payment_id, one.facts)
            for one in wrong
            for law in one.broken
        ]
        books = await self._ledger.wrong_payments(queries, payment_ids, merchant_id=merchant.id)
        return hits + [_of_books(one) for one in books]

    async def _recoveries(self, queries: Queries, merchant: Merchant, place: str, now: datetime) -> Page:
        found = await store.recoveries_open(
            queries,
            merchant_id=merchant.id,
            after=_id(place),
            limit=PAGE,
            paid_before=now - PAID_MAX,
        )
        hits = [
            Hit(
                Invariant.RECOVERY_ENDS_WHEN_PAID,
                render(Kind.RECOVERY, one.id),
                one.payment_id,
                {"recovery": render(Kind.RECOVERY, one.id)},
            )
            for one in found
            if one.is_wrong
        ]
        return _page(hits, [one.id for one in found])

    async def _accounts(self, queries: Queries, merchant: Merchant, place: str, now: datetime) -> Page:
        after = int(place or 0)
        hits = []
        if not after:
            hits += [
                Hit(
                    Invariant.LEDGER_BALANCED,
                    one.currency,
                    None,
                    {"currency": one.currency, "debits": one.debits, "credits": one.credits},
                )
                for one in await self._ledger.unbalanced(queries, merchant_id=merchant.id)
            ]
        wrong = await self._ledger.wrong_balances(queries, merchant_id=merchant.id, after=after, limit=PAGE)
        hits += [_of_account(one) for one in wrong]
        there = await self._ledger.accounts(queries, merchant_id=merchant.id)
        more = after + PAGE < there
        return Page(hits, str(after + PAGE) if more else "", more=more)

    async def _lanes(self, queries: Queries, merchant: Merchant, place: str, now: datetime) -> Page:
        parts = place.split()
        after = (UUID(parts[0]), UUID(parts[1])) if parts else (_FIRST, _FIRST)
        found = await store.lanes_after(queries, merchant_id=merchant.id, after=after, limit=PAGE)
        hits = [
            _undelivered(one.endpoint_id, one.object_id, queued=one.queued, pending=one.pending)
            for one in found
            if one.queued != one.pending
        ]
        more = len(found) == PAGE
        return Page(hits, f"{found[-1].endpoint_id} {found[-1].object_id}" if more else "", more=more)

    async def _deliveries(self, queries: Queries, merchant: Merchant, place: str, now: datetime) -> Page:
        parts = place.split()
        after = (UUID(parts[0]), UUID(parts[1]), int(parts[2])) if parts else (_FIRST, _FIRST, 0)
        found = await store.pending_after(queries, merchant_id=merchant.id, after=after, limit=PAGE)
        lost = dict.fromkeys((one.endpoint_id, one.object_id) for one in found if not one.has_lane)
        hits = [_undelivered(endpoint, object_, queued=0, pending=None) for endpoint, object_ in lost]
        more = len(found) == PAGE
        last = f"{found[-1].endpoint_id} {found[-1].object_id} {found[-1].sequence}" if more else ""
        return Page(hits, last, more=more)


def _id(place: str) -> UUID:
    return UUID(place) if place else _FIRST


def _page(hits: Sequence[Hit], found: Sequence[UUID]) -> Page:
    more = len(found) == PAGE
    return Page(hits, str(found[-1]) if more else "", more=more)


def _of_books(one: WrongPayment) -> Hit:
    return Hit(
        Invariant.LEDGER_AGREES,
        render(Kind.PAYMENT, one.payment_id),
        one.payment_id,
        {
            "captured": one.captured,
            "refunded": one.refunded,
            "posted_captured": one.posted_captured,
            "posted_refunded": one.posted_refunded,
        },
    )


def _of_account(one: WrongBalance) -> Hit:
    return Hit(
        Invariant.LEDGER_BALANCED,
        render(Kind.LEDGER_ACCOUNT, UUID(int=one.account)),
        None,
        {
            "debits": one.debits,
            "credits": one.credits,
            "entries_debits": one.transfers_debits,
            "entries_credits": one.transfers_credits,
        },
    )


def _undelivered(endpoint_id: UUID, object_id: UUID, *, queued: int, pending: int | None) -> Hit:
    shown = render(Kind.WEBHOOK_ENDPOINT, endpoint_id)
    facts = {"webhook_endpoint": shown, "object_id": str(object_id), "queued": queued}
    return Hit(
        Invariant.EVENT_HAS_NEXT_TRY,
        f"{shown}:{object_id}",
        None,
        facts if pending is None else facts | {"pending": pending},
    )
