"""The order of events when a merchant answers: commit that it is being sent, send it, commit what became of it.

Nothing is open while the processor is asked. An answer of which nobody knows whether it arrived stays so until later
news of the dispute tell; where the processor knows our key again, it is sent once more under the same, by itself or
when the merchant asks. A processor that takes no answer from a program is not asked: the merchant answers there, and
what follows is heard.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

from recoup.connectors.base import (
    AcceptDispute,
    Account,
    Connector,
    DisputeEvidence,
    DisputeVerb,
    Idempotency,
    SubmitEvidence,
)
from recoup.db import Connection, Database
from recoup.disputes import store
from recoup.disputes.core import evidence as gathered
from recoup.disputes.core.concluding import About, concluded, finished, own_news
from recoup.disputes.core.machine import ANSWERABLE
from recoup.disputes.core.records import ANSWERED, UNDECIDED, Answer, AnswerState, Dispute
from recoup.disputes.flow.writing import Writer, held, there
from recoup.disputes.store import news as told
from recoup.gateway import Gateway
from recoup.kit.refusals import Refusal, conflict, invalid
from recoup.merchants.core import Merchant, ProcessorAccount
from recoup.merchants.flow import Sealer
from recoup.outcomes.core import Done, FollowUp, Pending, Refused, Unknown, Unprocessed

TRIES_MAX: Final = 12
"""How often an answer is sent under one key before it is left to later news."""
_WAIT_FIRST: Final = timedelta(minutes=1)
_WAIT_MAX: Final = timedelta(hours=6)

Seen = Callable[[Merchant, UUID], Awaitable[tuple[ProcessorAccount, Connector, Account]]]
"""An account of a merchant, its translator, and what the translator may know of it."""
Along = Callable[[Connection], Awaitable[None]]
"""What is written in the transaction in which an answer begins, before all else: the claim of an idempotency key."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """An answer that is committed as being sent, with all that it takes to send it."""

    dispute: Dispute
    answer: Answer
    account_id: UUID
    connector: Connector
    seen: Account
    evidence: DisputeEvidence


class Answering:
    """Sends answers. `patience`: how long an answer is left to the process that sends it."""

    def __init__(
        self,
        database: Database,
        *,
        seen: Seen,
        gateway: Gateway,
        sealer: Sealer,
        writer: Writer,
        new_id: Callable[[], UUID],
        now: Callable[[Merchant], datetime],
        patience: timedelta,
    ) -> None:
        self._database = database
        self._seen = seen
        self._gateway = gateway
        self._sealer = sealer
        self._writer = writer
        self._new_id = new_id
        self._now = now
        self._patience = patience

    async def answer(
        self, merchant: Merchant, dispute_id: UUID, verb: DisputeVerb, *, along: Along | None = None
    ) -> Dispute:
        """Hand the evidence in, or give the money up; refuses where the processor or the dispute's state forbids it."""
        sent = await self._begun(merchant, dispute_id, verb, along=along, by_hand=True)
        return await self._send(merchant, sent)

    async def follow_up(self, merchant: Merchant, dispute_id: UUID, now: datetime) -> datetime | None:
        """The handler of `dispute.answer`: an answer nobody heard of is unknown, and sent again where that is safe."""
        dispute = await store.read(self._database, merchant_id=merchant.id, dispute_id=dispute_id)
        if dispute is None or dispute.answer is None or dispute.answer.state not in UNDECIDED:
            return None
        answer = dispute.answer
        if answer.state is AnswerState.SENDING:
            if now < answer.at + self._patience:
                return answer.at + self._patience
            lost = Unknown("the server stopped while this was being sent")
            dispute = await self._concluded(merchant, dispute.id, answer.key, lost)
        if dispute.answer is None or dispute.answer.state is not AnswerState.UNKNOWN:
            return None
        try:
            sent = await self._begun(merchant, dispute_id, dispute.answer.verb, along=None, by_hand=False)
        except Refusal:
            return None
        after = await self._send(merchant, sent)
        return _again_at(after, self._now(merchant))

    async def _begun(
        self,
        merchant: Merchant,
        dispute_id: UUID,
        verb: DisputeVerb,
        *,
        along: Along | None,
        by_hand: bool,
    ) -> _Sent:
        """Commit that an answer is being sent."""
        found = await store.read(self._database, merchant_id=merchant.id, dispute_id=dispute_id)
        account_id = there(found, dispute_id).processor_account_id
        _, connector, seen = await self._seen(merchant, account_id)
        key = self._new_id()
        async with self._database.transaction() as connection:
            if along is not None:
                await along(connection)
            before = await held(connection, merchant, dispute_id)
            _refuse(before, verb, connector, by_hand=by_hand)
            evidence = await self._evidence(connection, merchant, before, verb)
            now = self._now(merchant)
            answer = _again(before.answer, verb, now) or Answer(verb, AnswerState.SENDING, key, now)
            after, _ = await self._writer.write(
                connection,
                merchant,
                before,
                finished(before, replace(before, answer=answer), now=now, reminders=self._writer.reminders),
                now=now,
                answer_due=now + self._patience,
            )
        return _Sent(after, answer, account_id, connector, seen, evidence)

    async def _evidence(
        self, connection: Connection, merchant: Merchant, dispute: Dispute, verb: DisputeVerb
    ) -> DisputeEvidence:
        if verb is DisputeVerb.ACCEPT:
            return DisputeEvidence()
        sealed = await told.evidence(connection, merchant_id=merchant.id, dispute_id=dispute.id)
        if sealed is None:
            raise _no_evidence()
        aad = gathered.place(merchant.id, dispute.id)
        found = gathered.unpacked(await self._sealer.unseal(merchant.id, sealed, aad=aad, queries=connection))
        if found.is_empty:
            raise _no_evidence()
        return found

    async def _send(self, merchant: Merchant, sent: _Sent) -> Dispute:
        dispute, answer = sent.dispute, sent.answer
        key = str(answer.key)
        gateway, connector, seen = self._gateway, sent.connector, sent.seen
        match answer.verb:
            case DisputeVerb.SUBMIT:
                submitted = SubmitEvidence(
                    key,
                    dispute.reference,
                    dispute.charge_reference,
                    sent.evidence,
                    reason=dispute.reason,
                    amount=dispute.amount,
                    network=dispute.network or dispute.card.brand,
                )
                timed = await gateway.submit_evidence(connector, seen, submitted, account_id=sent.account_id)
            case DisputeVerb.ACCEPT:
                accepted = AcceptDispute(key, dispute.reference, dispute.charge_reference, dispute.amount)
                timed = await gateway.accept_dispute(connector, seen, accepted, account_id=sent.account_id)
            case _:
                assert_never(answer.verb)
        return await self._concluded(
            merchant, dispute.id, answer.key, timed.outcome, repeatable=is_repeatable(connector)
        )

    async def _concluded(
        self,
        merchant: Merchant,
        dispute_id: UUID,
        key: UUID,
        outcome: FollowUp,
        *,
        repeatable: bool = False,
    ) -> Dispute:
        """Commit what became of an answer, unless later news have told already."""

        async def work(connection: Connection) -> Dispute:
            before = await held(connection, merchant, dispute_id)
            answer = before.answer
            if answer is None or answer.key != key or answer.state not in UNDECIDED:
                return before
            now, reminders = self._now(merchant), self._writer.reminders
            ended = _ended(answer, outcome)
            after = finished(before, replace(before, answer=ended), now=now, reminders=reminders)
            if isinstance(outcome, Done):
                await told.add(
                    connection,
                    own_news(before, answer),
                    merchant_id=merchant.id,
                    dispute_id=dispute_id,
                    now=now,
                )
                news = await told.of(connection, merchant_id=merchant.id, dispute_id=dispute_id)
                answered = replace(before, answer=ended)
                after, _ = concluded(answered, news, About(), now=now, reminders=reminders)
            again = _again_at(after, now) if repeatable else None
            written, _ = await self._writer.write(
                connection, merchant, before, after, now=now, answer_due=again
            )
            return written

        return await self._database.retrying(work)


def is_repeatable(connector: Connector) -> bool:
    """Whether its processor knows our key again, so that the same answer sent twice is taken once."""
    return connector.capabilities.idempotency is Idempotency.KEY


def _again(before: Answer | None, verb: DisputeVerb, now: datetime) -> Answer | None:
    """The answer that is sent once more, under its own key; None where there is none of which nobody knows."""
    if before is None or before.state is not AnswerState.UNKNOWN or before.verb is not verb:
        return None
    return replace(before, state=AnswerState.SENDING, at=now, tries=before.tries + 1)


def _again_at(dispute: Dispute, now: datetime) -> datetime | None:
    """When an answer of which nobody knows is sent again."""
    answer = dispute.answer
    if answer is None or answer.state is not AnswerState.UNKNOWN or answer.tries >= TRIES_MAX:
        return None
    if answer.code is not None:  # sent again, it was refused
        return None
    doubled: int = 1 << answer.tries - 1
    return now + min(_WAIT_FIRST * doubled, _WAIT_MAX)


def _ended(answer: Answer, outcome: FollowUp) -> Answer:
    match outcome:
        case Done():
            return replace(answer, state=AnswerState.DONE, code=None, why=None)
        case Pending():
            return replace(answer, state=AnswerState.PENDING, code=None, why=None)
        case Refused(code, message) if answer.tries == 1:
            return replace(answer, state=AnswerState.REFUSED, code=code, why=message)
        case Refused(code, message):
            # Not all know our key again here: what was sent before may be why they take no more.
            why = f"sent again, it was refused ({message}); what was sent before may have arrived"
            return replace(answer, state=AnswerState.UNKNOWN, code=code, why=why)
        case Unprocessed(why):
            # What was sent before under this key may still arrive.
            state = AnswerState.UNSENT if answer.tries == 1 else AnswerState.UNKNOWN
            return replace(answer, state=state, code=None, why=why)
        case Unknown(why):
            return replace(answer, state=AnswerState.UNKNOWN, code=None, why=why)
        case _:
            assert_never(outcome)


def _refuse(dispute: Dispute, verb: DisputeVerb, connector: Connector, *, by_hand: bool) -> None:
    if verb not in connector.capabilities.disputes:
        raise conflict(
            "dispute_answered_at_processor",
            f"{connector.name} takes no such answer from a program: answer on its own pages. What becomes of the "
            "dispute is followed here.",
        )
    if dispute.status not in ANSWERABLE:
        message = f"This dispute is {dispute.status}: there is nothing to answer any more."
        raise conflict("dispute_unexpected_state", message)
    answer = dispute.answer
    if answer is None or answer.state in (AnswerState.REFUSED, AnswerState.UNSENT):
        return
    if answer.state in ANSWERED:
        raise conflict("dispute_answered", "This dispute has been answered; the processor will say more.")
    if answer.state is AnswerState.SENDING:
        message = "An answer is being sent right now; ask again soon."
        raise conflict("dispute_answer_under_way", message, retry_after_s=1)
    exhausted = not by_hand and (answer.tries >= TRIES_MAX or answer.code is not None)
    if answer.verb is not verb or exhausted or not is_repeatable(connector):
        raise conflict(
            "dispute_answer_unknown",
            f"Nobody knows yet whether the answer before ({answer.verb}) arrived. Look at the processor, or wait for "
            "its news of the dispute.",
        )


def _no_evidence() -> Refusal:
    message = "There is no evidence yet: give it with POST /v1/disputes/{dispute}/evidence first."
    return invalid("dispute_evidence_missing", message)
