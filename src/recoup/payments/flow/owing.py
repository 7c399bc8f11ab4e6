"""Payments for debts that a later subject brings: opened untried, and let go of, within that subject's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec.structs import replace

from recoup.db import Connection
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.payments import store
from recoup.payments.core import NewPayment, Status, steps
from recoup.payments.core.facts import PaymentFacts
from recoup.payments.core.step import Step
from recoup.payments.flow.facts_reading import FactsReader
from recoup.payments.flow.tools import REPLANS_MAX, Means, Tools, busy
from recoup.payments.writes import Along, Written


class Owing:
    """A payment that waits for its first try, whoever makes it."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._facts = FactsReader(tools)

    def opening(
        self, new: NewPayment, *, payment_method_id: UUID | None, recovery_id: UUID, now: datetime
    ) -> Step:
        """A payment that nobody has tried, with what it is to be tried with and the recovery that will."""
        opening = steps.opened(new, payment_method_id=payment_method_id, now=now)
        payment = replace(opening.payment, recovery_id=recovery_id)
        return replace(opening, after=replace(opening.after, payment=payment))

    async def facts(self, merchant: Merchant, opening: Step, means: Means | None) -> PaymentFacts:
        """What later subjects decide by, of a payment that is not written, or never will be."""
        return await self._facts.of(merchant, opening.after, means)

    async def open(
        self, connection: Connection, merchant: Merchant, opening: Step, means: Means | None
    ) -> None:
        """Write it, with a payment method that is seen for the first time."""
        along = Along()
        if means is not None:
            along = Along(card=means.new_card, card_shown=means.new_card_shown, tokens=means.new_tokens)
        written = await self._tools.writer.write_within(connection, merchant, [opening], along)
        assert written is Written.YES, "the id of a new payment is nobody else's"

    async def open_all(self, connection: Connection, merchant: Merchant, openings: Sequence[Step]) -> None:
        """Write several, in one statement."""
        written = await self._tools.writer.write_within(connection, merchant, openings, Along())
        assert written is Written.YES, "the ids of new payments are nobody else's"

    async def let_go(
        self, connection: Connection, merchant: Merchant, payment_id: UUID, *, now: datetime
    ) -> bool:
        """Cancel a payment that holds no money, so that nothing charges it any more; whether it is canceled. It is read
        by the same connection: nobody waits for a second one while they hold one."""
        for _ in range(REPLANS_MAX):
            snapshot = await store.load(connection, merchant_id=merchant.id, payment_id=payment_id)
            assert snapshot is not None, "payments are never deleted"
            if snapshot.payment.status is Status.CANCELED:
                return True
            try:
                step = steps.abandoned(snapshot, now=now)
            except Refusal:
                return False
            if await self._tools.writer.write_within(connection, merchant, [step], Along()) is Written.YES:
                return True
        raise busy()

    async def hold(self, connection: Connection, merchant: Merchant, payment_ids: Sequence[UUID]) -> None:
        """Hold payments until the transaction ends. Whoever lets go of several does so first: the first that is let go
        of holds the merchant's events, for which whoever writes another payment waits while they hold that."""
        await store.hold(connection, payment_ids, merchant_id=merchant.id)
