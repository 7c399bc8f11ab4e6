"""SQL of the follower: what is posted of an object, and how far a merchant's books are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from recoup.db import Connection, Queries
from recoup.events.core import Places
from recoup.ledger.core import Position

PLACES: Final = Places("ledger_books", "events")
"""How far each merchant's events are posted."""


async def events_posted(queries: Queries, *, merchant_id: UUID) -> int:
    """The last of the merchant's events that is posted; 0 where none is."""
    row = await queries.fetch_one(
        "select events from ledger_books where merchant_id = %(merchant_id)s", {"merchant_id": merchant_id}
    )
    return 0 if row is None else int(row["events"])


async def move_on(connection: Connection, *, merchant_id: UUID, events: int) -> None:
    """Note that the merchant's events are posted up to here; the book is locked."""
    await connection.execute(
        "update ledger_books set events = %(events)s where merchant_id = %(merchant_id)s",
        {"merchant_id": merchant_id, "events": events},
    )


async def positions(
    queries: Queries, object_ids: Sequence[UUID], *, merchant_id: UUID
) -> dict[UUID, Position]:
    """What is posted of these payments and refunds, so far as anything is."""
    rows = await queries.fetch_all(
        """
        select p.object_id, p.payment_id, p.currency, p.processor_account_id, p.held, p.captured, p.refund_pending,
            p.refunded, p.fee, p.object_sequence
        from unnest(%(objects)s::uuid[]) as wanted (id)
        join ledger_positions p on p.merchant_id = %(merchant_id)s and p.object_id = wanted.id
        """,
        {"merchant_id": merchant_id, "objects": list(object_ids)},
    )
    return {row["object_id"]: Position(**row) for row in rows}


async def write_positions(
    connection: Connection, positions: Sequence[Position], *, merchant_id: UUID
) -> None:
    """What is posted of these objects now."""
    ordered = sorted(positions, key=lambda one: one.object_id)
    await connection.execute(
        """
        insert into ledger_positions (merchant_id, object_id, payment_id, currency, processor_account_id, held,
            captured, refund_pending, refunded, fee, object_sequence)
        select %(merchant_id)s, p.*
        from unnest(%(objects)s::uuid[], %(payments)s::uuid[], %(currencies)s::text[], %(accounts)s::uuid[],
            %(helds)s::bigint[], %(captureds)s::bigint[], %(pendings)s::bigint[], %(refundeds)s::bigint[],
            %(fees)s::bigint[], %(sequences)s::integer[]) as p
        on conflict (merchant_id, object_id) do update
        set processor_account_id = excluded.processor_account_id, held = excluded.held,
            captured = excluded.captured, refund_pending = excluded.refund_pending, refunded = excluded.refunded,
            fee = excluded.fee, object_sequence = excluded.object_sequence
        """,
        {
            "merchant_id": merchant_id,
            "objects": [one.object_id for one in ordered],
            "payments": [one.payment_id for one in ordered],
            "currencies": [one.currency for one in ordered],
            "accounts": [one.processor_account_id for one in ordered],
            "helds": [one.held for one in ordered],
            "captureds": [one.captured for one in ordered],
            "pendings": [one.refund_pending for one in ordered],
            "refundeds": [one.refunded for one in ordered],
            "fees": [one.fee for one in ordered],
            "sequences": [one.object_sequence for one in ordered],
        },
    )
