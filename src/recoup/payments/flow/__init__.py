"""Payments: the one door for whoever wants money moved, whether the API, the worker or a later subject."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.connectors.base import Notice
from recoup.kit.ids import Kind, render
from recoup.kit.refusals import Refusal, conflict, invalid, not_found
from recoup.merchants.core import Merchant
from recoup.payments import store
from recoup.payments.core import (
    NewPayment,
    Operation,
    OperationKind,
    OperationState,
    Payment,
    Reason,
    Snapshot,
    Status,
    steps,
)
from recoup.payments.core.answers import AT_WORK
from recoup.payments.core.by_hand import Resolution
from recoup.payments.core.facts import PaidWith, PaymentFacts
from recoup.payments.core.operations import NewOperation
from recoup.payments.core.step import Step
from recoup.payments.flow.charging import Charging
from recoup.payments.flow.completing import Completing
from recoup.payments.flow.facts_reading import FactsReader
from recoup.payments.flow.heard import Heard, Place
from recoup.payments.flow.hearing import Hearing
from recoup.payments.flow.operating import Operating
from recoup.payments.flow.rereading import Rereading
from recoup.payments.flow.resolving import Resolving
from recoup.payments.flow.reviewing import Reviewing
from recoup.payments.flow.settling import Settling
from recoup.payments.flow.tools import Means, Taken, Tools
from recoup.payments.store import hearing as evidence
from recoup.payments.store.hearing import Word
from recoup.payments.writes import Along, Answer, Claim

__all__ = ["Means", "Payments", "Taken", "Tools"]

_HOUR: Final = timedelta(hours=1)
_AWAITS_CUSTOMER: Final = (
    "This payment awaits its customer, with the payment method it has: confirm it without one after they acted, "
    "or cancel it and create a new payment for another method."
)


class Payments:
    """Everything that can be done with payments."""

    def __init__(
        self,
        tools: Tools,
        *,
        alone_since: datetime | None = None,
        reread_after: Sequence[timedelta] = (_HOUR,),
    ) -> None:
        """`reread_after`: how long after its end a payment is read again."""
        self._tools = tools
        self._charging = Charging(tools)
        self._completing = Completing(tools)
        self._operating = Operating(tools)
        self._settling = Settling(tools, alone_since=alone_since)
        self._reviewing = Reviewing(tools)
        self._hearing = Hearing(tools, self._settling, self._reviewing)
        self._resolving = Resolving(tools, self._reviewing)
        self._facts = FactsReader(tools)
        self.rereading = Rereading(tools, self._settling, self._reviewing, spans=reread_after)

    async def create(
        self, merchant: Merchant, new: NewPayment, means: Means | None, *, claim: Claim | None, now: datetime
    ) -> Snapshot:
        """Open a payment and charge it where its means are given. Raises `Taken` for a used idempotency key."""
        return await self._charging.create(merchant, new, means, claim=claim, now=now)

    async def stored_means(self, merchant: Merchant, payment_method_id: UUID) -> tuple[Means, UUID | None]:
        """A stored payment method, opened for one call, and the customer it belongs to."""
        return await self._tools.wallet.means(merchant, payment_method_id)

    async def get(self, merchant: Merchant, payment_id: UUID) -> Snapshot:
        """One payment; refuses with 404."""
        return await self._tools.load(merchant, payment_id)

    async def page(
        self,
        merchant: Merchant,
        *,
        customer_id: UUID | None,
        starting_after: UUID | None,
        ending_before: UUID | None,
        limit: int,
    ) -> Sequence[Snapshot]:
        """Payments newest first, each whole: it reads the same in a list."""
        found = await store.page(
            self._tools.database,
            merchant_id=merchant.id,
            customer_id=customer_id,
            starting_after=starting_after,
            ending_before=ending_before,
            limit=limit,
        )
        database, ids = self._tools.database, [payment.id for payment in found]
        attempts = await store.attempts_of(database, merchant_id=merchant.id, payment_ids=ids)
        changes = await store.operations_of(database, merchant_id=merchant.id, payment_ids=ids)
        return [Snapshot(one, attempts.get(one.id, ()), changes.get(one.id, ())) for one in found]

    async def confirm(
        self,
        merchant: Merchant,
        payment_id: UUID,
        means: Means | None,
        *,
        returned: Mapping[str, str] | None = None,
        claim: Claim | None,
        now: datetime,
    ) -> Snapshot:
        """Go on after the customer acted, or charge with a payment method. Raises `Taken`.

        `returned` is what the customer brought back to the shop. With it, even empty, or where they came back to our
        own page, the processor goes on with the attempt; else it is only asked.
        """
        snapshot = await self._tools.load(merchant, payment_id)
        awaited = snapshot.payment.status is Status.REQUIRES_ACTION
        if awaited and returned is None:
            returned = _brought_back(snapshot)
        if returned is not None and (not awaited or means is None):
            return await self._completing.complete(merchant, snapshot, returned, claim=claim, now=now)
        if awaited:
            if means is not None and means.payment_method_id != snapshot.payment.payment_method_id:
                raise conflict("payment_unexpected_state", _AWAITS_CUSTOMER, param="payment_method")
            if returned is not None:
                return await self._completing.complete(merchant, snapshot, returned, claim=claim, now=now)
            return await self._look(merchant, snapshot, claim)
        if means is None:
            means = await self._own_means(merchant, snapshot.payment)
        return await self._charging.confirm(merchant, snapshot, means, claim=claim, now=now)

    async def _own_means(self, merchant: Merchant, payment: Payment) -> Means:
        if payment.payment_method_id is None:
            raise invalid(
                "payment_method_missing",
                "This payment has no payment method yet: send `payment_method` or `payment_method_data`.",
                param="payment_method",
            )
        means, _ = await self._tools.wallet.means(merchant, payment.payment_method_id)
        return means

    async def capture(
        self, merchant: Merchant, payment_id: UUID, new: NewOperation, *, claim: Claim | None, now: datetime
    ) -> Snapshot:
        """Take held money, some or all. Raises `Taken`."""
        snapshot = await self._tools.load(merchant, payment_id)
        return await self._operating.operate(merchant, snapshot, new, claim=claim, now=now)

    async def cancel(
        self, merchant: Merchant, payment_id: UUID, *, operation_id: UUID, claim: Claim | None, now: datetime
    ) -> Snapshot:
        """Let go of held money, or end a payment that holds none. Raises `Taken`."""
        snapshot = await self._tools.load(merchant, payment_id)
        if snapshot.payment.status in (Status.AUTHORIZED, Status.PARTIALLY_CAPTURED):
            new = NewOperation(operation_id, OperationKind.CANCEL)
            return await self._operating.operate(merchant, snapshot, new, claim=claim, now=now)
        return await self._operating.abandon(merchant, snapshot, claim=claim, now=now)

    async def refund(
        self, merchant: Merchant, payment_id: UUID, new: NewOperation, *, claim: Claim | None, now: datetime
    ) -> Operation:
        """Give money back, some or all. Raises `Taken`."""
        snapshot = await self._tools.load(merchant, payment_id)
        done = await self._operating.operate(merchant, snapshot, new, claim=claim, now=now)
        refund = done.operation(new.id)
        assert refund is not None, "the refund was just written"
        return refund

    async def read_refund(self, merchant: Merchant, refund_id: UUID) -> Operation:
        """One refund; refuses with 404."""
        refund = await store.refund(self._tools.database, merchant_id=merchant.id, refund_id=refund_id)
        if refund is None:
            raise not_found("refund", render(Kind.REFUND, refund_id))
        return refund

    async def refunds(
        self,
        merchant: Merchant,
        *,
        payment_id: UUID | None,
        starting_after: UUID | None,
        ending_before: UUID | None,
        limit: int,
    ) -> Sequence[Operation]:
        """Refunds newest first."""
        return await store.refunds(
            self._tools.database,
            merchant_id=merchant.id,
            payment_id=payment_id,
            starting_after=starting_after,
            ending_before=ending_before,
            limit=limit,
        )

    async def sync(self, merchant: Merchant, payment_id: UUID, *, claim: Claim | None) -> Snapshot:
        """Ask the processor now about whatever is open, and about what has ended too. Raises `Taken`."""
        snapshot = await self._tools.load(merchant, payment_id)
        return await self._look(merchant, snapshot, claim, again=self._reviewing.all)

    async def sync_refund(self, merchant: Merchant, refund_id: UUID, *, claim: Claim | None) -> Operation:
        """Ask the processor now about a refund, whether it has ended or not. Raises `Taken`."""
        refund = await self.read_refund(merchant, refund_id)
        snapshot = await self._tools.load(merchant, refund.payment_id)

        async def again(merchant: Merchant, fresh: Snapshot) -> object:
            known = fresh.operation(refund_id)
            assert known is not None, "operations are never deleted"
            if known.state in steps.OPEN_OPERATIONS:
                return None
            return await self._reviewing.operation(merchant, fresh, known, told=None)

        seen = await self._look(merchant, snapshot, claim, again=again, refund_id=refund_id)
        found = seen.operation(refund_id)
        assert found is not None, "operations are never deleted"
        return found

    async def contradictions(
        self, merchant: Merchant, *, since: datetime, limit: int
    ) -> Sequence[tuple[Word, str]]:
        """What was heard since then against what is closed, oldest first, each with what to do about it."""
        return await evidence.contradictions(
            self._tools.database, merchant_id=merchant.id, since=since, limit=limit
        )

    async def found_by_asking(self, merchant: Merchant, payment_id: UUID) -> Sequence[Word]:
        """What answers to our own questions say of a payment against what is closed."""
        return await evidence.found_by_asking(
            self._tools.database, merchant_id=merchant.id, payment_id=payment_id
        )

    async def confirmed(self, merchant: Merchant, payment_ids: Sequence[UUID]) -> Mapping[UUID, datetime]:
        """When a second source last said of these payments what we hold; those that are left out it never did."""
        return await evidence.confirmed(
            self._tools.database, merchant_id=merchant.id, payment_ids=payment_ids
        )

    async def resolve(
        self,
        merchant: Merchant,
        payment_id: UUID,
        resolution: Resolution,
        *,
        claim: Claim | None,
        now: datetime,
    ) -> Snapshot:
        """A person's word on an attempt that nobody else can tell of. Raises `Taken`."""
        return await self._resolving.resolve(merchant, payment_id, resolution, claim=claim, now=now)

    async def _look(
        self,
        merchant: Merchant,
        snapshot: Snapshot,
        claim: Claim | None,
        *,
        again: Callable[[Merchant, Snapshot], Awaitable[object]] | None = None,
        refund_id: UUID | None = None,
    ) -> Snapshot:
        """Ask, unless the one who made the open attempt is still at work on it; `again` asks about what has ended."""
        now, tools = self._tools.now(merchant), self._tools
        if self._settling.under_way_until(snapshot, now) is not None:
            raise conflict(
                "payment_under_way",
                "This payment is being processed right now; ask again soon.",
                retry_after_s=1,
            )
        if claim is not None and not await tools.take_claim(merchant.id, claim):
            raise Taken
        try:
            seen = await self._settling.ask(merchant, snapshot)
            if again is not None:
                await again(merchant, seen)
                seen = await tools.load(merchant, seen.payment.id)
        except Refusal:
            if claim is not None:
                await tools.release_claim(merchant.id, claim)
            raise
        if claim is not None:
            refund = None if refund_id is None else seen.operation(refund_id)
            if refund is None:
                body = tools.render.payment(seen, livemode=merchant.livemode)
            else:
                body = tools.render.refund(refund, livemode=merchant.livemode)
            await tools.keep_answer(merchant, Answer(claim.key, 200, body))
        return seen

    async def find(self, merchant: Merchant, payment_id: UUID) -> Snapshot | None:
        """One payment, or None."""
        return await self._facts.snapshot(merchant, payment_id)

    async def find_refund(self, merchant: Merchant, refund_id: UUID) -> Operation | None:
        """One refund, or None."""
        return await store.refund(self._tools.database, merchant_id=merchant.id, refund_id=refund_id)

    @staticmethod
    def under_way(snapshot: Snapshot) -> bool:
        """Whether something of this payment was started whose end has not been written yet."""
        attempt = snapshot.open_attempt
        at_work = attempt is not None and attempt.state in AT_WORK
        return at_work or any(one.state is OperationState.STARTED for one in snapshot.operations)

    async def decision(self, merchant: Merchant, decision_id: UUID) -> store.StoredDecision:
        """A stored choice; refuses with 404."""
        found = await store.decision(self._tools.database, merchant_id=merchant.id, decision_id=decision_id)
        if found is None:
            raise not_found("decision", render(Kind.DECISION, decision_id))
        return found

    async def settle(self, merchant: Merchant, payment_id: UUID, now: datetime) -> datetime | None:
        """The worker's handler of `payment.settle`."""
        return await self._settling.settle(merchant, payment_id, now)

    async def retry(
        self,
        merchant: Merchant,
        payment_id: UUID,
        *,
        reason: Reason,
        accounts: Sequence[UUID] | None,
        now: datetime,
        seen: Snapshot | None = None,
    ) -> Status:
        """One more try on behalf of a later subject; refuses where the payment's state forbids it.

        What follows from its answer for later subjects they have heard when this returns, or hear soon. `seen`: the
        payment as the caller has just read or written it.
        """
        snapshot = seen or await self._tools.load(merchant, payment_id)
        means = await self._own_means(merchant, snapshot.payment)
        tried = await self._charging.retry(
            merchant, snapshot, means, reason=reason, accounts=accounts, now=now
        )
        return tried.payment.status

    async def attach_recovery(self, merchant: Merchant, payment_id: UUID, recovery_id: UUID) -> None:
        """Name the recovery that was opened for a payment."""

        now = self._tools.now(merchant)

        def plan(fresh: Snapshot) -> Step | None:
            if fresh.payment.recovery_id == recovery_id:
                return None
            return steps.recovery_attached(fresh, recovery_id, now=now)

        snapshot = await self._tools.load(merchant, payment_id)
        await self._tools.commit(merchant, plan, snapshot, Along())

    async def facts(self, merchant: Merchant, payment_id: UUID) -> PaymentFacts | None:
        """What later subjects decide by; None where there is no such payment."""
        return await self._facts.read(merchant, payment_id)

    async def paid_with(self, merchant: Merchant, payment_id: UUID, attempt_id: UUID) -> PaidWith | None:
        """With what an attempt was made; None where there is no such attempt."""
        return await self._facts.paid_with(merchant, payment_id, attempt_id)

    async def tried_with(
        self, merchant: Merchant, payment_method_id: UUID, fingerprints: Sequence[bytes], *, since: datetime
    ) -> Sequence[UUID]:
        """The payments that were tried since then with a payment method, whose card was recognised by these."""
        return await self._facts.tried_with(merchant, payment_method_id, fingerprints, since=since)

    async def on_same_card(self, merchant: Merchant, payment_id: UUID, *, since: datetime) -> Sequence[UUID]:
        """The payments that were tried since then on the card of this one, those tried last first."""
        return await self._facts.on_same_card(merchant, payment_id, since=since)

    async def place(self, merchant: Merchant, account_id: UUID, notice: Notice) -> Place | None:
        """Whose a processor's notice is, disputes included; None where it is nothing of ours."""
        return await self._hearing.place(merchant, account_id, notice)

    async def hear(self, merchant: Merchant, account_id: UUID, notice: Notice) -> Heard:
        """Take in what a processor account told unasked; the same notice may come again, at any time."""
        return await self._hearing.hear(merchant, account_id, notice)


def _brought_back(snapshot: Snapshot) -> Mapping[str, str] | None:
    attempt = snapshot.open_attempt
    return None if attempt is None else attempt.brought_back
