"""The order of events when a processor tells of a dispute: keep the news, see what all of them come to, write that.

Every piece of news is kept once, and a dispute is what all of them come to, so it is the same whatever order they came
in, and however often.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from recoup.connectors.base import DisputeNews, Notice, Subject
from recoup.connectors.base import DisputeState as News
from recoup.db import Connection, Database
from recoup.disputes import store
from recoup.disputes.core.concluding import About, begun, concluded
from recoup.disputes.core.folding import Folded, folded, tells
from recoup.disputes.core.machine import Status
from recoup.disputes.core.records import Card, Dispute, Tidings
from recoup.disputes.core.walking import placed_at
from recoup.disputes.flow.heard import CONTRADICTED, Applied, Contradiction, Heard, Known
from recoup.disputes.flow.writing import Writer, held, put_or_drop, there
from recoup.disputes.store import news as told
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.payments.core.facts import PaidWith
from recoup.payments.flow.heard import Place

REFERENCE_LENGTH_MAX: Final = 300
_ENDS: Final = {News.WON: Status.WON, News.LOST: Status.LOST, News.ACCEPTED: Status.ACCEPTED}
_REMEDY: Final = (
    "Look the dispute up at the processor. The newer of its two words counts here, and in the ledger; where that is "
    "wrong, the processor must say so again."
)


class Payments(Protocol):
    """What disputes ask of payments."""

    async def place(self, merchant: Merchant, account_id: UUID, notice: Notice) -> Place | None:
        """What a notice is about, of what was asked of that account."""
        ...

    async def paid_with(self, merchant: Merchant, payment_id: UUID, attempt_id: UUID) -> PaidWith | None:
        """With what an attempt was made."""
        ...


class Hearing:
    """Hears news of disputes."""

    def __init__(
        self,
        database: Database,
        *,
        payments: Payments,
        accounts_of: Callable[[UUID], Awaitable[Sequence[ProcessorAccount]]],
        writer: Writer,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._payments = payments
        self._accounts_of = accounts_of
        self._writer = writer
        self._new_id = new_id

    async def hear(
        self,
        merchant: Merchant,
        account_id: UUID,
        notice: Notice,
        *,
        place: Place | None,
        now: datetime,
        asked: bool = False,
    ) -> Heard:
        """Hear one notice of a processor account. May be called again with the same.

        What was `asked` for says how a dispute stands, and is kept where that is not known.
        """
        said = notice.meaning
        assert isinstance(said, DisputeNews), "only news of disputes come here"
        account_id, place = await self._where(merchant, account_id, notice, place, said.reference)
        about = await self._about(merchant, notice, place)
        new = begun(merchant.id, self._new_id(), account_id, _name(said.reference), now=now)
        tidings = _tidings(said, notice)

        async def work(connection: Connection) -> Heard:
            await store.begin(connection, new)
            before = await store.lock_named(
                connection, merchant_id=merchant.id, account_id=account_id, reference=new.reference
            )
            known = await told.of(connection, merchant_id=merchant.id, dispute_id=before.id) if asked else ()
            kept = tidings if not asked or tells(known, tidings) else None
            if kept is not None:
                await told.add(connection, kept, merchant_id=merchant.id, dispute_id=before.id, now=now)
            heard = await self._told(connection, merchant, before, about, tidings=kept, now=now)
            if asked and isinstance(heard, Contradiction):
                await put_or_drop(connection, merchant.id, CONTRADICTED, before.id, now)
            return heard

        return await self._database.retrying(work)

    async def place_again(self, merchant: Merchant, dispute_id: UUID, now: datetime) -> datetime | None:
        """Look for the payment of a dispute that was heard of before its charge was known; when to look again."""
        dispute = await store.read(self._database, merchant_id=merchant.id, dispute_id=dispute_id)
        again = None if dispute is None else placed_at(dispute, now)
        if dispute is None or again is None:
            return None
        notice = Notice(
            event_id=dispute.reference,
            about=Subject.DISPUTE,
            meaning=None,
            reference=dispute.reference,
            charge_reference=dispute.charge_reference,
        )
        place = await self._payments.place(merchant, dispute.processor_account_id, notice)
        if place is None:
            return again
        about = await self._about(merchant, notice, place)

        async def work(connection: Connection) -> None:
            before = await held(connection, merchant, dispute_id)
            await self._told(connection, merchant, before, about, tidings=None, now=now)

        await self._database.retrying(work)
        return None

    async def contradiction(self, merchant: Merchant, dispute_id: UUID) -> Contradiction | None:
        """The last two ends of a dispute that cannot both be true, where it was told such."""
        dispute = there(
            await store.read(self._database, merchant_id=merchant.id, dispute_id=dispute_id), dispute_id
        )
        seen = folded(await told.of(self._database, merchant_id=merchant.id, dispute_id=dispute_id))
        other = _other_end(seen)
        return None if other is None else _contradiction(dispute, other)

    async def _where(
        self, merchant: Merchant, account_id: UUID, notice: Notice, place: Place | None, reference: str
    ) -> tuple[UUID, Place | None]:
        """Of which account a dispute is: where two lead to one login at the processor, either tells of the other's."""
        if place is not None:
            return account_id, place
        accounts = await self._accounts_of(merchant.id)
        connector = next((one.connector for one in accounts if one.id == account_id), None)
        others = [one.id for one in accounts if one.connector == connector and one.id != account_id]
        for other in others if notice.charge_reference else ():
            found = await self._payments.place(merchant, other, notice)
            if found is not None:
                return other, found
        holder = await store.paid_at(
            self._database, merchant_id=merchant.id, account_ids=others, reference=_name(reference)
        )
        return holder or account_id, None

    async def _told(
        self,
        connection: Connection,
        merchant: Merchant,
        before: Dispute,
        about: About,
        *,
        tidings: Tidings | None,
        now: datetime,
    ) -> Heard:
        """What all its news come to; `tidings` is the one that is new."""
        news = await told.of(connection, merchant_id=merchant.id, dispute_id=before.id)
        after, seen = concluded(before, news, about, now=now, reminders=self._writer.reminders)
        after, happened = await self._writer.write(connection, merchant, before, after, now=now)
        other = None if tidings is None or not _tells_an_end_of(tidings, seen) else _other_end(seen)
        if other is not None:
            return _contradiction(after, other)
        return Applied(after.payment_id, happened) if happened else Known(after.payment_id)

    async def _about(self, merchant: Merchant, notice: Notice, place: Place | None) -> About:
        charge = None if notice.charge_reference is None else _name(notice.charge_reference)
        if place is None:
            return About(charge_reference=charge)
        paid = await self._payments.paid_with(merchant, place.payment_id, place.attempt_id)
        card = Card() if paid is None else Card(paid.payment_method_id, paid.fingerprint, paid.brand)
        return About(place.payment_id, charge, card)


def _tells_an_end_of(tidings: Tidings, seen: Folded) -> bool:
    """Whether this piece of news told one of two ends that cannot both be true."""
    return seen.contradicts is not None and _ENDS.get(tidings.state) in seen.contradicts


def _other_end(seen: Folded) -> Status | None:
    """The end that cannot be true beside the one that counts."""
    if seen.contradicts is None:
        return None
    older, newer = seen.contradicts
    return older if seen.status is newer else newer


def _contradiction(dispute: Dispute, other: Status) -> Contradiction:
    shown = render(Kind.DISPUTE, dispute.id)
    return Contradiction(dispute.payment_id, shown, dispute.status, other, _REMEDY)


def _tidings(said: DisputeNews, notice: Notice) -> Tidings:
    return Tidings(
        said.state,
        occurred_at=notice.occurred_at,
        amount=_positive(said.amount or notice.amount),
        fee=_positive(said.fee),
        reason=None if said.reason is None else _name(said.reason),
        network=None if said.network is None else _name(said.network).lower(),
        evidence_due=said.evidence_due,
        withdrawn=said.withdrawn,
        alert=said.alert,
        program=None if said.program is None else _name(said.program).lower(),
    )


def _positive(money: Money | None) -> Money | None:
    """An amount without its sign: some processors tell what is taken as a negative number."""
    return None if money is None else Money(abs(money.minor), money.currency)


def _name(text: str) -> str:
    """A name that a row can hold."""
    return text.replace("\x00", "").strip()[:REFERENCE_LENGTH_MAX] or "unnamed"
