"""The order of events when we capture, cancel or refund: commit what is asked, ask the processor, commit the answer."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from recoup.connectors.base import Change
from recoup.kit.ids import Kind, render
from recoup.kit.money import Money
from recoup.kit.refusals import conflict
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Approved, FollowUp, Unknown, Withdrawn
from recoup.payments.core import (
    Attempt,
    AttemptState,
    Operation,
    OperationKind,
    Snapshot,
    Status,
    operations,
    steps,
)
from recoup.payments.core.operations import NewOperation
from recoup.payments.core.steps import Step
from recoup.payments.flow.settling import question
from recoup.payments.flow.tools import Tools
from recoup.payments.writes import Along, Answer, Claim

_ID_KINDS = {
    OperationKind.CAPTURE: Kind.CAPTURE,
    OperationKind.CANCEL: Kind.CANCELLATION,
    OperationKind.REFUND: Kind.REFUND,
}


def operation_key(operation: Operation) -> str:
    """The key that an operation carries to its processor."""
    return render(_ID_KINDS[operation.kind], operation.id)


def approved_attempt(snapshot: Snapshot) -> Attempt:
    """The attempt that holds or took the money."""
    return next(one for one in snapshot.attempts if one.state is AttemptState.APPROVED)


class Operating:
    """Captures, cancels and refunds."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def operate(
        self, merchant: Merchant, snapshot: Snapshot, new: NewOperation, *, claim: Claim | None, now: datetime
    ) -> Snapshot:
        """Carry out an operation and give the payment as it then is. Raises `Taken`, or refuses what cannot be."""
        new = await self._with_what_the_processor_can(merchant, snapshot, new)
        begun, _ = await self._tools.commit(
            merchant,
            lambda fresh: operations.begun(fresh, new, now=now, patience=self._tools.patience),
            snapshot,
            Along(claim=claim),
        )
        answer = await self._ask(merchant, begun, new.id)
        return await self._concluded(merchant, begun, new.id, answer, claim)

    async def _with_what_the_processor_can(
        self, merchant: Merchant, snapshot: Snapshot, new: NewOperation
    ) -> NewOperation:
        """A processor that captures only once lets go of the rest with the first capture."""
        if new.kind is not OperationKind.CAPTURE or snapshot.payment.status is not Status.AUTHORIZED:
            return new
        attempt = approved_attempt(snapshot)
        _, connector, _ = await self._tools.account(merchant, attempt.processor_account_id)
        final = new.final or not connector.capabilities.multiple_captures
        return NewOperation(new.id, new.kind, new.amount, final, new.reason, new.metadata)

    async def _ask(self, merchant: Merchant, snapshot: Snapshot, operation_id: UUID) -> FollowUp:
        operation = snapshot.operation(operation_id)
        assert operation is not None, "an operation is committed before anything is sent"
        attempt = approved_attempt(snapshot)
        account, connector, seen = await self._tools.account(merchant, attempt.processor_account_id)
        change = Change(
            key=operation_key(operation),
            charge_key=render(Kind.ATTEMPT, attempt.id),
            charge_reference=attempt.reference or "",
            amount=Money(operation.amount, operation.currency),
        )
        gateway = self._tools.gateway
        match operation.kind:
            case OperationKind.CAPTURE:
                timed = await gateway.capture(connector, seen, change, account_id=account.id)
            case OperationKind.CANCEL:
                timed = await gateway.cancel(connector, seen, change, account_id=account.id)
            case OperationKind.REFUND:
                timed = await gateway.refund(connector, seen, change, account_id=account.id)
        return timed.outcome

    async def _concluded(
        self,
        merchant: Merchant,
        snapshot: Snapshot,
        operation_id: UUID,
        answer: FollowUp,
        claim: Claim | None,
    ) -> Snapshot:
        def plan(fresh: Snapshot) -> Step | None:
            operation = fresh.operation(operation_id)
            assert operation is not None, "operations are never deleted"
            if operation.finished_at is not None:
                return None
            return operations.concluded(fresh, operation_id, answer, now=self._tools.now(merchant))

        concluded, _ = await self._tools.commit(merchant, plan, snapshot, Along())
        if claim is not None:
            await self._tools.record_answer(
                merchant.id, self.answer(merchant, claim, concluded, operation_id)
            )
        return concluded

    def answer(self, merchant: Merchant, claim: Claim, snapshot: Snapshot, operation_id: UUID) -> Answer:
        """What the API answers to the operation, for its record."""
        operation = snapshot.operation(operation_id)
        assert operation is not None, "operations are never deleted"
        if operation.kind is OperationKind.REFUND:
            return Answer(claim.key, 201, self._tools.render.refund(operation, livemode=merchant.livemode))
        return Answer(claim.key, 200, self._tools.render.payment(snapshot, livemode=merchant.livemode))

    async def abandon(
        self, merchant: Merchant, snapshot: Snapshot, *, claim: Claim | None, now: datetime
    ) -> Snapshot:
        """Cancel a payment that holds no money; where the customer must still act, the processor forgets it first."""
        along = Along(claim=claim)
        if snapshot.payment.status is not Status.REQUIRES_ACTION:
            abandoned, _ = await self._tools.commit(
                merchant, lambda fresh: steps.abandoned(fresh, now=now), snapshot, along
            )
        else:
            abandoned = await self._withdraw(merchant, snapshot, along, now=now)
        if claim is not None:
            answer = Answer(claim.key, 200, self._tools.render.payment(abandoned, livemode=merchant.livemode))
            await self._tools.record_answer(merchant.id, answer)
        return abandoned

    async def _withdraw(
        self, merchant: Merchant, snapshot: Snapshot, along: Along, *, now: datetime
    ) -> Snapshot:
        attempt = snapshot.open_attempt
        assert attempt is not None, "a payment that requires action has an open attempt"
        account, connector, seen = await self._tools.account(merchant, attempt.processor_account_id)
        if not connector.capabilities.withdraw:
            raise conflict(
                "cannot_be_withdrawn",
                f"{connector.name} cannot take back a payment that awaits the customer.",
            )
        asked = question(attempt, now=now)
        proof = (await self._tools.gateway.withdraw(connector, seen, asked, account_id=account.id)).outcome
        if isinstance(proof, Unknown):
            raise conflict(
                "processor_unsure", f"The processor gave no clear answer ({proof.why}); try again."
            )

        def plan(fresh: Snapshot) -> Step | None:
            if isinstance(proof, Withdrawn):
                return steps.withdrawn_and_abandoned(fresh, attempt.id, proof, now=now)
            return steps.answered(fresh, attempt.id, proof, now=now, latency_ms=None)

        done, _ = await self._tools.commit(merchant, plan, snapshot, along)
        if isinstance(proof, Approved):
            raise conflict(
                "payment_unexpected_state",
                "The customer has completed this payment; refund or cancel it instead.",
            )
        return done
