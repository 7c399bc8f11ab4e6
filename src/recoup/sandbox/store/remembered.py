"""SQL of cards that simulated processors remember, by the charges at which they were asked to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from recoup.db import Connection
from recoup.sandbox.core.people import Person
from recoup.sandbox.core.processors import ProcessorName

SAVED_MAX: Final = 100
"""Of how many saved cards of one person their processors hear at once."""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Where a card is remembered: by which processor, and for which charge."""

    processor: ProcessorName
    reference: str
    key: str


async def saved_of(connection: Connection, *, world_id: UUID, epoch: int, card: str) -> list[Remembered]:
    """Where a card is remembered, the newest first."""
    rows = await connection.fetch_all(
        """
        select processor, reference, key from sandbox.operations
        where world_id = %(world_id)s and epoch = %(epoch)s and card = %(card)s and remember and state = 'approved'
        order by created_at desc, reference limit %(most)s
        """,
        {"world_id": world_id, "epoch": epoch, "card": card, "most": SAVED_MAX},
    )
    return [Remembered(ProcessorName(row["processor"]), row["reference"], row["key"]) for row in rows]


async def renew_saved(
    connection: Connection, saved: Remembered, who: Person, *, world_id: UUID, card: str
) -> None:
    """Have what is remembered stand for a person's new card."""
    await connection.execute(
        """
        update sandbox.operations set card = %(card)s, exp_month = %(exp_month)s, exp_year = %(exp_year)s
        where world_id = %(world_id)s and processor = %(processor)s and reference = %(reference)s
        """,
        {
            "world_id": world_id,
            "processor": saved.processor,
            "reference": saved.reference,
            "card": card,
            "exp_month": who.exp_month,
            "exp_year": who.exp_year,
        },
    )
