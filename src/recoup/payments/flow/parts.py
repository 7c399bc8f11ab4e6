"""The order of events when a part of a refused payment is charged by itself.

One transaction opens the part, untried, and keeps the whole from being charged meanwhile. Then the part is tried like
every payment. One more transaction takes what it brought off the whole, or lets go of the part and leaves the debt as
it was. A due row looks after what a crash leaves between them: a part that nobody tried is let go of, and one whose
outcome is unknown keeps the whole waiting until evidence answers, as every unknown outcome does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from recoup.db import Connection, due
from recoup.kit.refusals import Refusal
from recoup.merchants.core import Merchant
from recoup.payments import store
from recoup.payments.core import Reason, Snapshot, Status, parts, steps
from recoup.payments.core.step import Step
from recoup.payments.flow.operating import Operating
from recoup.payments.flow.owing import Owing
from recoup.payments.flow.tools import Tools
from recoup.payments.store import parts as left
from recoup.payments.writes import Along, Written

SETTLE: Final = "payment.part"
"""The kind of due row that says: look at what became of this part."""
LOOK_AGAIN: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Portion:
    """How much of a payment is to be charged by itself, as which payment, for which recovery, where."""

    id: UUID
    amount: int
    recovery_id: UUID
    accounts: Sequence[UUID] | None


class Retry(Protocol):
    """Makes one more try of a payment; refuses where its state forbids it."""

    async def __call__(
        self,
        merchant: Merchant,
        payment_id: UUID,
        *,
        reason: Reason,
        accounts: Sequence[UUID] | None,
        now: datetime,
    ) -> Status:
        """Where the payment stands then."""
        ...


class Parts:
    """Charges parts of payments, each tried by `retry`."""

    def __init__(self, tools: Tools, *, retry: Retry) -> None:
        self._tools = tools
        self._retry = retry
        self._owing = Owing(tools)
        self._operating = Operating(tools)

    async def charge(self, merchant: Merchant, payment_id: UUID, portion: Portion, *, now: datetime) -> None:
        """Try a part once; what it came to is taken off the payment when this returns, or soon. Refuses where the
        payment may not be charged now, and where the part cannot be tried: then the debt is as it was."""
        await self._begin(merchant, payment_id, portion, now=now)
        try:
            await self._retry(
                merchant, portion.id, reason=Reason.RECOVERY, accounts=portion.accounts, now=now
            )
        finally:
            await self.settle(merchant, portion.id, now)

    async def settle(self, merchant: Merchant, part_id: UUID, now: datetime) -> datetime | None:
        """The handler of `payment.part`: take in what a part came to; when to look again, where that is open."""
        part = await self._tools.load(merchant, part_id)
        whole_id = part.payment.part_of
        if whole_id is None:
            return None
        if part.payment.status is Status.REQUIRES_ACTION:
            await self._given_up(merchant, part, now=now)

        async def work(connection: Connection) -> bool:
            return await self._settled(connection, merchant, part_id, whole_id=whole_id, now=now)

        return None if await self._tools.database.retrying(work) else now + LOOK_AGAIN

    async def _begin(self, merchant: Merchant, payment_id: UUID, portion: Portion, *, now: datetime) -> None:
        async def work(connection: Connection) -> None:
            await store.hold(connection, [payment_id], merchant_id=merchant.id)
            whole = await self._read(connection, merchant, payment_id)
            if whole.payment.part_id == portion.id:  # this very transaction, whose end was not heard of
                return
            begun = parts.begun(whole, portion.id, amount=portion.amount, now=now)
            new = parts.opening_of(whole.payment, portion.id, amount=portion.amount)
            opening = self._owing.opening(
                new,
                payment_method_id=whole.payment.payment_method_id,
                recovery_id=portion.recovery_id,
                now=now,
            )
            await self._write(connection, merchant, begun)
            await self._owing.open(connection, merchant, opening, None)
            look_at = now + self._tools.patience
            await due.put(
                connection, merchant_id=merchant.id, kind=SETTLE, object_id=portion.id, due_at=look_at
            )

        await self._tools.database.retrying(work)

    async def _settled(
        self, connection: Connection, merchant: Merchant, part_id: UUID, *, whole_id: UUID, now: datetime
    ) -> bool:
        """Take in what a part came to; False while that is open."""
        await store.hold(connection, [whole_id, part_id], merchant_id=merchant.id)
        whole = await self._read(connection, merchant, whole_id)
        part = await self._read(connection, merchant, part_id)
        if not parts.is_awaited(whole.payment, part.payment):
            return True
        if parts.is_refused(part.payment):
            gone = steps.abandoned(part, now=now)
            written = await self._tools.writer.write_within(connection, merchant, [gone], Along())
            assert written is Written.YES, "a held payment does not move on"
            part = gone.after
        settled = parts.settled(whole, part.payment, now=now)
        if settled is not None:
            await self._write(connection, merchant, settled)
        return settled is not None

    async def _write(self, connection: Connection, merchant: Merchant, step: Step) -> None:
        """Write a step of a held payment, with what is only written of those that have a part."""
        written = await self._tools.writer.write_within(connection, merchant, [step], Along())
        assert written is Written.YES, "a held payment does not move on"
        await left.keep(connection, step.payment)

    async def _read(self, connection: Connection, merchant: Merchant, payment_id: UUID) -> Snapshot:
        found = await store.snapshots(connection, [payment_id], merchant_id=merchant.id)
        return found[payment_id]

    async def _given_up(self, merchant: Merchant, part: Snapshot, *, now: datetime) -> None:
        """Nobody is there whom their bank could ask: the part is let go of, where its processor lets go of it."""
        try:
            await self._operating.abandon(merchant, part, claim=None, now=now)
        except Refusal:
            return
