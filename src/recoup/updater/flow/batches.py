"""Batches: the cards to ask about leave in one sealed file, and what comes back changes them.

A card number is read from the vault, written into the file's text in memory, and sealed at once; no row, log or event
has it. An answer counts where it names a question of its batch and the very number that was asked about.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from recoup.db import Connection, Database, due
from recoup.kit.ids import Kind, parse, render
from recoup.kit.refusals import Refusal, conflict, not_found
from recoup.kit.secret import Secret
from recoup.merchants.core import Merchant
from recoup.updater import store
from recoup.updater.core.files import (
    BRANDS_OF,
    Answered,
    Format,
    Header,
    Question,
    read_answers,
    write_questions,
)
from recoup.updater.core.inquiries import (
    ASKED_ANEW,
    BRINGS_A_CARD,
    CARDS_MAX,
    EXPIRED_FOR,
    EXPIRING_WITHIN,
    FINAL,
    Answer,
    Asked,
    Batch,
    Reason,
    again_after,
    askable,
)
from recoup.vault.core import Expiry, PaymentMethod
from recoup.vault.core.renewals import Teller, Told, UpdateKind
from recoup.vault.flow import PaymentMethods, Renewing
from recoup.vault.flow.renewing import NewCard

ASK: Final = "updater.ask"
"""The kind of due row that says: this payment method is to be asked about."""
InTrouble = Callable[[Merchant, int], Awaitable[Sequence[UUID]]]
_log: Final = structlog.get_logger("recoup.updater")


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a file of answers: how many cards changed, and the lines that could not count."""

    batch: Batch
    changed: int
    left_out: tuple[tuple[int, str], ...]


class Batches:
    """Makes them, and takes their answers. `in_trouble` says which payment methods have an open recovery."""

    def __init__(
        self,
        database: Database,
        *,
        methods: PaymentMethods,
        renewing: Renewing,
        in_trouble: InTrouble,
        new_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._methods = methods
        self._renewing = renewing
        self._in_trouble = in_trouble
        self._new_id = new_id

    async def select(self, merchant: Merchant, *, now: datetime, limit: int = CARDS_MAX) -> None:
        """Want what a batch is for: the cards of open recoveries, and those that expire soon."""
        troubled = [
            method
            for method_id in await self._in_trouble(merchant, limit)
            if askable(method := await self._methods.get(merchant.id, method_id))
        ]
        await self.want(merchant, troubled, Reason.RECOVERY, now=now)
        expiring = await self._renewing.expiring(
            merchant.id,
            brands=sorted(BRANDS_OF[Format.CYBERSOURCE]),
            until=now + EXPIRING_WITHIN,
            since=now - EXPIRED_FOR,
            limit=limit,
        )
        await self._want(merchant, expiring, Reason.RENEWAL, now=now)

    async def want(
        self, merchant: Merchant, methods: Sequence[PaymentMethod], reason: Reason, *, now: datetime
    ) -> None:
        """Have these cards asked about."""
        await self._want(merchant, [(one.id, one.brand) for one in methods], reason, now=now)

    async def _want(
        self, merchant: Merchant, wanted: Sequence[tuple[UUID, str]], reason: Reason, *, now: datetime
    ) -> None:
        before = now - ASKED_ANEW if reason is Reason.RENEWAL else now
        work = partial(
            store.want,
            wanted=wanted,
            merchant_id=merchant.id,
            reason=reason,
            now=now,
            answered_before=before,
        )
        await self._database.retrying(work)

    async def make(
        self,
        connection: Connection,
        merchant: Merchant,
        format_: Format,
        header: Header,
        *,
        now: datetime,
        limit: int = CARDS_MAX,
    ) -> tuple[Batch, Secret] | None:
        """A batch of what waits longest, and its file in the clear for the caller to seal. None: nothing waits."""
        waiting = await store.take_wanted(
            connection,
            merchant_id=merchant.id,
            brands=sorted(BRANDS_OF[format_]),
            limit=min(limit, CARDS_MAX),
        )
        methods = [await self._methods.get(merchant.id, one) for one in waiting]
        await store.drop(connection, [one.id for one in methods if not askable(one)], merchant_id=merchant.id)
        good = [one for one in methods if askable(one)]
        return await self.ask(connection, merchant, good, format_, header, now=now) if good else None

    async def ask(
        self,
        connection: Connection,
        merchant: Merchant,
        methods: Sequence[PaymentMethod],
        format_: Format,
        header: Header,
        *,
        now: datetime,
    ) -> tuple[Batch, Secret]:
        """A batch of these cards."""
        batch = Batch(self._new_id(), format_, len(methods), 0, now, None)
        asked = [Asked(one.id, one.fingerprint, None) for one in methods]
        await store.insert_batch(connection, batch, asked, merchant_id=merchant.id)
        questions = [await self._question(merchant, one) for one in methods]
        return batch, write_questions(format_, header, questions)

    async def _question(self, merchant: Merchant, method: PaymentMethod) -> Question:
        card = await self._renewing.card(merchant, method)
        return Question(render(Kind.PAYMENT_METHOD, method.id), card.number, card.exp_month, card.exp_year)

    async def get(self, merchant: Merchant, batch_id: UUID) -> Batch:
        """One batch; refuses with 404."""
        found = await store.batch(self._database, merchant_id=merchant.id, batch_id=batch_id)
        if found is None:
            raise not_found("updater batch", render(Kind.UPDATE_BATCH, batch_id))
        return found

    async def page(
        self, merchant: Merchant, *, after: UUID | None, before: UUID | None, limit: int
    ) -> Sequence[Batch]:
        """Batches, newest first; with `before` oldest first."""
        return await store.batches(
            self._database, merchant_id=merchant.id, after=after, before=before, limit=limit
        )

    async def take(self, merchant: Merchant, batch_id: UUID, text: Secret, *, now: datetime) -> Taken:
        """Take a file of answers, which may be one of several or come again; refuses one that cannot be read whole."""
        batch = await self.get(merchant, batch_id)
        said = read_answers(Format(batch.format), text)
        asked = await store.questions(
            self._database, merchant_id=merchant.id, batch_id=batch.id, limit=CARDS_MAX
        )
        changed, left_out = 0, []
        for one in said:
            try:
                changed += await self._taken(merchant, batch, asked, one, now=now)
            except Refusal as refusal:
                left_out.append((one.line, refusal.message))
        return Taken(await self.get(merchant, batch_id), changed, tuple(left_out))

    async def _taken(
        self, merchant: Merchant, batch: Batch, asked: dict[UUID, Asked], said: Answered, *, now: datetime
    ) -> bool:
        """Take one answer; whether its card changed. Refuses one that answers nothing of the batch."""
        method_id = parse(Kind.PAYMENT_METHOD, said.reference)
        question = None if method_id is None else asked.get(method_id)
        if question is None:
            raise conflict("unknown_question", "The reference is no question of this batch.")
        if question.answer is not None:
            return False
        if not await self._renewing.is_of(merchant, said.number, question.fingerprint):
            raise conflict("another_card", "The old number is not the one that was asked about.")
        work = partial(self._apply, merchant=merchant, batch=batch, question=question, said=said, now=now)
        return await self._database.retrying(work)

    async def _apply(
        self,
        connection: Connection,
        *,
        merchant: Merchant,
        batch: Batch,
        question: Asked,
        said: Answered,
        now: datetime,
    ) -> bool:
        fresh = await store.answer(
            connection,
            merchant_id=merchant.id,
            batch_id=batch.id,
            method_id=question.method_id,
            said=said.answer,
            code=said.code,
            now=now,
        )
        if not fresh:
            return False
        kind = await self._change(connection, merchant, batch, question, said, now=now)
        if kind is None and said.answer not in FINAL:
            found = await store.inquiry(connection, merchant_id=merchant.id, method_id=question.method_id)
            again = now + again_after(1 if found is None else found.asked_times)
            await due.put(
                connection, merchant_id=merchant.id, kind=ASK, object_id=question.method_id, due_at=again
            )
        shown = render(Kind.PAYMENT_METHOD, question.method_id)
        _log.info("updater.answered", payment_method=shown, answer=said.answer, code=said.code)
        return kind is not None

    async def _change(
        self,
        connection: Connection,
        merchant: Merchant,
        batch: Batch,
        question: Asked,
        said: Answered,
        *,
        now: datetime,
    ) -> UpdateKind | None:
        """What becomes of the card; nothing, where it is another since it was asked about."""
        told = Told(by=Teller.UPDATER, at=now, batch_id=batch.id)
        method = await self._renewing.held(connection, merchant, question.method_id)
        if method.fingerprint != question.fingerprint:
            return None
        if said.answer is Answer.CLOSED:
            return await self._renewing.close(connection, merchant, question.method_id, told)
        if said.answer not in BRINGS_A_CARD:
            return None
        assert said.new_number is not None and said.exp_month is not None and said.exp_year is not None
        new = NewCard(said.new_number, Expiry(said.exp_month, said.exp_year))
        return await self._renewing.renew(connection, merchant, question.method_id, new, told)
