"""A second look at what is closed: ask the processor again, and change only what its evidence undoes.

Somebody said that something ended otherwise than we hold (a notice), or it is simply time to read it again. Either way
the processor is asked, because what it answers now is newer than whatever it told. Only where it cannot be asked does
the notice stand for itself, and only if it is newer than what we hold. Where the two differ, nothing moves: a person
must see.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import Evidence, FollowUpEvidence, Unknown
from recoup.payments.core import Attempt, AttemptState, Operation, Snapshot, undoing
from recoup.payments.core import evidence as judging
from recoup.payments.core.evidence import HINDERED, Against, Agrees, Verdict
from recoup.payments.core.step import Step
from recoup.payments.core.steps import OPEN_OPERATIONS
from recoup.payments.core.undoing import Hindrance, MoneyReturned, RefundLost, Undoing
from recoup.payments.flow import contradicting
from recoup.payments.flow.asking import question_of, question_of_change
from recoup.payments.flow.heard import Applied, Contradiction, Heard, Known, NotYet
from recoup.payments.flow.tools import Tools, attempt_of, operation_key
from recoup.payments.store import hearing as store
from recoup.payments.writes import Along

LATER: Final = timedelta(minutes=5)
"""When to hear again what cannot be judged while something of the payment is under way."""
REREAD_MAX: Final = 20
"""The most attempts, and captures and refunds, of one payment that are read again: the newest."""
_CLOSED: Final = frozenset(
    {AttemptState.APPROVED, AttemptState.DECLINED, AttemptState.UNPROCESSED, AttemptState.REVERSED}
)

Judge = Callable[[Snapshot], Verdict]


@dataclass(frozen=True, slots=True)
class Told:
    """What a notice amounts to, and when that happened, in the processor's time."""

    judge: Judge
    word: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class _About:
    """What is looked at: an attempt, or a capture, cancellation or refund; since when it is closed."""

    object_id: UUID
    attempt_id: UUID
    shown: str
    since: datetime | None


class Reviewing:
    """Looks again."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def all(self, merchant: Merchant, snapshot: Snapshot) -> list[Heard]:
        """Read again whatever is closed: every attempt, capture, cancellation and refund, the newest of many."""
        found: list[Heard] = []
        for attempt in [one for one in snapshot.attempts if one.state in _CLOSED][-REREAD_MAX:]:
            found.append(await self.attempt(merchant, snapshot, attempt, told=None))
            snapshot = await self._tools.load(merchant, snapshot.payment.id)
        ended = [one for one in snapshot.operations if one.state not in OPEN_OPERATIONS]
        for operation in ended[-REREAD_MAX:]:
            found.append(await self.operation(merchant, snapshot, operation, told=None))
            snapshot = await self._tools.load(merchant, snapshot.payment.id)
        return found

    async def attempt(
        self, merchant: Merchant, snapshot: Snapshot, attempt: Attempt, *, told: Told | None
    ) -> Heard:
        """Look again at a closed attempt."""
        shown = render(Kind.ATTEMPT, attempt.id)
        about = _About(attempt.id, attempt.id, shown, attempt.finished_at)

        async def ask() -> tuple[str, Judge | None]:
            said = await self.ask_of_attempt(merchant, snapshot, attempt)
            return _word(said), self.judge_of_attempt(attempt.id, said)

        heard = await self._look(merchant, snapshot, about, told=told, ask=ask)
        return await self._kept(merchant, about, heard, told=told)

    async def operation(
        self, merchant: Merchant, snapshot: Snapshot, operation: Operation, *, told: Told | None
    ) -> Heard:
        """Look again at a capture, cancellation or refund that has ended."""
        attempt = attempt_of(snapshot, operation)
        about = _About(operation.id, attempt.id, operation_key(operation), operation.finished_at)

        async def ask() -> tuple[str, Judge | None]:
            said = await self.ask_of_operation(merchant, snapshot, operation)
            return _word(said), self.judge_of_operation(operation.id, said)

        heard = await self._look(merchant, snapshot, about, told=told, ask=ask)
        return await self._kept(merchant, about, heard, told=told)

    async def ask_of_attempt(self, merchant: Merchant, snapshot: Snapshot, attempt: Attempt) -> Evidence:
        """What the processor says of an attempt now."""
        account, connector, seen = await self._tools.account(merchant, attempt.processor_account_id)
        asked = question_of(snapshot.payment, attempt, now=self._tools.now(merchant))
        said = (await self._tools.gateway.lookup(connector, seen, asked, account_id=account.id)).outcome
        return await self._tools.understood(merchant, said, connector=connector.name, brand=attempt.brand)

    async def ask_of_operation(
        self, merchant: Merchant, snapshot: Snapshot, operation: Operation
    ) -> FollowUpEvidence:
        """What the processor says of a capture, cancellation or refund now."""
        attempt = attempt_of(snapshot, operation)
        account, connector, seen = await self._tools.account(merchant, attempt.processor_account_id)
        asked = question_of_change(snapshot, operation, now=self._tools.now(merchant))
        gateway = self._tools.gateway
        return (await gateway.lookup_change(connector, seen, asked, account_id=account.id)).outcome

    @staticmethod
    def judge_of_attempt(attempt_id: UUID, said: Evidence) -> Judge | None:
        """How evidence about an attempt is judged; None where it says nothing."""

        def judge(fresh: Snapshot) -> Verdict:
            attempt = fresh.attempt(attempt_id)
            assert attempt is not None, "attempts are never deleted"
            return judging.of_attempt(fresh, attempt, said) if attempt.state in _CLOSED else Agrees.NOTHING

        return None if isinstance(said, Unknown) else judge

    @staticmethod
    def judge_of_operation(operation_id: UUID, said: FollowUpEvidence) -> Judge | None:
        """How evidence about a capture, cancellation or refund is judged; None where it says nothing."""

        def judge(fresh: Snapshot) -> Verdict:
            operation = fresh.operation(operation_id)
            assert operation is not None, "operations are never deleted"
            ended = operation.state not in OPEN_OPERATIONS
            return judging.of_operation(operation, said) if ended else Agrees.NOTHING

        return None if isinstance(said, Unknown) else judge

    async def _kept(self, merchant: Merchant, about: _About, heard: Heard, *, told: Told | None) -> Heard:
        """Keep a contradiction, for whoever looks for them, and who may have missed the answer."""
        if isinstance(heard, Contradiction):
            source, at = (store.QUESTION, None) if told is None else (store.NOTICE, told.at)
            await contradicting.keep(
                self._tools, merchant, heard, object_id=about.object_id, source=source, at=at
            )
        return heard

    async def _look(
        self,
        merchant: Merchant,
        snapshot: Snapshot,
        about: _About,
        *,
        told: Told | None,
        ask: Callable[[], Awaitable[tuple[str, Judge | None]]],
    ) -> Heard:
        if told is not None and (known := await self._says_nothing(merchant, snapshot, about, told)):
            return known
        word, judge = await ask()
        if judge is not None:
            verdict = judge(snapshot)
            if not isinstance(verdict, Agrees):
                return await self._judged(merchant, snapshot, about, judge=judge, word=word)
            await self.keep(
                merchant, snapshot.payment.id, about.object_id, store.QUESTION, word, verdict=verdict
            )
            if told is None:
                return Known(snapshot.payment.id)
            return await self._differing(merchant, snapshot, about, told=told)
        if told is None:
            return Known(snapshot.payment.id)
        return await self._alone(merchant, snapshot, about, told=told)

    async def _says_nothing(
        self, merchant: Merchant, snapshot: Snapshot, about: _About, told: Told
    ) -> Known | None:
        """Known, where the notice changes nothing or is older than another that came before it."""
        payment_id, verdict = snapshot.payment.id, told.judge(snapshot)
        if isinstance(verdict, Agrees):
            await self.keep(
                merchant, payment_id, about.object_id, store.NOTICE, told.word, at=told.at, verdict=verdict
            )
            return Known(payment_id)
        newest = await store.newest_told(
            self._tools.database,
            merchant_id=merchant.id,
            payment_id=payment_id,
            object_id=about.object_id,
        )
        is_old = newest is not None and told.at is not None and told.at < newest
        return Known(payment_id) if is_old else None

    async def _differing(self, merchant: Merchant, snapshot: Snapshot, about: _About, *, told: Told) -> Heard:
        """The notice says one thing, and the processor, asked, another."""
        await self.keep(merchant, snapshot.payment.id, about.object_id, store.NOTICE, told.word, at=told.at)
        if not _is_newer(told, about):
            return Known(snapshot.payment.id)
        return self._against(snapshot, about, told.judge(snapshot), word=told.word)

    async def _alone(self, merchant: Merchant, snapshot: Snapshot, about: _About, *, told: Told) -> Heard:
        """It cannot be asked, so the notice is all there is: it counts where it is newer than what we hold."""
        verdict, payment_id = told.judge(snapshot), snapshot.payment.id
        stale = told.at is not None and not _is_newer(told, about)
        await self.keep(merchant, payment_id, about.object_id, store.NOTICE, told.word, at=told.at)
        if isinstance(verdict, Against):
            return self._against(snapshot, about, verdict, word=told.word)
        if stale:
            return Known(payment_id)
        if told.at is None or (
            isinstance(verdict, MoneyReturned | RefundLost)
            and await self._can_be_asked(merchant, snapshot, about)
        ):
            return self._against(snapshot, about, verdict, word=told.word)
        return await self._judged(merchant, snapshot, about, judge=told.judge, word=told.word)

    async def _can_be_asked(self, merchant: Merchant, snapshot: Snapshot, about: _About) -> bool:
        """Whether the processor only did not answer now. That money was returned lets the payment be tried again, and
        that a refund failed lets it be refunded again: its own answer is waited for, by `sync` or a later reading."""
        attempt = snapshot.attempt(about.attempt_id)
        assert attempt is not None, "attempts are never deleted"
        _, connector, _ = await self._tools.account(merchant, attempt.processor_account_id)
        return connector.capabilities.lookup

    async def _judged(
        self, merchant: Merchant, snapshot: Snapshot, about: _About, *, judge: Judge, word: str
    ) -> Heard:
        """Do what a judgement of evidence says, on the payment as it is when that is written."""
        seen: list[Verdict | Hindrance] = []

        def plan(fresh: Snapshot) -> Step | None:
            verdict = judge(fresh)
            if isinstance(verdict, Agrees | Against):
                seen.append(verdict)
                return None
            hindered = undoing.hindrance(fresh, verdict)
            seen.append(verdict if hindered is None else hindered)
            return undoing.undone(fresh, verdict, now=self._tools.now(merchant)) if hindered is None else None

        fresh, step = await self._tools.commit(merchant, plan, snapshot, Along())
        if step is not None:
            return Applied(fresh.payment.id, step.happened)
        match seen[-1]:
            case Hindrance.UNDER_WAY:
                return NotYet(fresh.payment.id, self._tools.now(merchant) + LATER)
            case Hindrance.GIVEN_BACK:
                return self._contradiction(fresh, about, ("refunded", word, HINDERED))
            case Against() as against:
                return self._against(fresh, about, against, word=word)
            case _:
                return Known(fresh.payment.id)

    def _against(self, snapshot: Snapshot, about: _About, verdict: Verdict, *, word: str) -> Contradiction:
        attempt = snapshot.attempt(about.attempt_id)
        assert attempt is not None, "attempts are never deleted"
        if isinstance(verdict, Against):
            return self._contradiction(
                snapshot, about, judging.words_of(verdict, snapshot, attempt, about.shown)
            )
        return self._contradiction(snapshot, about, (_known(verdict), word, _TWO_WORDS))

    @staticmethod
    def _contradiction(snapshot: Snapshot, about: _About, words: tuple[str, str, str]) -> Contradiction:
        known, told, remedy = words
        return Contradiction(snapshot.payment.id, about.shown, known, told, remedy)

    async def keep(
        self,
        merchant: Merchant,
        payment_id: UUID,
        object_id: UUID,
        source: str,
        word: str,
        *,
        at: datetime | None = None,
        verdict: Agrees = Agrees.NOTHING,
    ) -> None:
        """Keep what a source said, and that it confirmed what we hold."""
        heard = self._tools.now(merchant)
        kept = store.Word(payment_id, object_id, source, word, at, heard, verdict is Agrees.CONFIRMS)
        await store.keep_word(self._tools.database, kept, merchant_id=merchant.id)


_TWO_WORDS: Final = (
    "The processor told one thing and, asked, does not confirm it, so nothing was changed: look at the payment there, "
    "and ask again here with `sync`."
)


def _known(verdict: Undoing | Agrees) -> str:
    match verdict:
        case undoing.MoneyReturned() | undoing.CaptureLost():
            return "captured"
        case undoing.RefundLost():
            return "refunded"
        case undoing.HoldGone():
            return "authorized"
        case _:
            return "as it is"


def _word(said: Evidence | FollowUpEvidence) -> str:
    return type(said).__name__.lower()


def _is_newer(told: Told, about: _About) -> bool:
    """Whether what was told happened after what we hold had ended."""
    return told.at is not None and (about.since is None or told.at > about.since)
