"""SQL of disputes."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import DictRow

from recoup.db import Connection, Queries
from recoup.sandbox.core.disputes import VERDICT_TAKES, Answered, Dispute, DisputeKind, Verdict
from recoup.sandbox.core.processors import ProcessorName

_FIELDS: Final = tuple(one.name for one in fields(Dispute))


@dataclass(frozen=True, slots=True)
class Replied:
    """What was answered before under a key: which request that was, and the reply."""

    key: str
    fingerprint: bytes = field(repr=False)
    reply: str


async def add_dispute(connection: Connection, dispute: Dispute, *, world_id: UUID) -> bool:
    """Write a dispute down, unless it is there; whether it was written."""
    row = await connection.fetch_one(
        """
        insert into sandbox.disputes (
            world_id, processor, reference, epoch, charge_key, charge_reference, order_key, kind, reason, network,
            amount, currency, fee, opens_at, evidence_due_at, verdict, verdict_at, created_at)
        values (
            %(world_id)s, %(processor)s, %(reference)s, %(epoch)s, %(charge_key)s, %(charge_reference)s,
            %(order_key)s, %(kind)s, %(reason)s, %(network)s, %(amount)s, %(currency)s, %(fee)s, %(opens_at)s,
            %(evidence_due_at)s, %(verdict)s, %(verdict_at)s, %(created_at)s)
        on conflict (world_id, processor, reference) do nothing
        returning true as added
        """,
        _parameters(dispute) | {"world_id": world_id},
    )
    return row is not None


async def lock_dispute(
    connection: Connection, *, world_id: UUID, processor: ProcessorName, reference: str
) -> tuple[Dispute, Replied | None] | None:
    """A dispute and what was replied to its answer, so that nobody else changes it until the transaction ends."""
    row = await connection.fetch_one(
        """
        select * from sandbox.disputes
        where world_id = %(world_id)s and processor = %(processor)s and reference = %(reference)s
        for no key update
        """,
        {"world_id": world_id, "processor": processor, "reference": reference},
    )
    if row is None:
        return None
    replied = None if row["reply"] is None else Replied(row["answer_key"], row["fingerprint"], row["reply"])
    return _dispute(row), replied


async def answer_dispute(
    connection: Connection, dispute: Dispute, replied: Replied, *, world_id: UUID
) -> None:
    """Write down what its merchant answered, and how it goes on."""
    await connection.execute(
        """
        update sandbox.disputes
        set answer = %(answer)s, answered_at = %(answered_at)s, verdict = %(verdict)s, verdict_at = %(verdict_at)s,
            answer_key = %(answer_key)s, fingerprint = %(fingerprint)s, reply = %(reply)s
        where world_id = %(world_id)s and processor = %(processor)s and reference = %(reference)s
        """,
        _parameters(dispute)
        | {
            "world_id": world_id,
            "answer_key": replied.key,
            "fingerprint": replied.fingerprint,
            "reply": replied.reply,
        },
    )


async def alerts_of(
    connection: Connection, *, world_id: UUID, processor: ProcessorName, charge_key: str
) -> list[Dispute]:
    """The alerts of a charge that may be settled before they are disputes, held until the transaction ends."""
    rows = await connection.fetch_all(
        """
        select * from sandbox.disputes
        where world_id = %(world_id)s and processor = %(processor)s and charge_key = %(charge_key)s
            and kind = 'rapid_resolution'
        order by reference
        for no key update
        """,
        {"world_id": world_id, "processor": processor, "charge_key": charge_key},
    )
    return [_dispute(row) for row in rows]


async def decide_dispute(connection: Connection, dispute: Dispute, *, world_id: UUID) -> None:
    """Write down how a dispute ends, and when."""
    await connection.execute(
        """
        update sandbox.disputes set verdict = %(verdict)s, verdict_at = %(verdict_at)s
        where world_id = %(world_id)s and processor = %(processor)s and reference = %(reference)s
        """,
        _parameters(dispute) | {"world_id": world_id},
    )


async def count_disputes(
    queries: Queries, *, world_id: UUID, processor: ProcessorName, charge_key: str
) -> int:
    """How many disputes a charge has."""
    row = await queries.fetch_one(
        """
        select count(*) as disputes from sandbox.disputes
        where world_id = %(world_id)s and processor = %(processor)s and charge_key = %(charge_key)s
        """,
        {"world_id": world_id, "processor": processor, "charge_key": charge_key},
    )
    return 0 if row is None else int(row["disputes"])


async def disputes(
    queries: Queries, *, world_id: UUID, epoch: int, order: str | None, after: str | None, limit: int
) -> list[Dispute]:
    """The disputes of a world, by their references."""
    rows = await queries.fetch_all(
        """
        select * from sandbox.disputes
        where world_id = %(world_id)s and epoch = %(epoch)s
            and (%(order)s::text is null or order_key = %(order)s)
            and (%(after)s::text is null or reference > %(after)s)
        order by reference limit %(limit)s
        """,
        {"world_id": world_id, "epoch": epoch, "order": order, "after": after, "limit": limit},
    )
    return [_dispute(row) for row in rows]


async def moved_disputes(
    queries: Queries,
    *,
    world_id: UUID,
    processor: ProcessorName,
    epoch: int,
    since: datetime,
    now: datetime,
    after: str,
    limit: int,
) -> list[Dispute]:
    """What a processor's merchant may know of disputes that moved since, by their references."""
    rows = await queries.fetch_all(
        """
        select * from sandbox.disputes
        where world_id = %(world_id)s and processor = %(processor)s and epoch = %(epoch)s
            and opens_at <= %(now)s and reference > %(after)s
            and (opens_at >= %(since)s
                or answered_at between %(since)s and %(now)s
                or verdict_at between %(since)s and %(now)s
                or verdict_at + greatest(verdict_at - opens_at, %(at_least)s)
                    between %(since)s and %(now)s)
        order by reference limit %(limit)s
        """,
        {
            "world_id": world_id,
            "processor": processor,
            "epoch": epoch,
            "since": since,
            "now": now,
            "after": after,
            "at_least": VERDICT_TAKES,
            "limit": limit,
        },
    )
    return [_dispute(row) for row in rows]


async def dispute_named(
    queries: Queries, *, world_id: UUID, processor: ProcessorName, reference: str
) -> Dispute | None:
    """One dispute, whether it is open yet or not."""
    row = await queries.fetch_one(
        """
        select * from sandbox.disputes
        where world_id = %(world_id)s and processor = %(processor)s and reference = %(reference)s
        """,
        {"world_id": world_id, "processor": processor, "reference": reference},
    )
    return None if row is None else _dispute(row)


def _dispute(row: DictRow) -> Dispute:
    values = {name: row[name] for name in _FIELDS}
    verdict, answer = values["verdict"], values["answer"]
    values |= {
        "processor": ProcessorName(values["processor"]),
        "kind": DisputeKind(values["kind"]),
        "verdict": None if verdict is None else Verdict(verdict),
        "answer": None if answer is None else Answered(answer),
    }
    return Dispute(**values)


def _parameters(dispute: Dispute) -> dict[str, Any]:
    return {name: getattr(dispute, name) for name in _FIELDS}
