"""The order of events when we capture, cancel or refund: commit what is asked, ask the processor, commit the answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.kit.refusals import conflict, invalid
from recoup.merchants.core import Merchant
from recoup.outcomes.core import FollowUp, Unknown, Withdrawn
from recoup.payments.core import (
    Attempt,
    Operation,
    OperationKind,
    OperationState,
    Snapshot,
    Status,
    operations,
    steps,
)
from recoup.payments.core.operations import NewOperation
from recoup.payments.core.step import Step
from recoup.payments.flow import contradicting
from recoup.payments.flow.asking import change_of, question_of
from recoup.payments.flow.guarding import processor_asked
from recoup.payments.flow.settling import leads_where_it_did, waits_for_us
from recoup.payments.flow.tools import Tools, approved_attempt
from recoup.payments.writes import Along, Answer, Claim

_LEFT_ALONE: Final = Withdrawn(
    "nothing was authorised, and without the next step, which is ours, nothing will be"
)


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
        operation = begun.operation(new.id)
        assert operation is not None, "an operation is committed before anything is sent"
        if operation.state is OperationState.STARTED:
            with processor_asked(begun.payment.id):
                answer = await self._ask(merchant, begun, operation)
                begun = await self._concluded(merchant, begun, new.id, answer)
        # Else its commit took so long to be heard of that others took it over.
        if claim is not None:
            await self._tools.keep_answer(merchant, self._answer(merchant, claim, begun, new.id))
        return begun

    async def _with_what_the_processor_can(
        self, merchant: Merchant, snapshot: Snapshot, new: NewOperation
    ) -> NewOperation:
        """A processor that captures only once lets go of the rest with the first capture."""
        holds = snapshot.payment.status in (Status.AUTHORIZED, Status.PARTIALLY_CAPTURED, Status.CAPTURED)
        if not holds or new.kind is OperationKind.CANCEL:
            return new
        attempt = approved_attempt(snapshot)
        _, connector, _ = await self._tools.account(merchant, attempt.processor_account_id)
        can = connector.capabilities
        if new.kind is OperationKind.CAPTURE:
            return replace(new, final=new.final or not can.multiple_captures)
        if not can.partial_refunds and new.amount not in (None, snapshot.payment.captured):
            raise invalid(
                "partial_refund_unsupported",
                f"{connector.name} refunds the whole captured amount or nothing: leave `amount` out.",
                param="amount",
            )
        return new

    async def _ask(self, merchant: Merchant, snapshot: Snapshot, operation: Operation) -> FollowUp:
        attempt = approved_attempt(snapshot)
        account, connector, seen = await self._tools.account(merchant, attempt.processor_account_id)
        last4 = None
        if operation.kind is OperationKind.REFUND:
            last4 = await self._tools.wallet.last4(merchant, attempt.payment_method_id)
        change = change_of(snapshot, operation, last4=last4)
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
        self, merchant: Merchant, snapshot: Snapshot, operation_id: UUID, answer: FollowUp
    ) -> Snapshot:
        def plan(fresh: Snapshot) -> Step | None:
            if not self._tools.is_news_of_operation(fresh, operation_id, answer):
                return None
            return operations.concluded(fresh, operation_id, answer, now=self._tools.now(merchant))

        concluded, step = await self._tools.commit(merchant, plan, snapshot, Along())
        if step is None:
            await contradicting.of_operation(self._tools, merchant, concluded, operation_id, answer=answer)
        return concluded

    def _answer(self, merchant: Merchant, claim: Claim, snapshot: Snapshot, operation_id: UUID) -> Answer:
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
        proof, about = None, snapshot.open_attempt
        if snapshot.payment.status is Status.REQUIRES_ACTION:
            snapshot, proof = await self._withdraw(merchant, snapshot, now=now)

        def plan(fresh: Snapshot) -> Step:
            holds = proof is not None and _still_holds(proof, about, fresh.open_attempt)
            return steps.abandoned(fresh, now=now, proof=proof if holds else None)

        abandoned, _ = await self._tools.commit(merchant, plan, snapshot, Along(claim=claim))
        if claim is not None:
            answer = Answer(claim.key, 200, self._tools.render.payment(abandoned, livemode=merchant.livemode))
            await self._tools.keep_answer(merchant, answer)
        return abandoned

    async def _withdraw(
        self, merchant: Merchant, snapshot: Snapshot, *, now: datetime
    ) -> tuple[Snapshot, Withdrawn | None]:
        """Ask the processor to forget the attempt: its promise, or the payment after what it said instead."""
        attempt = snapshot.open_attempt
        assert attempt is not None, "a payment that requires action has an open attempt"
        account, connector, seen = await self._tools.account(merchant, attempt.processor_account_id)
        if waits_for_us(connector, attempt):
            return snapshot, _LEFT_ALONE
        if not (connector.capabilities.withdraw and leads_where_it_did(account, attempt.started_at)):
            raise conflict(
                "cannot_be_withdrawn",
                f"{connector.name} cannot take back a payment that awaits the customer.",
            )
        asked = question_of(snapshot.payment, attempt, now=now)
        timed = await self._tools.gateway.withdraw(connector, seen, asked, account_id=account.id)
        said = await self._tools.understood(
            merchant, timed.outcome, connector=connector.name, brand=attempt.brand
        )
        if isinstance(said, Withdrawn):
            return snapshot, said
        if isinstance(said, Unknown):
            raise conflict("processor_unsure", f"The processor gave no clear answer ({said.why}); try again.")

        def plan(fresh: Snapshot) -> Step | None:
            if not self._tools.is_news(fresh, attempt.id, said):
                return None
            return steps.answered(fresh, attempt.id, said, now=self._tools.now(merchant), latency_ms=None)

        tokens = await self._tools.tokens(merchant, attempt, said)
        told, step = await self._tools.commit(merchant, plan, snapshot, Along(tokens=tokens))
        if step is None:
            await contradicting.of_attempt(self._tools, merchant, told, attempt.id, outcome=said)
        return told, None


def _still_holds(proof: Withdrawn, about: Attempt | None, now_open: Attempt | None) -> bool:
    """Whether what is known of one attempt is about the one that is open now: while the processor was asked, that one
    may have failed and another begun. What is left alone must still wait for a step of ours."""
    if about is None or now_open is None or about.id != now_open.id:
        return False
    return proof is not _LEFT_ALONE or now_open.action is not None
