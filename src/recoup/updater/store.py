"""SQL of what account updaters are asked: cards that wait, batches that left, and what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString
from uuid import UUID

import msgspec

from recoup.db import Connection, Queries
from recoup.db.paging import bounds
from recoup.updater.core.inquiries import Answer, Asked, Batch, Inquiry, Reason

_INQUIRY: Final[LiteralString] = """
    payment_method_id, brand, reason, wanted_at, asked_at, asked_times, batch_id, answered_at, answer
"""
_BATCH: Final[LiteralString] = "id, format, cards, answered, created_at, answered_at"
UNANSWERED_FOR: Final = timedelta(days=5)
"""After which a question that nobody answered may be asked anew: acquirers answer within days."""


async def want(
    connection: Connection,
    wanted: Sequence[tuple[UUID, str]],
    *,
    merchant_id: UUID,
    reason: Reason,
    now: datetime,
    answered_before: datetime,
) -> Sequence[UUID]:
    """Have these cards asked about, each given with its brand, unless a question is under way, or was answered since
    `answered_before`; those that wait to be asked about since now."""
    rows = await connection.fetch_all(
        """
        insert into update_inquiries as i (merchant_id, payment_method_id, brand, reason, wanted_at)
        select %(merchant_id)s, w.id, w.brand, %(reason)s, %(now)s
        from json_to_recordset(%(wanted)s) as w (id uuid, brand text)
        order by w.id
        on conflict (merchant_id, payment_method_id) do update
        set reason = excluded.reason, wanted_at = excluded.wanted_at, asked_at = null, batch_id = null,
            answered_at = null, answer = null
        where i.asked_at is not null
            and (i.answered_at <= %(answered_before)s or i.answered_at is null and i.asked_at < %(forgotten)s)
        returning i.payment_method_id
        """,
        {
            "merchant_id": merchant_id,
            "wanted": msgspec.json.encode([{"id": id_, "brand": brand} for id_, brand in wanted]).decode(),
            "reason": reason,
            "now": now,
            "answered_before": answered_before,
            "forgotten": now - UNANSWERED_FOR,
        },
    )
    return [row["payment_method_id"] for row in rows]


async def inquiry(queries: Queries, *, merchant_id: UUID, method_id: UUID) -> Inquiry | None:
    """What is or was asked of a card."""
    row = await queries.fetch_one(
        f"""
        select {_INQUIRY} from update_inquiries
        where merchant_id = %(merchant_id)s and payment_method_id = %(method_id)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "method_id": method_id},
    )
    return None if row is None else _inquiry(row)


async def take_wanted(
    connection: Connection, *, merchant_id: UUID, brands: Sequence[str], limit: int
) -> Sequence[UUID]:
    """The cards that wait longest, held until the transaction ends; those that another process takes are left out."""
    rows = await connection.fetch_all(
        """
        select payment_method_id from update_inquiries
        where merchant_id = %(merchant_id)s and brand = any(%(brands)s) and asked_at is null
        order by wanted_at, payment_method_id limit %(limit)s for update skip locked
        """,
        {"merchant_id": merchant_id, "brands": list(brands), "limit": limit},
    )
    return [row["payment_method_id"] for row in rows]


async def drop(connection: Connection, method_ids: Sequence[UUID], *, merchant_id: UUID) -> None:
    """Ask no more about cards that cannot be asked about."""
    await connection.execute(
        """
        delete from update_inquiries
        where merchant_id = %(merchant_id)s and payment_method_id = any(%(ids)s)
        """,
        {"merchant_id": merchant_id, "ids": list(method_ids)},
    )


async def insert_batch(
    connection: Connection, new: Batch, asked: Sequence[Asked], *, merchant_id: UUID
) -> None:
    """A batch with its questions, which are asked from now on."""
    await connection.execute(
        """
        insert into update_batches (merchant_id, id, format, cards, created_at)
        values (%(merchant_id)s, %(id)s, %(format)s, %(cards)s, %(created_at)s)
        """,
        {
            "merchant_id": merchant_id,
            "id": new.id,
            "format": new.format,
            "cards": new.cards,
            "created_at": new.created_at,
        },
    )
    questions = [{"id": one.method_id, "fingerprint": f"\\x{one.fingerprint.hex()}"} for one in asked]
    await connection.execute(
        """
        with asked as (
            insert into update_questions (merchant_id, batch_id, payment_method_id, fingerprint)
            select %(merchant_id)s, %(batch_id)s, q.id, q.fingerprint
            from json_to_recordset(%(questions)s) as q (id uuid, fingerprint bytea)
            returning payment_method_id
        )
        update update_inquiries i
        set asked_at = %(now)s, asked_times = asked_times + 1, batch_id = %(batch_id)s
        from asked a
        where i.merchant_id = %(merchant_id)s and i.payment_method_id = a.payment_method_id
        """,
        {
            "merchant_id": merchant_id,
            "batch_id": new.id,
            "questions": msgspec.json.encode(questions).decode(),
            "now": new.created_at,
        },
    )


async def batch(queries: Queries, *, merchant_id: UUID, batch_id: UUID) -> Batch | None:
    """One batch."""
    row = await queries.fetch_one(
        f"select {_BATCH} from update_batches where merchant_id = %(merchant_id)s and id = %(id)s",  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "id": batch_id},
    )
    return None if row is None else Batch(**row)


async def batches(
    queries: Queries, *, merchant_id: UUID, after: UUID | None, before: UUID | None, limit: int
) -> Sequence[Batch]:
    """Batches, newest first, older than `after`; or oldest first, newer than `before`."""
    order: LiteralString = "desc" if before is None else "asc"
    rows = await queries.fetch_all(
        f"""
        select {_BATCH} from update_batches
        where merchant_id = %(merchant_id)s and id < %(after)s and id > %(before)s
        order by id {order} limit %(limit)s
        """,  # noqa: S608 - pieces of ours
        {"merchant_id": merchant_id, "limit": limit} | bounds(after, before),
    )
    return [Batch(**row) for row in rows]


async def questions(queries: Queries, *, merchant_id: UUID, batch_id: UUID, limit: int) -> dict[UUID, Asked]:
    """The questions of a batch."""
    rows = await queries.fetch_all(
        """
        select payment_method_id, fingerprint, answer from update_questions
        where merchant_id = %(merchant_id)s and batch_id = %(batch_id)s limit %(limit)s
        """,
        {"merchant_id": merchant_id, "batch_id": batch_id, "limit": limit},
    )
    return {
        row["payment_method_id"]: Asked(
            row["payment_method_id"],
            bytes(row["fingerprint"]),
            None if row["answer"] is None else Answer(row["answer"]),
        )
        for row in rows
    }


async def answer(
    connection: Connection,
    *,
    merchant_id: UUID,
    batch_id: UUID,
    method_id: UUID,
    said: Answer,
    code: str,
    now: datetime,
) -> bool:
    """Write down an answer; False where it was answered before."""
    values: dict[str, Any] = {
        "merchant_id": merchant_id,
        "batch_id": batch_id,
        "method_id": method_id,
        "answer": said,
        "code": code,
        "now": now,
    }
    row = await connection.fetch_one(
        """
        update update_questions set answer = %(answer)s, code = %(code)s, answered_at = %(now)s
        where merchant_id = %(merchant_id)s and batch_id = %(batch_id)s and payment_method_id = %(method_id)s
            and answer is null
        returning payment_method_id
        """,
        values,
    )
    if row is None:
        return False
    await connection.execute(
        """
        with counted as (
            update update_batches set answered = answered + 1, answered_at = %(now)s
            where merchant_id = %(merchant_id)s and id = %(batch_id)s
        )
        update update_inquiries set answer = %(answer)s, answered_at = %(now)s
        where merchant_id = %(merchant_id)s and payment_method_id = %(method_id)s and batch_id = %(batch_id)s
        """,
        values,
    )
    return True


def _inquiry(row: dict[str, Any]) -> Inquiry:
    said = row["answer"]
    return Inquiry(
        method_id=row["payment_method_id"],
        brand=row["brand"],
        reason=Reason(row["reason"]),
        wanted_at=row["wanted_at"],
        asked_at=row["asked_at"],
        asked_times=row["asked_times"],
        batch_id=row["batch_id"],
        answered_at=row["answered_at"],
        answer=None if said is None else Answer(said),
    )
