"""SQL of what processors tell unasked: whose it is, and what a second source has said before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from recoup.db import Connection, Database, Queries

SHARED_MAX: Final = 20
"""How many rows with one reference are read: some processors name a capture like its charge."""
NOTICE: Final = "notice"
QUESTION: Final = "question"


async def payments_of_attempt_reference(
    database: Database, *, merchant_id: UUID, account_id: UUID, reference: str
) -> list[tuple[UUID, UUID]]:
    """The payment and id of each attempt that this account's processor calls so, the newest first."""
    rows = await database.fetch_all(
        """
        select payment_id, id from attempts
        where merchant_id = %(merchant_id)s and processor_account_id = %(account_id)s and reference = %(reference)s
        limit %(limit)s
        """,
        {
            "merchant_id": merchant_id,
            "account_id": account_id,
            "reference": reference,
            "limit": SHARED_MAX,
        },
    )
    return sorted(((row["payment_id"], row["id"]) for row in rows), key=lambda one: one[1], reverse=True)


async def payments_of_operation_reference(
    database: Database, *, merchant_id: UUID, reference: str
) -> list[tuple[UUID, UUID]]:
    """The payment and id of each capture, cancellation or refund with this reference, at whichever account."""
    rows = await database.fetch_all(
        """
        select payment_id, id from operations
        where merchant_id = %(merchant_id)s and reference = %(reference)s limit %(limit)s
        """,
        {"merchant_id": merchant_id, "reference": reference, "limit": SHARED_MAX},
    )
    return [(row["payment_id"], row["id"]) for row in rows]


async def payment_of_operation(database: Database, *, merchant_id: UUID, operation_id: UUID) -> UUID | None:
    """The payment of a capture, cancellation or refund."""
    row = await database.fetch_one(
        "select payment_id from operations where merchant_id = %(merchant_id)s and id = %(operation_id)s",
        {"merchant_id": merchant_id, "operation_id": operation_id},
    )
    return None if row is None else row["payment_id"]


@dataclass(frozen=True, slots=True)
class Word:
    """What one source said last of an attempt, capture, cancellation or refund."""

    payment_id: UUID
    object_id: UUID
    source: str
    told: str
    occurred_at: datetime | None
    heard_at: datetime
    confirms: bool = False
    contradicts: str | None = None
    about: str | None = None
    """What is contradicted, as the API names it, and what we hold of it; both only with `contradicts`."""
    held: str | None = None


async def newest_told(
    database: Database, *, merchant_id: UUID, payment_id: UUID, object_id: UUID
) -> datetime | None:
    """How new the newest notice about this is, in the processor's time; None where none came, or without a time."""
    row = await database.fetch_one(
        """
        select occurred_at from payment_evidence
        where merchant_id = %(merchant_id)s and payment_id = %(payment_id)s and object_id = %(object_id)s
            and source = %(source)s
        """,
        {
            "merchant_id": merchant_id,
            "payment_id": payment_id,
            "object_id": object_id,
            "source": NOTICE,
        },
    )
    return None if row is None else row["occurred_at"]


async def keep_word(queries: Database | Connection, word: Word, *, merchant_id: UUID) -> None:
    """Keep what a source said last, unless it has said newer things. What sums up who confirms what is to count it
    again where that has changed."""
    await queries.execute(
        """
        insert into payment_evidence as known (
            merchant_id, payment_id, object_id, source, told, occurred_at, heard_at, confirmed_at,
            contradicts, about, held)
        values (
            %(merchant_id)s, %(payment_id)s, %(object_id)s, %(source)s, %(told)s, %(occurred_at)s, %(heard_at)s,
            %(confirmed_at)s, %(contradicts)s, %(about)s, %(held)s)
        on conflict (merchant_id, payment_id, object_id, source) do update
        set told = excluded.told, occurred_at = coalesce(excluded.occurred_at, known.occurred_at),
            heard_at = excluded.heard_at, confirmed_at = coalesce(excluded.confirmed_at, known.confirmed_at),
            contradicts = excluded.contradicts, about = excluded.about, held = excluded.held,
            counted = known.counted and (known.contradicts is null) = (excluded.contradicts is null)
                and (known.confirmed_at is not null or excluded.confirmed_at is null)
        where known.occurred_at is null or excluded.occurred_at is null
            or excluded.occurred_at >= known.occurred_at
        """,
        {
            "merchant_id": merchant_id,
            "payment_id": word.payment_id,
            "object_id": word.object_id,
            "source": word.source,
            "told": word.told,
            "occurred_at": word.occurred_at,
            "heard_at": word.heard_at,
            "confirmed_at": word.heard_at if word.confirms else None,
            "contradicts": word.contradicts,
            "about": word.about,
            "held": word.held,
        },
    )


async def found_by_asking(queries: Queries, *, merchant_id: UUID, payment_id: UUID) -> list[Word]:
    """What answers to our own questions say of a payment against what is closed."""
    rows = await queries.fetch_all(
        """
        select payment_id, object_id, source, told, occurred_at, heard_at, contradicts, about, held
        from payment_evidence
        where merchant_id = %(merchant_id)s and payment_id = %(payment_id)s and source = %(source)s
            and contradicts is not null and about is not null
        """,
        {"merchant_id": merchant_id, "payment_id": payment_id, "source": QUESTION},
    )
    return [Word(**row) for row in rows]


async def contradictions(
    database: Database, *, merchant_id: UUID, since: datetime, limit: int
) -> list[tuple[Word, str]]:
    """What was heard since then against what is closed, oldest first, each with what a person should do about it."""
    rows = await database.fetch_all(
        """
        select payment_id, object_id, source, told, occurred_at, heard_at, contradicts
        from payment_evidence
        where merchant_id = %(merchant_id)s and contradicts is not null and heard_at >= %(since)s
        order by heard_at limit %(limit)s
        """,
        {"merchant_id": merchant_id, "since": since, "limit": limit},
    )
    return [(Word(**row), row["contradicts"]) for row in rows]


async def confirmed(
    database: Database, *, merchant_id: UUID, payment_ids: Sequence[UUID]
) -> dict[UUID, datetime]:
    """Of these payments, those of which a second source said what we hold, and when it last did."""
    rows = await database.fetch_all(
        """
        select wanted.id as payment_id, e.confirmed_at as at
        from unnest(%(payments)s::uuid[]) as wanted (id)
        cross join lateral (
            select confirmed_at from payment_evidence
            where merchant_id = %(merchant_id)s and payment_id = wanted.id and confirmed_at is not null
            order by confirmed_at desc limit 1
        ) e
        """,
        {"merchant_id": merchant_id, "payments": list(payment_ids)},
    )
    return {row["payment_id"]: row["at"] for row in rows}
