"""The order of events when a processor tells something unasked: find what it is about, ask, change what is proved.

A notice never answers for less than a question would. Where the processor can be asked, it is asked at once, and what
it answers counts: notices come doubled, late and in any order, and an answer is newer than all of them. Where it
cannot, the notice itself is the evidence, if it brings what that takes: an approval its amount, and never more captured
than was asked for (not every signature covers that), a change its amount too. A challenge is never taken from a notice.
"""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from recoup.connectors.base import CredentialNews, DisputeNews, Notice, Subject
from recoup.connectors.base.webhooks import AskAgain
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import (
    ActionRequired,
    Approved,
    Declined,
    Done,
    Evidence,
    FollowUpEvidence,
    Pending,
    Refused,
    Unknown,
)
from recoup.payments.core import Attempt, AttemptState, Operation, OperationKind, Snapshot, steps
from recoup.payments.core import operations as changes
from recoup.payments.core.answers import says_nothing_new, takes
from recoup.payments.core.evidence import Against, Agrees, Verdict, words_of
from recoup.payments.core.step import Step
from recoup.payments.core.undoing import CaptureLost, HoldGone, taken_at_once
from recoup.payments.flow.heard import Applied as Applied
from recoup.payments.flow.heard import Contradiction as Contradiction
from recoup.payments.flow.heard import Foreign as Foreign
from recoup.payments.flow.heard import Heard as Heard
from recoup.payments.flow.heard import Known as Known
from recoup.payments.flow.heard import NotYet as NotYet
from recoup.payments.flow.heard import Place as Place
from recoup.payments.flow.placing import Placing
from recoup.payments.flow.reviewing import Reviewing, Told
from recoup.payments.flow.settling import Settling, waits_for_us
from recoup.payments.flow.tools import Tools, operation_key
from recoup.payments.store import hearing as store
from recoup.payments.writes import Along

_OPEN: frozenset[AttemptState] = frozenset(
    {
        AttemptState.STARTED,
        AttemptState.COMPLETING,
        AttemptState.PENDING,
        AttemptState.REQUIRES_ACTION,
        AttemptState.UNKNOWN,
    }
)


class Hearing:
    """Hears notices."""

    def __init__(self, tools: Tools, settling: Settling, reviewing: Reviewing) -> None:
        self._tools = tools
        self._settling = settling
        self._reviewing = reviewing
        self._placing = Placing(tools)

    async def place(self, merchant: Merchant, account_id: UUID, notice: Notice) -> Place | None:
        """Where a notice belongs; None where that is nowhere of ours."""
        found = await self._placing.find(merchant, account_id, notice)
        return None if found is None else Place(found[0].payment.id, found[1], found[2])

    async def hear(self, merchant: Merchant, account_id: UUID, notice: Notice) -> Heard:
        """Hear one notice of a processor account. May be called again with the same."""
        if notice.meaning is None or isinstance(notice.meaning, DisputeNews | CredentialNews):
            return Known(None)
        found = await self._placing.find(merchant, account_id, notice)
        if found is None:
            return Foreign(f"nothing here has the key {notice.key}, or the reference {notice.reference}")
        snapshot, attempt_id, operation_id = found
        waiting = self._settling.under_way_until(snapshot, self._tools.now(merchant))
        if waiting is not None:
            return NotYet(snapshot.payment.id, waiting)
        attempt = snapshot.attempt(attempt_id)
        assert attempt is not None, "attempts are never deleted"
        if operation_id is not None:
            operation = snapshot.operation(operation_id)
            assert operation is not None, "operations are never deleted"
            return await self._of_operation(merchant, snapshot, attempt, operation, notice=notice)
        if attempt.state in _OPEN:
            return await self._of_open_attempt(merchant, snapshot, attempt, notice)
        return await self._of_closed_attempt(merchant, snapshot, attempt, notice)

    async def _of_open_attempt(
        self, merchant: Merchant, snapshot: Snapshot, attempt: Attempt, notice: Notice
    ) -> Heard:
        """It awaits its answer: the processor's now, else the notice's. Not while it takes nothing without us: what is
        shown or told of it until then is none."""
        _, connector, _ = await self._tools.account(merchant, attempt.processor_account_id)
        if waits_for_us(connector, attempt):
            return Known(snapshot.payment.id)
        said: Evidence | Against = await self._reviewing.ask_of_attempt(merchant, snapshot, attempt)
        if isinstance(said, Unknown) and not await self._is_old(merchant, snapshot, attempt.id, notice):
            said = await self._alone(merchant, snapshot, attempt, notice)
        if isinstance(said, Against):
            shown = render(Kind.ATTEMPT, attempt.id)
            return Contradiction(snapshot.payment.id, shown, *words_of(said, snapshot, attempt, shown))
        evidence = said

        def plan(fresh: Snapshot) -> Step | None:
            known = fresh.attempt(attempt.id)
            assert known is not None, "attempts are never deleted"
            if known.state is not attempt.state or says_nothing_new(known, evidence):
                return None
            if not takes(known, evidence):
                return None
            now = self._tools.now(merchant)
            return steps.answered(fresh, attempt.id, evidence, now=now, latency_ms=None)

        tokens = await self._tools.tokens(merchant, attempt, evidence)
        fresh, step = await self._tools.commit(merchant, plan, snapshot, Along(tokens=tokens))
        return await self._kept(merchant, fresh, step, attempt.id, notice=notice, word=evidence)

    async def _alone(
        self, merchant: Merchant, snapshot: Snapshot, attempt: Attempt, notice: Notice
    ) -> Evidence | Against:
        """What a notice is worth by itself."""
        match notice.meaning:
            case Approved() as approved if notice.about is Subject.CHARGE and notice.amount is not None:
                if notice.amount != snapshot.payment.money:
                    return Against.OTHER_AMOUNT
                asked = snapshot.payment.capture == "automatic"
                return _captured_at_most(approved, asked=asked)
            case Declined() | Pending() as said if notice.about is Subject.CHARGE:
                _, connector, _ = await self._tools.account(merchant, attempt.processor_account_id)
                return await self._tools.understood(
                    merchant, said, connector=connector.name, brand=attempt.brand
                )
            case _:
                return Unknown("the notice says too little by itself")

    async def _of_closed_attempt(
        self, merchant: Merchant, snapshot: Snapshot, attempt: Attempt, notice: Notice
    ) -> Heard:
        if isinstance(notice.meaning, AskAgain):
            return _weightiest(await self._reviewing.all(merchant, snapshot), snapshot.payment.id)
        if isinstance(notice.meaning, Declined):
            _, connector, _ = await self._tools.account(merchant, attempt.processor_account_id)
            read = await self._tools.understood(
                merchant, notice.meaning, connector=connector.name, brand=attempt.brand
            )
            notice = replace(notice, meaning=read)
        told = Told(
            lambda fresh: _verdict(fresh, attempt.id, notice),
            f"{notice.about.value}:{type(notice.meaning).__name__.lower()}",
            notice.occurred_at,
        )
        if told.judge(snapshot) is Against.REFUNDED_ELSEWHERE:
            shown = render(Kind.ATTEMPT, attempt.id)
            words = words_of(Against.REFUNDED_ELSEWHERE, snapshot, attempt, shown)
            return Contradiction(snapshot.payment.id, shown, *words)
        return await self._reviewing.attempt(merchant, snapshot, attempt, told=told)

    async def _of_operation(
        self,
        merchant: Merchant,
        snapshot: Snapshot,
        attempt: Attempt,
        operation: Operation,
        *,
        notice: Notice,
    ) -> Heard:
        if operation.state not in steps.OPEN_OPERATIONS:
            return await self._of_ended_operation(merchant, snapshot, operation, notice)
        said: FollowUpEvidence | Against
        said = await self._reviewing.ask_of_operation(merchant, snapshot, operation)
        if isinstance(said, Unknown) and not await self._is_old(merchant, snapshot, operation.id, notice):
            said = _change_alone(operation, notice)
        if isinstance(said, Against):
            words = words_of(said, snapshot, attempt, operation_key(operation))
            return Contradiction(snapshot.payment.id, operation_key(operation), *words)
        answer = said

        def plan(fresh: Snapshot) -> Step | None:
            known = fresh.operation(operation.id)
            assert known is not None, "operations are never deleted"
            if known.state is not operation.state or not changes.takes(known, answer):
                return None
            return changes.concluded(fresh, operation.id, answer, now=self._tools.now(merchant))

        fresh, step = await self._tools.commit(merchant, plan, snapshot, Along())
        return await self._kept(merchant, fresh, step, operation.id, notice=notice, word=answer)

    async def _of_ended_operation(
        self, merchant: Merchant, snapshot: Snapshot, operation: Operation, notice: Notice
    ) -> Heard:
        said = notice.meaning
        if not isinstance(said, Done | Refused):
            return await self._reviewing.operation(merchant, snapshot, operation, told=None)
        judge = self._reviewing.judge_of_operation(operation.id, said)
        assert judge is not None, "both say something"
        told = Told(judge, type(said).__name__.lower(), notice.occurred_at)
        return await self._reviewing.operation(merchant, snapshot, operation, told=told)

    async def _is_old(self, merchant: Merchant, snapshot: Snapshot, object_id: UUID, notice: Notice) -> bool:
        """Whether something newer was told of the same before."""
        newest = await store.newest_told(
            self._tools.database,
            merchant_id=merchant.id,
            payment_id=snapshot.payment.id,
            object_id=object_id,
        )
        return newest is not None and notice.occurred_at is not None and notice.occurred_at < newest

    async def _kept(
        self,
        merchant: Merchant,
        fresh: Snapshot,
        step: Step | None,
        object_id: UUID,
        *,
        notice: Notice,
        word: Evidence | FollowUpEvidence,
    ) -> Heard:
        payment_id, name = fresh.payment.id, type(word).__name__.lower()
        verdict = Agrees.NOTHING if step is None else Agrees.CONFIRMS
        await self._reviewing.keep(
            merchant, payment_id, object_id, store.NOTICE, name, at=notice.occurred_at, verdict=verdict
        )
        return Known(payment_id) if step is None else Applied(payment_id, step.happened)


def _captured_at_most(approved: Approved, *, asked: bool) -> Approved:
    """An approval, captured only where that was asked for."""
    if approved.captured and not asked:
        return replace(approved, captured=False)
    return approved


def _names(notice: Notice, operation: Operation) -> bool:
    """Whether a notice gives our key back, or the name under which the processor took it."""
    by_reference = operation.reference is not None and notice.reference == operation.reference
    return by_reference or notice.key == operation_key(operation)


def _change_alone(operation: Operation, notice: Notice) -> FollowUpEvidence | Against:
    """What a notice about a capture, cancellation or refund is worth by itself."""
    said = notice.meaning
    if not isinstance(said, Done | Refused | Pending):
        return Unknown("the notice says too little by itself")
    if operation.kind is OperationKind.CANCEL:
        return said
    if isinstance(said, Refused) and not _names(notice, operation):
        return Unknown("another of the same amount may have failed: the notice does not name ours")
    if notice.amount is None:
        return Unknown("the notice does not say of how much")
    told = (notice.amount.minor, notice.amount.currency)
    return said if told == (operation.amount, operation.currency) else Against.OTHER_AMOUNT


def _verdict(snapshot: Snapshot, attempt_id: UUID, notice: Notice) -> Verdict:
    """What a notice about a closed attempt amounts to: of the charge, or of a change that is none of ours."""
    said = notice.meaning
    match notice.about, said:
        case Subject.CHARGE, Approved() | Declined() | Pending() | ActionRequired() | Unknown():
            judge = Reviewing.judge_of_attempt(attempt_id, said)
            return Agrees.NOTHING if judge is None else judge(snapshot)
        case Subject.CAPTURE, Done(reference):
            judge = Reviewing.judge_of_attempt(attempt_id, Approved(reference, captured=True))
            return Agrees.NOTHING if judge is None else judge(snapshot)
        case Subject.CAPTURE, Refused() if taken_at_once(snapshot) and _holds(snapshot, attempt_id):
            return CaptureLost(None, said)
        case Subject.CANCEL, Done() if _holds(snapshot, attempt_id) and snapshot.payment.amounts.capturable:
            return HoldGone(attempt_id)
        case Subject.REFUND, Done():
            return Against.REFUNDED_ELSEWHERE
        case _:
            return Agrees.NOTHING


def _holds(snapshot: Snapshot, attempt_id: UUID) -> bool:
    attempt = snapshot.attempt(attempt_id)
    return attempt is not None and attempt.state is AttemptState.APPROVED


def _weightiest(heard: list[Heard], payment_id: UUID) -> Heard:
    """Of several answers the one that must not be lost."""
    for kind in (Contradiction, Applied, NotYet):
        for one in heard:
            if isinstance(one, kind):
                return one
    return Known(payment_id)
