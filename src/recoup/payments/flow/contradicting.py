"""Keeps what a processor says against what is closed, where a person is sure to learn of it.

Nothing moves by a contradiction. What a webhook told is the inbox's to report; what we found by asking has nobody else,
so a due row is written in the same transaction, and whoever opens cases reads from it what was kept.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from recoup.db import Connection, due
from recoup.kit.ids import Kind, render
from recoup.merchants.core import Merchant
from recoup.outcomes.core import FollowUp, Outcome, Withdrawn
from recoup.payments.core import Snapshot, answers, operations, steps
from recoup.payments.core.evidence import words_of_answer, words_of_change
from recoup.payments.flow.heard import CONTRADICTED, Contradiction
from recoup.payments.flow.tools import Tools, operation_key
from recoup.payments.store import hearing as store

_log: Final = structlog.get_logger("recoup.payments")


async def keep(
    tools: Tools,
    merchant: Merchant,
    found: Contradiction,
    *,
    object_id: UUID,
    source: str,
    at: datetime | None,
) -> None:
    """Keep a contradiction; where we found it by asking, have a case opened."""
    _log.error("payments.contradiction", about=found.about, known=found.known, told=found.told)
    now = tools.now(merchant)
    word = store.Word(
        found.payment_id,
        object_id,
        source,
        found.told,
        at,
        now,
        contradicts=found.remedy,
        about=found.about,
        held=found.known,
    )

    async def write(connection: Connection) -> None:
        await store.keep_word(connection, word, merchant_id=merchant.id)
        if source == store.QUESTION:
            await due.put(
                connection,
                merchant_id=merchant.id,
                kind=CONTRADICTED,
                object_id=found.payment_id,
                due_at=now,
            )

    await tools.database.retrying(write)


async def of_attempt(
    tools: Tools, merchant: Merchant, fresh: Snapshot, attempt_id: UUID, *, outcome: Outcome | Withdrawn
) -> None:
    """An attempt took no answer: keep it, if it tells another end than is known. What has no end yet is asked about."""
    attempt = fresh.attempt(attempt_id)
    assert attempt is not None, "attempts are never deleted"
    is_open = attempt.finished_at is None or answers.takes(attempt, outcome)
    if is_open or not answers.contradicts(attempt, outcome):
        return
    shown = render(Kind.ATTEMPT, attempt_id)
    words = words_of_answer(fresh, attempt, outcome, shown=shown)
    found = Contradiction(fresh.payment.id, shown, *words)
    await keep(tools, merchant, found, object_id=attempt_id, source=store.QUESTION, at=None)


async def of_operation(
    tools: Tools, merchant: Merchant, fresh: Snapshot, operation_id: UUID, *, answer: FollowUp | Withdrawn
) -> None:
    """The same for a capture, cancellation or refund."""
    operation = fresh.operation(operation_id)
    assert operation is not None, "operations are never deleted"
    is_open = operation.state in steps.OPEN_OPERATIONS or operations.takes(operation, answer)
    if is_open or not operations.contradicts(operation, answer):
        return
    found = Contradiction(fresh.payment.id, operation_key(operation), *words_of_change(operation, answer))
    await keep(tools, merchant, found, object_id=operation_id, source=store.QUESTION, at=None)
