"""The order of events when we ask what became of something: look, ask the processor by our key, commit the evidence.

Nothing else touches a payment whose outcome is unknown. The questions slow down and never end. Where a processor has
no trace of our key and can promise that it never will (`withdraw`), that promise is the evidence; "not found" alone is
none, since what we sent may still be on its way.

A completion that got lost is a third way out, at processors of which two things are sure (`resumable_completion`): it
goes on with one charge that they know already and makes none of its own, and under the same key it is carried out once,
whether the first one arrived, still comes, or never does. So the very same completion is asked for again, with what the
customer brought back, which was kept for that. It is the attempt's own charge, which its customer allowed; no other may
start beside it; and whatever answers is what became of it. Not after a day: nobody expects the money to be taken then,
and until then the processor surely remembers the key.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.connectors.base import Connector
from recoup.kit.ids import made_at
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.outcomes.core import (
    ActionRequired,
    Evidence,
    FollowUpEvidence,
    Pending,
    Unknown,
    Unprocessed,
    Withdrawn,
)
from recoup.payments import store
from recoup.payments.core import (
    Attempt,
    AttemptState,
    Operation,
    OperationState,
    Payment,
    Snapshot,
    operations,
    steps,
)
from recoup.payments.core.answers import AT_WORK
from recoup.payments.core.step import Step
from recoup.payments.core.steps import INTERRUPTED
from recoup.payments.flow import contradicting
from recoup.payments.flow.asking import completion_of, question_of, question_of_change
from recoup.payments.flow.tools import Tools, attempt_of
from recoup.payments.writes import Along

_ASKED_ABOUT: Final = frozenset({AttemptState.PENDING, AttemptState.REQUIRES_ACTION, AttemptState.UNKNOWN})
_MILLISECOND: Final = timedelta(milliseconds=1)
_NOTHING: Final = timedelta(0)
_OURS: Final = Unknown("nothing happens before its customer is back and we go on with it")
RESUMED_WITHIN: Final = timedelta(hours=23)
"""For how long after an attempt began its completion is repeated: less than any processor remembers keys by which alone
it would know the second from the first (the shortest says seven days), and so much less than the day after which a
person may decide about the attempt that none is on its way then."""
_STALE_MAX: Final = timedelta(minutes=1)
"""Longer than any process goes on sending to where an account led before."""


def leads_where_it_did(account: ProcessorAccount, sent_at: datetime) -> bool:
    """Whether an account still leads to where something was sent: another's promise about our key is worth nothing."""
    return account.repointed_at is None or sent_at > account.repointed_at + _STALE_MAX


def waits_for_us(connector: Connector, attempt: Attempt) -> bool:
    """Whether an attempt takes nothing until we complete it: there is nothing to ask about it, and leaving it alone
    ends it. What such a processor shows of it meanwhile is told for none of them, and must not be taken for its end."""
    awaited = attempt.state is AttemptState.REQUIRES_ACTION and attempt.action is not None
    return awaited and connector.capabilities.goes_on_with_us


def _is_old(fresh: Snapshot, attempt_id: UUID, evidence: Evidence | Withdrawn) -> bool:
    """Whether the attempt began to be completed after we asked: where it stood before says nothing any more."""
    attempt = fresh.attempt(attempt_id)
    completing = attempt is not None and attempt.state is AttemptState.COMPLETING
    interim = isinstance(evidence, Unknown | Pending | ActionRequired)
    return completing and interim and evidence is not INTERRUPTED


class Settling:
    """Asks about what is open. `alone_since` is set by a start that is known to be the only process alive: whatever was
    made before it has lost its maker."""

    def __init__(self, tools: Tools, *, alone_since: datetime | None) -> None:
        self._tools = tools
        self._alone_since = alone_since

    async def settle(self, merchant: Merchant, payment_id: UUID, now: datetime) -> datetime | None:
        """The handler of `payment.settle`: when to look again is written with the step, so None is returned then."""
        snapshot = await store.load(self._tools.database, merchant_id=merchant.id, payment_id=payment_id)
        if snapshot is None:
            return None
        waiting = self.under_way_until(snapshot, now)
        if waiting is not None:
            return waiting
        await self.ask(merchant, snapshot)
        return None

    def under_way_until(self, snapshot: Snapshot, now: datetime) -> datetime | None:
        """While the maker of an attempt or operation may still be at work on it, it is left alone."""
        attempt = snapshot.open_attempt
        started = [one.id for one in snapshot.operations if one.state is OperationState.STARTED]
        if attempt is not None and attempt.state is AttemptState.STARTED:
            started.append(attempt.id)
        waits = [self._left(id_) for id_ in started]
        if attempt is not None and attempt.state is AttemptState.COMPLETING:
            waits.append(self._left_of_completion(snapshot.payment, now))
        left = max(waits, default=_NOTHING)
        return now + left if left > _NOTHING else None

    def _left_of_completion(self, payment: Payment, now: datetime) -> timedelta:
        """The step that began it was the payment's last; its time is the merchant's, as `now` is."""
        ahead = now - self._tools.clock.now()
        if self._alone_since is not None and payment.updated_at - ahead + _MILLISECOND <= self._alone_since:
            return _NOTHING
        return payment.updated_at + self._tools.patience - now

    def _left(self, id_: UUID) -> timedelta:
        made = made_at(id_)  # to the millisecond: it was made within the next one
        if self._alone_since is not None and made + _MILLISECOND <= self._alone_since:
            return _NOTHING
        return made + self._tools.patience - self._tools.clock.now()

    def _lost_its_maker(self, id_: UUID) -> bool:
        return self._left(id_) <= _NOTHING

    async def ask(self, merchant: Merchant, snapshot: Snapshot) -> Snapshot:
        """Ask about everything that is open and has lost its maker, and commit what comes back."""
        snapshot = await self._noted_as_interrupted(merchant, snapshot)
        moved = False
        attempt = snapshot.open_attempt
        if attempt is not None and attempt.state in _ASKED_ABOUT:
            evidence = await self._evidence(merchant, snapshot, attempt)
            snapshot, step = await self._apply(merchant, snapshot, attempt.id, evidence)
            moved = step is not None
        for operation in snapshot.operations:
            if operation.state in steps.OPEN_OPERATIONS:
                snapshot, step = await self._settle_operation(merchant, snapshot, operation)
                moved = moved or step is not None
        if not moved and steps.is_open(snapshot):
            now = self._tools.now(merchant)
            snapshot, _ = await self._tools.commit(
                merchant, lambda fresh: steps.asked(fresh, now=now), snapshot, Along()
            )
        return snapshot

    async def _noted_as_interrupted(self, merchant: Merchant, snapshot: Snapshot) -> Snapshot:
        attempt = snapshot.open_attempt
        if attempt is None or attempt.state not in AT_WORK:
            return snapshot
        if attempt.state is AttemptState.STARTED:
            left = self._left(attempt.id)
        else:
            left = self._left_of_completion(snapshot.payment, self._tools.now(merchant))
        if left > _NOTHING:
            return snapshot
        return (await self._apply(merchant, snapshot, attempt.id, INTERRUPTED))[0]

    async def _evidence(
        self, merchant: Merchant, snapshot: Snapshot, attempt: Attempt
    ) -> Evidence | Withdrawn:
        account, connector, seen = await self._tools.account(merchant, attempt.processor_account_id)
        if waits_for_us(connector, attempt):
            return _OURS
        asked = question_of(snapshot.payment, attempt, now=self._tools.now(merchant))
        gateway = self._tools.gateway
        found: Evidence | Withdrawn
        found = (await gateway.lookup(connector, seen, asked, account_id=account.id)).outcome
        unknown = isinstance(found, Unknown) and attempt.state is AttemptState.UNKNOWN
        can, there = connector.capabilities, leads_where_it_did(account, attempt.started_at)
        if unknown and there and can.resumable_completion and self._is_resumable(merchant, attempt):
            found = await self._completed_again(merchant, snapshot, attempt) or found
        elif unknown and there and can.withdraw:
            found = (await gateway.withdraw(connector, seen, asked, account_id=account.id)).outcome
        return await self._tools.understood(merchant, found, connector=connector.name, brand=attempt.brand)

    def _is_resumable(self, merchant: Merchant, attempt: Attempt) -> bool:
        """Whether it is a completion that is unknown, and not for long: with what, was kept when that began."""
        return (
            attempt.returned is not None and self._tools.now(merchant) < attempt.started_at + RESUMED_WITHIN
        )

    async def _completed_again(
        self, merchant: Merchant, snapshot: Snapshot, attempt: Attempt
    ) -> Evidence | None:
        """Ask for the same completion once more; None where that did not leave, which says nothing of the first."""
        assert attempt.returned is not None, "only what was kept can be repeated"
        account, connector, seen = await self._tools.account(merchant, attempt.processor_account_id)
        completion = completion_of(
            snapshot.payment,
            attempt,
            attempt.returned.parameters,
            charge=None,
            now=self._tools.now(merchant),
        )
        timed = await self._tools.gateway.complete(connector, seen, completion, account_id=account.id)
        return None if isinstance(timed.outcome, Unprocessed) else timed.outcome

    async def _apply(
        self, merchant: Merchant, snapshot: Snapshot, attempt_id: UUID, evidence: Evidence | Withdrawn
    ) -> tuple[Snapshot, Step | None]:
        def plan(fresh: Snapshot) -> Step | None:
            if not self._tools.is_news(fresh, attempt_id, evidence) or _is_old(fresh, attempt_id, evidence):
                return None
            return steps.answered(fresh, attempt_id, evidence, now=self._tools.now(merchant), latency_ms=None)

        attempt = snapshot.attempt(attempt_id)
        assert attempt is not None, "attempts are never deleted"
        tokens = await self._tools.tokens(merchant, attempt, evidence)
        fresh, step = await self._tools.commit(merchant, plan, snapshot, Along(tokens=tokens))
        if step is None:
            await contradicting.of_attempt(self._tools, merchant, fresh, attempt_id, outcome=evidence)
        return fresh, step

    async def _settle_operation(
        self, merchant: Merchant, snapshot: Snapshot, operation: Operation
    ) -> tuple[Snapshot, Step | None]:
        if operation.state is OperationState.STARTED:
            if not self._lost_its_maker(operation.id):
                return snapshot, None
            snapshot, _ = await self._conclude(merchant, snapshot, operation.id, INTERRUPTED)
        known = snapshot.operation(operation.id)
        assert known is not None, "operations are never deleted"
        if known.state not in steps.OPEN_OPERATIONS:
            return snapshot, None
        evidence = await self._operation_evidence(merchant, snapshot, known)
        return await self._conclude(merchant, snapshot, operation.id, evidence)

    async def _operation_evidence(
        self, merchant: Merchant, snapshot: Snapshot, operation: Operation
    ) -> FollowUpEvidence | Withdrawn:
        attempt = attempt_of(snapshot, operation)
        account, connector, seen = await self._tools.account(merchant, attempt.processor_account_id)
        asked = question_of_change(snapshot, operation, now=self._tools.now(merchant))
        gateway = self._tools.gateway
        found = (await gateway.lookup_change(connector, seen, asked, account_id=account.id)).outcome
        may_withdraw = connector.capabilities.withdraw and operation.state is OperationState.UNKNOWN
        if isinstance(found, Unknown) and may_withdraw and leads_where_it_did(account, operation.created_at):
            return (await gateway.withdraw_change(connector, seen, asked, account_id=account.id)).outcome
        return found

    async def _conclude(
        self,
        merchant: Merchant,
        snapshot: Snapshot,
        operation_id: UUID,
        evidence: FollowUpEvidence | Withdrawn,
    ) -> tuple[Snapshot, Step | None]:
        def plan(fresh: Snapshot) -> Step | None:
            if not self._tools.is_news_of_operation(fresh, operation_id, evidence):
                return None
            return operations.concluded(fresh, operation_id, evidence, now=self._tools.now(merchant))

        fresh, step = await self._tools.commit(merchant, plan, snapshot, Along())
        if step is None:
            await contradicting.of_operation(self._tools, merchant, fresh, operation_id, answer=evidence)
        return fresh, step
