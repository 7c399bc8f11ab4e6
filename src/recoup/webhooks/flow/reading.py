"""Reads what processors sent: payments or disputes hear what each notice says, and what came of it is written down.

Hearing may be repeated, so a crash anywhere only has a delivery read again. What cannot be judged yet, and what fails,
is read again later; what a person must see is told to whoever listens, in the transaction that writes it down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol, assert_never
from uuid import UUID

import structlog

from recoup.connectors.base import (
    Account,
    Authentic,
    Connector,
    CredentialNews,
    Delivery,
    DisputeNews,
    Forged,
    Notice,
    Undecided,
)
from recoup.db import Connection, Database, due, is_passing
from recoup.disputes.flow import heard as disputed
from recoup.gateway import Gateway
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant, Sealed
from recoup.merchants.flow import Sealer
from recoup.payments.flow.heard import Applied, Contradiction, Foreign, Heard, Known, NotYet, Place
from recoup.webhooks.core.inbox import (
    FAILURES_MAX,
    NOTICES_MAX,
    QUIET,
    TO_A_PERSON,
    Inbound,
    Result,
    Told,
    fitting,
    look_again_at,
    name_of,
    place,
    result_of,
    shortened,
    unpacked,
    wait_after,
)
from recoup.webhooks.flow.arrivals import Arrivals
from recoup.webhooks.flow.inbox import Seen
from recoup.webhooks.store import inbox as store

TO_SEE: Final = "inbound.to_see"
"""The fact that a delivery needs a person."""
NEWS: Final = f"event:{TO_SEE}"

_log: Final = structlog.get_logger("recoup.inbox")


class Payments(Protocol):
    """What the inbox asks of payments."""

    async def hear(self, merchant: Merchant, account_id: UUID, notice: Notice) -> Heard:
        """Take a notice; may be called again with the same."""
        ...

    async def place(self, merchant: Merchant, account_id: UUID, notice: Notice) -> Place | None:
        """Where a notice belongs."""
        ...


class Disputes(Protocol):
    """What the inbox asks of disputes."""

    async def hear(
        self, merchant: Merchant, account_id: UUID, notice: Notice, *, place: Place | None, now: datetime
    ) -> disputed.Heard:
        """Take a notice; may be called again with the same."""
        ...


class Cards(Protocol):
    """What the inbox asks of who keeps cards new."""

    async def hear(
        self, merchant: Merchant, account_id: UUID, notice: Notice, *, now: datetime
    ) -> Sequence[str] | None:
        """Take a notice; may be called again with the same. The events it led to; None: nobody has that token."""
        ...


@dataclass(frozen=True, slots=True)
class Hearers:
    """Who hears what processors tell."""

    payments: Payments
    disputes: Disputes
    cards: Cards


@dataclass(frozen=True, slots=True)
class _Opened:
    """A delivery with what came in it."""

    row: Inbound
    delivery: Delivery
    connector: Connector
    seen: Account


class Reader:
    """Reads deliveries."""

    def __init__(
        self,
        database: Database,
        *,
        hearers: Hearers,
        gateway: Gateway,
        sealer: Sealer,
        seen: Seen,
        arrivals: Arrivals,
    ) -> None:
        self._database = database
        self._payments = hearers.payments
        self._disputes = hearers.disputes
        self._cards = hearers.cards
        self._gateway = gateway
        self._sealer = sealer
        self._seen = seen
        self._arrivals = arrivals

    async def read(self, merchant: Merchant, inbound_id: UUID, now: datetime) -> datetime | None:
        """What the worker does with a delivery that was stored or is replayed: when to look again."""
        found = await store.whole(self._database, merchant_id=merchant.id, inbound_id=inbound_id)
        if found is None or found[0].result is not None:
            return None
        row, sealed = found
        try:
            return await self._read(merchant, row, now, sealed=sealed)
        except Exception as error:
            if is_passing(error):
                raise
            return await self._failed(merchant, row, now, error=error)

    async def _read(
        self, merchant: Merchant, row: Inbound, now: datetime, *, sealed: Sealed
    ) -> datetime | None:
        opened = await self._opened(merchant, row, sealed)
        if not row.verified:
            verdict = await self._gateway.authenticate(
                opened.connector, opened.seen, opened.delivery, account_id=row.account_id
            )
            match verdict.outcome:
                case Undecided(why):
                    return await self._again(merchant, row, now, why=why)
                case Forged(why):
                    self._arrivals.forged(opened.connector.name, row.account_id, why)
                    await store.forget(self._database, merchant_id=merchant.id, inbound_id=row.id)
                    return None
                case Authentic() as authentic:
                    name = name_of(
                        authentic, opened.delivery, opened.connector.notices(opened.seen, opened.delivery)
                    )
                    row = replace(row, verified=True, delivery_id=name)
                    if not await self._proved(merchant, row):
                        await self._conclude(merchant, opened, [], now=now, result=Result.KNOWN)
                        return None
        notices = opened.connector.notices(opened.seen, opened.delivery)[:NOTICES_MAX]
        odds = await self._at_odds(merchant, row, notices)
        if odds is not None:
            await self._conclude(merchant, opened, odds, now=now)
            return None
        told: list[Told] = []
        again: list[datetime] = []
        for notice in notices:
            heard = await self._heard(merchant, row.account_id, notice, now)
            (again.append(heard) if isinstance(heard, datetime) else told.append(heard))
        if again:
            await self._show_a_person(merchant, row, told, now=now)
            times = await store.count_look(self._database, merchant_id=merchant.id, inbound_id=row.id)
            return look_again_at(min(again), times=times, now=now)
        await self._conclude(merchant, opened, told, now=now)
        return None

    async def _show_a_person(
        self, merchant: Merchant, row: Inbound, told: Sequence[Told], *, now: datetime
    ) -> None:
        """What a person must see of a delivery does not wait for what cannot be judged yet: write that down, once."""
        to_see = [one for one in told if one.result in TO_A_PERSON and one not in row.told]
        if not to_see:
            return

        async def work(connection: Connection) -> None:
            if await store.note(
                connection, merchant_id=merchant.id, inbound_id=row.id, told=[*row.told, *to_see]
            ):
                await due.put(connection, merchant_id=merchant.id, kind=NEWS, object_id=row.id, due_at=now)

        await self._database.retrying(work)

    async def _opened(self, merchant: Merchant, row: Inbound, sealed: Sealed) -> _Opened:
        _, connector, seen = await self._seen(merchant, row.account_id)
        plain = await self._sealer.unseal(
            merchant.id, sealed, aad=place(merchant.id, row.id), queries=self._database
        )
        return _Opened(row, unpacked(plain, received_at=row.received_at), connector, seen)

    async def _proved(self, merchant: Merchant, row: Inbound) -> bool:
        """Write down that the processor vouches for it; whether it is the first of its name and content."""
        return await store.prove(
            self._database, merchant_id=merchant.id, inbound_id=row.id, delivery_id=row.delivery_id
        )

    async def _at_odds(
        self, merchant: Merchant, row: Inbound, notices: Sequence[Notice]
    ) -> list[Told] | None:
        """What to say of a delivery whose name another one has; None where it is to be heard.

        Other bytes alone are no conflict: some processors count in them how often they have tried.
        """
        earlier = await store.of_same_name(self._database, row, merchant_id=merchant.id)
        found = earlier and await store.whole(self._database, merchant_id=merchant.id, inbound_id=earlier)
        if not found:
            return None
        other, sealed = found
        before = await self._opened(merchant, other, sealed)
        then = replace(before.delivery, received_at=row.received_at)  # some notices tell by it what day it is
        said = before.connector.notices(before.seen, then)[:NOTICES_MAX]
        shown = render(Kind.INBOUND, other.id)
        if _without_times(said) != _without_times(notices):
            why = f"it has the name of {shown} and says something else"
            told = [await self._conflicting(merchant, row.account_id, one, why) for one in notices]
            return told or [_nameless(row, why)]
        if other.result in QUIET:
            return [_told(one, Result.KNOWN, why=f"the same as {shown}") for one in notices]
        return None

    async def _conflicting(self, merchant: Merchant, account_id: UUID, notice: Notice, why: str) -> Told:
        """What to say of a notice that is not heard, since another of its name says something else."""
        place = await self._payments.place(merchant, account_id, notice)
        payment_id = None if place is None else place.payment_id
        return _told(notice, Result.CONFLICT, payment_id=payment_id, why=why)

    async def _heard(
        self, merchant: Merchant, account_id: UUID, notice: Notice, now: datetime
    ) -> Told | datetime:
        """What came of a notice, or when to hear it again."""
        if isinstance(notice.meaning, DisputeNews):
            return await self._disputed(merchant, account_id, notice, now)
        if isinstance(notice.meaning, CredentialNews):
            happened = await self._cards.hear(merchant, account_id, notice, now=now)
            result = Result.UNUSED if happened is None else Result.APPLIED if happened else Result.KNOWN
            return _told(notice, result, happened=tuple(happened or ()))
        if notice.meaning is None:
            return _told(notice, Result.UNUSED)  # nothing is done with it; it is kept, and can be replayed
        heard = await self._payments.hear(merchant, account_id, notice)
        match heard:
            case Known(payment_id):
                return _told(notice, Result.KNOWN, payment_id=payment_id)
            case Applied(payment_id, happened):
                return _told(notice, Result.APPLIED, payment_id=payment_id, happened=happened)
            case Foreign(why):
                return _told(notice, Result.FOREIGN, why=why)
            case NotYet():
                return heard.again_at
            case Contradiction():
                return _against(notice, heard)
            case _:
                assert_never(heard)

    async def _disputed(self, merchant: Merchant, account_id: UUID, notice: Notice, now: datetime) -> Told:
        """What came of a notice of a dispute; it may be of a payment that was made elsewhere."""
        place = await self._payments.place(merchant, account_id, notice)
        heard = await self._disputes.hear(merchant, account_id, notice, place=place, now=now)
        match heard:
            case disputed.Known(payment_id):
                return _told(notice, Result.KNOWN, payment_id=payment_id)
            case disputed.Applied(payment_id, happened):
                return _told(notice, Result.APPLIED, payment_id=payment_id, happened=happened)
            case disputed.Contradiction():
                return _against(notice, heard)
            case _:
                assert_never(heard)

    async def _failed(
        self, merchant: Merchant, row: Inbound, now: datetime, *, error: Exception
    ) -> datetime | None:
        """Read it again, ever later; in the end a person must look."""
        _log.exception("inbox.reading_failed", inbound=render(Kind.INBOUND, row.id), tries=row.tries + 1)
        return await self._again(merchant, row, now, why=type(error).__name__)

    async def _again(self, merchant: Merchant, row: Inbound, now: datetime, *, why: str) -> datetime | None:
        tries = await store.count_failure(self._database, merchant_id=merchant.id, inbound_id=row.id)
        if tries < FAILURES_MAX:
            return now + wait_after(tries)
        told = [_nameless(row, f"it could not be read, last because of: {why}", result=Result.FAILED)]
        await self._write_down(merchant, row, told, result=Result.FAILED, now=now)
        return None

    async def _conclude(
        self,
        merchant: Merchant,
        opened: _Opened,
        told: Sequence[Told],
        *,
        now: datetime,
        result: Result | None = None,
    ) -> None:
        result = result or result_of(told)
        await self._write_down(merchant, opened.row, told, result=result, now=now)
        self._arrivals.read(opened.connector.name, result)

    async def _write_down(
        self, merchant: Merchant, row: Inbound, told: Sequence[Told], *, result: Result, now: datetime
    ) -> None:
        async def work(connection: Connection) -> None:
            there = await store.conclude(
                connection, merchant_id=merchant.id, inbound_id=row.id, result=result, told=told, at=now
            )
            if there and any(one.result in TO_A_PERSON and one not in row.told for one in told):
                await due.put(connection, merchant_id=merchant.id, kind=NEWS, object_id=row.id, due_at=now)

        await self._database.retrying(work)


def _without_times(notices: Sequence[Notice]) -> tuple[Notice, ...]:
    """What notices say; when they say it happened may be told anew with each delivery."""
    return tuple(replace(one, occurred_at=None) for one in notices)


def _told(
    notice: Notice,
    result: Result,
    *,
    payment_id: UUID | None = None,
    happened: tuple[str, ...] = (),
    why: str | None = None,
) -> Told:
    return Told(
        event_id=fitting(notice.event_id),
        about=notice.about.value,
        result=result,
        reference=notice.reference,
        occurred_at=notice.occurred_at,
        payment_id=payment_id,
        happened=happened,
        why=None if why is None else shortened(why),
    )


def _against(notice: Notice, heard: Contradiction | disputed.Contradiction) -> Told:
    return Told(
        event_id=fitting(notice.event_id),
        about=notice.about.value,
        result=Result.CONTRADICTION,
        reference=notice.reference,
        occurred_at=notice.occurred_at,
        payment_id=heard.payment_id,
        object_name=heard.about,
        held=heard.known,
        said=heard.told,
        why=shortened(heard.remedy),
    )


def _nameless(row: Inbound, why: str, *, result: Result = Result.CONFLICT) -> Told:
    """Of a delivery as a whole."""
    return Told(event_id=row.delivery_id, about="other", result=result, why=shortened(why))
