"""Disputes: the one door for whoever hears of them, answers them, or asks whether a card may be tried."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from recoup.connectors.base import DisputeVerb, Notice
from recoup.db import Connection, Database
from recoup.db.together import Together
from recoup.disputes import store
from recoup.disputes.core.records import EVERY, Dispute, Which
from recoup.disputes.flow.answering import Along, Answering
from recoup.disputes.flow.asking import Asking
from recoup.disputes.flow.gathering import Gathering
from recoup.disputes.flow.gathering import More as More
from recoup.disputes.flow.heard import Contradiction, Heard
from recoup.disputes.flow.hearing import Hearing
from recoup.disputes.flow.lifting import Lifting
from recoup.disputes.flow.reminding import Reminding
from recoup.disputes.flow.writing import there
from recoup.disputes.store import AskedCard
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.payments.flow.heard import Place


class Disputes:
    """Everything that can be done with disputes."""

    def __init__(
        self,
        database: Database,
        *,
        hearing: Hearing,
        answering: Answering,
        gathering: Gathering,
        reminding: Reminding,
        lifting: Lifting,
        asking: Asking,
    ) -> None:
        self._database = database
        self._hearing = hearing
        self._answering = answering
        self._gathering = gathering
        self._reminding = reminding
        self._lifting = lifting
        self._stopping: Together[AskedCard, Dispute] = Together(
            lambda merchant_id, asked: store.stopping(database, asked, merchant_id=merchant_id),
            name="disputes of cards",
        )
        self._asking = asking

    async def get(self, merchant: Merchant, dispute_id: UUID) -> Dispute:
        """One dispute; refuses with 404."""
        return there(await self.find(merchant, dispute_id), dispute_id)

    async def find(self, merchant: Merchant, dispute_id: UUID) -> Dispute | None:
        """One dispute, or None."""
        return await store.read(self._database, merchant_id=merchant.id, dispute_id=dispute_id)

    async def page(
        self,
        merchant: Merchant,
        which: Which = EVERY,
        *,
        after: UUID | None = None,
        before: UUID | None = None,
        limit: int,
    ) -> Sequence[Dispute]:
        """Disputes newest first; with `before` oldest first."""
        return await store.page(
            self._database, which, merchant_id=merchant.id, after=after, before=before, limit=limit
        )

    async def hear(
        self, merchant: Merchant, account_id: UUID, notice: Notice, *, place: Place | None, now: datetime
    ) -> Heard:
        """Take in what a processor account told of a dispute; the same notice may come again, at any time."""
        return await self._hearing.hear(merchant, account_id, notice, place=place, now=now)

    async def contradiction(self, merchant: Merchant, dispute_id: UUID) -> Contradiction | None:
        """Two ends that were told of a dispute and cannot both be true."""
        return await self._hearing.contradiction(merchant, dispute_id)

    async def add_evidence(
        self, connection: Connection, merchant: Merchant, dispute_id: UUID, more: More, *, now: datetime
    ) -> Dispute:
        """Keep more evidence, in the caller's transaction."""
        return await self._gathering.add(connection, merchant, dispute_id, more, now=now)

    async def lift_stop(
        self, connection: Connection, merchant: Merchant, dispute_id: UUID, *, why: str, now: datetime
    ) -> Dispute:
        """Let the card of a dispute that has ended be tried again, in the caller's transaction."""
        return await self._lifting.lift(connection, merchant, dispute_id, why=why, now=now)

    async def answer(
        self, merchant: Merchant, dispute_id: UUID, verb: DisputeVerb, *, along: Along | None = None
    ) -> Dispute:
        """Hand the evidence in, or give the money up. `along` is written in the first transaction."""
        return await self._answering.answer(merchant, dispute_id, verb, along=along)

    async def sync(self, merchant: Merchant, dispute_id: UUID) -> Dispute:
        """Ask the processor how a dispute stands, now."""
        return await self._asking.sync(merchant, dispute_id)

    async def follow_up(self, merchant: Merchant, dispute_id: UUID, now: datetime) -> datetime | None:
        """The worker's handler of `dispute.answer`."""
        return await self._answering.follow_up(merchant, dispute_id, now)

    async def place_again(self, merchant: Merchant, dispute_id: UUID, now: datetime) -> datetime | None:
        """The worker's handler of `dispute.place`."""
        return await self._hearing.place_again(merchant, dispute_id, now)

    async def remind(self, merchant: Merchant, dispute_id: UUID, now: datetime) -> datetime | None:
        """The worker's handler of `dispute.evidence_due`."""
        return await self._reminding.remind(merchant, dispute_id, now)

    async def stops(
        self, merchant: Merchant, *, payment_method_id: UUID | None, fingerprint: str | None
    ) -> str | None:
        """Why nothing may be tried on this card, or None where no dispute stands against it."""
        found = await self._stopping.get(merchant.id, AskedCard(payment_method_id, fingerprint))
        if found is None:
            return None
        shown = render(Kind.DISPUTE, found.id)
        return f"the card is in a dispute ({shown}: {found.status}, {found.category})"
