"""Following streams: one merchant's trouble is not another's, and is tried ever more seldom until it is over."""

from __future__ import annotations

from uuid import UUID

from recoup.db import Database
from recoup.events.core import Places
from recoup.events.following import PAUSE_MAX_S, Rounds

PLACES = Places("ledger_books", "events")


class Trouble:
    """A follower that fails while it is sick, and a clock that is moved by hand."""

    def __init__(self) -> None:
        self.is_sick = True
        self.tries: list[float] = []
        self.now = 0.0

    async def follow(self, merchant_id: UUID) -> int:
        """Follow, or fail."""
        self.tries.append(self.now)
        if self.is_sick:
            raise ValueError(f"nobody can read this of {merchant_id}")
        return 1

    def monotonic(self) -> float:
        """The clock."""
        return self.now


async def stream(database: Database, merchant_id: UUID) -> None:
    await database.execute(
        """
        insert into merchants (id, twin_id, livemode, name, created_at)
        values (%(merchant_id)s, %(merchant_id)s, false, 'Shop', '2026-11-22T12:00:00Z')
        """,
        {"merchant_id": merchant_id},
    )
    await database.execute(
        "insert into event_streams (merchant_id, sequence) values (%(merchant_id)s, 5)",
        {"merchant_id": merchant_id},
    )


async def test_what_cannot_be_followed_is_tried_ever_more_seldom_and_counted(database: Database) -> None:
    await stream(database, UUID(int=7))
    trouble = Trouble()
    rounds = Rounds(database, PLACES, trouble.follow, name="test", monotonic=trouble.monotonic)
    while trouble.now < 600:
        await rounds.go()
        trouble.now += 1
    waits = [after - before for before, after in zip(trouble.tries, trouble.tries[1:], strict=False)]
    assert waits[:5] == [1, 2, 4, 8, 16] and max(waits) <= PAUSE_MAX_S + 1
    assert rounds.stopped == 1
    trouble.is_sick = False
    trouble.now += PAUSE_MAX_S
    assert await rounds.go() == 1
    assert rounds.stopped == 0
